"""What the webhook did not bring, the status call does: sparsely, the oldest expectation first."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

from aijupyter.envelope import MalformedEnvelopeError, Outcome, parse_envelope, without_tokens
from aijupyter.errors import AIJupyterError, NotFoundError
from aijupyter.jobs.job import expired
from aijupyter.logs import logger
from aijupyter.models import UNDER_WAY, Delivery, DeliverySource, JobRecord, JobState, Verdict, now

log = logger(__name__)

AskStatus = Callable[[str], Awaitable[bytes]]
"""Asks the provider for a job by its id; the envelope as it came. Raises NotFoundError for an unknown job."""

GROWTH = 2.0
"""Each time that a job is asked for in vain, the next time is so much further away,"""

SLOWEST = 16.0
"""up to so many times the first interval."""

HURRIES_REMEMBERED = 1000
AHEAD_SECONDS = 1e9
"""A job that is hurried is as if it had been due so long ago."""


class Inbox(Protocol):
    """Where answers go, and where a job can be looked up and ended."""

    async def accept(self, delivery: Delivery) -> Verdict:
        """Keep an answer."""

    async def reload(self, key: str) -> JobRecord | None:
        """What the ledger says of a job."""

    async def expire(self, key: str, error: AIJupyterError) -> None:
        """End a job whose answer will not come."""


class Reconciler:
    """Asks for one job at a time, and for each only when its answer has been silent for a while.

    `seconds` is the first such while; it doubles each time. The account's budget lets a status call through only where
    no submission needs it. A job whose delivery is held goes ahead of the others, at most once in that while, so that
    who knows a delivery path cannot use up the budget.
    """

    def __init__(self, *, inbox: Inbox, ask: AskStatus, owner: str, seconds: float) -> None:
        self._inbox = inbox
        self._ask = ask
        self._owner = owner
        self._seconds = seconds
        self._due: dict[str, float] = {}
        self._waits: dict[str, float] = {}
        self._claims: dict[str, str] = {}
        self._hurried: dict[str, float] = {}
        self.counts: Counter[str] = Counter()
        self._line: list[tuple[float, str]] = []
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def expect(self, record: JobRecord, *, overdue: bool = False) -> None:
        """Await a job's answer from now on; does nothing where it is awaited already.

        `overdue` asks for it soon: its deliveries may have gone to a session that is no more.
        """
        if record.key not in self._due:
            self._schedule(record.key, 0.0 if overdue else self._seconds)

    def __contains__(self, key: str) -> bool:
        return key in self._due

    def hurry(self, key: str, job_id: str) -> None:
        """Ask for a job ahead of the others, by its id or by what a delivery that is held claims to be its id."""
        self._claims[key] = job_id
        now = time.monotonic()
        if len(self._hurried) > HURRIES_REMEMBERED:
            self._hurried = {each: at for each, at in self._hurried.items() if at + self._seconds > now}
        again = self._hurried.get(key, -float("inf")) + self._seconds
        if again <= now:
            self._hurried[key] = now
            self._schedule(key, -AHEAD_SECONDS)
        else:
            self._schedule(key, min(again, self._due.get(key, again)) - now)

    def settled(self, key: str) -> None:
        """Await it no more. Idempotent."""
        self._due.pop(key, None)
        self._waits.pop(key, None)
        self._claims.pop(key, None)

    def hasten(self) -> None:
        """Deliveries may have been lost: ask for each awaited job as soon as for one that was just sent."""
        latest = time.monotonic() + self._seconds
        self._waits.clear()
        for key in [key for key, due in self._due.items() if due > latest]:
            self._schedule(key, self._seconds)

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            key = await self._next()
            try:
                await self._reconcile(key)
            except AIJupyterError as error:
                about = {"event": "status.failed", "job": key, "error": type(error).__name__}
                log.info("the status of job %s could not be learned: %s", key, error, extra=about)
            except Exception:
                about = {"event": "bug", "job": key}
                log.exception("the status of job %s could not be learned", key, extra=about)

    async def _next(self) -> str:
        """The job whose answer is due the longest; its next time is set already."""
        while True:
            due, key = self._line[0] if self._line else (float("inf"), "")
            wait = due - time.monotonic()
            if wait <= 0:
                heapq.heappop(self._line)
                if self._due.get(key) == due:
                    self._put_off(key)
                    return key
                continue
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), None if wait == float("inf") else wait)
            except TimeoutError:
                continue

    def _put_off(self, key: str) -> None:
        wait = min(self._waits.get(key, self._seconds / GROWTH) * GROWTH, self._seconds * SLOWEST)
        self._waits[key] = wait
        self._schedule(key, wait)

    def _schedule(self, key: str, seconds: float) -> None:
        due = time.monotonic() + seconds
        self._due[key] = due
        heapq.heappush(self._line, (due, key))
        if self._line[0][1] == key:
            self._changed.set()

    async def _reconcile(self, key: str) -> None:
        """Look for a job's end in the ledger, then ask its server, and treat the answer as its delivery."""
        claimed = self._claims.get(key)
        record = await self._inbox.reload(key)
        job_id = None if record is None else record.job_id or claimed
        if record is None or job_id is None or not (self._is_awaited(record) or (claimed and _may_end(record))):
            self.settled(key)
            return
        self._claims.pop(key, None)
        try:
            body = await self._body(record, job_id)
        except AIJupyterError:
            self._keep_in_mind(key, claimed)
            raise
        if key not in self._claims and not self._is_awaited(record):  # what an answer begins anew comes after this
            self.settled(key)
        if body is not None:
            await self._accept(record, body)

    def _keep_in_mind(self, key: str, claimed: str | None) -> None:
        """A claim that could not be looked into is still to be."""
        if claimed is not None:
            self._claims.setdefault(key, claimed)
            if key not in self._due:
                self._put_off(key)

    def _is_awaited(self, record: JobRecord) -> bool:
        return record.state in UNDER_WAY and record.owner == self._owner and record.job_id is not None

    async def _body(self, record: JobRecord, job_id: str) -> bytes | None:
        """What the status call answers; None where it knows no such job."""
        self.counts["asked"] += 1
        about = {"event": "status.asked", "job": record.key, "job_id": job_id}
        log.debug("the status of job %s is asked for", record.id, extra=about)
        try:
            return without_tokens(await self._ask(job_id))
        except NotFoundError as error:
            about = {"event": "status.unknown", "job": record.key, "job_id": job_id}
            self.counts["unknown"] += 1
            if not error.faults:  # of something on the way; the API says what it does not find
                log.warning("the status of job %s was answered 404 by somebody else", record.id, extra=about)
            elif record.job_id is None:
                log.warning("job %s is not known by the id that a delivery claims", record.id, extra=about)
            elif self._is_awaited(record):
                log.info("job %s is no longer known to the provider", record.id, extra=about)
                await self._inbox.expire(record.key, expired(record))
        except AIJupyterError:
            self.counts["failed"] += 1
            raise
        return None

    async def _accept(self, record: JobRecord, body: bytes) -> None:
        try:
            envelope = parse_envelope(body)
        except MalformedEnvelopeError as error:
            about = {"event": "status.malformed", "job": record.key}
            log.warning("the status of job %s is no envelope: %s", record.id, error, extra=about)
            self.counts["failed"] += 1
            return
        self.counts["in progress" if envelope.outcome is Outcome.IN_PROGRESS else "answered"] += 1
        await self._inbox.accept(Delivery(record.path, envelope, body, DeliverySource.STATUS, now()))


def _may_end(record: JobRecord) -> bool:
    """Whether an answer would end the job: one that came to nothing takes it after all."""
    return record.state is not JobState.SUCCEEDED
