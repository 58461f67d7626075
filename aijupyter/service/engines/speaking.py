"""How each speaker speaks: share of the talk, pace and energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from aijupyter.service.engines.audio import Track
from aijupyter.service.engines.turns import Utterance, stretches

SLOW_BELOW, FAST_FROM = 130.0, 210.0
"""Words per minute while speaking. Limits of our own: with pauses left out, rates are higher than of whole talks."""

QUIETEST_DBFS, LOUDEST_DBFS = -60.0, -10.0
"""The levels of energy 0 and 100."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Words per minute of an utterance's time, short pauses included, and the contract's word for it."""

    words_per_minute: float
    value: Literal["slow", "medium", "fast"]


def by_speaker(utterances: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    """Each speaker's utterances, speakers in the order in which they first speak."""
    spoken: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        spoken.setdefault(utterance.speaker or "0", []).append(utterance)
    return spoken


def talk_seconds(utterances: Sequence[Utterance]) -> float:
    """How long the utterances last together, in seconds."""
    return sum(utterance.end - utterance.start for utterance in utterances)


def percentages(seconds: Mapping[str, float]) -> dict[str, int]:
    """Whole percents of the total that add up to exactly 100, by the largest remainder (Hamilton's method).

    Empty where there is nothing to share out. Ties go to whoever comes first.
    """
    total = sum(seconds.values())
    if total <= 0:
        return {}
    exact = {name: 100.0 * value / total for name, value in seconds.items()}
    shares = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: shares[name] - exact[name])
    for name in by_remainder[: 100 - sum(shares.values())]:
        shares[name] += 1
    return shares


def talk_to_listen(utterances: Sequence[Utterance]) -> dict[str, str]:
    """Per speaker, the share of all talk that is theirs and the share that is not, such as `58:42`."""
    shares = percentages({name: talk_seconds(spoken) for name, spoken in by_speaker(utterances).items()})
    return {name: f"{share}:{100 - share}" for name, share in shares.items()}


def pace(utterances: Sequence[Utterance]) -> Pace:
    """The pace of one speaker's utterances; 0 words per minute, and slow, where there are none."""
    seconds = talk_seconds(utterances)
    rate = 60.0 * sum(len(utterance.words) for utterance in utterances) / seconds if seconds > 0 else 0.0
    return Pace(rate, "slow" if rate < SLOW_BELOW else "medium" if rate < FAST_FROM else "fast")


def energy(tracks: Sequence[Track], utterances: Sequence[Utterance]) -> float:
    """The level of one speaker's speech, 0 to 100.

    The mean power over the stretches in which words were heard, in decibels below full scale, placed linearly between
    QUIETEST_DBFS and LOUDEST_DBFS. It compares speakers of one recording; between recordings the microphones differ.
    """
    total, count = 0.0, 0
    for utterance in utterances:
        for piece in stretches(utterance.words):
            part = tracks[utterance.channel].read(piece[0].start, piece[-1].end)
            total += float(np.dot(part, part))
            count += part.size
    if count == 0 or total <= 0:
        return 0.0
    level = 10.0 * float(np.log10(total / count))
    return min(100.0, max(0.0, 100.0 * (level - QUIETEST_DBFS) / (LOUDEST_DBFS - QUIETEST_DBFS)))
