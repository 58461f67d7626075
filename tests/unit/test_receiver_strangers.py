"""Strangers: whatever they send, they are told nothing, hold nothing up, and are let go of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from until import until

from aijupyter.models import Delivery, Verdict
from aijupyter.receiver.limits import Limits
from aijupyter.receiver.pacing import Beat
from aijupyter.receiver.server import Receiver

PATH = "an-unguessable-path-of-a-job-that-is-awaited"
BODY = json.dumps({"status": "Success", "response": {"transcript": "Yes."}}).encode()
HEAD = f"POST /d/{PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
POST = f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
UNKNOWN = b"GET /d/guessed HTTP/1.1\r\nHost: a\r\n\r\n"
SECONDS = 10.0

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
MALFORMED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class OneJob:
    """An Inbox with one path."""

    def __init__(self) -> None:
        self.kept: list[Delivery] = []

    async def expects(self, path: str) -> bool:
        """Whether it is that."""
        return path == PATH

    async def accept(self, delivery: Delivery) -> Verdict:
        """Keep it."""
        self.kept.append(delivery)
        return Verdict.ANSWERED


class Wire:
    """A plain connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """All of it."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> bytes:
        """The next head."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), SECONDS)

    async def rest(self) -> bytes:
        """All that comes until the receiver closes."""
        try:
            return await asyncio.wait_for(self.reader.read(), SECONDS)
        except ConnectionResetError:
            return b""


Connect = Callable[[], Awaitable[Wire]]


@asynccontextmanager
async def receiving(**limits: Any) -> AsyncIterator[tuple[Receiver, OneJob, Connect]]:
    """A receiver with limits of its own."""
    inbox = OneJob()
    receiver = Receiver(inbox, host="127.0.0.1", port=0, max_body=64 << 10, limits=Limits(**limits))
    await receiver.start()
    wires: list[Wire] = []

    async def connect() -> Wire:
        address = urlsplit(receiver.url)
        wires.append(Wire(*await asyncio.open_connection(address.hostname, address.port)))
        return wires[-1]

    try:
        yield receiver, inbox, connect
    finally:
        for wire in wires:
            wire.writer.transport.abort()
        await receiver.stop()


@pytest.fixture
async def served() -> AsyncIterator[tuple[Receiver, OneJob, Connect]]:
    """A receiver as it is."""
    async with receiving() as served:
        yield served


Served = tuple[Receiver, OneJob, Connect]


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for it, while the loop goes on."""
    await asyncio.to_thread(until, condition, SECONDS)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    "path", ["/", "/d/guessed", "/d/a/b", "/d/", "/m/guessed.wav", f"/d/{PATH}x", f"/m/{PATH}", "/a?b"]
)
async def test_unknown_is_unknown(served: Served, method: str, path: str) -> None:
    """Whoever knows no path is answered the same bytes, by whatever method: no name, no date, no words."""
    _, _, connect = served
    wire = await connect()
    await wire.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert await wire.answer() == NOT_FOUND


async def test_a_delivery_is_answered_as_plainly(served: Served) -> None:
    """And the connection goes on."""
    _, inbox, connect = served
    wire = await connect()
    for _ in range(3):
        await wire.send(POST)
        assert await wire.answer() == OK
    assert [delivery.body for delivery in inbox.kept] == [BODY] * 3


SHAPES = {
    "two ways of length": HEAD + f"Content-Length: {len(BODY)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": HEAD + "Content-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": HEAD + "Content-Length: +2\r\n\r\n{}",
    "a length without digits": HEAD + "Content-Length: \r\n\r\n{}",
    "a name with a space": HEAD + "Content-Length : 2\r\n\r\n{}",
    "a folded line": HEAD + "X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "bare line feeds": HEAD.replace("\r\n", "\n") + "Content-Length: 2\n\n{}",
    "one bare line feed": HEAD + "X: a\nContent-Length: 2\r\n\r\n{}",
    "another coding": HEAD + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding that looks like it": HEAD + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunks for HTTP/1.0": HEAD.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk's extension": HEAD + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
    "a chunk without an end": HEAD + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
    "a chunk's line feed": HEAD + "Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "a chunk of no size": HEAD + "Transfer-Encoding: chunked\r\n\r\n\r\n0\r\n\r\n",
    "a trailer": HEAD + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n",
    "a request within": HEAD + "Content-Length: 0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two hosts": HEAD + "Host: b\r\nContent-Length: 2\r\n\r\n{}",
    "no host": "GET / HTTP/1.1\r\n\r\n",
    "another version": "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "another method": "BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no method": "hello\r\n\r\n",
    "a tunnel": "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a control character": HEAD + "X: \x01\r\nContent-Length: 2\r\n\r\n{}",
    "many headers": HEAD + "X: y\r\n" * 101 + "Content-Length: 2\r\n\r\n{}",
    "ten thousand headers": HEAD + "X: y\r\n" * 10_000 + "Content-Length: 2\r\n\r\n{}",
    "a long header": HEAD + f"X: {'y' * 20_000}\r\nContent-Length: 2\r\n\r\n{{}}",
    "a head without an end": "GET / HTTP/1.1\r\nX: " + "y" * 20_000,
}


@pytest.mark.parametrize("shape", list(SHAPES))
async def test_what_could_be_understood_in_two_ways(served: Served, shape: str) -> None:
    """It is refused by a bare 400 and the connection closed, on a path of ours too; nothing of it is taken."""
    receiver, inbox, connect = served
    wire = await connect()
    await wire.send(SHAPES[shape].encode())
    assert await wire.rest() in {MALFORMED, b""}  # the end of the connection can overtake the answer
    assert inbox.kept == []
    assert receiver.snapshot().refused == {"malformed": 1}


async def test_a_body_that_goes_wrong_later(served: Served) -> None:
    """Also in the middle of a body that is being read."""
    receiver, inbox, connect = served
    wire = await connect()
    await wire.send(CHUNKED + b"2\r\n{}\r\n")
    await eventually(lambda: receiver.snapshot().connections == 1)
    await asyncio.sleep(0)
    await wire.send(b"2;a=b\r\n{}\r\n0\r\n\r\n")
    assert await wire.rest() in {MALFORMED, b""}
    assert (inbox.kept, receiver.snapshot().refused) == ([], {"malformed": 1})


async def test_chunks(served: Served) -> None:
    """A body may come in chunks, torn wherever."""
    _, inbox, connect = served
    wire = await connect()
    data = CHUNKED + b"".join(b"%X\r\n%b\r\n" % (len(part), part) for part in (BODY[:10], BODY[10:])) + b"0\r\n\r\n"
    for byte in data[:-20]:
        await wire.send(bytes([byte]))
    await wire.send(data[-20:])
    assert await wire.answer() == OK
    assert inbox.kept[0].body == BODY


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
async def test_another_protocol_is_offered(served: Served, protocol: str) -> None:
    """A sender that would rather speak another protocol is answered in this one."""
    _, inbox, connect = served
    wire = await connect()
    upgrade = f"Upgrade: {protocol}\r\nConnection: Upgrade\r\nContent-Length: ".encode()
    for _ in range(2):
        await wire.send(POST.replace(b"Content-Length: ", upgrade))
        assert await wire.answer() == OK
    assert len(inbox.kept) == 2


async def test_one_request_at_a_time(served: Served) -> None:
    """What comes before the answer is not taken for a request, and the connection ends with the answer."""
    _, inbox, connect = served
    wire = await connect()
    await wire.send(POST[:-1])
    await wire.send(POST[-1:] + POST)
    assert (await wire.rest()).count(b"200 OK") == 0
    wire = await connect()
    await wire.send(POST)
    assert await wire.answer() == OK
    assert len(inbox.kept) == 1


async def test_room_for_newcomers() -> None:
    """Where there are too many, the longest idle stranger goes; who is delivering stays, and so does the newcomer."""
    async with receiving(connections=4) as (receiver, inbox, connect):
        delivering = await connect()
        await delivering.send(POST[:-5])
        await eventually(lambda: receiver.snapshot().connections == 1)
        idle = [await connect() for _ in range(3)]
        await idle[0].send(UNKNOWN)
        assert await idle[0].answer() == NOT_FOUND  # so the second is now the one that was idle longest
        newcomer = await connect()
        await newcomer.send(POST)
        assert await newcomer.answer() == OK
        assert await idle[1].rest() == b""
        await delivering.send(POST[-5:])
        assert await delivering.answer() == OK
        assert receiver.snapshot().refused == {"unknown path": 1, "connections": 1}
        assert len(inbox.kept) == 2


@pytest.mark.parametrize("begun", [b"", b"P", POST.partition(b"\r\n\r\n")[0]])
async def test_a_head_that_does_not_come(begun: bytes) -> None:
    """Whoever opens a connection must say what for; a byte now and then does not help."""
    async with receiving(head_seconds=0.3) as (receiver, _, connect):
        wire = await connect()
        await wire.send(begun)
        assert await wire.rest() == b""
        await eventually(lambda: receiver.snapshot().connections == 0)


async def test_a_connection_that_is_not_used_any_more() -> None:
    """It ends, later than that of whoever never said anything."""
    async with receiving(idle_seconds=0.3, head_seconds=0.4) as (receiver, _, connect):
        wire = await connect()
        await wire.send(POST)
        assert await wire.rest() == OK
        assert receiver.snapshot().refused == {}


@pytest.mark.parametrize("pace", [0.0, 0.05])
async def test_a_body_that_does_not_come(pace: float) -> None:
    """Nor does a body that comes too slowly hold anything for long, on a path of ours either."""
    limits = {"body_grace_seconds": 0.2, "body_least_pace": 1000.0, "linger_seconds": 0.1}
    async with receiving(**limits) as (receiver, inbox, connect):
        wire = await connect()
        await wire.send(f"{HEAD}Content-Length: 60000\r\n\r\n".encode())
        answer = asyncio.create_task(wire.answer())
        while pace and not answer.done():
            await wire.send(b" ")
            await asyncio.sleep(pace)
        assert (await answer).startswith(b"HTTP/1.1 408 ")
        assert await wire.rest() == b""
        assert (inbox.kept, receiver.snapshot().refused) == ([], {"too slow": 1})


async def test_a_body_that_nobody_wants() -> None:
    """A stranger's is thrown away for a moment, and then the connection ends, however fast it comes."""
    async with receiving(linger_bytes=100_000) as (_, _, connect):
        wire = await connect()
        await wire.send(b"POST /d/guessed HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
        assert (await wire.answer()).startswith(b"HTTP/1.1 404 ")
        with pytest.raises(ConnectionError):
            await wire.send(bytes(100 << 20))


async def test_refusals_keep_to_the_beat() -> None:
    """Strangers wait for one another, and those beyond are cut off; a delivery waits for none of them."""
    async with receiving(beat_seconds=0.1, refusals_a_beat=1, refusals_waiting=5) as (receiver, _, connect):
        strangers = [await connect() for _ in range(8)]
        for wire in strangers:
            await wire.send(UNKNOWN)
        await eventually(lambda: receiver.snapshot().refused.get("unknown path", 0) == 8)
        started = asyncio.get_running_loop().time()
        provider = await connect()
        await provider.send(POST)
        assert await provider.answer() == OK
        assert asyncio.get_running_loop().time() - started < 0.3
        for wire in strangers:
            wire.writer.write_eof()
        answers = [await wire.rest() for wire in strangers]
        assert answers.count(b"") >= 2
        assert receiver.snapshot().refused["connections"] in {2, 3}


async def test_the_beat() -> None:
    """So many at each, in their order; it ends with what waits."""
    beat, done = Beat(0.01, 2, 5), list[int]()
    assert [beat.book(lambda place=place: done.append(place)) for place in range(7)] == [True] * 5 + [False] * 2
    assert done == []
    await eventually(lambda: len(done) >= 2)
    await eventually(lambda: len(done) == 5)
    assert done == [0, 1, 2, 3, 4]
    turn = asyncio.create_task(beat.turn())
    await asyncio.sleep(0)
    beat.stop()
    assert await turn


async def test_stop_with_all_kinds_of_connections() -> None:
    """Idle, half a head, half a body and a refusal that waits: all end at once."""
    async with receiving(beat_seconds=60.0) as (receiver, _, connect):
        for data in (b"", b"GET / HT", POST[:-5], UNKNOWN, b"hello\r\n\r\n"):
            await (await connect()).send(data)
        await eventually(lambda: receiver.snapshot().connections == 5)
        started = asyncio.get_running_loop().time()
        await receiver.stop()
        assert asyncio.get_running_loop().time() - started < 5
        assert receiver.snapshot().connections == 0
