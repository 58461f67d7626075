"""The sound of a recording from any moment on: decoded with FFmpeg (PyAV), encoded so that browsers play it in pieces.

A place in a recording is told in seconds since its first sound, as transcripts tell it: what a container's timestamps
begin with (an encoder's delay, a picture that starts earlier) does not count.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from aijupyter.errors import MediaError, MediaNotFoundError, MediaUnreadableError
from aijupyter.media import stamp

RATE = 24_000
"""Samples per second that go to a browser: all of what speech has."""
BIT_RATE = 32_000
PREROLL_SECONDS = 1.0
"""Decoding starts earlier than asked for: MP3, AAC and Opus need what was before to get a sample right."""
GAP_SECONDS = (0.1, 60.0)
"""Missing sound of this length becomes silence, so that what follows keeps its time. Shorter is rounding; longer is a
container whose timestamps mean nothing."""
BATCH_SAMPLES = RATE // 2

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Form:
    """A way to encode for Media Source Extensions. `delay` is the silence that its encoder puts first, in seconds."""

    container: str
    codec: str
    options: dict[str, str]
    delay: float = 0.0


FORMS = {
    "webm": Form("webm", "libopus", {"live": "1", "cluster_time_limit": "500", "flush_packets": "1"}, 312 / 48_000),
    "mp4": Form("mp4", "aac", {"movflags": "empty_moov+default_base_moof", "frag_duration": "500000"}, 1024 / RATE),
}
"""By the names under which a browser says that it plays them."""


@dataclass(frozen=True)
class Piece:
    """Encoded bytes up to a place in the recording, in seconds; the first of a stream begins with its header."""

    data: bytes
    end: float
    last: bool


def ffmpeg() -> Any:
    """PyAV; None where it is not installed."""
    try:
        import av  # noqa: PLC0415  # optional, and heavy
    except ImportError:
        return None
    return av


def check(path: Path) -> None:
    """Raise MediaError, without the path, where there is no file to read."""
    try:
        if not path.is_file():
            raise MediaNotFoundError("The recording is no longer where it was.", "Put it back, then press play.")
        with path.open("rb") as file:
            if not file.read(1):
                raise MediaError("The recording is empty.", "Check how it was made or copied.")
    except PermissionError:
        raise MediaUnreadableError("The recording may not be read.", "Check the file's permissions.") from None
    except OSError as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"The recording cannot be read ({error.strerror}).", "Check the disk or the share.") from None


def duration(path: Path) -> float | None:
    """Seconds of sound, by what the container says; None where it does not, or cannot be read."""
    if ffmpeg() is None:
        with contextlib.suppress(OSError, EOFError, wave.Error), wave.open(str(path), "rb") as file:
            return file.getnframes() / file.getframerate()
        return None
    try:
        with Track(path) as track:
            return track.duration
    except MediaError:
        return None


class Track:
    """The first sound track of a file, open for reading. For one thread at a time.

    Raises MediaError where there is nothing to play, or PyAV is missing. Its messages never name the file: they go to
    a browser.
    """

    def __init__(self, path: Path) -> None:
        self._av = ffmpeg()
        if self._av is None:
            mend = "pip install 'aijupyter[notebook]', then restart the kernel."
            raise MediaError("Playing this recording needs PyAV.", mend)
        self._path = path
        self.is_open = False
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.is_open = False
        self._container.close()

    @property
    def duration(self) -> float | None:
        """Seconds, by what the container says."""
        if self._stream.duration:
            return float(self._stream.duration * self._stream.time_base)
        length = self._container.duration
        return length / self._av.time_base if length and length > 0 else None

    def samples(self, start: float = 0.0, rate: int = RATE) -> Iterator[Samples]:
        """The sound from `start` seconds on, all channels mixed: arrays of shape (samples,) at `rate`.

        What is damaged or missing is silence. Raises MediaError where nothing at all can be decoded.
        """
        mixer, begun, expected, skipped = _Mixer(self._av, rate), False, start, 0
        for frame in self._frames(start):
            where = expected if frame.pts is None else frame.pts * self._tick - self._origin
            length = frame.samples / frame.sample_rate
            if not begun and where + length <= start:
                continue
            if not begun and where < start:
                skipped = round((start - where) * rate)
            elif GAP_SECONDS[0] < where - expected < GAP_SECONDS[1]:
                yield from mixer.flush()
                yield from _silence(where - expected, rate)
            for part in mixer.mix(frame):
                yield part[skipped:]
                skipped = max(0, skipped - len(part))
            begun, expected = True, where + length
        yield from mixer.flush()

    def _frames(self, start: float) -> Iterator[Any]:
        """Decoded frames, from a little before `start`."""
        self._seek(max(0.0, start - PREROLL_SECONDS))
        decoded = False
        try:
            for packet in self._container.demux(self._stream):
                with contextlib.suppress(self._av.error.InvalidDataError):
                    for frame in packet.decode():
                        decoded = True
                        yield frame
        except (self._av.error.FFmpegError, OSError) as error:
            if not decoded:  # else it is a file that breaks off: what is there is heard
                raise _undecodable() from error
        if not decoded and start == 0:
            raise _undecodable()

    def _seek(self, place: float) -> None:
        """Go to a place or before it; where the file cannot be searched, to its beginning."""
        check(self._path)
        if self._stamp != stamp(self._path):
            self.close()
            self._open()
        try:
            ticks = math.floor((place + self._origin) / self._tick)
            self._container.seek(ticks, stream=self._stream)
        except (self._av.error.FFmpegError, OSError):
            self.close()
            self._open()

    def _open(self) -> None:
        check(self._path)
        self._stamp = stamp(self._path)
        try:
            self._container = self._av.open(str(self._path), **_lenient(self._av))
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            raise _undecodable() from error
        if not self._container.streams.audio:
            self._container.close()
            raise MediaError("There is no sound in this recording.", "Give a recording with sound.")
        self._stream = self._container.streams.audio[0]
        self._tick = float(self._stream.time_base)
        self._origin = (self._stream.start_time or 0) * self._tick
        self.is_open = True
        for other in self._container.streams:
            if other is not self._stream and hasattr(other, "discard"):  # older PyAVs read the pictures, too
                other.discard = type(other.discard)["all"]


class _Mixer:
    """Frames of whatever kind into arrays of one: a stream may change its rate or channels on the way."""

    def __init__(self, av: Any, rate: int) -> None:
        self._av = av
        self._rate = rate
        self._kind: tuple[object, ...] | None = None
        self._resampler: Any = None

    def mix(self, frame: Any) -> Iterator[Samples]:
        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        if kind != self._kind:
            yield from self.flush()
            size = self._rate // 4  # few arrays are faster to work on than many
            self._resampler = self._av.AudioResampler(format="s16", layout="mono", rate=self._rate, frame_size=size)
            self._kind = kind
        frame.pts = None
        yield from self._resampled(frame)

    def flush(self) -> Iterator[Samples]:
        """What is still inside; afterwards it is as new."""
        if self._kind is not None:
            self._kind = None
            yield from self._resampled(None)

    def _resampled(self, frame: Any) -> Iterator[Samples]:
        for part in self._resampler.resample(frame):
            yield np.frombuffer(part.planes[0], np.int16, part.samples)


def encoded(track: Track, start: float, form: Form, lengths: Iterator[float]) -> Iterator[Piece]:
    """The sound from `start` on as one stream in pieces of `lengths` seconds, for a browser's SourceBuffer.

    The bytes of a piece may lag behind its `end` by half a second; with the last piece all are there.
    """
    av, sink, end = ffmpeg(), _Sink(), start
    with av.open(sink, "w", format=form.container, options=form.options) as container:
        stream = container.add_stream(form.codec, rate=RATE, layout="mono")
        stream.bit_rate = BIT_RATE
        boundary = start + next(lengths)
        for batch in batches(track.samples(start), BATCH_SAMPLES):
            frame = av.AudioFrame.from_ndarray(batch[None], format="s16", layout="mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
            end += len(batch) / RATE
            if end >= boundary:
                yield Piece(sink.take(), end, last=False)
                boundary = end + next(lengths)
        if end > start:
            container.mux(stream.encode(None))
    yield Piece(sink.take(), end, last=True)


class _Sink:
    """What a container is written to; only forwards, as to a browser."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        """The bytes since the last time."""
        taken = bytes(self._data)
        self._data.clear()
        return taken


def batches(parts: Iterator[Samples], size: int) -> Iterator[Samples]:
    """The same samples in arrays of `size` and a shorter last one."""
    held: list[Samples] = []
    count = 0
    for part in parts:
        held.append(part)
        count += len(part)
        if count >= size:
            whole = np.concatenate(held)
            yield from (whole[place : place + size] for place in range(0, count - size + 1, size))
            held, count = [whole[count - count % size :]], count % size
    if count:
        yield np.concatenate(held)


def _silence(seconds: float, rate: int) -> Iterator[Samples]:
    left = round(seconds * rate)
    for _ in itertools.repeat(None, left // rate):
        yield np.zeros(rate, np.int16)
    yield np.zeros(left % rate, np.int16)


def _lenient(av: Any) -> dict[str, Any]:
    """Titles in a strange encoding are no reason to refuse a recording; from version 19 on PyAV thinks so too."""
    return {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}  # noqa: PLR2004


def _undecodable() -> MediaError:
    return MediaError(
        "The recording cannot be decoded: it is damaged, or no audio.", "Give one that other players play."
    )
