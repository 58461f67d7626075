"""A double of the provider, written from the contract: token call, submissions, deliveries, status. It can misbehave.

It runs a real HTTP server in a thread of its own, fetches the recording as the provider would, and keeps a record of
everything that it was asked.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import aiohttp
from aiohttp import web
from call_log import CallLog
from double_answers import answer_to

CLIENT_ID, CLIENT_SECRET, JWT = "the-client-id", "the-client-secret", "the-personal-jwt"

RESPONSES: dict[str, Any] = {
    "/ai/audio/v1/async/speech-to-text": {
        "transcript": "Good morning. How can I help?",
        "confidence": 0.93,
        "words": [
            {"word": "Good", "start": 0.1, "end": 0.3, "confidence": 0.9},
            {"word": "morning.", "start": 0.3, "end": 0.7, "confidence": 0.95},
        ],
        "speakerCount": 1,
        "utterances": [
            {
                "start": 0.1,
                "end": 1.9,
                "text": "Good morning. How can I help?",
                "confidence": 0.93,
                "speakerId": "0",
                "wordTimings": [
                    {"word": "Good", "start": 0.1, "end": 0.3},
                    {"word": "morning.", "start": 0.3, "end": 0.7},
                ],
                "somethingNew": {"of": "a later version"},
            }
        ],
    },
    "/ai/insights/v1/async/analyze-interaction": {"utteranceInsights": [], "conversationalInsights": []},
}


@dataclass
class Plan:
    """How the double behaves. Each flaw is one of the contract's own possibilities, or of the network's."""

    token_seconds: float = 3600
    refuse_tokens: int = 0
    """So many authorized requests are answered 401 first."""
    penalties: list[str | None] = field(default_factory=list)
    """So many submissions are answered 429 first, each with this Retry-After (None: without)."""
    slow_penalties: float = 0
    """So many seconds pass before a 429."""
    refusal: tuple[int, Any] | None = None
    """Submissions are answered with this status and body."""
    hang_up: bool = False
    """Submissions are taken, and the connection is cut without an answer."""
    deliver: str = "after"
    """When the answer is posted: `after` the 202, `before` it, or `never`."""
    bare: bool = False
    """Deliveries hold only status and response."""
    repeat: int = 1
    """How often each answer is posted."""
    fail: list[dict[str, str]] | None = None
    """Jobs end with these errors."""
    response: Any = None
    """The answer instead of the usual one; a callable gets the fetched recording."""
    slow: float = 0
    """So many seconds pass before the recording is fetched."""
    late: float = 0
    """So many seconds pass after the recording was fetched."""
    stall: float = 0
    """So many seconds pass between taking a submission and answering it."""
    forget: bool = False
    """The status call knows no job."""


class ProviderDouble:
    """Use it in a `with`. `url` is its address, `asked` every request that it got: (method, path, body)."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan or Plan()
        self.asked: list[tuple[str, str, Any]] = []
        self.posted: list[int] = []
        self.fetched: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.tokens: list[str] = []
        self.calls = CallLog()
        self.voices: dict[str, dict[str, Any] | None] = {}
        self.voice_name = "speakerId"
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def credentials(self) -> dict[str, str]:
        """What connect() needs to reach it."""
        return {"server_url": self.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "jwt": JWT}

    def submissions(self) -> list[tuple[str, str, Any]]:
        """The asynchronous requests that were got."""
        return [entry for entry in self.asked if "/async/" in entry[1]]

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
        app.router.add_post("/restapi/oauth/token", self._token)
        app.router.add_post("/ai/{kind}/v1/async/{name}", self._submission)
        app.router.add_get("/ai/status/v1/jobs/{job_id}", self._status)
        for whose in ("", "/extension/~"):
            app.router.add_get(f"/restapi/v1.0/account/~{whose}/call-log", self._call_log)
        app.router.add_get("/restapi/v1.0/account/{account}/recording/{id}/content", self._content)
        voices = "/ai/audio/v1/enrollments"
        app.router.add_get(voices, self._voices)
        app.router.add_post(voices, self._enroll)
        for method in ("GET", "PATCH", "DELETE"):
            app.router.add_route(method, voices + "/{speaker_id}", self._voice)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._http = aiohttp.ClientSession()

    def stop_listening(self) -> None:
        """Refuse connections, and cut those that there are."""
        asyncio.run_coroutine_threadsafe(self._close_site(), self._loop).result(10)

    def listen_again(self) -> None:
        """At the same address."""
        asyncio.run_coroutine_threadsafe(self._open_site(), self._loop).result(10)

    async def _close_site(self) -> None:
        await self._site.stop()
        assert self._runner.server is not None
        await self._runner.server.shutdown(0.1)

    async def _open_site(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", int(self.url.rpartition(":")[2]))
        await self._site.start()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()
        await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked.append(("POST", request.path, dict(form)))
        basic = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("Authorization") != basic or form.get("assertion") != JWT:
            error = {"error": "invalid_grant", "error_description": "Invalid assertion", "errors": []}
            return web.json_response(error, status=400)
        self.tokens.append(uuid.uuid4().hex)
        answer = {"access_token": self.tokens[-1], "token_type": "bearer", "expires_in": self.plan.token_seconds}
        return web.json_response(answer)

    def _unauthorized(self, request: web.Request) -> web.Response | None:
        known = request.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens
        if known and not self.plan.refuse_tokens:
            return None
        self.plan.refuse_tokens = max(0, self.plan.refuse_tokens - 1)
        errors = [{"errorCode": "OAU-213", "message": "Token not found"}]
        return web.json_response({"errorCode": "OAU-213", "message": "Token not found", "errors": errors}, status=401)

    async def _submission(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(("POST", request.path, body))
        if refused := self._unauthorized(request):
            return refused
        if self.plan.penalties:
            seconds = self.plan.penalties.pop(0)
            await asyncio.sleep(self.plan.slow_penalties)
            errors = {"errors": [{"errorCode": "CMN-301", "message": "Request rate exceeded"}]}
            return web.json_response(
                errors, status=429, headers={"Retry-After": seconds} if seconds is not None else {}
            )
        if self.plan.refusal:
            return web.json_response(self.plan.refusal[1], status=self.plan.refusal[0])
        await asyncio.sleep(self.plan.stall)
        job_id, request_id = str(uuid.uuid4()), str(uuid.uuid4())
        self.jobs[job_id] = self._envelope(job_id, request.path)
        webhook = request.query["webhook"]
        if self.plan.deliver == "before":
            await self._finish(job_id, body, webhook, request_id)
        elif self.plan.deliver == "after":
            self._later(self._finish(job_id, body, webhook, request_id))
        if self.plan.hang_up:
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"jobId": job_id}, status=202, headers={"RCRequestId": request_id})

    async def _status(self, request: web.Request) -> web.Response:
        self.asked.append(("GET", request.path, None))
        if refused := self._unauthorized(request):
            return refused
        job = self.jobs.get(request.match_info["job_id"])
        if job is None or self.plan.forget:
            errors = {"errors": [{"errorCode": "CMN-102", "message": "Resource for parameter [jobId] is not found"}]}
            return web.json_response(errors, status=404)
        return web.json_response(job)

    async def _call_log(self, request: web.Request) -> web.Response:
        return self._unauthorized(request) or self.calls.respond(request)

    async def _content(self, request: web.Request) -> web.Response:
        return self.calls.content(request, self.tokens)

    async def _voices(self, request: web.Request) -> web.Response:
        size, page = int(request.query["perPage"]), int(request.query["page"])
        known = [voice for voice in self.voices.values() if voice]
        paging = {"page": page, "perPage": size, "totalPages": -(-len(known) // size)}
        return web.json_response({"paging": paging, "records": known[(page - 1) * size : page * size]})

    async def _enroll(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(("POST", request.path, body))
        if refused := self._unauthorized(request):
            return refused
        if self.voices.get(body["speakerId"]):
            return _refused(409, "CAI-104", "The speaker exists")
        self.voices[body["speakerId"]] = {self.voice_name: body["speakerId"], "enrollmentComplete": False}
        return web.json_response(self.voices[body["speakerId"]], status=201)

    async def _voice(self, request: web.Request) -> web.Response:
        speaker_id = request.match_info["speaker_id"]
        if speaker_id not in self.voices:
            return _refused(404, "CAI-105", "The speaker was never enrolled")
        voice = self.voices[speaker_id]
        if voice is None:
            return _refused(410 if request.method == "DELETE" else 404, "CAI-106", "The speaker was deleted")
        if request.method == "DELETE":
            self.voices[speaker_id] = None
            return web.Response(status=204)
        if request.method == "PATCH":
            self.asked.append(("PATCH", request.path, await request.json()))
            voice |= {"enrollmentComplete": True, "enrollmentQuality": "Good", "totalSpeechDuration": 14.5}
        return web.json_response(voice, status=201 if request.method == "PATCH" else 200)

    async def _finish(self, job_id: str, body: dict[str, Any], webhook: str, request_id: str) -> None:
        await asyncio.sleep(self.plan.slow)
        recording = await self._fetch(body)
        self.fetched[job_id] = recording
        await asyncio.sleep(self.plan.late)
        job = self.jobs[job_id]
        job["completionTime"] = _time()
        job["status"] = "Fail" if self.plan.fail else "Success"
        usual: Any = answer_to(job["api"], body) or RESPONSES.get(job["api"], {})
        chosen = usual if self.plan.response is None else self.plan.response
        answer = chosen(recording) if isinstance(chosen, Callable) else chosen  # type: ignore[arg-type]
        job["response"] = {"errors": self.plan.fail} if self.plan.fail else answer
        sent = {key: job[key] for key in ("status", "response")} if self.plan.bare else job
        for _ in range(self.plan.repeat if webhook.startswith("http://") else 0):
            async with self._http.post(webhook, json=sent, headers={"RCRequestId": request_id}) as response:
                self.posted.append(response.status)

    async def _fetch(self, body: dict[str, Any]) -> bytes:
        if "content" in body:
            return base64.b64decode(body["content"])
        if "contentUri" not in body:  # texts
            return b""
        async with self._http.get(body["contentUri"]) as response:
            return await response.read() if response.status == 200 else b""

    def _later(self, coroutine: Any) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _envelope(job_id: str, path: str) -> dict[str, Any]:
        expires = datetime.now(UTC) + timedelta(days=7)
        job = {"jobId": job_id, "api": path, "creationTime": _time(), "expirationTime": _time(expires)}
        return {**json.loads(json.dumps(job)), "status": "InProgress"}


def _refused(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"errors": [{"errorCode": code, "message": message}]}, status=status)


def _time(time: datetime | None = None) -> str:
    return (time or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
