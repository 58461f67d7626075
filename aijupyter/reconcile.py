"""What the webhook did not bring, the status call does: sparsely, the longest silent job first."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aijupyter.dispatch import Dispatcher
from aijupyter.envelope import MalformedEnvelopeError, parse_envelope
from aijupyter.errors import AIJupyterError, NotFoundError
from aijupyter.jobs import Job, JobBook, expired
from aijupyter.models import Delivery, DeliverySource, JobRecord, JobState, now

log = logging.getLogger(__name__)

AskStatus = Callable[[str], Awaitable[bytes]]
"""Asks the provider for a job by its id; the envelope as it came. Raises NotFoundError for an unknown job."""


class Reconciler:
    """Asks for one job at a time, each at most once in `seconds`, and only when its answer has been silent so long."""

    def __init__(self, *, book: JobBook, dispatcher: Dispatcher, ask: AskStatus, seconds: float) -> None:
        self._book = book
        self._dispatcher = dispatcher
        self._ask = ask
        self._seconds = seconds
        self._asked: dict[str, float] = {}

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(self._seconds / 4)
            job = self._most_silent()
            if job is None:
                continue
            self._asked[job.key] = time.monotonic()
            try:
                await self.reconcile(job)
            except AIJupyterError as error:
                log.info("the status of job %s could not be learned: %s", job.id, error)
            except Exception:
                log.exception("the status of job %s could not be learned", job.id)

    async def reconcile(self, job: Job[Any]) -> None:
        """Look for one job's end in the ledger, then ask its server, and treat the answer as its delivery."""
        record = await self._dispatcher.reload(job)
        if record.state is not JobState.SUBMITTED:
            return
        try:
            body = await self._ask(job.id)
        except NotFoundError:
            await self._dispatcher.expire(job, expired(record))
            return
        try:
            envelope = parse_envelope(body)
        except MalformedEnvelopeError as error:
            log.warning("the status of job %s is no envelope: %s", job.id, error)
            return
        await self._dispatcher.accept(Delivery(record.path, envelope, body, DeliverySource.STATUS, now()))

    def _most_silent(self) -> Job[Any] | None:
        jobs = self._book.under_way()
        known = {job.key for job in jobs}
        self._asked = {key: at for key, at in self._asked.items() if key in known}
        silent = [(self._silence(job), job) for job in jobs]
        seconds, job = max(silent, key=lambda pair: pair[0], default=(0.0, None))
        return job if seconds >= self._seconds else None

    def _silence(self, job: Job[Any]) -> float:
        """Seconds since the job was submitted or last asked for."""
        if job.key in self._asked:
            return time.monotonic() - self._asked[job.key]
        return _age(job.record)


def _age(record: JobRecord) -> float:
    return (now() - (record.submitted or record.created)).total_seconds()
