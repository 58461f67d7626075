"""How an utterance sounds beside the speaker's others: louder, higher, livelier, faster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from aijupyter.service.engines.audio import RATE, Samples, Track
from aijupyter.service.engines.speaking import by_speaker
from aijupyter.service.engines.turns import Utterance

LISTENED_SECONDS = 8.0
"""What is listened to of an utterance, from its start."""

LOWEST, HIGHEST = 75.0, 400.0
"""Hertz of a speaking voice's pitch."""

VOICED = 0.45
"""Autocorrelation at the pitch's period from which a frame is voiced."""

FEWEST = 3
"""Utterances of a speaker below which there is nothing to compare with."""

_FRAME, _HOP = RATE * 40 // 1000, RATE * 20 // 1000
_SPREADS = np.array([3.0, 0.12, 0.10, 0.20])
"""What counts as much, at the least: decibels, and shares of the logarithm's change for pitch, its spread and pace."""


def arousals(tracks: Sequence[Track], said: Sequence[Utterance]) -> list[float]:
    """For each utterance, how much more agitated it sounds than that speaker's usual, about -2 to 2, 0 for usual.

    The mean of four robust z-scores (by the median and its absolute deviation): level, pitch, spread of pitch, pace.
    """
    found = dict.fromkeys(range(len(said)), 0.0)
    numbers = {id(utterance): number for number, utterance in enumerate(said)}
    for spoken in by_speaker(said).values():
        if len(spoken) < FEWEST:
            continue
        features = np.array([_features(tracks[u.channel], u) for u in spoken])
        middle = np.median(features, axis=0)
        spread = np.maximum(1.4826 * np.median(np.abs(features - middle), axis=0), _SPREADS)
        scores = np.clip((features - middle) / spread, -3.0, 3.0).mean(axis=1)
        found |= {numbers[id(u)]: float(score) for u, score in zip(spoken, scores, strict=True)}
    return [found[number] for number in range(len(said))]


def pitches(samples: Samples) -> NDArray[np.float64]:
    """The pitch of each voiced frame in hertz, by the peak of the frame's autocorrelation."""
    if samples.size < _FRAME:
        return np.zeros(0)
    frames = sliding_window_view(samples, _FRAME)[::_HOP] * np.hanning(_FRAME).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(frames, 2 * _FRAME, axis=1)) ** 2
    correlation = np.fft.irfft(spectrum, axis=1)
    power = correlation[:, 0]
    lags = np.arange(int(RATE / HIGHEST), int(RATE / LOWEST))
    peaks = correlation[:, lags]
    best = np.argmax(peaks, axis=1)
    strength = peaks[np.arange(len(peaks)), best] / np.where(power > 0, power, 1.0)
    loud = power > 0.05 * power.max(initial=0.0)
    return np.asarray(RATE / lags[best[(strength > VOICED) & loud]], dtype=np.float64)


def _features(track: Track, said: Utterance) -> list[float]:
    samples = track.read(said.start, min(said.end, said.start + LISTENED_SECONDS))
    power = float(np.mean(np.square(samples))) if samples.size else 0.0
    heard = np.log(pitches(samples))
    pitch, liveliness = (float(np.median(heard)), float(np.std(heard))) if heard.size else (np.log(150.0), 0.1)
    pace = float(np.log(len(said.words) / max(0.2, said.end - said.start)))
    return [10.0 * float(np.log10(power + 1e-8)), float(pitch), liveliness, pace]
