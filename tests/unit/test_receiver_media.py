"""Recordings on loan: served as they are, by ranges, until they are withdrawn, and nothing beside them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from aijupyter.models import Delivery, Verdict
from aijupyter.receiver.server import Receiver

CONTENT = bytes(range(256)) * 4096
SECRET = b"nobody may read this"
SECONDS = 10.0


class Nothing:
    """An Inbox that expects nothing."""

    async def expects(self, path: str) -> bool:
        """No path is known."""
        return False

    async def accept(self, delivery: Delivery) -> Verdict:
        """Nor is any delivery."""
        return Verdict.UNKNOWN


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver, listening."""
    receiver = Receiver(Nothing(), host="127.0.0.1", port=0, max_body=65536)
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The provider."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A file to lend, with neighbours that are not."""
    folder = tmp_path / "calls"
    folder.mkdir()
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (folder / "secret.wav").write_bytes(SECRET)
    (folder / "call.WAV").write_bytes(CONTENT)
    return folder / "call.WAV"


def withdraw_file(path: Path) -> None:
    """Delete a file while it is lent."""
    path.unlink()


async def test_the_whole_file(receiver: Receiver, http: aiohttp.ClientSession, recording: Path) -> None:
    """GET gives every byte under the content type that was named, and asks nobody to keep it."""
    name, url = receiver.share(receiver.url, recording, "audio/wav")
    assert url == f"{receiver.url}/m/{name}"
    assert name.endswith(".wav")
    assert len(name) > 40
    assert "call" not in name
    async with http.get(url) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "audio/wav"
        assert response.headers["Content-Length"] == str(len(CONTENT))
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Accept-Ranges"] == "bytes"
        assert not response.headers.get("Server")
        assert hashlib.sha256(await response.read()).digest() == hashlib.sha256(CONTENT).digest()


async def test_only_the_headers(receiver: Receiver, http: aiohttp.ClientSession, recording: Path) -> None:
    """HEAD says how long it is and sends nothing of it."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")
    async with http.head(url) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == str(len(CONTENT))
        assert response.headers["Content-Type"] == "audio/wav"
        assert await response.read() == b""


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-4095", 0, 4095),
        ("bytes=1000-1999", 1000, 1999),
        ("bytes=1048000-", 1048000, len(CONTENT) - 1),
        ("bytes=-10", len(CONTENT) - 10, len(CONTENT) - 1),
        ("bytes=5-99999999", 5, len(CONTENT) - 1),
    ],
)
async def test_ranges(
    receiver: Receiver, http: aiohttp.ClientSession, recording: Path, wanted: str, first: int, last: int
) -> None:
    """A player or the provider may ask for a part, from the front, the middle or the end."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")
    async with http.get(url, headers={"Range": wanted}) as response:
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
        assert response.headers["Content-Type"] == "audio/wav"
        assert await response.read() == CONTENT[first : last + 1]


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=5-4", "bytes=a-b", "seconds=0-1", "bytes=0-1,5-9"])
async def test_ranges_that_cannot_be(
    receiver: Receiver, http: aiohttp.ClientSession, recording: Path, wanted: str
) -> None:
    """A part that is not there is answered 416 with the length, and not with the file."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")
    async with http.get(url, headers={"Range": wanted}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"] == f"bytes */{len(CONTENT)}"
        assert await response.read() == b""


async def test_withdrawn(receiver: Receiver, http: aiohttp.ClientSession, recording: Path) -> None:
    """After the loan the name leads nowhere; the other loans of the same file go on."""
    name, url = receiver.share(receiver.url, recording, "audio/wav")
    other, other_url = receiver.share(receiver.url, recording, "audio/wav")
    assert name != other
    receiver.shelf.withdraw(name)
    receiver.shelf.withdraw(name)
    async with http.get(url) as response:
        assert response.status == 404
        assert await response.read() == b""
    async with http.get(other_url) as response:
        assert response.status == 200


async def test_deleted_meanwhile(receiver: Receiver, http: aiohttp.ClientSession, recording: Path) -> None:
    """A file that is gone by the time it is fetched is 404, not a failure."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")
    withdraw_file(recording)
    async with http.get(url) as response:
        assert response.status == 404
        assert b"call" not in await response.read()


async def test_a_missing_file_is_not_lent(receiver: Receiver, tmp_path: Path) -> None:
    """Sharing what is not there fails at once."""
    with pytest.raises(FileNotFoundError):
        receiver.share(receiver.url, tmp_path / "missing.wav", "audio/wav")


@pytest.mark.parametrize("compressed", ["gz", "br"])
async def test_no_compressed_neighbour(
    receiver: Receiver, http: aiohttp.ClientSession, recording: Path, compressed: str
) -> None:
    """A file call.wav.gz beside call.wav is another file, also for clients that take compressed ones."""
    recording.with_name(f"{recording.name}.{compressed}").write_bytes(gzip.compress(SECRET))
    _, url = receiver.share(receiver.url, recording, "audio/wav")
    async with http.get(url, headers={"Accept-Encoding": "gzip, br, deflate"}) as response:
        assert response.status == 200
        assert "Content-Encoding" not in response.headers
        assert await response.read() == CONTENT


@pytest.mark.parametrize(
    "target",
    [
        "/m/",
        "/m/call.WAV",
        "/m/secret.wav",
        "/m/{name}/../secret.wav",
        "/m/../secret.txt",
        "/m/..%2Fsecret.txt",
        "/m/%2e%2e/%2e%2e/secret.txt",
        "/m/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/m/..\\..\\secret.txt",
        "/m/{name}%00.txt",
        "/m/{name}/",
        "/m//etc/passwd",
        "/m/{folder}/secret.wav",
        "//etc/passwd",
    ],
)
async def test_nothing_else_is_served(receiver: Receiver, recording: Path, target: str) -> None:
    """However a path is written, only the very names that were lent lead to a file."""
    name, _ = receiver.share(receiver.url, recording, "audio/wav")
    path = target.format(name=name, folder=str(recording.parent))
    address = urlsplit(receiver.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), SECONDS)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_recordings_are_read_only(
    receiver: Receiver, http: aiohttp.ClientSession, recording: Path, method: str
) -> None:
    """Nobody can change what is lent."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")
    async with http.request(method, url, data=b"other") as response:
        assert response.status == 405
    async with http.get(url) as response:
        assert await response.read() == CONTENT


async def test_many_fetches_at_once(receiver: Receiver, http: aiohttp.ClientSession, recording: Path) -> None:
    """Several fetch the same recording without getting into one another's way."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")

    async def fetch() -> bytes:
        async with http.get(url) as response:
            return await response.read()

    assert set(await asyncio.gather(*(fetch() for _ in range(10)))) == {CONTENT}
