"""Parts for the service's contract tests: engines that speak the Engine protocol, a client, and a real webhook."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from aijupyter.models import AnalysisTask
from aijupyter.service.options import Credentials, ServiceOptions
from aijupyter.service.server import running
from aijupyter.service.workers import ThreadWorkers

CREDENTIALS = Credentials("the-client", "the-secret", "the-jwt")
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TRANSCRIBE = "/ai/audio/v1/async/speech-to-text"
ANALYZE = "/ai/insights/v1/async/analyze-interaction"
RECORDING = b"RIFF....WAVE" * 100
TRANSCRIPT = {
    "transcript": "Hello there.",
    "confidence": 0.9,
    "words": [{"word": "Hello", "start": 0.0, "end": 0.4}, {"word": "there.", "start": 0.4, "end": 0.9}],
}


class CannedEngine:
    """Answers with what it was given: an answer, or an error to raise; waits for its gate, when it has one."""

    def __init__(self, answer: Any = TRANSCRIPT, *, gate: threading.Event | None = None, load: Any = None) -> None:
        self.answer = answer
        self.gate = gate
        self.load_error = load
        self.tasks: list[AnalysisTask] = []
        self.heard: list[bytes] = []
        self.loads = 0
        self.threads: set[str] = set()

    def load(self, report: Callable[[str], None]) -> None:
        """Count, and fail where told to."""
        self.loads += 1
        report("Loading a model of no size.")
        if self.load_error is not None:
            raise self.load_error

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> Any:
        """Read the recording, wait for the gate, answer."""
        self.tasks.append(task)
        self.threads.add(threading.current_thread().name)
        self.heard.append(Path(task.audio).read_bytes())
        for hundredth in range(101):
            report(hundredth / 100)
        if self.gate is not None:
            assert self.gate.wait(30)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Hook:
    """A webhook on a real server: what came in, and how it answers."""

    url: str = ""
    status: int = 200
    delivered: asyncio.Queue[tuple[Mapping[str, str], Any]] = field(default_factory=asyncio.Queue)

    async def next(self) -> tuple[Mapping[str, str], Any]:
        """The next delivery: its headers and its JSON body."""
        return await asyncio.wait_for(self.delivered.get(), 20)


@asynccontextmanager
async def web_server(*routes: web.RouteDef) -> AsyncIterator[str]:
    """Any server on a free loopback port; gives its base URL."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def webhook() -> AsyncIterator[Hook]:
    """A webhook that takes deliveries."""
    hook = Hook()

    async def take(request: web.Request) -> web.Response:
        hook.delivered.put_nowait((request.headers, await request.json()))
        return web.Response(status=hook.status)

    async with web_server(web.post("/hook/{rest:.*}", take)) as base:
        hook.url = f"{base}/hook/secret-path"
        yield hook


@asynccontextmanager
async def recordings() -> AsyncIterator[str]:
    """A server with a recording at /call.wav and at other places that make trouble."""

    async def call(_: web.Request) -> web.Response:
        return web.Response(body=RECORDING, content_type="audio/wav")

    async def to(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.query["url"]})

    async def count(request: web.Request) -> web.Response:
        left = int(request.match_info["left"])
        return web.Response(status=307, headers={"Location": f"/count/{left - 1}" if left else "/call.wav"})

    async def stream(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(100):
            await answer.write(b"x" * 1000)
        return answer

    async def stall(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"x")
        await asyncio.sleep(30)
        return answer

    async def empty(_: web.Request) -> web.Response:
        return web.Response()

    routes = {"/call.wav": call, "/to": to, "/count/{left}": count, "/stream": stream, "/stall": stall, "/empty": empty}
    async with web_server(*(web.get(path, handler) for path, handler in routes.items())) as base:
        yield base


@dataclass
class Client:
    """Speaks to a service over real HTTP, with a token."""

    url: str
    http: ClientSession
    scratch: Path
    events: list[Mapping[str, Any]]
    token: str = ""

    @property
    def bearer(self) -> dict[str, str]:
        """The header that every call needs."""
        return {"Authorization": f"Bearer {self.token}"}

    async def grant(self, *, client: str | None = "the-client:the-secret", **fields: str) -> tuple[int, Any]:
        """The token call, with this `id:secret`."""
        headers = {} if client is None else {"Authorization": f"Basic {base64.b64encode(client.encode()).decode()}"}
        form = {"grant_type": JWT_BEARER, "assertion": "the-jwt"} | fields
        async with self.http.post(f"{self.url}/restapi/oauth/token", data=form, headers=headers) as answer:
            return answer.status, await answer.json()

    async def submit(
        self, body: Any, *, hook: str | None = "http://127.0.0.1:9/nobody", path: str = TRANSCRIBE
    ) -> tuple[int, Mapping[str, str], Any]:
        """A submission: status, headers and JSON."""
        params = {} if hook is None else {"webhook": hook}
        async with self.http.post(self.url + path, params=params, json=body, headers=self.bearer) as answer:
            return answer.status, answer.headers, await answer.json()

    async def status(self, job_id: str) -> tuple[int, Any]:
        """The status call."""
        async with self.http.get(f"{self.url}/ai/status/v1/jobs/{job_id}", headers=self.bearer) as answer:
            return answer.status, await answer.json()

    async def ended(self, job_id: str) -> Any:
        """The envelope once the job is no longer in progress."""
        async with asyncio.timeout(20):
            while True:
                _, envelope = await self.status(job_id)
                if envelope["status"] != "InProgress":
                    return envelope
                await asyncio.sleep(0.01)


@asynccontextmanager
async def service(engine: CannedEngine, scratch: Path, **options: Any) -> AsyncIterator[Client]:
    """A running service and a client that holds a token."""
    events: list[Mapping[str, Any]] = []
    settings = ServiceOptions(scratch=scratch, **options)
    async with running(ThreadWorkers(engine, events.append), CREDENTIALS, settings) as url, ClientSession() as http:
        client = Client(url, http, scratch, events)
        _, granted = await client.grant()
        client.token = granted["access_token"]
        yield client


def body(**fields: Any) -> dict[str, Any]:
    """A right body for speech to text, with fields changed; a None leaves one out."""
    right = {"contentUri": "http://127.0.0.1:9/call.wav", "encoding": "Wav", "languageCode": "en-US"} | fields
    return {name: value for name, value in right.items() if value is not None}


def faulty(answer: Any) -> set[str]:
    """The parameters that an answer complains of, each in the contract's words."""
    for fault in answer["errors"]:
        assert fault["errorCode"] == "CAI-101"
        assert fault["message"].startswith(f"Parameter [{fault['parameterName']}] is invalid.")
    return {fault["parameterName"] for fault in answer["errors"]}


def leftovers(scratch: Path) -> list[Path]:
    """The files that the service has not deleted."""
    return list(scratch.iterdir())
