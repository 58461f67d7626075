"""Recordings of which is known what sounds when: in every second a tone of its own pitch."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

BEGIN = 0.5
"""Where in its second a tone begins."""
STEP_HERTZ = 50
LOUD = 4000


def pitch(second: int) -> int:
    """The pitch of the tone in a second of the recording, in hertz."""
    return 400 + STEP_HERTZ * second


def tones(seconds: int, rate: int, length: float = 0.1) -> NDArray[np.int16]:
    """Samples, shape (seconds * rate,): in each second a tone of `length` seconds, over a little noise."""
    moments = np.arange(seconds * rate) / rate
    inside = moments % 1 - BEGIN
    sound = np.sin(2 * np.pi * pitch(0) * inside + 2 * np.pi * STEP_HERTZ * np.floor(moments) * inside)
    noise = np.random.default_rng(1).normal(0, 0.001, len(moments))
    return np.round(32767 * (0.5 * sound * ((inside >= 0) & (inside < length)) + noise)).astype(np.int16)


def write_tones(
    path: Path, seconds: int, *, codec: str, rate: int = 16_000, length: float = 0.1, channels: int = 1, **options: str
) -> Path:
    """A file of `tones`, in its last channel. Of the options some are the container's, the others its codec's."""
    own = {name: options.pop(name) for name in ("write_xing", "live", "id3v2_version") if name in options}
    with av.open(str(path), "w", format=options.pop("format", None), options=own) as container:
        layout = "mono" if channels == 1 else "stereo"
        stream = container.add_stream(codec, rate=rate, layout=layout, options=options)
        sound = tones(seconds, rate, length)
        for place in range(0, len(sound), rate):
            rows = np.zeros((rate, channels), np.int16)
            rows[:, -1] = sound[place : place + rate]
            frame = av.AudioFrame.from_ndarray(rows.reshape(1, -1), format="s16", layout=layout)
            frame.sample_rate = rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded(data: bytes) -> tuple[float, NDArray[np.int16], int]:
    """Of an encoded stream: when its first sample sounds in it, in seconds; its samples; and their rate."""
    first, parts, resampler = None, [], av.AudioResampler(format="s16", layout="mono", rate=24_000)
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(audio=0):
            first = float(frame.pts * frame.time_base) if first is None else first
            frame.pts = None
            parts += resampler.resample(frame)
        parts += resampler.resample(None)
    return first or 0.0, np.concatenate([part.to_ndarray()[0] for part in parts]), 24_000


def heard(samples: NDArray[np.int16], rate: int, start: float = 0.0) -> list[tuple[float, int]]:
    """The tones in samples that begin at `start`: when each begins, in seconds, and of which second's pitch it is."""
    step = rate // 500
    loud = np.abs(samples[: len(samples) // step * step].astype(int)).reshape(-1, step).max(axis=1) > LOUD
    found: list[Any] = []
    for place in np.flatnonzero(loud):
        if found and place - found[-1][1] < 20:
            found[-1][1] = place
        else:
            found.append([place, place])
    return [(start + a * step / rate, _second(samples[a * step : b * step], rate)) for a, b in found if b - a > 20]


def _second(samples: NDArray[np.int16], rate: int) -> int:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 16))
    return round((spectrum.argmax() * rate / (1 << 16) - pitch(0)) / STEP_HERTZ)
