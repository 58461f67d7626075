"""From a question to a submission, and from a delivery to the job it ends. All of it runs in the portal's loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Protocol

from aijupyter.envelope import parse_envelope
from aijupyter.errors import (
    AIJupyterError,
    LedgerError,
    NoAnswerError,
    ProviderError,
    ServerError,
    SessionClosedError,
    UnexpectedAnswerError,
    dump_error,
)
from aijupyter.jobs import Job, JobBook
from aijupyter.models import Delivery, JobRecord, JobState, Recording, Verdict, now
from aijupyter.protocols import Ledger

log = logging.getLogger(__name__)


class Sent(Protocol):
    """What a submission that was accepted tells."""

    @property
    def job_id(self) -> str:
        """The provider's id."""

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""


Send = Callable[[str, str, Callable[[bool], None]], Awaitable[Sent]]
"""Sends a prepared request; takes the recording's URI and encoding, and what to tell whether the request has left."""

Opened = Callable[[], Awaitable[Recording]]
"""Gives the recording, once it has been looked at."""


class Lender(Protocol):
    """Lends recordings to the provider."""

    def lend(self, recording: Recording) -> tuple[str, Callable[[], None]]:
        """A URI for the recording, and what ends the loan."""


class Dispatcher:
    """Sends questions and takes in answers. It is the receiver's Inbox."""

    def __init__(self, *, ledger: Ledger, book: JobBook, lender: Lender) -> None:
        self._ledger = ledger
        self._book = book
        self._lender = lender
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def close(self) -> None:
        """Stop what is being sent, and end every wait: the jobs go on, but nobody here would notice."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in self._book.under_way():
            job.fail(
                SessionClosedError(
                    f"The session was closed while job {job.id} was {job.state}.",
                    f"Connect again and pick it up: ai.job({job.key!r}).",
                )
            )

    def begin(self, job: Job[Any], recording: Opened, send: Send) -> None:
        """Start the way of a job: write the intent down, lend the recording out, send the request."""
        if self._closed:
            job.fail(_not_sent(job))
            return
        self._book.add(job)
        task = asyncio.get_running_loop().create_task(self._run(job, recording, send), name=f"submit {job.key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Job[Any], recording: Opened, send: Send) -> None:
        sent = False

        def in_flight(has_left: bool) -> None:
            nonlocal sent
            sent = has_left

        try:
            await self._ledger.add(job.record)
            await self._submit(job, await recording(), lambda uri, encoding: send(uri, encoding, in_flight))
        except asyncio.CancelledError:  # the session closes
            if sent:
                await self._end(job, JobState.UNCONFIRMED, NoAnswerError("The session was closed before it was told."))
            else:
                await self._end(job, JobState.FAILED, _not_sent(job))
            raise
        except LedgerError as error:
            job.fail(error)
        except AIJupyterError as error:
            await self._end(job, JobState.FAILED, error)
        except Exception as error:
            log.exception("job %s could not be submitted", job.key)
            failure = AIJupyterError(f"Job {job.key} could not be submitted: {error!r}.", "Please report this.")
            await self._end(job, JobState.FAILED, failure)

    async def _submit(self, job: Job[Any], recording: Recording, send: Callable[[str, str], Awaitable[Sent]]) -> None:
        uri, end_loan = self._lender.lend(recording)

        def end_loan_when_done() -> None:
            if job.over:
                end_loan()

        job.watch(end_loan_when_done)
        try:
            sent = await send(uri, recording.encoding)
        except (NoAnswerError, ServerError, UnexpectedAnswerError) as error:
            await self._end(job, JobState.UNCONFIRMED, error)
            return
        await self._confirm(job, sent)

    async def _confirm(self, job: Job[Any], sent: Sent) -> None:
        try:
            record = await self._ledger.advance(
                job.key, JobState.SUBMITTED, at=now(), job_id=sent.job_id, request_id=sent.request_id
            )
        except LedgerError:  # the delivery finds its job by the path all the same
            log.warning("the acceptance of job %s could not be written down", job.key)
            record = replace(
                job.record, state=JobState.SUBMITTED, job_id=sent.job_id, request_id=sent.request_id, submitted=now()
            )
        job.update(record)

    async def _end(self, job: Job[Any], state: JobState, error: AIJupyterError) -> None:
        """Write down why a job came to nothing, or may have."""
        request_id = error.request_id if isinstance(error, ProviderError) else None
        details = dump_error(error)
        try:
            job.update(await self._ledger.advance(job.key, state, at=now(), request_id=request_id, error=details))
        except LedgerError:
            job.fail(error)

    async def expects(self, path: str) -> bool:
        """Whether a delivery path belongs to a job."""
        return await self._ledger.expects(path)

    async def accept(self, delivery: Delivery) -> Verdict:
        """Write a delivery down, then wake whoever waits for it."""
        receipt = await self._ledger.accept(delivery)
        if receipt.record is not None and receipt.verdict is Verdict.ANSWERED:
            job = self._book.get(receipt.record.key)
            if job is not None:
                job.update(receipt.record, delivery.envelope)
        return receipt.verdict

    async def reload(self, job: Job[Any]) -> JobRecord:
        """Take over what the ledger says of a job, for another session on the same ledger may have ended it."""
        record = await self._ledger.find(job.key) or job.record
        if record.state is JobState.WRITTEN and job.state is JobState.SUBMITTED:  # which could not be written down then
            record = await self._ledger.advance(job.key, job.state, at=now(), job_id=job.record.job_id)
        body = await self._ledger.answer(job.key) if record.state.final else None
        job.update(record, parse_envelope(body) if body is not None else None)
        return record

    async def expire(self, job: Job[Any], error: AIJupyterError) -> None:
        """End a job whose answer will not come."""
        await self._end(job, JobState.EXPIRED, error)


def _not_sent(job: Job[Any]) -> SessionClosedError:
    return SessionClosedError(f"The session was closed before job {job.key} was sent.", "Connect and ask again.")
