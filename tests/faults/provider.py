"""The misbehaving double of the provider: token call, submissions and status over real HTTP, by a seeded plan.

It outlives the kernels and is the judge's witness: `record` holds all that it saw and did.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
import uuid
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from aiohttp import web
from courier import Courier
from plan import TAKEN, Plan
from records import Record, Request, Submission
from wire import API

CREDENTIALS = {"client_id": "storm", "client_secret": "storm-secret", "jwt": "storm-jwt"}
TOKEN_SECONDS = 20
SILENCE_SECONDS = 30.0
"""The penalty where there is no Retry-After."""

THINKING_SECONDS = 0.4
"""At most so long a submission is thought about. It spreads them out, so that kills strike in the midst of some."""

GRACE_SECONDS = 0.4
"""What was on its way when the penalty began arrives within this time."""

RATES = {"Group": "heavy", "Limit": "1000000", "Remaining": "999999", "Window": "60"}
HEADERS = {f"X-Rate-Limit-{name}": value for name, value in RATES.items()}


@dataclass(slots=True)
class Penalty:
    """A time of silence: since when, until when, and the lives of the kernels that were told of it."""

    begun: float = 0.0
    ends: float = 0.0
    told: frozenset[int] = frozenset()


class StormProvider:
    """Use it in an `async with`. `life` is the number of the kernel that lives now, which its keeper must count up."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.record = Record()
        self.life = 0
        self.url = ""
        self._chance = random.Random(plan.seed + 2)
        self._tokens: dict[str, int] = {}
        self._penalties = {n: list(course.penalties) for n, course in enumerate(plan.courses) if course.penalties}
        self._stale = {number for number, course in enumerate(plan.courses) if course.stale_token}
        self._penalty = Penalty()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/restapi/oauth/token", self._token)
        app.router.add_post(API, self._submission)
        app.router.add_get("/ai/status/v1/jobs/{job_id}", self._status)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, keepalive_timeout=900)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        limit = aiohttp.ClientTimeout(total=10)
        self._http = aiohttp.ClientSession(timeout=limit, connector=aiohttp.TCPConnector(limit=0, force_close=True))
        self.courier = Courier(self.plan, self.record, self._http)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.courier.close()
        await self._http.close()
        await self._runner.cleanup()

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("assertion") != CREDENTIALS["jwt"]:
            return web.json_response({"error": "invalid_grant", "errors": []}, status=400)
        token = uuid.uuid4().hex
        self._tokens[token] = self.life
        self.record.tokens += 1
        return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS})

    async def _submission(self, request: web.Request) -> web.StreamResponse:
        asked = Request(time.monotonic(), self._life(request))
        body = await request.json()
        path = request.query["webhook"].rpartition("/")[2]
        submission = self.record.submissions.setdefault(path, Submission(path))
        submission.requests.append(asked)
        self.courier.webhooks[path] = request.query["webhook"]
        asked.answer = self._hindrance(request, asked.at)
        if not asked.answer:
            await self._identify(submission, body["contentUri"], asked)
            await asyncio.sleep(self._chance.uniform(0.0, THINKING_SECONDS))
            asked.answer = self._choose(submission)
        if asked.answer in TAKEN:
            await self._accept(submission, body["contentUri"])
        if asked.answer not in {"401", "429"} and submission.number is not None:
            self.record.decided.add(submission.number)
        asked.answered = time.monotonic()
        if asked.answer == "400":
            submission.end_told = asked.answered
        return self._reply(request, asked.answer, submission)

    async def _status(self, request: web.Request) -> web.StreamResponse:
        self.record.status_calls += 1
        if hindrance := self._hindrance(request, time.monotonic()):
            return self._reply(request, hindrance, None)
        submission = self.record.by_job_id.get(request.match_info["job_id"])
        trouble = self._trouble()
        if trouble:
            self.record.status_troubles += 1
            return self._reply(request, trouble, None)
        course = submission and self.courier.course(submission)
        if submission is None or (course and course.delivery.startswith("forgotten") and not submission.fails):
            if submission is not None:
                submission.end_told = submission.end_told or time.monotonic()
            errors = [{"errorCode": "CMN-102", "message": "Resource for parameter [jobId] is not found"}]
            return web.json_response({"errors": errors}, status=404, headers=HEADERS)
        done = submission.done is not None and time.monotonic() >= submission.done
        if done:
            submission.end_told = submission.end_told or time.monotonic()
        return web.json_response(self.courier.body(submission, done=done), headers=HEADERS)

    def _trouble(self) -> str:
        names = ("500", "503", "cut-before", "broken", "429", "")
        return self._chance.choices(names, (2, 1, 1, 1, 0.2 if self.record.status_troubles else 0, 94.8))[0]

    def _life(self, request: web.Request) -> int:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return self._tokens.get(token, -1)

    def _hindrance(self, request: web.Request, at: float) -> str:
        """Why a request is not even looked at: its token, or a penalty, which begins again."""
        life = self._life(request)
        if life < 0:
            return "401"
        if at >= self._penalty.ends:
            return ""
        if life in self._penalty.told and life == self.life and at > self._penalty.begun + GRACE_SECONDS:
            since = at - self._penalty.begun
            self.record.broken_penalties.append(f"{request.method} {since:.2f} s into a penalty, life {life}")
        else:
            self.record.unknowing += 1
        return "429"

    def _choose(self, submission: Submission) -> str:
        number = submission.number
        if number in self._stale:
            self._stale.discard(number)
            return "401"
        if self._planned(number):
            return "429"
        return self.courier.course(submission).answer

    def _planned(self, number: int | None) -> list[str | None]:
        return self._penalties.get(number, []) if number is not None else []

    async def _identify(self, submission: Submission, content_uri: str, asked: Request) -> None:
        """Which recording it is, by its content."""
        if submission.number is None:
            submission.number = await self.courier.fetch(content_uri)
            if submission.number is None:
                submission.unfetched.append((time.monotonic(), asked.life))

    async def _accept(self, submission: Submission, content_uri: str) -> None:
        submission.acceptances += 1
        submission.accepted = time.monotonic()
        submission.job_id, submission.request_id = str(uuid.uuid4()), str(uuid.uuid4())
        self.record.by_job_id[submission.job_id] = submission
        if submission.number is None:
            self.courier.fail(submission, "Parameter [contentUri] is invalid. It should be a valid uri")
        elif self.courier.course(submission).fails:
            self.courier.fail(submission, "Planned to fail")
        if self.courier.course(submission).delivery == "early":
            submission.done = time.monotonic()
            await self.courier.deliver(submission, "early")
        self.courier.begin(submission, content_uri)

    def _reply(self, request: web.Request, answer: str, submission: Submission | None) -> web.StreamResponse:
        if answer == "202" and submission is not None:
            headers = HEADERS | {"RCRequestId": submission.request_id}
            return web.json_response({"jobId": submission.job_id}, status=202, headers=headers)
        if answer == "429":
            return self._penalize(request, submission)
        if answer.startswith("cut"):
            if request.transport is not None:
                request.transport.abort() if self._chance.random() < 0.5 else request.transport.close()
            return web.Response()
        return _refusal(answer)

    def _penalize(self, request: web.Request, submission: Submission | None) -> web.Response:
        """429, and silence from now on: as long as is planned, or as the penalty that runs already still takes."""
        now = time.monotonic()
        planned = self._planned(submission.number if submission else None)
        seconds = planned.pop(0) if planned and now >= self._penalty.ends else "1"
        if now < self._penalty.ends:
            seconds = str(max(1, math.ceil(self._penalty.ends - now)))
        life = self._life(request)
        told = self._penalty.told if now < self._penalty.ends else frozenset()
        length = SILENCE_SECONDS - GRACE_SECONDS if seconds is None else float(seconds)
        self._penalty = Penalty(now, max(self._penalty.ends, now + length - 0.02), told | {life})
        self.record.penalties += 1
        errors: dict[str, Any] = {"errors": [{"errorCode": "CMN-301", "message": "Request rate exceeded"}]}
        headers = HEADERS | ({"Retry-After": seconds} if seconds is not None else {})
        return web.json_response(errors, status=429, headers=headers)


def _refusal(answer: str) -> web.Response:
    """An answer that is none, in one of the shapes that such answers have."""
    match answer:
        case "502":
            return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")
        case "503":
            return web.Response(status=503)
        case "broken":
            return web.Response(body=b'{"jobId": "', content_type="application/json", headers=HEADERS)
        case _:
            errors = [{"errorCode": f"CAI-{answer}", "message": f"answered {answer} by the plan"}]
            return web.json_response({"errors": errors}, status=int(answer), headers=HEADERS)
