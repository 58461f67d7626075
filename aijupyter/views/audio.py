"""A recording that is heard in a browser, over a widget's comm and with no URL: pieces of it, as they are asked for.

What the browser asks for, in `content` of a custom message (times in seconds, `static/player/audio.js` is who asks):

    {kind: "audio", do: "stream", view, stream, from, until, types: ["webm", "mp4"]}
    {kind: "audio", do: "end", view}

A `view` is one player on a page, a `stream` one run of it from `from` on; the same stream asked for again with a later
`until` goes on. The answers carry the bytes in a buffer:

    {kind: "audio", view, stream, piece, type, offset, start, end, last}    `piece` counts from 0, which begins anew
    {kind: "audio", view, stream, piece, whole: {type, size}, last}         a small file as it is
    {kind: "audio", view, stream, failed}                                   what a person can do about it
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import threading
import time
from collections.abc import Callable, Generator
from functools import cached_property
from pathlib import Path
from typing import Any

from aijupyter.errors import MediaError
from aijupyter.media import HEAD_BYTES, sniff
from aijupyter.views import sound, waveform

Message = dict[str, Any]
Send = Callable[[Message, list[bytes]], None]
Pieces = Generator[tuple[Message, bytes]]

FIRST_PIECES = (1.0, 2.0, 3.0)
PIECE_SECONDS = 5.0
"""The first pieces are short, to be heard soon."""
MOST_AHEAD_SECONDS = 1800.0
"""No request reaches further than this from where its stream began or was asked to go on."""
BYTES_PER_SECOND = 250_000
"""jupyter_server drops what comes faster than 1 MB/s (`iopub_data_rate_limit`): a quarter of it, for all recordings
together, leaves room for the other widgets."""
WHOLE_BYTES = 8_000_000
"""The largest file to be sent as it is, where pieces cannot be made of it."""
WHOLE_PIECE_BYTES = 50_000
IDLE_SECONDS = 120.0
"""The thread ends, and the file is closed, when nothing was asked for so long."""
MOST_VIEWS = 8


class Audio:
    """A recording to be heard in any number of players. Nothing is opened or started before something is asked for.

    `send(content, buffers)` is a widget's; it is called from a thread.
    """

    def __init__(self, path: Path, send: Send) -> None:
        self._path = path
        self._send = send
        self._changed = threading.Condition()
        self._streams: dict[str, _Stream] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._unwatch: list[Callable[[], None]] = []

    @cached_property
    def duration(self) -> float | None:
        """Seconds, by what the file's header says; None where it does not, or cannot be read."""
        return sound.duration(self._path)

    def watch_peaks(self, callback: Callable[[bytes], None]) -> None:
        """Have the waveform told from a thread: while it grows, and at last whole. See `waveform.watch`."""
        if not self._closed.is_set():
            self._unwatch.append(waveform.watch(self._path, callback))

    def handle(self, content: Message, _buffers: object = None) -> None:
        """A browser's message. Returns at once; what is malformed is ignored."""
        view = content.get("view")
        if self._closed.is_set() or not isinstance(view, str):
            return
        with self._changed:
            if content.get("do") == "end":
                self._drop(view)
            elif content.get("do") == "stream" and (asked := _asked(content)):
                self._ask(view, *asked)
            self._changed.notify()

    def close(self) -> None:
        """Send nothing more, and end the threads."""
        self._closed.set()
        for unwatch in self._unwatch:
            unwatch()
        with self._changed:
            self._streams.clear()
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)  # a piece takes some 0.05 s; a stuck disk is not waited for

    def _ask(self, view: str, number: int, start: float, until: float, types: list[str]) -> None:
        stream = self._streams.get(view)
        if stream is None or stream.number != number:
            self._drop(view)
            while len(self._streams) >= MOST_VIEWS:
                self._drop(next(iter(self._streams)))
            stream = self._streams[view] = _Stream(self._path, view, number, start, types)
        stream.until = max(stream.until, min(until, max(start, stream.end) + MOST_AHEAD_SECONDS))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="aijupyter-audio", daemon=True)
            self._thread.start()

    def _drop(self, view: str) -> None:
        if stream := self._streams.pop(view, None):
            stream.dropped = True

    def _work(self) -> None:
        """Serve whoever lacks most, piece by piece."""
        opened: set[_Stream] = set()
        tracks: list[sound.Track] = []
        while (stream := self._next()) is not None:
            opened.add(stream)
            self._serve(stream, tracks)
            for ended in [each for each in opened if each.done or each.dropped]:
                ended.close()
                opened.remove(ended)
        for stream in opened:
            stream.close()
        for track in tracks:
            track.close()

    def _next(self) -> _Stream | None:
        """The stream to be served; None when the thread shall end. Then nothing of it is left."""
        with self._changed:
            deadline = time.monotonic() + IDLE_SECONDS
            while not self._closed.is_set():
                if waiting := [stream for stream in self._streams.values() if stream.is_wanted()]:
                    return min(waiting, key=lambda stream: stream.stored())
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            self._streams.clear()
            self._thread = None
            return None

    def _serve(self, stream: _Stream, tracks: list[sound.Track]) -> None:
        try:
            content, data = stream.piece(tracks)
        except Exception as error:  # noqa: BLE001  # a thread that dies would leave every player waiting
            known = isinstance(error, MediaError)
            told = (
                str(error).replace("\n", " ") if known else f"The recording cannot be played ({type(error).__name__})."
            )
            content, data, stream.done = {"failed": told}, b"", True
        if stream.dropped or self._closed.is_set():
            return
        try:
            self._send({"kind": "audio", "view": stream.view, "stream": stream.number, **content}, [data])
        except Exception:  # noqa: BLE001  # whatever it is, nobody listens there any more
            stream.done = True
        _pace.spend(len(data), self._closed)


def _asked(content: Message) -> tuple[int, float, float, list[str]] | None:
    """A request's number, start, until and types; None where it makes no sense."""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        number, start, until = int(content["stream"]), float(content["from"]), float(content["until"])
        types = [name for name in content["types"] if name in sound.FORMS]
        if math.isfinite(start) and not math.isnan(until):
            return number, max(0.0, start), until, types
    return None


class _Stream:
    """One run of a recording for one player. Only the thread touches its file."""

    def __init__(self, path: Path, view: str, number: int, start: float, types: list[str]) -> None:
        self.view = view
        self.number = number
        self.end = start
        self.until = start
        self.done = False
        self.dropped = False
        self._path = path
        self._start = start
        self._types = types
        self._pieces: Pieces | None = None

    def is_wanted(self) -> bool:
        return not self.done and (self.end < self.until or self._pieces is None)

    def stored(self) -> float:
        """Seconds that a player has in store."""
        return self.end - self._start

    def piece(self, tracks: list[sound.Track]) -> tuple[Message, bytes]:
        """The next piece. Takes one of the open `tracks` and gives it back in the end. Raises MediaError."""
        if self._pieces is None:
            able = bool(self._types) and sound.ffmpeg() is not None
            self._pieces = self._encoded(tracks) if able else _as_it_is(self._path, _NEEDS[bool(self._types)])
        content, data = next(self._pieces)
        self.end = content.get("end", self.end)
        self.done = content["last"]
        return content, data

    def close(self) -> None:
        if self._pieces is not None:
            with contextlib.suppress(Exception):  # half a stream, or a file that is gone: nobody wants it any more
                self._pieces.close()

    def _encoded(self, tracks: list[sound.Track]) -> Pieces:
        kind = self._types[0]
        form = sound.FORMS[kind]
        lengths = itertools.chain(FIRST_PIECES, itertools.repeat(PIECE_SECONDS))
        about = {"type": kind, "start": self._start, "offset": self._start - form.delay}
        track = tracks.pop() if tracks else sound.Track(self._path)
        try:
            for number, piece in enumerate(sound.encoded(track, self._start, form, lengths)):
                yield {"piece": number, **about, "end": piece.end, "last": piece.last}, piece.data
        except Exception:
            track.close()
            raise
        finally:
            if track.is_open:
                tracks.append(track)


_NEEDS = {
    True: ("Playing this recording needs PyAV.", "pip install 'aijupyter[notebook]', then restart the kernel."),
    False: (
        "This browser cannot play so large a recording.",
        "Open the notebook in a current Chrome, Firefox or Safari.",
    ),
}
"""Why no pieces can be made: by whether the browser plays them."""


def _as_it_is(path: Path, needs: tuple[str, str]) -> Pieces:
    """A small file whole, for the browser to make sense of. Raises MediaError with what it `needs` else."""
    sound.check(path)
    with path.open("rb") as file:
        known = sniff(file.read(HEAD_BYTES))
        size = file.seek(0, os.SEEK_END)
        if size > WHOLE_BYTES or known is None:
            raise MediaError(*needs)
        file.seek(0)
        for number in range(math.ceil(size / WHOLE_PIECE_BYTES)):
            data = file.read(WHOLE_PIECE_BYTES)
            yield {"piece": number, "whole": {"type": known[1], "size": size}, "last": file.tell() >= size}, data


class _Pace:
    """How fast bytes are sent, for all threads together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0

    def spend(self, size: int, ended: threading.Event) -> None:
        """Wait until so many bytes may have been sent, or `ended`."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + size / BYTES_PER_SECOND
            wait = self._free_at - now
        ended.wait(wait)


_pace = _Pace()
