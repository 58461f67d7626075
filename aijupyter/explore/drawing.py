"""What all figures share: colours, names as they are shown, and the axis of time. No Altair yet."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import pandas as pd

from aijupyter.palette import SPEAKER_COLOURS, emotion_colour
from aijupyter.results.frames import SCALES

NOBODY_COLOUR = "#9aa0a6"
NOBODY = "unknown"

LOOK_ALIKES = {ord("<"): "\u2039", ord(">"): "\u203a"}
"""For what cannot be escaped and must not be markup."""

MOST_IN_LABEL = 28
MOST_IN_TOOLTIP = 240
MOST_TICKS = 8
TICK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000)
MINUTES_AND_SECONDS = "floor(datum.value / 60) + ':' + format(datum.value % 60, '02')"
HOURS = "floor(datum.value / 3600) + ':' + format(floor(datum.value / 60) % 60, '02')"
HOUR_SECONDS = 3600

Key = TypeVar("Key", bound=Hashable)

_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def shown(text: object, most: int) -> str:
    """Text of others as one short line of a figure.

    Without characters that nobody sees or that turn the order of others around, and without `<`: what a figure shows
    goes through other people's code, and nowhere can it be the beginning of an element.
    """
    seen = str(text)[: 4 * most]
    if not seen.isprintable():
        seen = "".join(" " if unicodedata.category(character) in _UNSEEN else character for character in seen)
    line = " ".join(seen.split()).translate(LOOK_ALIKES)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def labels(
    names: Iterable[Key], most: int = MOST_IN_LABEL, said: Callable[[Key], object] = lambda name: name
) -> dict[Key, str]:
    """What is `said` of names as labels, in their order, each unlike the others even where only their ends differ."""
    given: dict[Key, str] = {}
    taken: dict[str, int] = {}
    for name in names:
        label = plain = shown(said(name), most) or "?"
        while label in taken:
            taken[plain] += 1
            label = f"{plain} ({taken[plain]})"
        taken[label] = 1
        given[name] = label
    return given


def speaker_labels(speakers: pd.Series[str], *, named_first: bool = False) -> dict[str, str]:
    """Speakers as they are shown, in order of appearance. A bare number is "Speaker 0", as in the player."""
    known = [str(speaker) for speaker in speakers.dropna().unique()]
    if named_first:  # those who are the same in every recording
        known.sort(key=str.isdecimal)
    said = {f"Speaker {speaker}" if speaker.isdecimal() else speaker: speaker for speaker in known}
    if len(said) < len(known):  # one has the name "Speaker 0"
        return labels(known)
    return {said[name]: label for name, label in labels(said).items()}


def speaker_colours(shown_as: Sequence[str]) -> list[str]:
    """A colour for each, in their order; the first six have their own."""
    return [
        NOBODY_COLOUR if label == NOBODY else SPEAKER_COLOURS[place % len(SPEAKER_COLOURS)]
        for place, label in enumerate(shown_as)
    ]


def emotion_colours(emotions: Iterable[str]) -> list[str]:
    """A colour for each emotion; grey for one that nobody knows."""
    return [emotion_colour(emotion) for emotion in emotions]


def felt(emotions: pd.Series[Any]) -> list[str]:
    """The emotions that occur, from the most unpleasant to the most pleasant; those off the scale come last."""
    order = SCALES["emotion"]
    found = {str(emotion) for emotion in emotions.dropna().unique()}
    return [*(emotion for emotion in order if emotion in found), *sorted(found.difference(order))]


def time_ticks(until: float) -> list[int]:
    """At which seconds to put a tick: round times, and not too many of them."""
    step = next((step for step in TICK_STEPS if until / step <= MOST_TICKS), None)
    step = step or HOUR_SECONDS * math.ceil(until / HOUR_SECONDS / MOST_TICKS)
    return list(range(0, int(until) + 1, step))


def time_label(until: float) -> str:
    """How a tick is written, as an expression of Vega's: h:mm where there are hours, m:ss where there are none."""
    return HOURS if until >= HOUR_SECONDS else MINUTES_AND_SECONDS
