"""No request through the service: what it may fetch and post to, and what no spelling of an address changes."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from service_support import RECORDING, CannedEngine, body, eventually, service, web_server, webhook

from aijupyter.service.options import FETCH_FROM
from aijupyter.service.reach import OutOfReachError, find_way

OWN = ["127.0.0.1", "127.8.9.10", "localhost", "[::1]", "[::ffff:127.0.0.1]"]
PRIVATE = [
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "[::]",
    "[fe80::1]",
    "[fd00::1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::]",
    "224.0.0.1",
    "[ff02::1]",
]
DISGUISED = ["127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "127.0.0.1.", "127.0.0", "1.2.3.4.5"]
NAMES = {
    "inside.example": ["10.1.2.3"],
    "me.example": ["127.0.0.1"],
    "any.example": ["0.0.0.0"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "public.example": ["93.184.215.14"],
    "both.example": ["127.0.0.1", "93.184.215.14"],
}


class Resolver:
    """The world's name service: each name as it is, and how often it was asked for."""

    def __init__(self) -> None:
        self.names = {name: list(addresses) for name, addresses in NAMES.items()}
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        """In place of socket.getaddrinfo."""
        if host not in self.names:
            return self._real(host, port, *rest, **options)
        self.asked.append(host)
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        addresses = self.names[host]
        return [(families[":" in each], socket.SOCK_STREAM, 6, "", (each, int(port or 0))) for each in addresses]


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Names of a world that is not there, and no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver


async def reaches(host: str, allowed: Any, *, inward: bool = True) -> bool:
    """Whether a host is let pass."""
    try:
        way = await find_way(f"http://{host}:8080/call.wav", allowed, inward=inward)
    except (OutOfReachError, ValueError):
        return False
    return bool(way.addresses)


async def test_this_machine_only() -> None:
    """With loopback no name but localhost passes, whatever it resolves to, and no address but loopback ones."""
    for host in OWN:
        assert await reaches(host, "loopback"), host
    for host in [*PRIVATE, *DISGUISED, *NAMES, "8.8.8.8", "[2606:4700::1111]", "localhost.example"]:
        assert not await reaches(host, "loopback"), host


async def test_the_public_internet() -> None:
    """With public, this machine by its address and what is public: never what is private, by whatever name."""
    for host in ("127.0.0.1", "localhost", "8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]", "public.example"):
        assert await reaches(host, "public"), host
    for host in [*PRIVATE, *DISGUISED, "inside.example", "me.example", "any.example", "mapped.example"]:
        assert not await reaches(host, "public"), host
    assert not await reaches("metadata.example", "public")


async def test_of_several_addresses_the_allowed_ones_are_used() -> None:
    """A name that has a public and a private address is reached at the public one."""
    way = await find_way("http://both.example/", "public")
    assert [str(address) for address in way.addresses] == ["93.184.215.14"]


async def test_everybody() -> None:
    """With any, private networks too; a disguised address is nobody's."""
    for host in ("10.0.0.1", "inside.example", "me.example", "127.0.0.1", "8.8.8.8"):
        assert await reaches(host, "any"), host
    for host in DISGUISED:
        assert not await reaches(host, "any"), host


@pytest.mark.parametrize("allowed", FETCH_FROM)
async def test_another_machine_does_not_lead_to_this_one(allowed: str) -> None:
    """A redirect from elsewhere is not followed to this machine, whatever is allowed."""
    for host in [*OWN, "me.example", "any.example", "mapped.example", "0.0.0.0", "[::]", "[2002:7f00:1::]"]:
        assert not await reaches(host, allowed, inward=False), host


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1@inside.example/",
        "http://127.0.0.1:80@inside.example/",
        "http://inside.example/@127.0.0.1",
        "http://inside.example#@127.0.0.1/",
        "http://inside.example\\@127.0.0.1/",
        "http://127.0.0.1\\@inside.example/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "//127.0.0.1/",
        "http:///call.wav",
        "",
    ],
)
async def test_tricks_with_the_url(url: str) -> None:
    """The host is what follows a user's name, and nothing but http and https is spoken."""
    with pytest.raises((OutOfReachError, ValueError)):
        await find_way(url, "loopback")


@asynccontextmanager
async def secret_server() -> AsyncIterator[tuple[str, list[str]]]:
    """A server of this machine that is nobody's business; its port, and the requests that came."""
    came: list[str] = []

    async def take(request: web.Request) -> web.Response:
        came.append(f"{request.method} {request.host}")
        return web.Response(body=RECORDING)

    async with web_server(web.route("*", "/{rest:.*}", take)) as base:
        yield base.rpartition(":")[2], came


async def outcome(folder: Path, uri: str, **options: Any) -> str:
    """What became of a job whose recording is at `uri`: "Success", or why not."""
    async with service(CannedEngine(), folder, **options) as client:
        _, _, accepted = await client.submit(body(contentUri=uri))
        envelope = await client.ended(accepted["jobId"])
    return envelope["response"]["errors"][0]["message"] if envelope["status"] == "Fail" else envelope["status"]


async def test_a_name_that_changes_sides_is_not_followed(tmp_path: Path, names: Resolver) -> None:
    """DNS rebinding: the name is looked up once, and the connection goes where that lookup led, or nowhere."""

    class Rebinding(list[str]):
        def __iter__(self) -> Any:
            return iter(["93.184.215.14"] if len(names.asked) == 1 else ["127.0.0.1"])

    names.names["turn.example"] = Rebinding()
    async with secret_server() as (port, came):
        said = await outcome(tmp_path, f"http://turn.example:{port}/", fetch_from="public", fetch_seconds=1)
    assert "did not answer" in said or "could not be fetched" in said
    assert names.asked == ["turn.example"]
    assert came == []


@pytest.mark.parametrize("host", ["me.example", "any.example", "mapped.example"])
async def test_a_name_of_this_machine_is_not_fetched(tmp_path: Path, host: str) -> None:
    """The error says what to do, in words that serve whoever started the service."""
    async with secret_server() as (port, came):
        said = await outcome(tmp_path, f"http://{host}:{port}/", fetch_from="public")
    assert "private network" in said
    assert 'connect(fetch_from="any")' in said
    assert "--fetch-from any" in said
    assert came == []


async def test_with_any_a_name_of_this_machine_is_fetched(tmp_path: Path) -> None:
    """Whoever allows it gets it."""
    async with secret_server() as (port, came):
        assert await outcome(tmp_path, f"http://me.example:{port}/", fetch_from="any") == "Success"
    assert came == [f"GET me.example:{port}"]


def other_address() -> str | None:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return str(probe.getsockname()[0])


async def test_a_redirect_from_another_machine_to_this_one(tmp_path: Path) -> None:
    """With any, a server elsewhere is fetched from, and its redirect to this machine is not followed."""
    elsewhere = other_address()
    if elsewhere is None or elsewhere.startswith("127."):
        pytest.skip("this machine has no address but its own")
    async with secret_server() as (port, came):

        async def to(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{port}/"})

        app = web.Application()
        app.router.add_get("/to", to)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, elsewhere, 0).start()
            said = await outcome(tmp_path, f"http://{elsewhere}:{runner.addresses[0][1]}/to", fetch_from="any")
        finally:
            await runner.cleanup()
    assert "redirects to" in said
    assert came == []


async def test_answers_are_posted_to_this_machine_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A webhook elsewhere is accepted, as the provider does; nothing is posted, and whoever serves is told why."""
    caplog.set_level(logging.INFO, logger="aijupyter")
    content = base64.b64encode(RECORDING).decode()
    async with service(CannedEngine(), tmp_path) as client, secret_server() as (port, came), webhook() as hook:
        for host in ("me.example", "any.example", "10.0.0.1", "0.0.0.0"):
            address = f"http://{host}:{port}/hidden?token=hush"
            _, _, accepted = await client.submit(body(contentUri=None, content=content), hook=address)
            assert (await client.ended(accepted["jobId"]))["status"] == "Success"
        await client.submit(body(contentUri=None, content=content), hook=hook.url)
        assert (await hook.next())[1]["status"] == "Success"

        async def told() -> bool:
            return len([event for event in client.events if event["event"] == "delivery"]) == 4

        await eventually(told)
        words = [event["message"] for event in client.events if event["event"] == "delivery"]
    assert came == []
    assert all("was not posted" in said and "not on this machine" in said for said in words)
    assert "hush" not in caplog.text + str(words)


async def test_a_redirecting_webhook_is_not_followed(tmp_path: Path) -> None:
    """An answer goes where the client said, or nowhere."""
    content = base64.b64encode(RECORDING).decode()
    async with secret_server() as (port, came):

        async def to(_: web.Request) -> web.Response:
            asked.set()
            return web.Response(status=307, headers={"Location": f"http://127.0.0.1:{port}/"})

        asked = asyncio.Event()
        async with web_server(web.post("/to", to)) as base, service(CannedEngine(), tmp_path) as client:
            _, _, accepted = await client.submit(body(contentUri=None, content=content), hook=f"{base}/to")
            await client.ended(accepted["jobId"])
            await asyncio.wait_for(asked.wait(), 20)
    assert came == []


async def test_a_proxy_is_for_other_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is public goes by the environment's proxy; this machine, and what is private, are never asked of it."""
    async with secret_server() as (port, came):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert await outcome(tmp_path, "http://public.example/call.wav", fetch_from="public") == "Success"
        assert await outcome(tmp_path, "http://unknown-name.invalid/call.wav", fetch_from="public") == "Success"
        assert came == ["GET public.example", "GET unknown-name.invalid"]
        assert "private network" in await outcome(tmp_path, "http://inside.example/", fetch_from="public")
        assert "could not be fetched" in await outcome(tmp_path, "http://127.0.0.1:9/", fetch_from="public")
        assert len(came) == 2
