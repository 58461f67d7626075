"""Where a request begins and ends, read more strictly than HTTP demands, before anything else looks at it.

What two readers on the way could understand differently is refused: then nothing can be smuggled past the one in
front, and the answer to a stranger never becomes the answer to the provider. A connection carries one request at a
time, so what follows before the answer is no request either.
"""

from __future__ import annotations

import re

MOST_LENGTH_DIGITS = 15
LONGEST_CHUNK_LINE = 16

_HEAD = re.compile(
    rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE) (?:/|https?://[!$-.0->@-~])[!-~]* HTTP/1\.[01]"
    rb"(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*)*"
)
_LENGTH = re.compile(rb"\r\ncontent-length:[\t ]*([0-9]{1,%d})[\t ]*(?:\r\n|$)" % MOST_LENGTH_DIGITS)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[\t ]*chunked[\t ]*(?:\r\n|$)")
_CHUNK_SIZE = re.compile(rb"[0-9a-f]{1,12}", re.IGNORECASE)


class MalformedError(Exception):
    """No request that everybody would understand alike."""


class Framing:
    """Follows what comes on a connection. `begun`, `headed` and `complete` say how far its request has come."""

    __slots__ = ("_chunks", "_head", "_left", "_most_bytes", "_most_fields", "complete", "headed")

    def __init__(self, most_bytes: int, most_fields: int) -> None:
        self._most_bytes = most_bytes
        self._most_fields = most_fields
        self.restart()

    def restart(self) -> None:
        """The next bytes are those of a new request."""
        self._head = b""
        self._left = 0
        self._chunks: _Chunks | None = None
        self.headed = False
        """The head has come whole."""
        self.complete = False
        """So has the body."""

    @property
    def begun(self) -> bool:
        """Whether a first byte has come."""
        return self.headed or bool(self._head)

    def feed(self, data: bytes) -> bytes:
        """What can be handed on now: nothing before the head is whole. Raises MalformedError."""
        if self.headed:
            self._follow(data, 0)
            return data
        data = self._head + data
        end = data.find(b"\r\n\r\n", max(0, len(self._head) - 3))
        if (end if end >= 0 else len(data)) > self._most_bytes:
            raise MalformedError
        if end < 0:
            if data.count(b"\n") != data.count(b"\r\n"):  # else it would seem never to end
                raise MalformedError
            self._head = data
            return b""
        self._read_head(data[:end])
        self._head = b""
        self.headed = True
        self._follow(data, end + 4)
        return data

    def _read_head(self, head: bytes) -> None:
        if head.count(b"\r\n") > self._most_fields or not _HEAD.fullmatch(head):
            raise MalformedError
        lower = head.lower()
        lengths, codings = lower.count(b"\r\ncontent-length:"), lower.count(b"\r\ntransfer-encoding:")
        modern = b" http/1.1" in lower[: lower.find(b"\r\n")]
        if lengths + codings > 1 or lower.count(b"\r\nhost:") > 1 or (modern and b"\r\nhost:" not in lower):
            raise MalformedError
        if codings:
            if not modern or not _CHUNKED.search(lower):
                raise MalformedError
            self._chunks = _Chunks()
        elif lengths:
            found = _LENGTH.search(lower)
            if found is None:
                raise MalformedError
            self._left = int(found[1])

    def _follow(self, data: bytes, place: int) -> None:
        if self._chunks is not None:
            self.complete = self._chunks.feed(data, place)
            return
        self._left -= len(data) - place
        if self._left < 0:
            raise MalformedError
        self.complete = self._left == 0


class _Chunks:
    """A body in chunks: nothing but sizes and their bytes. Extensions and trailers, which nobody needs, are refused."""

    __slots__ = ("_complete", "_last", "_left", "_line", "_sized")

    def __init__(self) -> None:
        self._line = b""
        self._sized = False
        """The chunk's size has come. A blank line ends the chunk."""
        self._left = 0
        self._last = False
        self._complete = False

    def feed(self, data: bytes, place: int) -> bool:
        """Whether the last chunk has come, with the data from `place` on. Raises MalformedError."""
        while place < len(data):
            if self._complete:
                raise MalformedError
            if self._left:
                taken = min(self._left, len(data) - place)
                self._left -= taken
                place += taken
                continue
            end = data.find(b"\n", place) + 1 or len(data)
            self._line += data[place:end]
            place = end
            if len(self._line) > LONGEST_CHUNK_LINE:
                raise MalformedError
            if self._line.endswith(b"\n"):
                self._read_line()
        return self._complete

    def _read_line(self) -> None:
        line, self._line = self._line, b""
        if not line.endswith(b"\r\n"):
            raise MalformedError
        if self._sized:
            if line != b"\r\n":
                raise MalformedError
            self._sized, self._complete = False, self._last
            return
        if not _CHUNK_SIZE.fullmatch(line[:-2]):
            raise MalformedError
        self._left, self._sized = int(line, 16), True
        self._last = self._left == 0
