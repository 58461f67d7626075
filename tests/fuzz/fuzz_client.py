"""The outside world: many sockets at once, which send what is wrong and look at what is answered."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random

from fuzz_inputs import KINDS, Input, Place

ANSWER_SECONDS = 5.0
UNFINISHED_SECONDS = 0.25
"""A request that the receiver may still be waiting for more of is given up after so long."""

STATUSES = {200, 206, 400, 404, 405, 408, 413, 415, 416, 417}
TELLING = re.compile(rb"server:|date:|python|aiohttp|aijupyter|traceback|error", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
MAY_HOLD_A_FILE = {200, 206}


@dataclass
class Seen:
    """What was sent, by kind, and what came back: a status, "closed" or "nothing"."""

    answers: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    wrong: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many inputs."""
        return sum(counter.total() for counter in self.answers.values())


class Sender:
    """One of the sockets, opened anew where the receiver closed it."""

    def __init__(self, port: int, place: Place, seen: Seen) -> None:
        self._port = port
        self._place = place
        self._seen = seen
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send_all(self, inputs: Iterator[tuple[str, Input]]) -> None:
        """Until there are no more."""
        for kind, made in inputs:
            answer = await self._exchange(kind, made)
            self._seen.answers[kind][answer] += 1
        await self._close()

    async def _exchange(self, kind: str, made: Input) -> str:
        try:
            reader, writer = await self._connection()
            writer.write(made.data)
            if not made.answered:
                await writer.drain()
                await self._close()
                return "cut off by us"
            seconds = UNFINISHED_SECONDS if kind == "mutated" else ANSWER_SECONDS
            async with asyncio.timeout(seconds):
                await writer.drain()
                return await self._read(kind, made, reader)
        except TimeoutError:
            await self._close()
            if kind != "mutated":
                self._seen.wrong.append(f"{kind}: {made.data[:300]!r} was not answered")
            return "nothing"
        except (ConnectionError, asyncio.IncompleteReadError):
            await self._close()
            return "closed"

    async def _read(self, kind: str, made: Input, reader: asyncio.StreamReader) -> str:
        head = await reader.readuntil(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100 "):
            head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        found = LENGTH.search(head)
        length = int(found[1]) if found else 0
        if not made.data.startswith(b"HEAD"):
            await reader.readexactly(length)
        if (
            status not in STATUSES
            or (kind == "smuggled" and status != HTTPStatus.BAD_REQUEST)
            or TELLING.search(head)
            or (length and status not in MAY_HOLD_A_FILE)
        ):
            self._seen.wrong.append(f"{kind}: {made.data[:300]!r} was answered {head!r}")
        if b"connection: close" in head.lower() or kind == "mutated":
            await self._close()
        return str(status)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._writer is None or self._reader is None or self._reader.at_eof():
            await self._close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self._reader, self._writer

    async def _close(self) -> None:
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.transport.abort()


def make_inputs(seed: int, number: int, place: Place) -> Iterator[tuple[str, Input]]:
    """So many, the same for the same seed."""
    random = Random(seed)
    kinds = list(KINDS)
    shares = [share for share, _ in KINDS.values()]
    for kind in random.choices(kinds, shares, k=number):
        yield kind, KINDS[kind][1](random, place)


async def dawdle(port: int, place: Place) -> str:
    """A head or a body that comes a byte at a time, until the receiver has enough of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = f"POST /d/{place.path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    with suppress(ConnectionError):
        for byte in data.encode() + b" " * 9999:
            writer.write(bytes([byte]))
            await writer.drain()
            if reader.at_eof():
                break
            await asyncio.sleep(0.02)
    writer.transport.abort()
    return "cut off"


async def fuzz(port: int, place: Place, seed: int, number: int, *, sockets: int = 48, slow: int = 8) -> Seen:
    """Send them, over several sockets at once, while some are slow."""
    seen = Seen()
    inputs = make_inputs(seed, number, place)
    dawdling = [asyncio.create_task(dawdle(port, place)) for _ in range(slow)]
    await asyncio.gather(*(Sender(port, place, seen).send_all(inputs) for _ in range(sockets)))
    for task in dawdling:
        task.cancel()
    await asyncio.gather(*dawdling, return_exceptions=True)
    return seen
