"""Where in a track somebody speaks: the voice activity detector that faster-whisper carries (Silero's)."""

from __future__ import annotations

from collections.abc import Sequence

from faster_whisper.vad import VadOptions, get_speech_timestamps

from aijupyter.service.engines.audio import RATE, Track
from aijupyter.service.engines.turns import Utterance
from aijupyter.service.engines.voices import Span
from aijupyter.service.engines.words import chunks

SILENCE_MILLISECONDS = 300
"""A silence that is shorter does not interrupt speech."""

PAD_MILLISECONDS = 60
"""Speech is given this much more on either side, for quiet consonants."""

LEAST = 0.1
"""Seconds that a span lasts at least."""


def speech(track: Track) -> list[Span]:
    """The spans of speech in a track, in order, none overlapping."""
    options = VadOptions(min_silence_duration_ms=SILENCE_MILLISECONDS, speech_pad_ms=PAD_MILLISECONDS)
    return [
        (start + found["start"] / RATE, start + found["end"] / RATE)
        for start, samples in chunks(track)
        for found in get_speech_timestamps(samples, options)
    ]


def voiced(utterances: Sequence[Utterance], spans: Sequence[Sequence[Span]]) -> list[tuple[Span, Utterance]]:
    """The utterances without the silences in them: each span of speech inside one, with it.

    `spans` are those of each track. An utterance in which the detector finds no speech stays as it is.
    """
    found: list[tuple[Span, Utterance]] = []
    for said in utterances:
        inside = [
            (max(start, said.start), min(end, said.end))
            for start, end in spans[said.channel]
            if min(end, said.end) - max(start, said.start) >= LEAST
        ]
        found += [(span, said) for span in inside or [(said.start, said.end)]]
    return found
