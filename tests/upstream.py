"""What a tunnel is to lead to, and what every tunnel must carry there and back."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, web

MIB = 1024 * 1024


@dataclass
class Upstream:
    """A server on the loopback. POST answers with the body's digest, GET with a file, also in ranges."""

    url: str
    file: bytes


@asynccontextmanager
async def upstream(folder: Path) -> AsyncIterator[Upstream]:
    """Running, with a file of 1 MiB."""
    content = os.urandom(MIB)
    path = folder / "recording.bin"
    path.write_bytes(content)

    async def digest(request: web.Request) -> web.Response:
        seen = hashlib.sha256()
        async for chunk in request.content.iter_chunked(65536):
            seen.update(chunk)
        return web.Response(text=f"{seen.hexdigest()} {request.path} {request.headers.get('RCRequestId', '')}")

    async def file(_: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    application = web.Application()
    application.router.add_post("/{path:.*}", digest)
    application.router.add_get("/{path:.*}", file)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Upstream(f"http://127.0.0.1:{runner.addresses[0][1]}", content)
    finally:
        await runner.cleanup()


async def carries_everything(url: str, to: Upstream) -> None:
    """A delivery of 8 MiB, a file in ranges, 50 requests at once: all whole, with paths and headers."""
    body = os.urandom(8 * MIB)
    async with ClientSession() as client:
        async with client.post(f"{url}/d/a-path", data=io.BytesIO(body), headers={"RCRequestId": "r-1"}) as answer:
            assert await answer.text() == f"{hashlib.sha256(body).hexdigest()} /d/a-path r-1"
        async with client.get(f"{url}/m/name", headers={"Range": "bytes=1000-500999"}) as answer:
            assert answer.status == 206
            assert await answer.read() == to.file[1000:501000]
        async with client.head(f"{url}/m/name") as answer:
            assert answer.headers["Content-Length"] == str(len(to.file))
        answers = await asyncio.gather(*(posted(client, url, f"body {number}") for number in range(50)))
    assert answers == [hashlib.sha256(f"body {number}".encode()).hexdigest() for number in range(50)]


async def posted(client: ClientSession, url: str, body: str) -> str:
    """One request's digest, as the other side saw it."""
    async with client.post(f"{url}/x", data=body) as answer:
        return (await answer.text()).split()[0]


async def leads_nowhere(url: str) -> bool:
    """Whether nobody answers there."""
    async with ClientSession() as client:
        try:
            return await posted(client, url, "hello") == ""
        except OSError:
            return True
