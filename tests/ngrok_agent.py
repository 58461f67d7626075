"""A stand-in for ngrok's agent: it says what the agent says, speaks its local API, and really forwards HTTP.

Called as the agent is: `start --none --log stdout --config FILE`. The token in FILE must be "good-token". Each endpoint
gets a public side of its own, a port of this machine that its URL names; with a domain (`https://DOMAIN` was asked for)
the same port at every start. The domain taken.example is in use and foreign.example another account's.

How it misbehaves is told by STANDIN_NGROK_FOLDER/behaviour.json (see Behaviour), and by POST /control at the local API
(see Agent.control). While it runs, its process id and its API are in STANDIN_NGROK_FOLDER/agents/.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

FOLDER = Path(os.environ.get("STANDIN_NGROK_FOLDER", "."))
BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nngrok-error-code: ERR_NGROK_8012\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
DOMAINS_REFUSED = {"taken.example": "ERR_NGROK_334", "foreign.example": "ERR_NGROK_320"}


@dataclass
class Behaviour:
    """How it starts. `refuse` is a code of ngrok's; `offline` complains of the network for ever."""

    refuse: int | None = None
    refuse_endpoints: int | None = None
    silent: bool = False
    offline: bool = False
    api_hangs: bool = False
    old_api: bool = False
    api_port: int = 0

    @classmethod
    def read(cls) -> Behaviour:
        """From the file, where there is one."""
        path = FOLDER / "behaviour.json"
        return cls(**json.loads(path.read_text())) if path.exists() else cls()


def say(level: str, message: str, **fields: str) -> None:
    """A line in logfmt."""
    written = {"t": "now", "lvl": level, "msg": message, **fields}
    with suppress(BrokenPipeError):
        sys.stdout.write(" ".join(f"{name}={json.dumps(value)}" for name, value in written.items()) + "\n")
        sys.stdout.flush()


@dataclass
class Endpoint:
    """One public side."""

    name: str
    upstream: str
    port: int = 0
    server: asyncio.Server | None = None
    connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def data(self) -> dict[str, Any]:
        """As the local API shows it."""
        return {"name": self.name, "url": f"http://127.0.0.1:{self.port}", "upstream": {"url": self.upstream}}

    async def listen(self) -> None:
        """Open the public side, at its port of before where it had one."""
        self.server = await asyncio.start_server(self.relay, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Refuse connections, and break those that there are."""
        if self.server is not None:
            self.server.close()
            self.server = None
        for writer in list(self.connections):
            writer.transport.abort()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to the upstream and back."""
        self.connections.add(writer)
        address = self.upstream.rpartition("/")[2]
        host, _, port = address.rpartition(":")
        try:
            there, back = await asyncio.open_connection(host, int(port))
        except OSError:
            with suppress(Exception):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(BAD_GATEWAY)
                await writer.drain()
        else:
            self.connections.add(back)
            await asyncio.gather(carry(reader, back), carry(there, writer))
            self.connections.discard(back)
            back.close()
        self.connections.discard(writer)
        writer.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, as it comes, to its end."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, RuntimeError):
        writer.transport.abort()


class Agent:
    """The endpoints, in the loop of the main thread; the local API calls in from its own."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.loop = asyncio.new_event_loop()
        self.endpoints: dict[str, Endpoint] = {}
        self.lost = False

    def ask(self, work: Any) -> Any:
        """Have something done in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    async def add(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """A new endpoint. ValueError holds ngrok's reason against it."""
        domain = str(wanted.get("url") or "").removeprefix("https://")
        code = DOMAINS_REFUSED.get(domain)
        if self.behaviour.refuse_endpoints:
            code = f"ERR_NGROK_{self.behaviour.refuse_endpoints}"
        if code:
            raise ValueError(f"failed to start tunnel: The endpoint {domain!r} cannot be had.\r\n\r\n{code}\r\n")
        ports = json.loads((FOLDER / "ports.json").read_text()) if (FOLDER / "ports.json").exists() else {}
        endpoint = Endpoint(wanted["name"], wanted["upstream"]["url"], ports.get(domain, 0))
        await endpoint.listen()
        if domain:
            (FOLDER / "ports.json").write_text(json.dumps({**ports, domain: endpoint.port}))
        self.endpoints[endpoint.name] = endpoint
        say("info", "started tunnel", obj="tunnels", name=endpoint.name, url=endpoint.data["url"])
        return endpoint.data

    async def remove(self, name: str) -> bool:
        """One less. Whether there was one."""
        endpoint = self.endpoints.pop(name, None)
        if endpoint is not None:
            await endpoint.cut()
        return endpoint is not None

    async def control(self, order: dict[str, Any]) -> None:
        """`cut`; `restore`, with `elsewhere` at other ports; `lose`, `mend` the session; `forget` endpoints; `die`."""
        what = order["do"]
        if what in {"cut", "lose"}:
            for endpoint in self.endpoints.values():
                await endpoint.cut()
        if what in {"restore", "mend"}:
            for endpoint in self.endpoints.values():
                endpoint.port = 0 if order.get("elsewhere") else endpoint.port
                await endpoint.listen()
        if what == "lose":
            self.lost = True
            say("eror", "session closed, starting reconnect loop", obj="csess", err="read EOF from remote peer")
            self.loop.create_task(self.reconnect())
        if what == "mend":
            self.lost = False
            say("info", "client session established", obj="csess")
        if what == "forget":
            for name in list(self.endpoints):
                await self.remove(name)
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)

    async def reconnect(self) -> None:
        """What the agent says while it has no session."""
        while self.lost:
            await asyncio.sleep(0.1)
            if self.lost:
                say("eror", "failed to reconnect session", obj="csess", err="dial tcp: i/o timeout")


class Api(BaseHTTPRequestHandler):
    """Endpoints: list, make, end; and what a test orders."""

    agent: Agent

    def do_GET(self) -> None:
        """All endpoints."""
        if self.agent.behaviour.api_hangs:
            time.sleep(60)
        kind = self.path.removeprefix("/api/")
        if kind not in {"endpoints", "tunnels"} or (kind == "endpoints" and self.agent.behaviour.old_api):
            self._answer(404, {"msg": "page not found"})
            return
        self._answer(200, {kind: [endpoint.data for endpoint in self.agent.endpoints.values()]})

    def do_POST(self) -> None:
        """A new one, or an order."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/control":
            self.agent.ask(self.agent.control(body))
            self._answer(200, {})
            return
        if self.agent.behaviour.old_api:
            self._answer(404, {"msg": "page not found"})
            return
        try:
            self._answer(201, self.agent.ask(self.agent.add(body)))
        except ValueError as error:
            self._answer(502, {"error_code": 103, "status_code": 502, "msg": "failed", "details": {"err": str(error)}})

    def do_DELETE(self) -> None:
        """One less."""
        found = self.agent.ask(self.agent.remove(self.path.rpartition("/")[2]))
        self.send_response(204 if found else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def refused(behaviour: Behaviour) -> str:
    """Why ngrok does not take this agent; "" where it does."""
    config = Path(sys.argv[sys.argv.index("--config") + 1])
    token = json.loads(config.read_text())["agent"]["authtoken"]
    if token != "good-token":
        return f"authentication failed: The authtoken you specified is not one: {token}\r\n\r\nERR_NGROK_105\r\n"
    if behaviour.refuse:
        return f"authentication failed: Your account does not allow that.\r\n\r\nERR_NGROK_{behaviour.refuse}\r\n"
    return ""


def stay_offline() -> None:
    """Complain of the network, again and again."""
    while True:
        say(
            "eror",
            "failed to reconnect session",
            obj="csess",
            err="dial tcp: lookup connect.ngrok-agent.com: no such host",
        )
        time.sleep(0.2)


def main() -> None:
    """Start as told, then serve until ended."""
    behaviour = Behaviour.read()
    if behaviour.silent:
        time.sleep(60)
    if why := refused(behaviour):
        say("eror", "failed to reconnect session", obj="csess", err=why)
        say("info", "session closing", obj="tunnels.session")
        sys.stderr.write(f"ERROR:  {why}\n")  # the agent says it once more to the person before the screen
        sys.exit(1)
    if behaviour.offline:
        stay_offline()
    Api.agent = agent = Agent(behaviour)
    server = ThreadingHTTPServer(("127.0.0.1", behaviour.api_port), Api)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    api = f"127.0.0.1:{server.server_address[1]}"
    (FOLDER / "agents").mkdir(exist_ok=True)
    note = FOLDER / "agents" / str(os.getpid())
    draft = FOLDER / f"draft-{os.getpid()}"
    draft.write_text(f"http://{api}")
    draft.replace(note)
    agent.loop.add_signal_handler(signal.SIGTERM, agent.loop.stop)
    say("info", "starting web service", obj="web", addr=api)
    say("info", "tunnel session started", obj="tunnels.session")
    say("info", "client session established", obj="csess")
    agent.loop.run_forever()
    note.unlink()


if __name__ == "__main__":
    main()
