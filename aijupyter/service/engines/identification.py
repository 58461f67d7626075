"""Gives voices the names of enrolled speakers, and makes what is kept of an enrolled voice.

A print holds the voice twice: as it is heard whole, and as a telephone lets it through, each a unit vector times the
root of a half. A recording is compared with the half that fits it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aijupyter.models import VoicePrint
from aijupyter.service.engines.audio import Track
from aijupyter.service.engines.background import background
from aijupyter.service.engines.turns import Utterance
from aijupyter.service.engines.voices import HIDDEN, Span, VoiceEncoder, unit

UNKNOWN = "UserNotIdentified"
"""The contract's name for a voice that nobody enrolled."""

THRESHOLD = 0.87
"""Cosine from which a voice is an enrolled one. Measured: 0.95 to 0.98 for the same voice in another recording, 0.57 to
0.85 for another, 0.96 for one that is a variant of it."""

NOISY_DECIBELS = 26.0
PER_DECIBEL = 0.007
"""Below so much between noise and speech, the threshold falls: at 10 dB, the same voice scores 0.86 to 0.89."""

SLOPE = 0.02
"""Cosine by which the odds change e-fold around the threshold."""

LISTENED_SECONDS = 90.0
"""What is listened to of each voice, its longest utterances first."""


@dataclass(frozen=True, slots=True)
class Match:
    """The enrolled speaker's id, or None, and how sure that is, 0 to 1."""

    name: str | None = None
    confidence: float = 0.0


def matches(
    said: Sequence[Utterance], tracks: Sequence[Track], encoder: VoiceEncoder, enrolled: Mapping[str, VoicePrint]
) -> dict[str, Match]:
    """For each of a recording's voices, by their labels, who that is.

    Two voices may get one name: one speaker was taken for two.
    """
    spoken: dict[str, list[Utterance]] = {}
    for utterance in said:
        spoken.setdefault(utterance.speaker or "0", []).append(utterance)
    return {label: _match(own, tracks, encoder, enrolled) for label, own in spoken.items()} if enrolled else {}


def renamed(said: Iterable[Utterance], found: Mapping[str, Match]) -> list[Utterance]:
    """The utterances, their speakers called by the enrolled ids where there are any."""
    return [Utterance(u.words, found.get(u.speaker or "", Match()).name or u.speaker, u.channel) for u in said]


def print_of(track: Track, spans: Sequence[Span], encoder: VoiceEncoder, known: VoicePrint | None) -> VoicePrint:
    """The voice in a track's spans of speech, joined with what is known: both weigh by their seconds of speech."""
    speech, audio = sum(end - start for start, end in spans), track.seconds
    narrow = _voice(track, spans, encoder, narrow=True)
    whole = np.zeros_like(narrow) if background(track).narrow else _voice(track, spans, encoder, narrow=False)
    halves = np.stack([whole, narrow])
    if known is not None:
        halves = halves * np.float32(speech) + _halves(known) * np.float32(known.speech_seconds)
        speech, audio = speech + known.speech_seconds, audio + known.audio_seconds
    vector = unit(unit(halves).reshape(2 * HIDDEN))
    return VoicePrint(tuple(round(float(x), 6) for x in vector), round(speech, 3), round(audio, 3))


def threshold(decibels: float) -> float:
    """The cosine from which a voice is an enrolled one, where speech is so many decibels above the noise."""
    return THRESHOLD - PER_DECIBEL * max(0.0, NOISY_DECIBELS - decibels)


def _match(
    own: Sequence[Utterance], tracks: Sequence[Track], encoder: VoiceEncoder, enrolled: Mapping[str, VoicePrint]
) -> Match:
    track = tracks[own[0].channel]
    spans = _longest(own)
    narrow = _voice(track, spans, encoder, narrow=True)
    whole = None if background(track).narrow else _voice(track, spans, encoder, narrow=False)
    cosines = {name: _cosine(whole, narrow, _halves(known)) for name, known in enrolled.items()}
    best = max(cosines, key=lambda name: cosines[name])
    limit = threshold(background(track).decibels)
    sure = 1.0 / (1.0 + math.exp(-(cosines[best] - limit) / SLOPE))
    return Match(best, sure) if cosines[best] >= limit else Match(None, 1.0 - sure)


def _cosine(whole: NDArray[np.float32] | None, narrow: NDArray[np.float32], known: NDArray[np.float32]) -> float:
    """By the whole voice where both are heard whole, else as over a telephone."""
    return float(narrow @ known[1]) if whole is None or not known[0].any() else float(whole @ known[0])


def _halves(known: VoicePrint) -> NDArray[np.float32]:
    """The two unit vectors of a print, the whole voice's zero where it was never heard whole; shape (2, 256)."""
    return unit(np.array(known.vector, dtype=np.float32).reshape(2, -1))


def _voice(track: Track, spans: Sequence[Span], encoder: VoiceEncoder, *, narrow: bool) -> NDArray[np.float32]:
    seconds = np.array([end - start for start, end in spans], dtype=np.float32)
    return unit((encoder.embed(track, spans, narrow=narrow) * seconds[:, None]).sum(axis=0))


def _longest(own: Sequence[Utterance]) -> list[Span]:
    spans = sorted(((u.start, u.end) for u in own), key=lambda span: span[0] - span[1])
    listened, total = [], 0.0
    for start, end in spans:
        listened.append((start, min(end, start + LISTENED_SECONDS)))
        total += end - start
        if total >= LISTENED_SECONDS:
            break
    return listened
