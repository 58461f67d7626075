"""What becomes of jobs: each step is written down, then told to whoever waits. All of it in the portal's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from aijupyter.envelope import Envelope
from aijupyter.errors import (
    AIJupyterError,
    JobNotFoundError,
    LedgerError,
    ProviderError,
    SessionClosedError,
    dump_error,
)
from aijupyter.jobs.book import JobBook
from aijupyter.jobs.job import Job
from aijupyter.jobs.tally import Tally
from aijupyter.logs import logger
from aijupyter.models import Delivery, JobRecord, JobState, Receipt, Verdict, now
from aijupyter.protocols import Ledger

log = logger(__name__)

PATIENCE = (1.0, 2.0, 5.0, 10.0, 30.0)


def patience(tries: int) -> float:
    """Seconds before the next try at what was tried in vain so often, and can be tried again."""
    return PATIENCE[min(tries, len(PATIENCE) - 1)]


class Dispatcher:
    """Takes in answers, and every other step of a job. It is the receiver's Inbox.

    `expect` is told of each job that was sent and whose answer is awaited, `settled` of each that needs no more:
    neither status calls nor its recording. With `verify`, deliveries are held, and `held` is told of each.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        book: JobBook,
        owner: str,
        expect: Callable[[JobRecord], None],
        settled: Callable[[str], None],
        verify: bool = False,
        held: Callable[[JobRecord, Delivery], None] = lambda _record, _delivery: None,
    ) -> None:
        self._ledger = ledger
        self._book = book
        self._owner = owner
        self._expect = expect
        self._settled = settled
        self._verify = verify
        self._held = held
        self.tally = Tally()
        """What has been sent and what came back, to look at."""
        self._gave_up: Callable[[JobRecord], SessionClosedError] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop what is under way in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def accepted(self, key: str, job_id: str, request_id: str | None) -> None:
        """The provider took the job."""
        cause = "accepted by the provider"
        await self._persist(key, JobState.SUBMITTED, cause=cause, job_id=job_id, request_id=request_id)

    async def step(
        self, key: str, state: JobState, cause: str, error: AIJupyterError | None = None, **more: Any
    ) -> JobRecord:
        """Move a job on. Raises LedgerError or JobNotFoundError."""
        record = await self._write(key, state, cause, error, **more)
        self.take_over(record)
        return record

    async def end(self, key: str, state: JobState, error: AIJupyterError, cause: str) -> None:
        """Write down why a job came to nothing, or may have."""
        request_id = error.request_id if isinstance(error, ProviderError) else None
        await self._persist(key, state, cause=cause, error=error, request_id=request_id)

    async def _persist(
        self,
        key: str,
        state: JobState,
        *,
        cause: str,
        error: AIJupyterError | None = None,
        job_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """Write a step down, however long that takes: those who wait are told at once."""
        try:
            self.take_over(await self._write(key, state, cause, error, job_id=job_id, request_id=request_id))
        except JobNotFoundError:
            about = {"event": "job.forgotten", "job": key, "state": state}
            log.info("job %s was forgotten before it became %s", key, state, extra=about)
        except LedgerError as failure:
            about = {"event": "ledger.failed", "job": key, "state": state, "error": type(failure).__name__}
            log.warning("a step of job %s could not be written down yet: %s", key, failure, extra=about)
            job = self._book.get(key)
            if job is not None:
                details = dump_error(error) if error else None
                job.update(replace(job.record, state=state, job_id=job_id, request_id=request_id, error=details))
            self._background(self._write_later(key, state, cause, error, job_id, request_id), f"write {key}")

    async def _write_later(
        self,
        key: str,
        state: JobState,
        cause: str,
        error: AIJupyterError | None,
        job_id: str | None,
        request_id: str | None,
    ) -> None:
        tries = 0
        while True:
            await asyncio.sleep(patience(tries))
            tries += 1
            with suppress(LedgerError):
                with suppress(JobNotFoundError):
                    self.take_over(await self._write(key, state, cause, error, job_id=job_id, request_id=request_id))
                return

    async def _write(
        self, key: str, state: JobState, cause: str, error: AIJupyterError | None = None, **more: Any
    ) -> JobRecord:
        details = dump_error(error) if error else None
        record = await self._ledger.advance(key, state, at=now(), cause=cause, error=details, **more)
        self.tally.moved(state)
        about = {"event": "job.moved", "job": key, "job_id": record.job_id, "state": record.state, "cause": cause}
        log.info("job %s is %s: %s", record.id, record.state, cause, extra=about)
        return record

    async def expects(self, path: str) -> bool:
        """Whether a delivery path belongs to a job, or did."""
        return await self._ledger.expects(path)

    async def accept(self, delivery: Delivery) -> Verdict:
        """Write a delivery down, then wake whoever waits for it."""
        receipt = await self._ledger.accept(delivery, verify=self._verify)
        _tell(delivery, receipt)
        self.tally.delivered(delivery, receipt)
        if receipt.record is not None:  # of a repeat too: the first answer's commit may have seemed to fail
            envelope = delivery.envelope if receipt.verdict is Verdict.ANSWERED else None
            self.take_over(receipt.record, envelope)
            if receipt.verdict is Verdict.HELD:
                self._held(receipt.record, delivery)
        return receipt.verdict

    def news(self, keys: Sequence[str]) -> None:
        """Look again at jobs that another session changed, where somebody here holds them or their results."""
        ours = [key for key in keys if self._book.holds(key)]
        if ours:
            self._background(self._reload_all(ours), "news")

    async def _reload_all(self, keys: Sequence[str]) -> None:
        for key in keys:
            with suppress(LedgerError):
                await self.reload(key)

    async def reload(self, key: str) -> JobRecord | None:
        """Take over what the ledger says of a job."""
        record = await self._ledger.find(key)
        if record is not None:
            self.take_over(record)
        else:
            self.forgotten(key)
        return record

    def forgotten(self, key: str) -> None:
        """Let go of a job that the ledger does not hold any more."""
        self._settled(key)
        job = self._book.get(key)
        if job is not None:
            job.fail(JobNotFoundError(f"Job {job.id} was forgotten.", "Ask again.", job_id=job.id))

    async def cancel(self, key: str) -> bool:
        """Give up a job that was not sent, or of which nobody knows whether it was received."""
        record = await self._ledger.advance(
            key,
            JobState.CANCELLED,
            at=now(),
            cause="cancelled",
            only_from={JobState.WRITTEN, JobState.UNCONFIRMED},
        )
        self.take_over(record)
        return record.state is JobState.CANCELLED

    async def name_speakers(self, key: str, changes: Mapping[str, str | None]) -> None:
        """Give names to some of a job's speakers, or with None take them back. Raises JobNotFoundError, LedgerError."""
        try:
            record = await self._ledger.name_speakers(key, changes)
        except JobNotFoundError:
            raise JobNotFoundError(
                f"Job {key} was forgotten, so nobody keeps the names of its speakers.", "Ask again.", job_id=key
            ) from None
        self.take_over(record)

    async def expire(self, key: str, error: AIJupyterError) -> None:
        """End a job whose answer will not come."""
        await self.end(key, JobState.EXPIRED, error, "no longer known to the provider")

    def give_up(self, error: Callable[[JobRecord], SessionClosedError]) -> None:
        """End every wait, also those to come: the jobs go on, but nobody here would notice."""
        self._gave_up = error
        for job in self._book.under_way():
            job.fail(error(job.record))

    def attend(self, job: Job[Any]) -> None:
        """See to it that a wait for the job ends, also where this session has given up."""
        if self._gave_up is not None and not job.state.final:
            job.fail(self._gave_up(job.record))

    def take_over(self, record: JobRecord, envelope: Envelope | None = None) -> None:
        """Do what a job's new state asks for, and tell whoever waits."""
        self._follow(record)
        job = self._book.get(record.key)
        if job is not None:
            job.update(record, envelope)
        result = self._book.held_result(record.key)
        if result is not None:
            result.take_names(record.names)

    def _follow(self, record: JobRecord) -> None:
        """What a job's state means for its loan and its status calls."""
        if record.state.final:
            self._settled(record.key)
        elif record.job_id is not None and record.owner == self._owner:
            self._expect(record)

    def _background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _tell(delivery: Delivery, receipt: Receipt) -> None:
    """Log what became of a delivery."""
    job, envelope = receipt.record, delivery.envelope
    name = envelope.job_id or "of no name" if job is None else job.id
    about = {
        "event": "delivery.kept",
        "job": None if job is None else job.key,
        "job_id": envelope.job_id,
        "verdict": receipt.verdict,
        "source": delivery.source,
        "outcome": envelope.outcome,
        "bytes": len(delivery.body),
        "request_id": delivery.request_id,
    }
    if receipt.verdict is not Verdict.UNKNOWN:
        log.info("a delivery for job %s by %s: %s", name, delivery.source, receipt.verdict, extra=about)
    if receipt.confirmed is False:
        about = {"event": "delivery.contradicted", "job": about["job"], "job_id": envelope.job_id}
        log.warning("the status call said of job %s what its delivery had not; it counts", name, extra=about)
