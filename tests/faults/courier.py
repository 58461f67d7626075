"""The double's deliveries: each in the way that the plan has for it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Any

import aiohttp
from plan import Course, Plan
from records import Post, Record, Submission
from waiting import until
from wire import envelope, post_by_hand, read_number, response, transcript

FETCH_SECONDS = 3.0
"""How long the provider tries to fetch a recording whose kernel does not listen."""

FOREIGN_SECONDS = 5.0
AFTER_ALL_SECONDS = 8.0
"""How long a delivery after all waits for the status call to have said that there is no such job."""

UNKNOWN = Course("202", "prompt")
"""For a recording that could not be fetched, so that nobody knows which it is."""


class Courier:
    """Brings answers. `pending` is how many jobs it has not done with."""

    def __init__(self, plan: Plan, record: Record, http: aiohttp.ClientSession) -> None:
        self._plan = plan
        self._record = record
        self._http = http
        self._chance = random.Random(plan.seed + 1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._delivered: list[str] = []
        self.webhooks: dict[str, str] = {}

    @property
    def pending(self) -> int:
        """How many jobs still have something coming."""
        return len(self._tasks)

    def course(self, submission: Submission) -> Course:
        """What the plan has for it."""
        return UNKNOWN if submission.number is None else self._plan.courses[submission.number]

    def begin(self, submission: Submission, content_uri: str) -> None:
        """Bring the answer in the background."""
        task = asyncio.get_running_loop().create_task(self._bring(submission, content_uri))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop whatever is still on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def fetch(self, url: str) -> int | None:
        """The number of the recording at the URL; None where it cannot be had within a few seconds."""
        deadline = time.monotonic() + FETCH_SECONDS
        while time.monotonic() < deadline:
            try:
                async with self._http.get(url) as answer:
                    return read_number(await answer.read()) if answer.status == 200 else None
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.2)
        return None

    def fail(self, submission: Submission, message: str) -> None:
        """The job ends with the provider's errors, of which the message is one."""
        submission.fails, submission.fault = True, message

    def body(self, submission: Submission, *, done: bool) -> dict[str, Any]:
        """The job's envelope as it is now."""
        course = self.course(submission)
        answer: Any = response(transcript(self._plan.seed, submission.number), big=course.big)
        if submission.fails:
            answer = {"errors": [{"errorCode": "CAI-101", "message": submission.fault, "parameterName": "contentUri"}]}
        return envelope(submission, course, answer, done=done)

    async def deliver(self, submission: Submission, kind: str) -> None:
        """One delivery, noted. A foreign one is none where there is no other job yet."""
        another = await self._another() if kind == "foreign" else None
        if kind == "foreign" and another is None:
            return
        post = Post(kind, kind not in {"foreign", "broken", "half", "running"}, time.monotonic())
        submission.posts.append(post)
        body = self.body(submission, done=kind != "running")
        if kind in {"bare", "foreign"}:
            body = {name: body[name] for name in ("status", "response")}
        if kind == "foreign":
            poison = f"POISON: the path of {submission.number}, another's id"
            body |= {"status": "Success", "jobId": another, "response": response(poison)}
        data = json.dumps(body).encode()
        if kind == "broken":
            data = data[: len(data) * 2 // 3]
        named = kind != "foreign" and self._chance.random() < 0.5
        headers = {"RCRequestId": submission.request_id} if named else {}
        cut = len(data) // 2 if kind == "half" else None
        url = self.webhooks[submission.path]
        await post_by_hand(url, data, post, headers=headers, cut=cut, slow=kind == "slow")
        if post.valid and post.code == 200:
            self._heard(submission, kind)

    def _heard(self, submission: Submission, kind: str) -> None:
        submission.end_told = submission.end_told or time.monotonic()
        if kind != "bare" and submission.job_id:
            self._delivered.append(submission.job_id)

    async def _another(self) -> str | None:
        """The id of another job, one that the kernel surely knows by it."""
        known = await until(lambda: self._delivered, FOREIGN_SECONDS)
        return self._chance.choice(self._delivered) if known else None

    async def _bring(self, submission: Submission, content_uri: str) -> None:
        course = self.course(submission)
        if course.late_fetch and not submission.fails and course.delivery != "early":
            await asyncio.sleep(course.delay)
            if await self.fetch(content_uri) != submission.number:
                submission.unfetched.append((time.monotonic(), submission.requests[-1].life))
                self.fail(submission, "The recording could not be fetched once more")
        if course.delivery == "shuffled":  # those of one moment come in the opposite order
            await asyncio.sleep(1.6 - 0.2 * (len(self._record.by_job_id) % 8))
        else:
            await asyncio.sleep(course.delay)
        if course.delivery not in {"forgotten", "forgotten-late"}:
            submission.done = time.monotonic() + (self._chance.random() if course.delivery == "never" else 0)
        await self._deliver_as_planned(submission, course)

    async def _deliver_as_planned(self, submission: Submission, course: Course) -> None:
        match course.delivery:
            case "never" | "forgotten" | "early":
                return
            case "forgotten-late":
                await until(lambda: submission.end_told, AFTER_ALL_SECONDS)
                await self.deliver(submission, "late")
            case "twice":
                await asyncio.gather(self.deliver(submission, "twice"), self.deliver(submission, "twice"))
            case "running":
                await self.deliver(submission, "running")
                await self.deliver(submission, "prompt")
            case kind:
                await self.deliver(submission, "big" if course.big else kind)
