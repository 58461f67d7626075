"""Mel spectrograms as the GE2E voice encoder was trained on: 40 bands, 25 ms windows every 10 ms, power, no logarithm.

The bands follow Slaney's Auditory Toolbox (linear below 1 kHz, logarithmic above, each of unit area), which is also
what librosa computes by default.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from aijupyter.service.engines.audio import RATE

BANDS = 40
WINDOW = RATE * 25 // 1000
HOP = RATE * 10 // 1000

_LINEAR_HERTZ = 200.0 / 3.0
_KNEE_HERTZ = 1000.0
_KNEE_MEL = _KNEE_HERTZ / _LINEAR_HERTZ
_LOG_STEP = np.log(6.4) / 27.0


def hertz_to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale: 15 mel at 1 kHz, linear below, 27 mel for each factor of 6.4 above."""
    above = _KNEE_MEL + np.log(np.maximum(hertz, _KNEE_HERTZ) / _KNEE_HERTZ) / _LOG_STEP
    return np.where(hertz < _KNEE_HERTZ, hertz / _LINEAR_HERTZ, above)


def mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of hertz_to_mel."""
    above = _KNEE_HERTZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _LINEAR_HERTZ, above)


ABOVE_TELEPHONE = 32
"""The first band that holds nothing of a sound sampled at 8 kHz."""


@cache
def filter_bank() -> NDArray[np.float32]:
    """The triangular bands over the spectrum's bins, shape (WINDOW // 2 + 1, BANDS)."""
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    limits = hertz_to_mel(np.array([0.0, RATE / 2]))
    corners = mel_to_hertz(np.linspace(limits[0], limits[1], BANDS + 2))
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    rising = (bins[:, None] - low) / (centre - low)
    falling = (high - bins[:, None]) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * 2.0 / (high - low), dtype=np.float32)


def spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mel power of mono audio at 16 kHz, shape (1 + samples // HOP, BANDS); frame n centres on sample n * HOP."""
    padded = np.pad(samples, WINDOW // 2)
    frames = sliding_window_view(padded, WINDOW)[::HOP]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
    return np.asarray(power.astype(np.float32) @ filter_bank(), dtype=np.float32)
