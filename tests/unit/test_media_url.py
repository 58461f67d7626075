"""Recordings named by a URL, against a real server."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from aijupyter.errors import MediaError, MediaUnreachableError
from aijupyter.media import HEAD_BYTES, open_url, shown_url

WAV = b"RIFF\x00\x00\x10\x00WAVEfmt " + bytes(100_000)
SHORT = aiohttp.ClientTimeout(total=0.3)


@dataclass
class Library:
    """A web server with recordings."""

    base: str = ""
    ranges: list[str | None] = field(default_factory=list)

    async def whole(self, request: web.Request) -> web.Response:
        """All of it, ranges ignored."""
        self.ranges.append(request.headers.get("Range"))
        return web.Response(body=WAV)

    async def part(self, request: web.Request) -> web.Response:
        """As asked."""
        return web.Response(status=206, body=WAV[request.http_range])

    async def trickle(self, request: web.Request) -> web.StreamResponse:
        """A few bytes at a time."""
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, 16, 4):
            await response.write(WAV[start : start + 4])
            await asyncio.sleep(0)
        return response

    async def never(self, _request: web.Request) -> web.Response:
        """No answer, until the client gives up."""
        await asyncio.sleep(60)
        return web.Response()

    async def broken(self, request: web.Request) -> web.StreamResponse:
        """Fewer bytes than announced."""
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(WAV[:4])
        assert request.transport is not None
        request.transport.abort()
        return response

    async def text(self, _request: web.Request) -> web.Response:
        """A page that asks for a login."""
        return web.Response(text="<html>Please log in</html>", content_type="text/html")

    async def empty(self, _request: web.Request) -> web.Response:
        """Nothing."""
        return web.Response()

    async def refuse(self, request: web.Request) -> web.Response:
        """A bare status."""
        return web.Response(status=int(request.match_info["status"]))


@pytest.fixture
async def library() -> AsyncIterator[Library]:
    """The server, listening."""
    library = Library()
    app = web.Application()
    for name in ("whole", "part", "trickle", "never", "broken", "text", "empty"):
        app.router.add_get(f"/{name}/{{file:.*}}", getattr(library, name))
    app.router.add_get("/status/{status}", library.refuse)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    library.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield library
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize("way", ["whole", "part", "trickle"])
async def test_a_recording_at_a_url(library: Library, http: aiohttp.ClientSession, way: str) -> None:
    """Only the first bytes are looked at; the recording keeps the URL itself."""
    url = f"{library.base}/{way}/my%20call.wav?access_token=t0k3n"
    recording = await open_url(url, http=http)
    assert (recording.name, recording.encoding, recording.content_type) == ("my call.wav", "Wav", "audio/wav")
    assert (recording.url, recording.path, recording.temporary) == (url, None, False)
    assert "t0k3n" not in repr(recording)


async def test_only_the_head_is_asked_for(library: Library, http: aiohttp.ClientSession) -> None:
    """The look costs a few kilobytes, not the recording."""
    await open_url(f"{library.base}/whole/call.wav", http=http)
    assert library.ranges == [f"bytes=0-{HEAD_BYTES - 1}"]


async def test_a_url_without_a_file_name(library: Library, http: aiohttp.ClientSession) -> None:
    """The host stands for the name then."""
    recording = await open_url(f"{library.base}/whole/", http=http)
    assert recording.name in {"whole", library.base.removeprefix("http://")}


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500, 503])
async def test_a_url_that_refuses(library: Library, http: aiohttp.ClientSession, status: int) -> None:
    """The status is told, and what to do instead."""
    with pytest.raises(MediaUnreachableError, match=f"answers {status}") as caught:
        await open_url(f"{library.base}/status/{status}", http=http)
    assert "download it" in caught.value.mend
    assert isinstance(caught.value, ConnectionError)


@pytest.mark.parametrize(("way", "problem"), [("text", "no recording of a known format"), ("empty", "is empty")])
async def test_a_url_of_something_else(library: Library, http: aiohttp.ClientSession, way: str, problem: str) -> None:
    """A login page is not a recording."""
    with pytest.raises(MediaError, match=problem) as caught:
        await open_url(f"{library.base}/{way}/call.wav?access_token=t0k3n", http=http)
    assert "t0k3n" not in f"{caught.value} {caught.value.source}"


async def test_an_encoding_that_is_named(library: Library, http: aiohttp.ClientSession) -> None:
    """A named encoding is taken at its word, here too."""
    assert (await open_url(f"{library.base}/text/call", http=http, encoding="Ogg")).encoding == "Ogg"


async def test_a_url_that_breaks_off(library: Library, http: aiohttp.ClientSession) -> None:
    """A connection that ends within the first bytes is no answer."""
    with pytest.raises(MediaUnreachableError, match="does not answer"):
        await open_url(f"{library.base}/broken/call.wav", http=http)


async def test_a_url_that_is_slow(library: Library, http: aiohttp.ClientSession) -> None:
    """A server that never answers ends the look after its time."""
    with pytest.raises(MediaUnreachableError, match=r"does not answer \(.*Timeout"):
        await open_url(f"{library.base}/never/call.wav", http=http, limits=SHORT)


@pytest.fixture
async def closed_port(library: Library) -> int:
    """A port where nobody listens."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


@pytest.mark.parametrize(
    "url",
    [
        "http://user:pa55w0rd@127.0.0.1:{port}/call.wav?access_token=t0k3n#s3cr3t",
        "http://user:pa55w0rd@no.such.host.invalid/call.wav?access_token=t0k3n",
        "http://user:pa55w0rd@[::1/call.wav?access_token=t0k3n",
        "http://user:pa55w0rd@127.0.0.1:99999/call.wav?access_token=t0k3n",
        "http://?access_token=t0k3n",
        "http://",
    ],
    ids=["refused", "no host", "no address", "no port", "nothing", "bare"],
)
async def test_a_url_that_leads_nowhere(http: aiohttp.ClientSession, closed_port: int, url: str) -> None:
    """Whatever is wrong with a URL, it is a MediaUnreachableError, and no secret of the URL is shown."""
    with pytest.raises(MediaUnreachableError, match="does not answer") as caught:
        await open_url(url.format(port=closed_port), http=http)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.source
    assert not any(secret in shown for secret in ("pa55w0rd", "t0k3n", "s3cr3t"))


async def test_secrets_of_a_url_that_refuses(library: Library, http: aiohttp.ClientSession) -> None:
    """Nor are they shown when the server was there and said no."""
    url = library.base.replace("//", "//user:pa55w0rd@") + "/status/403?access_token=t0k3n"
    with pytest.raises(MediaUnreachableError, match="answers 403") as caught:
        await open_url(url, http=http)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.source
    assert not any(secret in shown for secret in ("pa55w0rd", "t0k3n"))
    assert f"{library.base}/status/403" in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@host:8443/a/call.wav?token=t#f", "https://host:8443/a/call.wav"),
        ("https://host/call.wav", "https://host/call.wav"),
        ("https://u:p@ss@host/call.wav", "https://host/call.wav"),
        ("http://[::1/?token=t", "http://[::1/"),
    ],
)
def test_shown_url(url: str, shown: str) -> None:
    """What is shown of a URL holds no user, password, query or fragment."""
    assert shown_url(url) == shown
