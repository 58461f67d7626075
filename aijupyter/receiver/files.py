"""How a lent file is answered: whole, by a byte range, or by its head alone."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from io import FileIO

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from aijupyter.receiver.answers import OwnAnswer, make_head, open_transport
from aijupyter.receiver.media import ChangedFileError, Loan

SENT_BYTES = 1 << 20
SENT_SECONDS = 60.0
"""Who takes longer to fetch so many bytes does not fetch any more."""

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)


class RangeError(ValueError):
    """A part that is not there, or none that can be understood."""


def read_range(wanted: str, size: int) -> tuple[int, int]:
    """Where the part begins and how long it is (RFC 9110, 14.1.2; of several parts at once none is served)."""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or not (found[1] or found[2]):
        raise RangeError(wanted)
    if not found[1]:
        length = min(int(found[2]), size)
        start = size - length
    else:
        start = int(found[1])
        length = min(int(found[2] or size), size - 1) + 1 - start
    if length <= 0:
        raise RangeError(wanted)
    return start, length


class FileAnswer(OwnAnswer):
    """Sends a lent file that is open as `file`, and closes it."""

    def __init__(self, loan: Loan, file: FileIO, *, close: bool) -> None:
        super().__init__(close=close)
        self._loan = loan
        self._file = file

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send head and bytes. Raises ConnectionError where the fetcher has gone, or the file changes meanwhile."""
        self._closes = self._closes or not request.keep_alive
        with self._file:
            start, length = self._send_head(request)
            for place in range(start, start + length, SENT_BYTES):
                await self._send(request, place, min(SENT_BYTES, start + length - place))
        return None

    def _send_head(self, request: web.BaseRequest) -> tuple[int, int]:
        """What is to follow it."""
        transport = open_transport(request)
        size = self._loan.size
        start, length, status = 0, size, HTTPStatus.OK
        fields = {"Accept-Ranges": "bytes", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        wanted = request.headers.get(hdrs.RANGE)
        if wanted is not None and request.method == hdrs.METH_GET and self._is_same(request):
            status = HTTPStatus.PARTIAL_CONTENT
            try:
                start, length = read_range(wanted, size)
                fields["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
            except RangeError:
                start, length, status = 0, 0, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
                fields["Content-Range"] = f"bytes */{size}"
        fields |= {"Content-Length": str(length), "ETag": self._loan.tag, "Content-Type": self._loan.content_type}
        transport.write(make_head(status, fields, close=self._closes))
        return start, 0 if request.method == hdrs.METH_HEAD else length

    def _is_same(self, request: web.BaseRequest) -> bool:
        """Whether the fetcher's part, where it has one, is of this very file; else it gets the whole."""
        return request.headers.get(hdrs.IF_RANGE, self._loan.tag).strip() == self._loan.tag

    async def _send(self, request: web.BaseRequest, place: int, count: int) -> None:
        try:
            self._loan.check(self._file)
            async with asyncio.timeout(SENT_SECONDS):
                sent = await self._send_file(request, place, count)
        except (ChangedFileError, TimeoutError, RuntimeError):
            raise ConnectionResetError from None
        if sent < count:
            raise ConnectionResetError

    async def _send_file(self, request: web.BaseRequest, place: int, count: int) -> int:
        """How many bytes of it have left."""
        transport, loop = open_transport(request), asyncio.get_running_loop()
        try:
            return await loop.sendfile(transport, self._file, place, count)
        except NotImplementedError:  # uvloop's loop cannot
            chunk = await asyncio.to_thread(self._read, place, count)
            transport.write(chunk)
            await request.writer.drain()
            return len(chunk)

    def _read(self, place: int, count: int) -> bytes:
        self._file.seek(place)
        return self._file.read(count)
