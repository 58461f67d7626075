"""The waveform of a recording: how loud it is over time, worked out once per file, and told while it grows."""

from __future__ import annotations

import contextlib
import math
import threading
import time
import wave
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aijupyter.errors import MediaError
from aijupyter.views.sound import Samples, Track, batches, duration, ffmpeg

MOST_POINTS = 2000
POINT_SECONDS = 0.02
"""The least that a point stands for."""
RATE = 8_000
TELL_SECONDS = 1.0
"""How often a growing waveform is told."""
QUIETEST = 1 / 8
"""Points are scaled so that the loudest is 255; of a recording that never gets this loud (of 1) they stay lower."""
MOST_REMEMBERED = 200

Tell = Callable[[bytes], None]


def watch(path: Path, tell: Tell) -> Callable[[], None]:
    """Have the waveform told, from a thread: once where it is known, else while it grows and at last whole.

    It is one byte per point, evenly spaced over the recording, MOST_POINTS at most; what is not yet known is 0, and a
    recording that cannot be read has none (b""). Call the result to be told no more; then the work stops.
    """
    try:
        facts = path.stat()
    except OSError:
        threading.Thread(target=tell, args=(b"",), name="aijupyter-waveform", daemon=True).start()
        return lambda: None
    stamp = (str(path.absolute()), facts.st_size, facts.st_mtime_ns)
    with _lock:
        measurement = _known.pop(stamp, None) or _Measurement(path)
        _known[stamp] = measurement  # as the last: those long unasked for are forgotten first
        for old in list(_known)[:-MOST_REMEMBERED]:
            del _known[old]
        measurement.add(tell)
    return partial(measurement.remove, tell)


def growing(path: Path) -> Iterator[tuple[bytes, bool]]:
    """The waveform as it grows, and whether it is the whole. Raises MediaError."""
    heights, told = _Heights(duration(path) or 0.0), time.monotonic()
    for second in _seconds(path):
        heights.add(second)
        if time.monotonic() - told > TELL_SECONDS:
            yield heights.points(), False
            told = time.monotonic()
    heights.end()
    yield heights.points(), True


class _Measurement:
    """The waveform of one file and who waits for it. Its thread ends when nobody does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._whole: bytes | None = None
        self._watchers: list[Tell] = []
        self._running = False

    def add(self, tell: Tell) -> None:
        """Called with the lock held."""
        self._watchers.append(tell)
        if not self._running:
            self._running = True
            threading.Thread(target=self._work, name="aijupyter-waveform", daemon=True).start()

    def remove(self, tell: Tell) -> None:
        with _lock, contextlib.suppress(ValueError):
            self._watchers.remove(tell)

    def _work(self) -> None:
        while self._is_wanted():
            if self._whole is None:
                self._measure()
            if self._whole is not None:
                with _lock:
                    waiting, self._watchers = self._watchers, []
                _tell(waiting, self._whole)

    def _is_wanted(self) -> bool:
        with _lock:
            self._running = bool(self._watchers)
            return self._running

    def _measure(self) -> None:
        try:
            for points, whole in growing(self._path):
                if whole:
                    self._whole = points
                    return
                with _lock:
                    waiting = list(self._watchers)
                if not waiting:
                    return
                _tell(waiting, points)
        except MediaError:
            self._whole = b""


def _tell(watchers: list[Tell], points: bytes) -> None:
    for tell in watchers:
        with contextlib.suppress(Exception):  # a view that is gone is no reason not to tell the others
            tell(points)


class _Heights:
    """The loudest sample of every 20 ms so far, and the points that they make."""

    def __init__(self, expected: float) -> None:
        self._expected = math.ceil(expected / POINT_SECONDS)
        self._blocks: list[NDArray[np.uint16]] = []
        self._count = 0

    def add(self, second: Samples) -> None:
        """A second of sound, or what is left of one, at any rate; shape (samples,)."""
        count = min(len(second), round(1 / POINT_SECONDS))
        starts = np.arange(count) * len(second) // max(1, count)
        self._blocks.append(np.maximum.reduceat(np.abs(second.astype(np.int32)), starts).astype(np.uint16))
        self._count += count

    def end(self) -> None:
        """That was all: its length is now known better than what the container said."""
        self._expected = 0

    def points(self) -> bytes:
        total = max(self._expected, self._count)
        if not self._count:
            return b""
        self._blocks = [np.concatenate(self._blocks)]
        points = min(MOST_POINTS, total)
        places = np.arange(self._count) * points // total
        sums = np.bincount(places, self._blocks[0], points)
        means = sums / np.maximum(1, np.bincount(places, minlength=points))
        loudest = max(float(means.max()), QUIETEST * 32768)
        return np.round(means * (255 / loudest)).astype(np.uint8).tobytes()


def _seconds(path: Path) -> Iterator[Samples]:
    """The recording's sound, a second at a time."""
    if ffmpeg() is None:
        yield from _seconds_of_wav(path)
        return
    with Track(path) as track:
        yield from batches(track.samples(rate=RATE), RATE)


def _seconds_of_wav(path: Path) -> Iterator[Samples]:
    """What the standard library reads: WAV of 8 or 16 bits."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            if width not in _WIDTHS:
                raise MediaError("The waveform of this recording needs PyAV.", "pip install 'aijupyter[notebook]'.")
            kind, middle, scale = _WIDTHS[width]
            while data := file.readframes(file.getframerate()):
                samples = (np.frombuffer(data, kind).astype(np.int32) - middle) * scale
                yield samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    except (OSError, EOFError, wave.Error, ValueError) as error:
        raise MediaError("The recording cannot be read.", "Check the file.") from error


_WIDTHS = {1: ("u1", 128, 256), 2: ("<i2", 0, 1)}
"""By bytes per sample: how they are written, what silence is, and what they are multiplied with."""

_lock = threading.Lock()
_known: dict[tuple[str, int, int], _Measurement] = {}
