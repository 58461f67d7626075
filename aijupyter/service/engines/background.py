"""What a track is like as a whole: how loud its noise is, and whether it came through a telephone."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from aijupyter.service.engines import mel
from aijupyter.service.engines.audio import Track

PIECES = 60
"""Seconds that are listened to, spread evenly."""

QUIET_PERCENT = 20
"""The share of the frames that are quieter than the floor says, band by band: what sounds there is noise."""

NARROW_SHARE = 1e-5
"""The share of the power above 4 kHz below which a track is narrow."""

CLEAN_DECIBELS = 60.0

_EDGE = 2
"""Frames, and bands, that a filter's edge may spill into."""


@dataclass(frozen=True, slots=True)
class Background:
    """The noise's mel power, shape (40,); the decibels from it up to the speech; whether nothing is above 4 kHz."""

    floor: NDArray[np.float32]
    decibels: float
    narrow: bool


_known: WeakKeyDictionary[Track, Background] = WeakKeyDictionary()


def background(track: Track) -> Background:
    """What a track is like; found out once."""
    if track not in _known:
        _known[track] = _listened(track)
    return _known[track]


def _listened(track: Track) -> Background:
    if track.seconds <= 0:
        return Background(np.zeros(mel.BANDS, dtype=np.float32), CLEAN_DECIBELS, narrow=False)
    length = min(1.0, track.seconds)
    starts = np.linspace(0.0, track.seconds - length, min(PIECES, int(np.ceil(track.seconds))))
    # a piece's first and last frames hear it begin and end, which sounds at every pitch
    pieces = [mel.spectrogram(track.read(start, start + length)) for start in starts]
    frames = np.concatenate([piece[_EDGE:-_EDGE] if len(piece) > 4 * _EDGE else piece for piece in pieces])
    floor = np.percentile(frames, QUIET_PERCENT, axis=0).astype(np.float32)
    noise, loud = float(floor.sum()), float(np.percentile(frames.sum(axis=1), 90))
    decibels = 10 * np.log10(loud / noise) if noise > 0 and loud > 0 else CLEAN_DECIBELS
    high = float(frames[:, mel.ABOVE_TELEPHONE + _EDGE :].mean()) / max(float(frames.mean()), 1e-12)
    return Background(floor, min(CLEAN_DECIBELS, float(decibels)), narrow=high < NARROW_SHARE)
