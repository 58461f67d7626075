"""The jobs that wait to be sent, and how each gets to the provider once. All of it in the portal's loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol

from aijupyter.api.transport import Attempt
from aijupyter.errors import (
    AIJupyterError,
    AuthenticationError,
    JobNotFoundError,
    LedgerError,
    NoAnswerError,
    ProviderUnreachableError,
    ServerError,
    UnexpectedAnswerError,
)
from aijupyter.jobs.dispatch import Dispatcher, patience
from aijupyter.jobs.line import Line
from aijupyter.logs import logger
from aijupyter.models import JobRecord, JobState, now
from aijupyter.protocols import Ledger

log = logger(__name__)

SENDERS = 8
"""So many requests are under way at once, where the budget allows."""

OUTAGE_SECONDS = 900.0
"""An API that has answered before may be out of reach for so long before its jobs fail."""

FREE_TRIES = 3
"""What costs nothing is sent so often where no answer comes."""


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


class _NotOursError(Exception):
    """The job was ended, or taken over by another session, while it stood in line."""


class Sender:
    """Sends this owner's questions in the order in which they were asked.

    The ledger says `sending` before a request leaves, and `written` again when it was surely not taken. With `free`,
    for a service that nobody pays, a request without an answer is sent again.
    """

    def __init__(self, *, ledger: Ledger, dispatcher: Dispatcher, post: Post, owner: str, free: bool) -> None:
        self.line = Line()
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._post = post
        self._owner = owner
        self._free = free
        self._reached = False
        self._patient: set[str] = set()
        self._not_taken: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send."""
        self._tasks = [asyncio.create_task(self._send_all(), name=f"sender {number}") for number in range(SENDERS)]

    async def close(self) -> None:
        """Stop sending. What was not sent stays written, for the next session."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def enqueue(self, record: JobRecord, *, patient: bool = False) -> None:
        """Put a written job in line. With `patient`, an API that cannot be reached or entered is waited for."""
        if patient:
            self._patient.add(record.key)
        self.line.put(record.key)

    async def _send_all(self) -> None:
        while True:
            key = await self.line.get()
            try:
                await self._send(key)
            finally:
                self.line.leave(key)
                if not self.line.holds(key):
                    self._patient.discard(key)
                    self._not_taken.discard(key)

    async def _send(self, key: str) -> None:
        """One job's way to the provider; whatever goes wrong ends in the ledger or in line again."""
        attempt = _Attempt(self, key)
        end = self._dispatcher.end
        try:
            accepted = await self._try(key, attempt)
        except _NotOursError:
            return
        except asyncio.CancelledError:  # the session closes
            await self._interrupted(key, attempt)
            raise
        except (NoAnswerError, ServerError, UnexpectedAnswerError) as error:
            if self._free and self.line.tries(key) < FREE_TRIES:
                await self._again(key, error)
            else:
                await end(key, JobState.UNCONFIRMED, error, "sent, and no answer came")
        except LedgerError as error:
            await self._again(key, error, write=False)
        except (ProviderUnreachableError, AuthenticationError) as error:
            if self._may_wait(key, error):
                await self._again(key, error)
            else:
                await end(key, JobState.FAILED, error, "it could not be submitted")
        except AIJupyterError as error:
            await end(key, JobState.FAILED, error, "it could not be submitted")
        else:
            self._reached = True
            await self._dispatcher.accepted(key, accepted.job_id, accepted.request_id)

    async def _try(self, key: str, attempt: _Attempt) -> Accepted:
        record = await self._ledger.find(key)
        if record is None:
            self._dispatcher.forgotten(key)
            raise _NotOursError
        if key in self._not_taken and record.state is JobState.SENDING and record.owner == self._owner:
            record = await self._dispatcher.step(key, JobState.WRITTEN, "it was not taken", only_from=_SENDING)
        if record.state is not JobState.WRITTEN or record.owner != self._owner:
            self._dispatcher.take_over(record)
            raise _NotOursError
        try:
            return await self._post.send(record, attempt)
        except (AIJupyterError, _NotOursError):
            raise
        except Exception as error:
            log.exception("job %s could not be submitted", key, extra={"event": "bug", "job": key})
            kind = UnexpectedAnswerError if attempt.sent else AIJupyterError
            raise kind(f"Job {key} could not be submitted: {error!r}.", "Please report this.") from error

    def _may_wait(self, key: str, error: AIJupyterError) -> bool:
        """An API that has answered before, or jobs of an earlier session, are given time; else it is a mistake."""
        if key in self._patient:
            return True
        outage = sum(map(patience, range(self.line.tries(key))))
        return self._reached and outage < OUTAGE_SECONDS and isinstance(error, ProviderUnreachableError)

    async def _again(self, key: str, error: AIJupyterError, *, write: bool = True) -> None:
        """Back into line after a while: nothing was taken, and nothing is lost."""
        self._not_taken.add(key)
        if write:
            with suppress(LedgerError, JobNotFoundError):
                await self._dispatcher.step(key, JobState.WRITTEN, "the API could not be reached", only_from=_SENDING)
        seconds = patience(self.line.tries(key))
        about = {"event": "job.again", "job": key, "seconds": seconds, "error": type(error).__name__}
        log.warning("job %s is tried again in %g s: %s", key, seconds, error, extra=about)
        self.line.put_back(key, seconds)

    async def _interrupted(self, key: str, attempt: _Attempt) -> None:
        with suppress(LedgerError, JobNotFoundError):
            if attempt.sent and not self._free:
                error = NoAnswerError("The session was closed before it was told.")
                cause = "sent, and the session closed before the answer came"
                await self._dispatcher.step(key, JobState.UNCONFIRMED, cause, error, only_from=_SENDING)
            elif attempt.taken:
                cause = "the session closed before it was sent"
                await self._dispatcher.step(key, JobState.WRITTEN, cause, only_from=_SENDING)

    async def take(self, key: str) -> None:
        """Move a job to sending, so that nobody else sends it."""
        record = await self._ledger.take(key, self._owner, at=now())
        if record is None:
            raise _NotOursError
        self._dispatcher.tally.sent()
        log.info("job %s is sent", key, extra={"event": "job.sent", "job": key, "tries": self.line.tries(key)})
        self._dispatcher.take_over(record)

    async def put_back(self, key: str) -> None:
        """Move it back: a 401 or a 429 says that it was not taken."""
        await self._dispatcher.step(key, JobState.WRITTEN, "refused for now by the provider", only_from=_SENDING)


class _Attempt(Attempt):
    """One job's submission, as the transport follows it."""

    def __init__(self, sender: Sender, key: str) -> None:
        self._sender = sender
        self._key = key
        self.taken = False

    async def leaving(self) -> None:
        """Written down before it leaves."""
        self.taken = True  # also where this is cancelled half-way, when the ledger may have done it
        await self._sender.take(self._key)

    async def refused(self) -> None:
        """Written down before it leaves again."""
        await self._sender.put_back(self._key)


_SENDING = frozenset({JobState.SENDING})
