"""Answers that say a status and nothing else: no words, no date, no name of what runs here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

UNREAD_BYTES = 64 << 10
"""Who asks again and again and reads no answer is cut off when so much waits for him."""

DRAIN_SECONDS = 60.0


@cache
def head(status: int, fields: tuple[tuple[str, str], ...], *, close: bool) -> bytes:
    """The head of an answer. Fields are few and of our own, so that as few heads are kept."""
    return make_head(status, dict(fields), close=close)


def make_head(status: int, fields: Mapping[str, str], *, close: bool) -> bytes:
    """The same, for fields of any number."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, *(["Connection: close"] if close else []), "", ""]).encode("latin-1")


class OwnAnswer(web.StreamResponse):
    """What is sent where aiohttp would send a response of its own making: whole, by `prepare`. `close` ends the
    connection.
    """

    def __init__(self, status: int = HTTPStatus.OK, *, close: bool) -> None:
        super().__init__(status=status)
        self._closes = close

    @property
    def keep_alive(self) -> bool:
        """Whether another request may follow."""
        return not self._closes

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""


class Answer(OwnAnswer):
    """A status. `allow` names methods, `body` is bytes without a meaning."""

    def __init__(self, status: int, *, allow: str = "", body: bytes = b"", close: bool = False) -> None:
        super().__init__(status, close=close)
        self._allow = allow
        self._bytes = body

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send it."""
        self._closes = self._closes or not request.keep_alive
        transport = open_transport(request)
        fields: tuple[tuple[str, str], ...] = (("Content-Length", str(len(self._bytes))),)
        if self._allow:
            fields += (("Allow", self._allow),)
        if not self._bytes:
            transport.write(head(self.status, fields, close=self._closes))
            return None
        fields += (("Content-Type", "application/octet-stream"), ("X-Content-Type-Options", "nosniff"))
        transport.write(make_head(self.status, dict(fields), close=self._closes))
        transport.write(self._bytes)
        await drain(request)
        return None


def open_transport(request: web.BaseRequest) -> asyncio.Transport:
    """Where to write to. Raises ConnectionResetError where nobody is there, or nobody reads."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError
    if transport.get_write_buffer_size() > UNREAD_BYTES:
        transport.abort()
        raise ConnectionResetError
    return transport


async def drain(request: web.BaseRequest) -> None:
    """Wait until what was written has left. Raises ConnectionError where it does not in time."""
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await request.writer.drain()
    except TimeoutError:
        raise ConnectionResetError from None
