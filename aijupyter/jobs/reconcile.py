"""What the webhook did not bring, the status call does: sparsely, the oldest expectation first."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from aijupyter.envelope import MalformedEnvelopeError, parse_envelope
from aijupyter.errors import AIJupyterError, NotFoundError
from aijupyter.jobs.job import expired
from aijupyter.logs import logger
from aijupyter.models import UNDER_WAY, Delivery, DeliverySource, JobRecord, Verdict, now

log = logger(__name__)

AskStatus = Callable[[str], Awaitable[bytes]]
"""Asks the provider for a job by its id; the envelope as it came. Raises NotFoundError for an unknown job."""

GROWTH = 2.0
"""Each time that a job is asked for in vain, the next time is so much further away,"""

SLOWEST = 16.0
"""up to so many times the first interval."""


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
    no submission needs it.
    """

    def __init__(self, *, inbox: Inbox, ask: AskStatus, owner: str, seconds: float) -> None:
        self._inbox = inbox
        self._ask = ask
        self._owner = owner
        self._seconds = seconds
        self._due: dict[str, float] = {}
        self._waits: dict[str, float] = {}
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

    def settled(self, key: str) -> None:
        """Await it no more. Idempotent."""
        self._due.pop(key, None)
        self._waits.pop(key, None)

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            key = await self._next()
            try:
                await self._reconcile(key)
            except AIJupyterError as error:
                log.info("the status of job %s could not be learned: %s", key, error)
            except Exception:
                log.exception("the status of job %s could not be learned", key)

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
        record = await self._inbox.reload(key)
        if record is None or record.state not in UNDER_WAY or record.owner != self._owner or record.job_id is None:
            self.settled(key)
            return
        try:
            body = await self._ask(record.job_id)
        except NotFoundError as error:
            if not error.faults:  # of something on the way; the API says what it does not find
                log.warning("the status of job %s was answered 404 by somebody else", record.id)
                return
            await self._inbox.expire(key, expired(record))
            return
        try:
            envelope = parse_envelope(body)
        except MalformedEnvelopeError as error:
            log.warning("the status of job %s is no envelope: %s", record.id, error)
            return
        await self._inbox.accept(Delivery(record.path, envelope, body, DeliverySource.STATUS, now()))
