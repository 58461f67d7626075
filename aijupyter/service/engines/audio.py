"""Decodes recordings of any format that FFmpeg reads."""

from __future__ import annotations

import os
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from aijupyter.errors import MediaError

RATE = 16_000
"""Samples per second of all audio inside the engine."""

_LENIENT: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}  # noqa: PLR2004
"""Titles in a strange encoding are no reason to refuse a recording; from version 19 on PyAV thinks so too."""


def decode(path: str | os.PathLike[str]) -> NDArray[np.float32]:
    """The recording's first audio track, all channels mixed, as samples in -1..1 at 16 kHz, shape (samples,).

    Damaged frames are left out. Raises MediaError where the file is no media, or holds no audio.
    """
    source = os.fspath(path)
    samples = bytearray()
    try:
        with av.open(source, **_LENIENT) as container:
            if not container.streams.audio:
                raise MediaError(f"There is no audio in {source}.", "Give a recording with sound.", source=source)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            for packet in container.demux(container.streams.audio[0]):
                try:
                    frames = packet.decode()
                except av.error.InvalidDataError:
                    continue
                for frame in frames:
                    frame.pts = None
                    for part in resampler.resample(frame):
                        samples += part.to_ndarray().tobytes()
            for part in resampler.resample(None):
                samples += part.to_ndarray().tobytes()
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(
            f"{source} could not be decoded: {error.strerror or error}.",
            "Give a recording that FFmpeg reads, such as WAV, MP3, MP4, AAC, OGG or WebM.",
            source=source,
        ) from error
    if not samples:
        raise MediaError(f"The audio of {source} is empty.", "Give a recording with sound.", source=source)
    return np.nan_to_num(np.frombuffer(samples, dtype=np.float32), copy=False, posinf=0.0, neginf=0.0)
