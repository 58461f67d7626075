"""The receiver: deliveries come in over real connections, and what is refused learns nothing."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import sys
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
import pytest
import yarl

from aijupyter.envelope import Outcome
from aijupyter.errors import LedgerError, ReceiverError
from aijupyter.models import Delivery, DeliverySource, Verdict
from aijupyter.receiver.server import Receiver

MIB = 1024 * 1024
MAX_BODY = 64 * 1024
PATH = "an-unguessable-path"
JSON = {"Content-Type": "application/json"}
BODY = json.dumps({"jobId": "p-1", "status": "Success", "response": {"transcript": "Grüß Gott."}}).encode()
SECONDS = 10.0


@dataclass
class NoteBook:
    """An Inbox that keeps what it is given, and can fail to."""

    verdict: Verdict = Verdict.ANSWERED
    error: Exception | None = None
    gate: asyncio.Event | None = None
    kept: list[Delivery] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def expects(self, path: str) -> bool:
        """One path is known."""
        return path == PATH

    async def accept(self, delivery: Delivery) -> Verdict:
        """Keep it once the gate is open."""
        self.waiting.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.kept.append(delivery)
        return self.verdict


@pytest.fixture
def inbox() -> NoteBook:
    """Where deliveries go."""
    return NoteBook()


@pytest.fixture
async def receiver(inbox: NoteBook) -> AsyncIterator[Receiver]:
    """A receiver of small bodies, listening."""
    receiver = Receiver(inbox, host="127.0.0.1", port=0, max_body=MAX_BODY)
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The outside world."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def url(receiver: Receiver) -> str:
    """The address of the one known path."""
    return receiver.delivery_url(receiver.url, PATH)


async def raw(receiver: Receiver, request: bytes) -> bytes:
    """What the receiver answers to these bytes, up to the end of its headers."""
    address = urlsplit(receiver.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
    finally:
        writer.close()


async def assert_silent(response: aiohttp.ClientResponse) -> None:
    """An answer says its status and nothing else."""
    assert await response.read() == b""
    assert not response.headers.get("Server")
    said = f"{response.headers}".lower()
    assert not any(word in said for word in ("aiohttp", "python", "aijupyter"))


async def test_a_delivery(http: aiohttp.ClientSession, inbox: NoteBook, url: str) -> None:
    """A delivery is handed on as it came, and answered with an empty 200."""
    async with http.post(url, data=BODY, headers={**JSON, "RCRequestId": "r-1"}) as response:
        assert response.status == 200
        await assert_silent(response)
    (delivery,) = inbox.kept
    assert (delivery.path, delivery.body, delivery.request_id) == (PATH, BODY, "r-1")
    assert delivery.source is DeliverySource.WEBHOOK
    assert (delivery.envelope.outcome, delivery.envelope.job_id) == (Outcome.SUCCESS, "p-1")
    assert delivery.received.tzinfo is not None


async def test_written_before_acknowledged(http: aiohttp.ClientSession, inbox: NoteBook, url: str) -> None:
    """As long as the inbox has not kept the delivery there is no answer."""
    inbox.gate = asyncio.Event()
    posting = asyncio.create_task(http.post(url, data=BODY, headers=JSON))
    await asyncio.wait_for(inbox.waiting.wait(), SECONDS)
    done, _ = await asyncio.wait({posting}, timeout=0.1)
    assert not done
    inbox.gate.set()
    async with await asyncio.wait_for(posting, SECONDS) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.ANSWERED, 200),
        (Verdict.NOTED, 200),
        (Verdict.REPEATED, 200),
        (Verdict.STRAYED, 200),
        (Verdict.UNKNOWN, 404),
    ],
)
async def test_verdicts(http: aiohttp.ClientSession, inbox: NoteBook, url: str, verdict: Verdict, status: int) -> None:
    """What became of a delivery is told by the status alone."""
    inbox.verdict = verdict
    async with http.post(url, data=BODY, headers=JSON) as response:
        assert response.status == status
        await assert_silent(response)


@pytest.mark.parametrize("error", [LedgerError("The disk is full."), RuntimeError("a bug")], ids=["ledger", "bug"])
async def test_what_cannot_be_kept(
    http: aiohttp.ClientSession, inbox: NoteBook, url: str, error: Exception, capfd: pytest.CaptureFixture[str]
) -> None:
    """A delivery that is not durable is answered 503; nothing is printed, and the next one is taken."""
    inbox.error = error
    async with http.post(url, data=BODY, headers=JSON) as response:
        assert response.status == 503
        await assert_silent(response)
    inbox.error = None
    async with http.post(url, data=BODY, headers=JSON) as response:
        assert response.status == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("path", ["/", "/d/", "/d/guessed", f"/d/{PATH}/more", f"/{PATH}", f"/d/{PATH}%00", "/docs"])
async def test_unknown_paths(http: aiohttp.ClientSession, receiver: Receiver, inbox: NoteBook, path: str) -> None:
    """Every other path is 404, whatever is posted to it."""
    async with http.post(receiver.url + path, data=BODY, headers=JSON) as response:
        assert response.status == 404
        await assert_silent(response)
    assert inbox.kept == []


async def test_the_body_for_an_unknown_path_is_not_read(receiver: Receiver) -> None:
    """A stranger who announces much is answered before a byte of it has come."""
    head = await raw(receiver, b"POST /d/guessed HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods(http: aiohttp.ClientSession, inbox: NoteBook, url: str, method: str) -> None:
    """Deliveries are posted, and nothing else."""
    async with http.request(method, url, data=None if method == "HEAD" else BODY, headers=JSON) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"
        await assert_silent(response)
    assert inbox.kept == []


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("application/problem+json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonp", 415),
        ("nonsense", 415),
    ],
)
async def test_content_types(
    http: aiohttp.ClientSession, inbox: NoteBook, url: str, content_type: str, status: int
) -> None:
    """A delivery says that it is JSON."""
    async with http.post(url, data=BODY, headers={"Content-Type": content_type}) as response:
        assert response.status == status
        await assert_silent(response)
    assert len(inbox.kept) == (status == 200)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"status": 1}', b'{"status": "Success"}', b"\xff\xfe", b"[" * 60000],
    ids=lambda body: repr(body[:20]),
)
async def test_what_is_no_envelope(http: aiohttp.ClientSession, inbox: NoteBook, url: str, body: bytes) -> None:
    """A body that is no job envelope is a bad request."""
    async with http.post(url, data=body, headers=JSON) as response:
        assert response.status == 400
        await assert_silent(response)
    assert inbox.kept == []


async def test_what_came_is_counted(http: aiohttp.ClientSession, receiver: Receiver, inbox: NoteBook, url: str) -> None:
    """Kept deliveries by their verdict, refused requests by the reason, and nothing else of them is left."""
    for verdict in (Verdict.ANSWERED, Verdict.REPEATED, Verdict.REPEATED, Verdict.STRAYED, Verdict.UNKNOWN):
        inbox.verdict = verdict
        await (await http.post(url, data=BODY, headers=JSON)).read()
    for path in ("/d/guessed", "/d/guessed", "/m/guessed", "/"):
        await (await http.post(receiver.url + path, data=BODY, headers=JSON)).read()
    await (await http.post(url, data=b"{", headers=JSON)).read()
    await (await http.get(url)).read()
    inbox.error = LedgerError("The disk is full.")
    await (await http.post(url, data=BODY, headers=JSON)).read()
    status = receiver.snapshot()
    assert status.kept == {"answered": 1, "repeated": 2, "strayed": 1}
    assert status.refused == {"unknown path": 5, "not JSON": 1, "method": 1, "unwritten": 1}
    assert len(status.seconds) == 4
    assert all(0 < seconds < SECONDS for seconds in status.seconds)
    assert (status.connections, status.lent, status.probes) == (1, 0, 0)


async def test_a_sender_that_asks_first(receiver: Receiver) -> None:
    """`Expect: 100-continue` is answered on a path of ours, and nothing is read from it on others."""
    rest = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\nExpect: "
    ours, others = f"POST /d/{PATH} HTTP/1.1\r\n{rest}", f"POST /d/guessed HTTP/1.1\r\n{rest}"
    assert await raw(receiver, f"{ours}100-continue\r\n\r\n".encode()) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await raw(receiver, f"{others}100-continue\r\n\r\n".encode())).startswith(b"HTTP/1.1 404 ")
    assert (await raw(receiver, f"{ours}a-pony\r\n\r\n".encode())).startswith(b"HTTP/1.1 417 ")


async def test_an_encoded_path(http: aiohttp.ClientSession, receiver: Receiver, inbox: NoteBook) -> None:
    """A sender may write any character of the path as a percent code, and add a query."""
    encoded = yarl.URL(f"{receiver.url}/d/%61{PATH[1:]}?from=provider", encoded=True)
    async with http.post(encoded, data=BODY, headers=JSON) as response:
        assert response.status == 200
    assert inbox.kept[0].path == PATH


async def test_the_interpreter_gives_turns_sooner(inbox: NoteBook) -> None:
    """While a receiver listens, and no longer; an interval that somebody else sets meanwhile stays."""
    before = sys.getswitchinterval()
    receivers = [Receiver(inbox, host="127.0.0.1", port=0, max_body=MAX_BODY) for _ in range(2)]
    try:
        for setting, after in ((None, before), (0.02, 0.02)):
            for receiver in receivers:
                await receiver.start()
            assert sys.getswitchinterval() < before
            if setting is not None:
                sys.setswitchinterval(setting)
            await receivers[0].stop()
            assert (setting is None) == (sys.getswitchinterval() < before)
            await receivers[1].stop()
            await receivers[1].stop()
            assert sys.getswitchinterval() == pytest.approx(after)
    finally:
        sys.setswitchinterval(before)


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    """A body of unannounced length."""
    for start in range(0, len(body), 8192):
        yield body[start : start + 8192]


@pytest.mark.parametrize("send", [bytes, chunks], ids=["announced", "chunked"])
async def test_too_large(
    http: aiohttp.ClientSession, inbox: NoteBook, url: str, send: Callable[[bytes], bytes | AsyncIterator[bytes]]
) -> None:
    """A byte more than the limit is refused, announced or not; the limit itself is fine."""
    padding = b" " * (MAX_BODY - len(BODY))
    async with http.post(url, data=send(BODY + padding), headers=JSON) as response:
        assert response.status == 200
    async with http.post(url, data=send(BODY + padding + b" "), headers=JSON) as response:
        assert response.status == 413
        await assert_silent(response)
    assert len(inbox.kept) == 1


async def test_a_compressed_delivery(http: aiohttp.ClientSession, inbox: NoteBook, url: str) -> None:
    """A delivery may be compressed; what is kept is what it says."""
    headers = {**JSON, "Content-Encoding": "gzip"}
    async with http.post(url, data=gzip.compress(BODY), headers=headers) as response:
        assert response.status == 200
    assert inbox.kept[0].body == BODY


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb(http: aiohttp.ClientSession, inbox: NoteBook, url: str, coding: str) -> None:
    """A small body that unpacks to a large one is refused at the limit."""
    compress = gzip.compress if coding == "gzip" else zlib.compress
    bomb = compress(BODY + b" " * (16 * MIB))
    assert len(bomb) < MAX_BODY
    async with http.post(url, data=bomb, headers={**JSON, "Content-Encoding": coding}) as response:
        assert response.status == 413
        await assert_silent(response)
    assert inbox.kept == []


async def test_what_cannot_be_unpacked(http: aiohttp.ClientSession, inbox: NoteBook, url: str) -> None:
    """A body that is not packed as it says is the sender's mistake."""
    async with http.post(url, data=BODY, headers={**JSON, "Content-Encoding": "gzip"}) as response:
        assert response.status == 400
        await assert_silent(response)
    assert inbox.kept == []


async def test_a_long_transcript(http: aiohttp.ClientSession, inbox: NoteBook) -> None:
    """Eight mebibytes, hours of talk, are taken whole where the limit allows them."""
    receiver = Receiver(inbox, host="127.0.0.1", port=0, max_body=64 * MIB)
    await receiver.start()
    body = json.dumps({"status": "Success", "response": {"transcript": "word " * (8 * MIB // 5)}}).encode()
    assert len(body) > 8 * MIB - 100
    try:
        async with http.post(receiver.delivery_url(receiver.url, PATH), data=body, headers=JSON) as response:
            assert response.status == 200
    finally:
        await receiver.stop()
    assert inbox.kept[0].body == body


async def test_many_deliveries_at_once(http: aiohttp.ClientSession, inbox: NoteBook, url: str) -> None:
    """A burst is taken completely."""

    async def post(number: int) -> int:
        body = json.dumps({"status": "Success", "jobId": f"p-{number}", "response": []})
        async with http.post(url, data=body, headers=JSON) as response:
            return response.status

    assert await asyncio.gather(*map(post, range(200))) == [200] * 200
    assert {delivery.envelope.job_id for delivery in inbox.kept} == {f"p-{number}" for number in range(200)}


async def test_a_sender_that_breaks_off(receiver: Receiver, inbox: NoteBook, http: aiohttp.ClientSession) -> None:
    """Half a delivery is none, and the receiver goes on."""
    address = urlsplit(receiver.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = (
        f"POST /d/{PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    writer.write(head.encode() + BODY[:-10])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with http.post(receiver.delivery_url(receiver.url, PATH), data=BODY, headers=JSON) as response:
        assert response.status == 200
    assert len(inbox.kept) == 1


def free_port() -> int:
    """A port that nobody holds just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def test_a_port_in_use(inbox: NoteBook) -> None:
    """The error names the port and what to do, and the receiver can be stopped all the same."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        receiver = Receiver(inbox, host="127.0.0.1", port=port, max_body=MAX_BODY)
        with pytest.raises(ReceiverError, match=f"Port {port} on 127.0.0.1 is in use") as caught:
            await receiver.start()
        assert "AIJUPYTER_PORT" in caught.value.mend
        assert isinstance(caught.value, OSError)
        await receiver.stop()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
async def test_a_host_that_is_not_this_machine(inbox: NoteBook, host: str) -> None:
    """A host that cannot be listened on is named."""
    receiver = Receiver(inbox, host=host, port=0, max_body=MAX_BODY)
    with pytest.raises(ReceiverError, match=f"cannot listen on {host}"):
        await receiver.start()


async def test_start_and_stop(inbox: NoteBook, http: aiohttp.ClientSession) -> None:
    """Twice is once; after stop the port is free, and the same receiver can start on it again."""
    port = free_port()
    receiver = Receiver(inbox, host="127.0.0.1", port=port, max_body=MAX_BODY)
    await receiver.stop()
    for _ in range(2):
        await receiver.start()
        await receiver.start()
        assert receiver.url == f"http://127.0.0.1:{port}"
        async with http.post(receiver.delivery_url(receiver.url, PATH), data=BODY, headers=JSON) as response:
            assert response.status == 200
        await receiver.stop()
        await receiver.stop()
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.post(f"http://127.0.0.1:{port}/d/{PATH}", data=BODY, headers=JSON)
        with socket.create_server(("127.0.0.1", port)):
            pass


@pytest.mark.parametrize("path", ["%00", "a%0Ab", "x" * 101, "%F0%9F%98%80", "a%20b"])
async def test_a_path_that_cannot_be_ours(receiver: Receiver, inbox: NoteBook, path: str) -> None:
    """It is unknown like any other, and nobody is asked about it."""
    answer = await raw(receiver, f"POST /d/{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert inbox.kept == []


@pytest.mark.parametrize("request_id", ["x" * 201, "caf\xe9\xff"])
async def test_a_request_id_of_no_use(receiver: Receiver, inbox: NoteBook, url: str, request_id: str) -> None:
    """The delivery is kept without it."""
    head = f"POST {urlsplit(url).path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    head += f"RCRequestId: {request_id}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    answer = await raw(receiver, head.encode("latin-1") + BODY)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert [delivery.request_id for delivery in inbox.kept] == [None]


async def test_a_sender_that_hangs_up(receiver: Receiver, url: str, caplog: pytest.LogCaptureFixture) -> None:
    """In the middle of its body: no error of ours."""
    address = urlsplit(receiver.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST {urlsplit(url).path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    head += "Content-Length: 99\r\n\r\n{"
    writer.write(head.encode())
    await writer.drain()
    writer.transport.abort()
    async with aiohttp.ClientSession() as http, http.post(url, data=BODY, headers=JSON) as response:
        assert response.status == 200
    assert not [entry for entry in caplog.records if entry.levelname in {"ERROR", "WARNING"}]
