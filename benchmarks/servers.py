"""The servers that are compared, each in a process of its own.

    python benchmarks/servers.py KIND [LEDGER]

prints its port. It reads numbers from standard input, one a line, and prints as many paths to post to, as JSON; when
standard input closes, it ends. `aijupyter` is the package's receiver with the session's dispatcher and a ledger file,
and makes a job for each path. The others keep nothing: they parse the JSON and say 200.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiohttp import web

Say = Callable[[int], None]


def some_paths(number: int) -> list[str]:
    """Paths as long as ours."""
    return [f"/d/{secrets.token_urlsafe(32)}" for _ in range(number)]


def answer_orders() -> None:
    """Give paths until standard input closes."""
    for line in sys.stdin:
        say(some_paths(int(line)))


def say(value: object) -> None:
    """One line to the benchmark."""
    print(json.dumps(value), flush=True)


async def serve_bare() -> None:
    """aiohttp, with one route."""

    async def receive(request: web.Request) -> web.Response:
        await request.json()
        return web.Response()

    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/d/{path}", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say(runner.addresses[0][1])
    await asyncio.to_thread(answer_orders)
    await runner.cleanup()


class Guide(BaseHTTPRequestHandler):
    """A handler as guides to webhooks have it, with all that http.server does by itself: a connection for each post."""

    def do_POST(self) -> None:
        """Parse, and say 200."""
        json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Kept(Guide):
    """The same, tuned: connections are kept, and answers leave at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True


def serve_guide(handler: type[Guide]) -> None:
    """The standard library's http.server, a thread for each connection."""
    ThreadingHTTPServer.request_queue_size = 128  # its own 5 would make senders wait for seconds
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(server.server_address[1])
    answer_orders()
    server.shutdown()


def serve_flask() -> None:
    """Flask in a thread, as notebooks run it."""
    import logging  # noqa: PLC0415

    from flask import Flask, request  # noqa: PLC0415  # an extra
    from werkzeug.serving import make_server  # noqa: PLC0415

    logging.getLogger("werkzeug").disabled = True
    app = Flask("compared")

    @app.post("/d/<path>")
    def receive(path: str) -> str:  # noqa: ARG001
        request.get_json()
        return ""

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(server.server_port)
    answer_orders()
    server.shutdown()


def serve_fastapi() -> None:
    """FastAPI under uvicorn, in a thread."""
    import time  # noqa: PLC0415

    import uvicorn  # noqa: PLC0415  # an extra
    from fastapi import FastAPI, Request, Response  # noqa: PLC0415

    app = FastAPI()

    async def receive(path: str, request: Any) -> Any:  # noqa: ARG001
        await request.json()
        return Response()

    receive.__annotations__["request"] = Request  # imported here, so that the others do without
    receive.__annotations__["path"] = str
    app.post("/d/{path}")(receive)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", access_log=False))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    say(server.servers[0].sockets[0].getsockname()[1])
    answer_orders()
    server.should_exit = True


async def serve_ours(ledger_path: Path) -> None:
    """The receiver, with what a session puts behind it."""
    from ours import Ours  # noqa: PLC0415  # the others do without the package

    async with Ours(ledger_path) as ours:
        say(ours.port)
        while line := await asyncio.to_thread(sys.stdin.readline):
            say(await ours.prepare(int(line)))
        say(await ours.report())


async def serve_receiver() -> None:
    """The receiver alone, in front of an inbox that keeps nothing."""
    from ours import Forgetful, Receiver, port_of  # noqa: PLC0415  # the others do without the package

    receiver = Receiver(Forgetful(), host="127.0.0.1", port=0, max_body=64 << 20)
    await receiver.start()
    say(port_of(receiver))
    await asyncio.to_thread(answer_orders)
    await receiver.stop()


def main() -> None:
    """Serve one kind."""
    match sys.argv[1:]:
        case ["receiver"]:
            asyncio.run(serve_receiver())
        case ["aijupyter", ledger]:
            asyncio.run(serve_ours(Path(ledger)))
        case ["bare"]:
            asyncio.run(serve_bare())
        case ["http.server"]:
            serve_guide(Guide)
        case ["http.server+"]:
            serve_guide(Kept)
        case ["flask"]:
            serve_flask()
        case ["fastapi"]:
            serve_fastapi()
        case _:
            sys.exit(f"usage: {__doc__}")


if __name__ == "__main__":
    main()
