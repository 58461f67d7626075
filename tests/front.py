"""A reverse proxy in a thread of its own: what stands before a server in the world outside. It can misbehave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import aiohttp
from aiohttp import web

HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "server", "date"}


@dataclass
class Manners:
    """How it behaves; may be changed while it runs."""

    prefix: str = ""
    """The path that it strips."""
    most: int = 2**30
    """The largest body that it takes, in bytes."""
    answers: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    """What it answers by itself, by the beginning of the path: status, body, headers."""
    headers: dict[str, str] = field(default_factory=dict)
    """What it writes into every answer."""
    closed: bool = False
    """Whether it breaks every connection."""


class Front:
    """Use it in a `with`. `url` is its address; what it does not answer by itself goes on to `target`."""

    def __init__(self, target: str, manners: Manners | None = None) -> None:
        self.target = target
        self.manners = manners or Manners()
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}{self.manners.prefix}"
        self._http = aiohttp.ClientSession(auto_decompress=False)

    async def _stop(self) -> None:
        await self._http.close()
        await self._runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        manners = self.manners
        body = await request.read()
        if manners.closed:
            assert request.transport is not None
            request.transport.abort()
        for start, (status, said, headers) in manners.answers.items():
            if request.path.startswith(start):
                return web.Response(status=status, body=said, headers=headers)
        if len(body) > manners.most:
            return web.Response(status=413)
        where = self.target + request.raw_path.removeprefix(manners.prefix)
        try:
            async with self._http.request(
                request.method, where, data=body, headers=_kept(request.headers), allow_redirects=False
            ) as response:
                headers = {**_kept(response.headers), **manners.headers}
                return web.Response(status=response.status, body=await response.read(), headers=headers)
        except aiohttp.ClientError:
            return web.Response(status=502)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in {*HOP, "host"}}
