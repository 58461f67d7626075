"""Gives voices the names of enrolled speakers, and makes what is kept of an enrolled voice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aijupyter.models import VoicePrint
from aijupyter.service.engines.audio import Track
from aijupyter.service.engines.turns import Utterance
from aijupyter.service.engines.voices import HIDDEN, Span, VoiceEncoder, unit

UNKNOWN = "UserNotIdentified"
"""The contract's name for a voice that nobody enrolled."""

THRESHOLD = 0.80
"""Cosine from which a voice is an enrolled one; benchmarks/quality.py measures what is accepted and refused with it."""

SLOPE = 0.02
"""Cosine by which the odds change e-fold around THRESHOLD."""


def names(
    voices: Mapping[str, NDArray[np.float32]], enrolled: Mapping[str, VoicePrint]
) -> dict[str, tuple[str | None, float]]:
    """For each of a recording's voices, the enrolled speaker's id or None, and how sure that is, 0 to 1.

    Two voices may get one name: one speaker was taken for two.
    """
    if not enrolled:
        return dict.fromkeys(voices, (None, 0.0))
    ids = list(enrolled)
    known = unit(np.array([enrolled[name].vector for name in ids], dtype=np.float32))
    found: dict[str, tuple[str | None, float]] = {}
    for label, vector in voices.items():
        scores = known @ vector
        best = int(np.argmax(scores))
        sure = confidence(float(scores[best]))
        found[label] = (ids[best], sure) if scores[best] >= THRESHOLD else (None, 1.0 - sure)
    return found


def confidence(cosine: float) -> float:
    """How sure it is that two vectors are one speaker's: a logistic curve, 0.5 at THRESHOLD."""
    return 1.0 / (1.0 + math.exp(-(cosine - THRESHOLD) / SLOPE))


def renamed(said: Iterable[Utterance], found: Mapping[str, tuple[str | None, float]]) -> list[Utterance]:
    """The utterances, their speakers called by the enrolled ids where there are any."""
    return [Utterance(u.words, (found.get(u.speaker or "", (None, 0.0))[0]) or u.speaker, u.channel) for u in said]


def print_of(track: Track, spans: Sequence[Span], encoder: VoiceEncoder, known: VoicePrint | None) -> VoicePrint:
    """The voice in a track's spans of speech, joined with what is known: both weigh by their seconds of speech."""
    seconds = np.array([end - start for start, end in spans])
    total = (encoder.embed(track, spans) * seconds[:, None]).sum(axis=0).astype(np.float32)
    speech, audio = float(seconds.sum()), track.seconds
    vector = unit(total)
    if known is not None:
        kept = np.array(known.vector, dtype=np.float32)
        vector = unit(vector * np.float32(speech) + kept * np.float32(known.speech_seconds))
        speech, audio = speech + known.speech_seconds, audio + known.audio_seconds
    return VoicePrint(tuple(round(float(x), 6) for x in vector.reshape(HIDDEN)), round(speech, 3), round(audio, 3))
