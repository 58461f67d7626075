"""Recordings on loan: served as they are, by ranges, until they are withdrawn, and nothing beside them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import yarl
from until import until

from aijupyter.models import Delivery, Verdict
from aijupyter.receiver.probes import Probes
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


async def test_a_loan_ends(http: aiohttp.ClientSession, recording: Path) -> None:
    """After its time a name is unknown like any other, and counts no more."""
    receiver = Receiver(Nothing(), host="127.0.0.1", port=0, max_body=65536, media_seconds=0.3)
    await receiver.start()
    try:
        _, url = receiver.share(receiver.url, recording, "audio/wav")
        assert receiver.snapshot().lent == 1
        async with http.get(url) as response:
            assert (response.status, await response.read()) == (200, CONTENT)
        await asyncio.to_thread(until, lambda: receiver.snapshot().lent == 0)
        async with http.get(url) as gone, http.get(f"{receiver.url}/m/guessed") as unknown:
            assert gone.status == unknown.status == 404
            assert gone.headers == unknown.headers
    finally:
        await receiver.stop()


def as_another_file(path: Path) -> None:
    """The same bytes."""
    path.unlink()
    path.write_bytes(CONTENT)


def as_a_link(path: Path) -> None:
    """To the file itself."""
    path.rename(path.with_name("moved.wav"))
    path.symlink_to(path.with_name("moved.wav"))


def as_a_link_to_a_secret(path: Path) -> None:
    """Beside it."""
    path.unlink()
    path.symlink_to(path.parents[1] / "secret.txt")


def as_a_pipe(path: Path) -> None:
    """Which nobody writes to."""
    path.unlink()
    os.mkfifo(path)


def as_a_folder(path: Path) -> None:
    """Empty."""
    path.unlink()
    path.mkdir()


def as_another_folder(path: Path) -> None:
    """With a file of the same name."""
    path.parent.rename(path.parents[1] / "elsewhere")
    path.parent.mkdir()
    path.write_bytes(SECRET)


def as_a_longer_one(path: Path) -> None:
    """The same file, written to."""
    with path.open("ab") as file:
        file.write(SECRET)


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes")
@pytest.mark.parametrize(
    "replace",
    [as_another_file, as_a_link, as_a_link_to_a_secret, as_a_pipe, as_a_folder, as_another_folder, as_a_longer_one],
)
async def test_the_very_file_or_none(
    receiver: Receiver, http: aiohttp.ClientSession, recording: Path, replace: Callable[[Path], None]
) -> None:
    """Whatever takes the file's place is not served, not even a link to the file itself."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")
    replace(recording)
    async with http.get(url) as response:
        assert response.status in {404, 409}
        assert await response.read() == b""


async def test_a_file_that_changes_while_it_is_fetched(receiver: Receiver, tmp_path: Path) -> None:
    """The rest of it does not come."""
    large = tmp_path / "large.wav"
    large.write_bytes(bytes(32 << 20))
    _, url = receiver.share(receiver.url, large, "audio/wav")
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=65536)
    writer.write(f"GET {address.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
    with large.open("r+b") as file:
        file.write(SECRET)
    came = 0
    with suppress(ConnectionError):
        while chunk := await asyncio.wait_for(reader.read(1 << 20), SECONDS):
            came += len(chunk)
    writer.transport.abort()
    assert came < 32 << 20


async def test_a_part_of_what_the_fetcher_has(receiver: Receiver, http: aiohttp.ClientSession, recording: Path) -> None:
    """If-Range gives the part where the fetcher's is of this very file, and the whole otherwise."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")
    async with http.head(url) as response:
        tag = response.headers["ETag"]
    for condition, status in ((tag, 206), ('"other"', 200), ("Sun, 22 Nov 2026 10:00:00 GMT", 200)):
        async with http.get(url, headers={"Range": "bytes=5-9", "If-Range": condition}) as response:
            assert response.status == status
            assert await response.read() == (CONTENT[5:10] if status == 206 else CONTENT)


async def test_what_an_answer_says(receiver: Receiver, http: aiohttp.ClientSession, recording: Path) -> None:
    """What it is, and that it is nothing else; no name of what runs here, no date of the file."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")
    async with http.get(url) as response:
        assert {name.lower() for name in response.headers} == {
            "accept-ranges", "cache-control", "content-length", "content-type", "etag", "x-content-type-options",
        }  # fmt: skip
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_folder_is_not_lent(receiver: Receiver, tmp_path: Path) -> None:
    """Nor is anything else that is no file."""
    with pytest.raises(OSError, match="no file"):
        receiver.share(receiver.url, tmp_path, "audio/wav")


@pytest.mark.parametrize("prefix", ["/user/me/proxy/8123", "/user/me/proxy/8123/", "user/j%40x"])
async def test_below_a_prefix(http: aiohttp.ClientSession, recording: Path, prefix: str) -> None:
    """A proxy in front may have left the path of the public URL on, or taken it away."""
    receiver = Receiver(Nothing(), host="127.0.0.1", port=0, max_body=65536, prefix=prefix)
    await receiver.start()
    try:
        name, url = receiver.share(receiver.url, recording, "audio/wav")
        for target, status in (
            (url, 200),
            (f"{receiver.url}/{prefix.strip('/')}/m/{name}", 200),
            (f"{receiver.url}/user/m/{name}", 404),
            (f"{receiver.url}/{prefix.strip('/')}x/m/{name}", 404),
            (f"{receiver.url}/{prefix.strip('/')}/{prefix.strip('/')}/m/{name}", 404),
        ):
            async with http.get(yarl.URL(target, encoded=True)) as response:
                assert response.status == status
    finally:
        await receiver.stop()


async def test_a_probe(receiver: Receiver, http: aiohttp.ClientSession) -> None:
    """What is posted to it comes back, until it is closed; it is no delivery."""
    name = receiver.open_probe()
    url = receiver.delivery_url(receiver.url, name)
    body = bytes(range(256)) * 200
    async with http.post(url, data=body) as response:
        assert (response.status, await response.read()) == (200, body)
        assert "Server" not in response.headers
    async with http.get(url) as response:
        assert response.status == 405
    async with http.post(url, data=bytes(65537)) as response:
        assert response.status == 413
    assert receiver.snapshot().probes == 1
    assert receiver.snapshot().kept == {}
    receiver.close_probe(name)
    receiver.close_probe(name)
    async with http.post(url, data=body) as response:
        assert response.status == 404


def test_a_probe_ends_by_itself() -> None:
    """Whoever forgets it leaves nothing open."""
    probes = Probes(seconds=0.05)
    name = probes.open()
    assert name in probes
    until(lambda: name not in probes)


async def test_many_fetches_at_once(receiver: Receiver, http: aiohttp.ClientSession, recording: Path) -> None:
    """Several fetch the same recording without getting into one another's way."""
    _, url = receiver.share(receiver.url, recording, "audio/wav")

    async def fetch() -> bytes:
        async with http.get(url) as response:
            return await response.read()

    assert set(await asyncio.gather(*(fetch() for _ in range(10)))) == {CONTENT}
