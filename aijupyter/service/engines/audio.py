"""Decodes recordings of any format that FFmpeg reads, piece by piece, into tracks that take little memory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain, groupby
from tempfile import SpooledTemporaryFile
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from aijupyter.errors import MediaError

RATE = 16_000
"""Samples per second of all audio inside the engine."""

IN_MEMORY = 32 << 20
"""Bytes of a track (17 minutes) that are kept in memory; a longer one lies in a file that has no name."""

_BYTES = 2
_FULL_SCALE = 32767

_LENIENT: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}  # noqa: PLR2004
"""Titles in a strange encoding are no reason to refuse a recording; from version 19 on PyAV thinks so too."""

Samples = NDArray[np.float32]


class Track:
    """One channel at 16 kHz, read a stretch at a time. Close it when it is done with."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  # closed by close
        self._count = 0

    @classmethod
    def of(cls, samples: Samples) -> Track:
        """A track that holds these samples, in -1..1."""
        track = cls()
        track.add(samples)
        return track

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._count / RATE

    def add(self, samples: Samples) -> None:
        """Put samples, in -1..1, at the end. They are kept with 16 bits; what is no number becomes 0."""
        finite = np.nan_to_num(samples, posinf=0.0, neginf=0.0)
        self._file.seek(self._count * _BYTES)
        self._file.write(np.round(np.clip(finite, -1.0, 1.0) * _FULL_SCALE).astype("<i2").tobytes())
        self._count += samples.size

    def read(self, start: float, end: float) -> Samples:
        """The samples between two times in seconds, shape (samples,), in -1..1; fewer where it ends before."""
        first = min(max(0, int(start * RATE)), self._count)
        last = min(max(first, int(end * RATE)), self._count)
        self._file.seek(first * _BYTES)
        kept = np.frombuffer(self._file.read((last - first) * _BYTES), dtype="<i2")
        return kept.astype(np.float32) / np.float32(_FULL_SCALE)

    def close(self) -> None:
        """Give the memory or the file back. Idempotent."""
        self._file.close()


@contextmanager
def opened(path: str | os.PathLike[str], *, separate: bool = False) -> Iterator[Sequence[Track]]:
    """The recording's first audio track: all channels mixed into one Track, or, `separate`, one Track for each.

    Channels that hold the same are one. Damaged frames are left out. Raises MediaError where the file is no media, or
    holds no audio.
    """
    source = os.fspath(path)
    with ExitStack() as held:
        tracks: list[Track] = []
        differ = False
        try:
            for block in _blocks(source, None if separate else "mono"):
                if not tracks:
                    tracks = [Track() for _ in block]
                    for track in tracks:
                        held.callback(track.close)
                differ = differ or not _alike(block)
                for track, samples in zip(tracks, block, strict=False):
                    track.add(samples)
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(
                f"{source} could not be decoded: {error.strerror or error}.",
                "Give a recording that FFmpeg reads, such as WAV, MP3, MP4, AAC, OGG or WebM.",
                source=source,
            ) from error
        if not tracks or not tracks[0].seconds:
            raise MediaError(f"The audio of {source} is empty.", "Give a recording with sound.", source=source)
        yield tracks if differ else tracks[:1]


def _blocks(source: str, layout: str | None) -> Iterator[Samples]:
    """The decoded sound in pieces of shape (channels, samples)."""
    with av.open(source, **_LENIENT) as container:
        if not container.streams.audio:
            raise MediaError(f"There is no audio in {source}.", "Give a recording with sound.", source=source)
        # where rate or channels change on the way, another resampler takes over
        for _, frames in groupby(_frames(container), lambda frame: (frame.rate, frame.layout.name, frame.format.name)):
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=RATE)
            for frame in chain(frames, [None]):
                if frame is not None:
                    frame.pts = None
                for part in resampler.resample(frame):
                    yield part.to_ndarray().astype(np.float32, copy=False)


def _frames(container: Any) -> Iterator[Any]:
    for packet in container.demux(container.streams.audio[0]):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _alike(block: Samples) -> bool:
    """Whether all channels hold the same, but for what a codec adds: a hundredth of full scale."""
    return len(block) > 1 and bool(np.all(np.abs(block[1:] - block[:1]) < 0.01))  # noqa: PLR2004
