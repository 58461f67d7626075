"""Job: a handle on one question, live from the moment it is asked; awaited in any loop, or waited for in none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from aijupyter.envelope import Envelope
from aijupyter.errors import (
    AIJupyterError,
    JobCancelledError,
    JobExpiredError,
    JobFailedError,
    JobNotFoundError,
    JobTimeoutError,
    PortalError,
    SubmissionUnconfirmedError,
    dump_error,
    load_error,
)
from aijupyter.jobs.waiting import block_for, wait_for
from aijupyter.logs import logger
from aijupyter.models import JobRecord, JobState, Operation

if TYPE_CHECKING:
    import pandas as pd

log = logger(__name__)

ResultT = TypeVar("ResultT")

OF_THE_RESULT = (
    "audio", "confidence", "insights", "key_phrases", "labels", "name_speakers", "names", "not_made", "plot",
    "questions", "response", "segments", "shares", "speaker_count", "speakers", "summary", "tasks", "text", "texts",
    "titles", "to_csv", "to_markdown", "to_parquet", "to_srt", "to_vtt", "topics", "utterances", "with_emotions",
    "with_names", "with_speakers", "words",
)  # fmt: skip
"""What people look for on a job, and find on what `await job` gives."""


class Desk(Protocol):
    """What a job needs of its session. One desk serves all of them, so that a job stays small."""

    def is_own_thread(self) -> bool:
        """Whether the caller is the session's background thread, where nothing may block."""

    def read(self, record: JobRecord, envelope: Envelope) -> Any:
        """The result that an answer holds: one and the same for a job, while somebody holds it."""

    async def load(self, key: str) -> Envelope | None:
        """The answer of a job, from the ledger; awaited in any loop."""

    def load_blocking(self, key: str) -> Envelope | None:
        """The same, in none."""

    def history(self, key: str) -> pd.DataFrame:
        """The job's way."""

    def cancel(self, key: str) -> bool:
        """Give the job up, if that can be done. Whether it was."""

    def place(self, key: str) -> tuple[int, float | None] | None:
        """The job's place among those that wait to be sent, and the seconds until its turn; None when it is sent."""

    def changed(self, job: Job[Any]) -> None:
        """Take note of a change."""


class Job(Generic[ResultT]):
    """One question about one recording, and in time its answer.

    `await job` or `await job.wait(timeout=...)` in any event loop; `job.result(timeout=...)` where there is none. Both
    return the result or raise what ended the job, and both may be repeated. Interrupting a wait leaves the job alone.
    A job of a batch does not keep its result: each wait reads it from the ledger.
    """

    __slots__ = (
        "__weakref__",
        "_desk",
        "_envelope",
        "_failure",
        "_keep",
        "_progress",
        "_record",
        "_result",
        "_watchers",
    )

    def __init__(self, record: JobRecord, desk: Desk, *, keep: bool = True) -> None:
        self._record = record
        self._desk = desk
        self._keep = keep
        self._watchers: dict[object, Callable[[], object]] | None = None
        self._envelope: Envelope | None = None
        self._failure: AIJupyterError | None = None
        self._result: ResultT | None = None
        self._progress: float | None = None

    @property
    def record(self) -> JobRecord:
        """All that the ledger says of the job."""
        return self._record

    @property
    def id(self) -> str:
        """The provider's id, or our own key until it is known. `ai.job(id)` takes either."""
        return self._record.id

    @property
    def key(self) -> str:
        """Our own id, known from the start and the same for ever."""
        return self._record.key

    @property
    def operation(self) -> Operation:
        """What was asked."""
        return self._record.operation

    @property
    def recording(self) -> str:
        """The recording's name."""
        return self._record.recording

    @property
    def state(self) -> JobState:
        """Where the job is on its way."""
        return self._record.state

    @property
    def created(self) -> datetime:
        """When it was asked, in UTC."""
        return self._record.created

    @property
    def ended(self) -> datetime | None:
        """When it ended, in UTC."""
        return self._record.ended

    @property
    def history(self) -> pd.DataFrame:
        """The job's way, step by step: at (UTC), state, cause."""
        return self._desk.history(self.key)

    @property
    def progress(self) -> float | None:
        """The share of the work that is done, 0 to 1, where the service tells it (the embedded one does)."""
        return self._progress

    @property
    def place(self) -> int | None:
        """How many jobs of this session are sent before this one; None when it does not wait for its turn."""
        waiting = self._waiting()
        return waiting[0] if waiting else None

    @property
    def eta(self) -> float | None:
        """Seconds until it is sent, by what is known of the account's budget; None where that cannot be told."""
        waiting = self._waiting()
        return waiting[1] if waiting else None

    def _waiting(self) -> tuple[int, float | None] | None:
        return self._desk.place(self.key) if self.state is JobState.WRITTEN and not self.given_up else None

    @property
    def raw(self) -> dict[str, Any] | None:
        """The whole answer as it came, unknown fields included; None while there is none."""
        if self._envelope is None and self.state.final and not self._desk.is_own_thread():
            envelope = self._desk.load_blocking(self.key)
            self._hold(envelope)
            return envelope.raw if envelope else None
        return self._envelope.raw if self._envelope else None

    @property
    def error(self) -> AIJupyterError | None:
        """What a wait would raise; None while the job is under way or when it succeeded."""
        if self._failure is not None:
            return self._failure
        return _end_of(self._record) if self.done() else None

    def done(self) -> bool:
        """Whether a wait would return at once, with a result or an error."""
        return self.over or self.state is JobState.UNCONFIRMED

    @property
    def over(self) -> bool:
        """Whether nothing more is expected: it has ended, or this session has given it up."""
        return self.given_up or self.state.final

    @property
    def given_up(self) -> bool:
        """Whether this session expects nothing more although the job has not ended: another handle may."""
        return self._failure is not None

    def cancel(self) -> bool:
        """Give the job up, while it has not been sent or while nobody can say whether it was received.

        Returns whether it was: what the provider works on cannot be called back, and is paid for. An answer that comes
        all the same is kept, and ends the job as it should.
        """
        return not self.over and self._desk.cancel(self.key)

    def __await__(self) -> Generator[Any, None, ResultT]:
        return self.wait().__await__()

    async def wait(self, timeout: float | None = None) -> ResultT:  # noqa: ASYNC109  # the field's convention
        """Wait for the result, at most `timeout` seconds. Raises JobTimeoutError, or what ended the job."""
        await wait_for(self.done, self.watch, timeout)
        if self._needs_answer():
            envelope = await self._desk.load(self.key)
            return self._outcome(timeout, envelope)
        return self._outcome(timeout, self._envelope)

    def result(self, timeout: float | None = None) -> ResultT:
        """Block until the result is there, at most `timeout` seconds. Raises JobTimeoutError, or what ended the job."""
        if self._desk.is_own_thread():
            raise PortalError("job.result() would wait for itself here.", "Use await job in coroutines of the session.")
        block_for(self.done, self.watch, timeout)
        envelope = self._desk.load_blocking(self.key) if self._needs_answer() else self._envelope
        return self._outcome(timeout, envelope)

    def watch(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback()` after every change, from the background thread; returns what ends that."""
        token = object()
        with _WATCHING:
            if self._watchers is None:
                self._watchers = {}
            self._watchers[token] = callback

        def stop() -> None:
            with _WATCHING:
                watchers = self._watchers
                if watchers is not None:
                    watchers.pop(token, None)
                    if not watchers:
                        self._watchers = None

        return stop

    @property
    def watched(self) -> bool:
        """Whether anybody would notice a change."""
        return self._watchers is not None

    def update(self, record: JobRecord, envelope: Envelope | None = None) -> None:
        """Take over what the ledger says now. For the session."""
        if self.state.final and not record.state.final:
            return
        self._hold(envelope)
        self._record = record
        if record.state.final:
            self._failure = None
        self._tell()

    def fail(self, error: AIJupyterError) -> None:
        """End every wait with an error that is not in the ledger. For the session."""
        if not self.state.final:
            self._failure = _bare(error)
            self._tell()

    def advance(self, progress: float) -> None:
        """Take over how much of the work is done. For the session."""
        self._progress = progress
        self._tell()

    def nudge(self) -> None:
        """Tell whoever watches that the job's place in line may have changed. For the session."""
        self._tell()

    def _hold(self, envelope: Envelope | None) -> None:
        if envelope is not None and self._keep:
            self._envelope = envelope

    def _tell(self) -> None:
        self._desk.changed(self)
        with _WATCHING:
            watchers = list((self._watchers or {}).values())
        for callback in watchers:
            try:
                callback()
            except Exception:
                log.exception("a watcher of job %s failed", self.id, extra={"event": "bug", "job": self.key})

    def _needs_answer(self) -> bool:
        return self.state is JobState.SUCCEEDED and self._result is None and self._envelope is None

    def _outcome(self, timeout: float | None, envelope: Envelope | None) -> ResultT:
        if not self.done():
            raise JobTimeoutError(
                f"{label(self._record)} has not ended after {timeout or 0:g} s; it is {self.state}.",
                f"It goes on: wait again, or pick it up later with ai.job({self.key!r}).",
                job_id=self.id,
            )
        error = self.error
        if error is not None:
            raise _bare(error)
        if self._result is not None:
            return self._result
        if envelope is None:
            raise JobNotFoundError(f"{label(self._record)} was forgotten.", "Ask again.", job_id=self.id)
        result: ResultT = self._desk.read(self._record, envelope)
        if self._keep:
            self._result, self._envelope = result, envelope
        return result

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.operation} {self.recording!r}, {self.state}>"

    if not TYPE_CHECKING:  # a type checker would take it that a job has any attribute

        def __getattr__(self, name: str) -> Any:
            if name in OF_THE_RESULT:
                problem = f"A job has no {name!r}: its result has. Write (await job).{name}"
            else:
                problem = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(problem, name=name, obj=self)


_WATCHING = threading.Lock()
"""One for all jobs: it is held for a moment, and a hundred thousand locks would take room."""


def expired(record: JobRecord) -> JobExpiredError:
    """What a wait raises for a job that the provider no longer knows."""
    return JobExpiredError(
        f"{label(record)} is no longer known to the provider, so its answer will not come.",
        "Jobs are kept for 7 days, and by the embedded service until it ends. Ask again.",
        job_id=record.id,
    )


def _end_of(record: JobRecord) -> AIJupyterError | None:
    """What a wait for a job in this state raises."""
    if record.state is JobState.SUCCEEDED:
        return None
    if record.state is JobState.UNCONFIRMED:
        return _unconfirmed(record)
    if record.error is not None:
        return load_error(record.error)
    if record.state is JobState.EXPIRED:
        return expired(record)
    if record.state is JobState.CANCELLED:
        return JobCancelledError(f"{label(record)} was cancelled.", "Ask again.", job_id=record.id)
    return JobFailedError(f"{label(record)} failed.", "The whole answer is in job.raw.", job_id=record.id)


def label(record: JobRecord) -> str:
    """The job in a sentence."""
    return f"Job {record.id} ({record.operation} {record.recording!r})"


def _bare(error: AIJupyterError) -> AIJupyterError:
    """A copy without a traceback or context, whose frames may hold secrets, and which all who wait would share."""
    return load_error(dump_error(error))


def _unconfirmed(record: JobRecord) -> SubmissionUnconfirmedError:
    reason = str((record.error or {}).get("problem") or "No answer came.")
    return SubmissionUnconfirmedError(
        f"{label(record)} was sent, and it is not known whether it was received. {reason}",
        "If its answer still comes, awaiting the job again returns it. Asking again (fresh=True) may be paid twice.",
        job_id=record.id,
    )
