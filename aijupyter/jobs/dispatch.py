"""From a written question to a submission, and from a delivery to the job it ends. All of it in the portal's loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from aijupyter.api.transport import Attempt
from aijupyter.envelope import Envelope
from aijupyter.errors import (
    AIJupyterError,
    JobNotFoundError,
    LedgerError,
    NoAnswerError,
    ProviderError,
    ProviderUnreachableError,
    ServerError,
    SessionClosedError,
    UnexpectedAnswerError,
    dump_error,
)
from aijupyter.jobs.book import JobBook
from aijupyter.jobs.job import Job
from aijupyter.jobs.line import Line
from aijupyter.models import Delivery, JobRecord, JobState, Verdict, now
from aijupyter.protocols import Ledger

log = logging.getLogger(__name__)

SENDERS = 8
"""So many requests are under way at once, where the budget allows."""

PATIENCE = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before the next try at what can be tried again; the last one stays."""

OUTAGE_SECONDS = 900.0
"""An API that has answered before may be out of reach for so long before its jobs fail."""


class Accepted(Protocol):
    """What a submission that was accepted tells."""

    @property
    def job_id(self) -> str:
        """The provider's id."""

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""


class Post(Protocol):
    """How a job gets to the provider."""

    async def send(self, record: JobRecord, attempt: Attempt) -> Accepted:
        """Lend the recording out and submit the question."""

    def recall(self, key: str) -> None:
        """End the loan of a job's recording. Idempotent."""


class _NotOursError(Exception):
    """The job was ended, or taken over by another session, while it stood in line."""


class Dispatcher:
    """Sends questions in the order in which they were asked, and takes in answers. It is the receiver's Inbox.

    `expect` is told of each job that was sent and whose answer is awaited, `settled` of each that needs no more.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        book: JobBook,
        post: Post,
        owner: str,
        expect: Callable[[JobRecord], None],
        settled: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._book = book
        self._post = post
        self._owner = owner
        self._expect = expect
        self._settled = settled
        self.line = Line()
        self._gave_up: Callable[[JobRecord], SessionClosedError] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reached = False

    def start(self) -> None:
        """Begin to send."""
        for number in range(SENDERS):
            self._background(self._send_all(), f"sender {number}")

    async def close(self) -> None:
        """Stop sending. What was not sent stays written, for the next session."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def enqueue(self, record: JobRecord) -> None:
        """Put a written job in line."""
        self.line.put(record.key)

    async def _send_all(self) -> None:
        while True:
            key = await self.line.get()
            try:
                await self._send(key)
            finally:
                self.line.leave(key)

    async def _send(self, key: str) -> None:
        """One job's way to the provider; whatever goes wrong ends in the ledger or in line again."""
        attempt = _Attempt(self, key)
        try:
            record = await self._ledger.find(key)
            if record is None or record.state is not JobState.WRITTEN or record.owner != self._owner:
                return
            accepted = await self._post.send(record, attempt)
        except _NotOursError:
            return
        except asyncio.CancelledError:  # the session closes
            await self._interrupted(key, attempt)
            raise
        except (NoAnswerError, ServerError, UnexpectedAnswerError) as error:
            await self._end(key, JobState.UNCONFIRMED, error, "sent, and no answer came")
        except LedgerError as error:
            self._again(key, error)
        except ProviderUnreachableError as error:
            await self._unreachable(key, error)
        except AIJupyterError as error:
            await self._end(key, JobState.FAILED, error, "it could not be submitted")
        except Exception as error:
            log.exception("job %s could not be submitted", key)
            failure = AIJupyterError(f"Job {key} could not be submitted: {error!r}.", "Please report this.")
            await self._end(key, JobState.UNCONFIRMED if attempt.sent else JobState.FAILED, failure, "an error of ours")
        else:
            self._reached = True
            await self._persist(
                key,
                JobState.SUBMITTED,
                cause="accepted by the provider",
                job_id=accepted.job_id,
                request_id=accepted.request_id,
            )

    async def _interrupted(self, key: str, attempt: _Attempt) -> None:
        if not attempt.taken:
            return
        error = NoAnswerError("The session was closed before it was told.") if attempt.sent else None
        state, cause = (JobState.UNCONFIRMED, "sent, and the session closed before the answer came")
        if error is None:
            state, cause = JobState.WRITTEN, "the session closed before it was sent"
        with suppress(LedgerError, JobNotFoundError):
            self.take_over(await self._write(key, state, cause, error, only_from={JobState.SENDING}))

    async def _unreachable(self, key: str, error: ProviderUnreachableError) -> None:
        """Surely not received: an API that has answered before is given time, one that never has is a mistake."""
        tried = self.line.tries(key)
        outage = sum(PATIENCE[min(number, len(PATIENCE) - 1)] for number in range(tried))
        if not self._reached or outage > OUTAGE_SECONDS:
            await self._end(key, JobState.FAILED, error, "the API could not be reached")
            return
        with suppress(LedgerError, JobNotFoundError):
            waits = "the API could not be reached"
            self.take_over(await self._write(key, JobState.WRITTEN, waits, only_from={JobState.SENDING}))
        self._again(key, error)

    def _again(self, key: str, error: AIJupyterError) -> None:
        """Back into line after a while: nothing has left, and nothing is lost."""
        seconds = PATIENCE[min(self.line.tries(key), len(PATIENCE) - 1)]
        log.warning("job %s is tried again in %g s: %s", key, seconds, error)
        self.line.put_back(key, seconds)

    async def _end(self, key: str, state: JobState, error: AIJupyterError, cause: str) -> None:
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
            log.info("job %s was forgotten before it became %s", key, state)
        except LedgerError as failure:
            log.warning("a step of job %s could not be written down yet: %s", key, failure)
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
            await asyncio.sleep(PATIENCE[min(tries, len(PATIENCE) - 1)])
            tries += 1
            with suppress(LedgerError):
                with suppress(JobNotFoundError):
                    self.take_over(await self._write(key, state, cause, error, job_id=job_id, request_id=request_id))
                return

    async def _write(
        self, key: str, state: JobState, cause: str, error: AIJupyterError | None = None, **more: Any
    ) -> JobRecord:
        details = dump_error(error) if error else None
        return await self._ledger.advance(key, state, at=now(), cause=cause, error=details, **more)

    async def expects(self, path: str) -> bool:
        """Whether a delivery path belongs to a job, or did."""
        return await self._ledger.expects(path)

    async def accept(self, delivery: Delivery) -> Verdict:
        """Write a delivery down, then wake whoever waits for it."""
        receipt = await self._ledger.accept(delivery)
        if receipt.record is not None and receipt.verdict in {Verdict.ANSWERED, Verdict.NOTED}:
            envelope = delivery.envelope if receipt.verdict is Verdict.ANSWERED else None
            self.take_over(receipt.record, envelope)
        return receipt.verdict

    def news(self, keys: Sequence[str]) -> None:
        """Look again at jobs that another session changed, where this one has to do with them."""
        ours = [key for key in keys if self._book.get(key) is not None or self.line.holds(key)]
        if ours:
            self._background(self._reload_all(ours), "news")

    async def _reload_all(self, keys: Sequence[str]) -> None:
        for key in keys:
            with suppress(LedgerError):
                await self.reload(key)

    async def reload(self, key: str) -> JobRecord | None:
        """Take over what the ledger says of a job."""
        record = await self._ledger.find(key)
        job = self._book.get(key)
        if record is not None:
            self.take_over(record)
        elif job is not None:
            job.fail(JobNotFoundError(f"Job {job.id} was forgotten.", "Ask again.", job_id=job.id))
        return record

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

    async def expire(self, key: str, error: AIJupyterError) -> None:
        """End a job whose answer will not come."""
        await self._end(key, JobState.EXPIRED, error, "no longer known to the provider")

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

    def _follow(self, record: JobRecord) -> None:
        """What a job's state means for its loan and its status calls."""
        if record.state.final:
            self._post.recall(record.key)
            self._settled(record.key)
        elif record.job_id is not None and record.owner == self._owner:
            self._expect(record)

    def _background(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Attempt(Attempt):
    """One job's submission: the ledger says `sending` before the request leaves, and `written` when it was refused."""

    def __init__(self, dispatcher: Dispatcher, key: str) -> None:
        self._dispatcher = dispatcher
        self._key = key
        self.taken = False

    async def leaving(self) -> None:
        """Take the job, so that nobody else sends it."""
        desk = self._dispatcher
        record = await desk._ledger.take(self._key, desk._owner, at=now())  # noqa: SLF001  # one module
        if record is None:
            raise _NotOursError
        self.taken = True
        desk.take_over(record)

    async def refused(self) -> None:
        """Put it back: a 401 or a 429 says that it was not taken."""
        desk = self._dispatcher
        desk.take_over(
            await desk._write(  # noqa: SLF001
                self._key, JobState.WRITTEN, "refused for now by the provider", only_from={JobState.SENDING}
            )
        )
        self.taken = False
