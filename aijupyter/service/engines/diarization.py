"""Who says which word: words into stretches, and stretches to the voices that they are most like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aijupyter.service.engines.audio import Track
from aijupyter.service.engines.clustering import cluster, nearest
from aijupyter.service.engines.turns import Stretch, stretches
from aijupyter.service.engines.voices import Span, VoiceEncoder
from aijupyter.service.engines.words import Word

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


def tell_apart(track: Track, words: Sequence[Word], encoder: VoiceEncoder, wanted: int = 0) -> list[str]:
    """The speaker of each word, named "0", "1", ... in the order in which they first speak.

    `wanted` is their number where it is known, 0 where it is not.
    """
    if not words:
        return []
    pieces = stretches(words)
    vectors, seconds = _embedded(track, pieces, encoder)
    telling = seconds >= min(SHORT, float(np.max(seconds)))
    centroids = cluster(vectors[telling], seconds[telling], wanted)
    fits = np.sort(vectors @ centroids.T, axis=1)
    found: list[int] = []
    for number, voice in enumerate(nearest(vectors, centroids)):
        doubtful = len(centroids) > 1 and fits[number, -1] - fits[number, -2] < DOUBT
        divided = _divided(track, pieces[number], encoder, centroids) if doubtful else None
        found += divided or [int(voice)] * len(pieces[number])
    order = {voice: str(number) for number, voice in enumerate(dict.fromkeys(found))}
    return [order[voice] for voice in found]


def _embedded(
    track: Track, pieces: Sequence[Stretch], encoder: VoiceEncoder
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    vectors = encoder.embed(track, _widened([_span(piece) for piece in pieces]))
    return vectors, np.array([_seconds(piece) for piece in pieces])


def _span(piece: Sequence[Word]) -> Span:
    return piece[0].start, piece[-1].end


def _seconds(piece: Sequence[Word]) -> float:
    return piece[-1].end - piece[0].start


def _sides(piece: Stretch, number: int) -> tuple[Span, Span]:
    left, right = _span(piece[:number]), _span(piece[number:])
    return (max(left[0], left[1] - SIDE_HEARD), left[1]), (right[0], min(right[1], right[0] + SIDE_HEARD))


def _widened(spans: Sequence[Span]) -> list[Span]:
    ends = [0.0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans[1:]), float("inf")]
    return [
        (max(start - LEAD, before), min(end + TRAIL, after))
        for (start, end), before, after in zip(spans, ends, starts, strict=False)
    ]


def _divided(track: Track, piece: Stretch, encoder: VoiceEncoder, centroids: NDArray[np.float32]) -> list[int] | None:
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
    fits = (encoder.embed(track, sides) @ centroids.T).reshape(len(places), 2, -1)
    ranked = np.sort(fits, axis=2)
    voices = np.argmax(fits, axis=2)
    margins = ranked[:, :, -1] - ranked[:, :, -2]
    changes = (voices[:, 0] != voices[:, 1]) & (margins.min(axis=1) >= MARGIN)
    if not changes.any():
        return None
    best = int(np.argmax(np.where(changes, margins.sum(axis=1), -1.0)))
    left, right = voices[best]
    return [int(left)] * places[best] + [int(right)] * (len(piece) - places[best])
