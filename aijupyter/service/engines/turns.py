"""Who says which word: words into stretches, stretches to speakers, and each speaker's words into utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aijupyter.service.engines.clustering import cluster, nearest
from aijupyter.service.engines.voices import VoiceEncoder
from aijupyter.service.engines.words import Word

PAUSE = 0.3
"""Seconds of silence at which another voice may take over."""

LEAD, TRAIL = 0.15, 0.3
"""Seconds of sound around a stretch that are embedded with it, unless others speak then: word times are tight."""

SHORT = 1.0
"""Seconds below which a stretch is too short to help find the voices; it only gets the nearest."""

SIDE = 0.6
"""Seconds that either side of a change of voice inside a stretch lasts at least."""

SIDE_HEARD = 4.8
MOST_PLACES = 16
"""Seconds of either side that are listened to, and places that are tried, lest a long stretch cost a long search."""

MARGIN = 0.08
"""How much better, in cosine, each side must fit its voice than any other before a stretch is divided."""

DOUBT = 0.15
"""A stretch that fits its voice this much better than any other is not searched for a change of voice."""

UTTERANCE_PAUSE = 1.0
UTTERANCE_SECONDS = 15.0
"""An utterance ends at a pause this long, or at the sentence end after it has become this long."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Consecutive words of one speaker. `speaker` is None where speakers were not told apart."""

    words: tuple[Word, ...]
    speaker: str | None = None

    @property
    def start(self) -> float:
        """Seconds."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """Seconds."""
        return self.words[-1].end

    @property
    def text(self) -> str:
        """The words as written."""
        return " ".join(word.text for word in self.words)

    @property
    def confidence(self) -> float:
        """The mean of the words' confidence, 0 to 1."""
        return sum(word.confidence for word in self.words) / len(self.words)


Stretch = tuple[Word, ...]


def stretches(words: Sequence[Word], pause: float = PAUSE) -> list[Stretch]:
    """The words cut at pauses of `pause` seconds and at the ends of sentences."""
    return _cut(words, lambda before, after: after.start - before.end >= pause or before.ends_sentence)


def sentences(words: Sequence[Word]) -> list[Stretch]:
    """The words cut at the ends of sentences."""
    return _cut(words, lambda before, _: before.ends_sentence)


def speakers(samples: NDArray[np.float32], words: Sequence[Word], encoder: VoiceEncoder, wanted: int = 0) -> list[str]:
    """The speaker of each word, named "0", "1", ... in the order in which they first speak.

    `wanted` is their number where it is known, 0 where it is not.
    """
    if not words:
        return []
    pieces = stretches(words)
    vectors = encoder.embed(samples, _widened([_span(piece) for piece in pieces]))
    seconds = np.array([_seconds(piece) for piece in pieces])
    telling = seconds >= min(SHORT, float(np.max(seconds)))
    centroids = cluster(vectors[telling], seconds[telling], wanted)
    fits = np.sort(vectors @ centroids.T, axis=1)
    voices: list[int] = []
    for number, voice in enumerate(nearest(vectors, centroids)):
        doubtful = len(centroids) > 1 and fits[number, -1] - fits[number, -2] < DOUBT
        divided = _divided(samples, pieces[number], encoder, centroids) if doubtful else None
        voices += divided or [int(voice)] * len(pieces[number])
    order = {voice: str(number) for number, voice in enumerate(dict.fromkeys(voices))}
    return [order[voice] for voice in voices]


def utterances(words: Sequence[Word], speaker_of: Sequence[str] | None = None) -> list[Utterance]:
    """The words as utterances: cut where the speaker changes, at long pauses, and at a sentence end when long."""
    found: list[Utterance] = []
    current: list[Word] = []
    for number, word in enumerate(words):
        if current and (
            (speaker_of is not None and speaker_of[number] != speaker_of[number - 1])
            or word.start - current[-1].end >= UTTERANCE_PAUSE
            or (current[-1].ends_sentence and current[-1].end - current[0].start >= UTTERANCE_SECONDS)
        ):
            found.append(Utterance(tuple(current), speaker_of[number - 1] if speaker_of else None))
            current = []
        current.append(word)
    if current:
        found.append(Utterance(tuple(current), speaker_of[-1] if speaker_of else None))
    return found


def _cut(words: Sequence[Word], between: Callable[[Word, Word], bool]) -> list[Stretch]:
    pieces: list[list[Word]] = []
    for number, word in enumerate(words):
        if number == 0 or between(words[number - 1], word):
            pieces.append([])
        pieces[-1].append(word)
    return [tuple(piece) for piece in pieces]


def _span(piece: Sequence[Word]) -> tuple[float, float]:
    return piece[0].start, piece[-1].end


def _seconds(piece: Sequence[Word]) -> float:
    return piece[-1].end - piece[0].start


def _sides(piece: Stretch, number: int) -> tuple[tuple[float, float], tuple[float, float]]:
    left, right = _span(piece[:number]), _span(piece[number:])
    return (max(left[0], left[1] - SIDE_HEARD), left[1]), (right[0], min(right[1], right[0] + SIDE_HEARD))


def _widened(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    ends = [0.0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans[1:]), float("inf")]
    return [
        (max(start - LEAD, before), min(end + TRAIL, after))
        for (start, end), before, after in zip(spans, ends, starts, strict=False)
    ]


def _divided(
    samples: NDArray[np.float32], piece: Stretch, encoder: VoiceEncoder, centroids: NDArray[np.float32]
) -> list[int] | None:
    """Each word's voice where the stretch holds a change of voice, None where it does not.

    The widest gaps between words are tried; the sides must fit two different voices, both clearly.
    """
    places = [
        number for number in range(1, len(piece)) if min(_seconds(piece[:number]), _seconds(piece[number:])) >= SIDE
    ]
    if not places:
        return None
    places = sorted(places, key=lambda number: piece[number - 1].end - piece[number].start)[:MOST_PLACES]
    sides = [side for number in places for side in _sides(piece, number)]
    fits = (encoder.embed(samples, sides) @ centroids.T).reshape(len(places), 2, -1)
    ranked = np.sort(fits, axis=2)
    voices = np.argmax(fits, axis=2)
    margins = ranked[:, :, -1] - ranked[:, :, -2]
    changes = (voices[:, 0] != voices[:, 1]) & (margins.min(axis=1) >= MARGIN)
    if not changes.any():
        return None
    best = int(np.argmax(np.where(changes, margins.sum(axis=1), -1.0)))
    left, right = voices[best]
    return [int(left)] * places[best] + [int(right)] * (len(piece) - places[best])
