"""Job: a handle on one question, live from the moment it is asked; awaited in any loop, or waited for in none."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

from aijupyter.envelope import Envelope
from aijupyter.errors import (
    AIJupyterError,
    JobExpiredError,
    JobFailedError,
    JobTimeoutError,
    PortalError,
    SubmissionUnconfirmedError,
    dump_error,
    load_error,
)
from aijupyter.models import JobRecord, JobState, Operation
from aijupyter.portal import Portal

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

WAIT_SLICE_SECONDS = 0.5
"""A blocking wait is cut into slices, for on Windows a whole one could not be interrupted."""


class Job(Generic[ResultT]):
    """One question about one recording, and in time its answer.

    `await job` or `await job.wait(timeout=...)` in any event loop; `job.result(timeout=...)` where there is none. Both
    return the result or raise what ended the job, and both may be repeated. Interrupting a wait leaves the job alone.
    """

    def __init__(self, record: JobRecord, *, portal: Portal, read: Callable[[JobRecord, Envelope], ResultT]) -> None:
        self._record = record
        self._portal = portal
        self._read = read
        self._lock = threading.Lock()
        self._watchers: dict[object, Callable[[], object]] = {}
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
    def progress(self) -> float | None:
        """The share of the work that is done, 0 to 1, where the service tells it (the embedded one does)."""
        return self._progress

    @property
    def raw(self) -> dict[str, Any] | None:
        """The whole answer as it came, unknown fields included; None while there is none."""
        return self._envelope.raw if self._envelope else None

    @property
    def error(self) -> AIJupyterError | None:
        """What a wait would raise; None while the job is under way or when it succeeded."""
        record, envelope, failure = self._record, self._envelope, self._failure
        if failure is not None:
            return failure
        if record.state is JobState.FAILED and envelope is not None:
            return _failed(record, envelope)
        if record.state is JobState.UNCONFIRMED:
            return _unconfirmed(record)
        if record.error is not None:
            return load_error(record.error)
        if record.state is JobState.EXPIRED:
            return expired(record)
        return None

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

    def __await__(self) -> Generator[Any, None, ResultT]:
        return self.wait().__await__()

    async def wait(self, timeout: float | None = None) -> ResultT:  # noqa: ASYNC109  # the field's convention
        """Wait for the result, at most `timeout` seconds. Raises JobTimeoutError, or what ended the job."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def wake() -> None:
            if self.done():
                _call_soon(loop, settle)

        stop_watching = self.watch(wake)
        try:
            if not self.done():
                await asyncio.wait({waiter}, timeout=timeout)
        finally:
            stop_watching()
            waiter.cancel()
        return self._outcome(timeout)

    def result(self, timeout: float | None = None) -> ResultT:
        """Block until the result is there, at most `timeout` seconds. Raises JobTimeoutError, or what ended the job."""
        if self._portal.is_own_thread():
            raise PortalError("job.result() would wait for itself here.", "Use await job in coroutines of the session.")
        ended = threading.Event()
        deadline = None if timeout is None else time.monotonic() + timeout

        def wake() -> None:
            if self.done():
                ended.set()

        stop_watching = self.watch(wake)
        try:
            while not self.done() and (deadline is None or time.monotonic() < deadline):
                left = WAIT_SLICE_SECONDS if deadline is None else deadline - time.monotonic()
                ended.wait(max(0.0, min(WAIT_SLICE_SECONDS, left)))
        finally:
            stop_watching()
        return self._outcome(timeout)

    def watch(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback()` after every change, from the background thread; returns what ends that."""
        token = object()
        with self._lock:
            self._watchers[token] = callback

        def stop() -> None:
            with self._lock:
                self._watchers.pop(token, None)

        return stop

    def update(self, record: JobRecord, envelope: Envelope | None = None) -> None:
        """Take over what the ledger says now. For the session."""
        if self.state.final and not record.state.final:
            return
        if envelope is not None:
            self._envelope = envelope
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

    def _tell(self) -> None:
        with self._lock:
            watchers = list(self._watchers.values())
        for callback in watchers:
            try:
                callback()
            except Exception:
                log.exception("a watcher of job %s failed", self.id)

    def _outcome(self, timeout: float | None) -> ResultT:
        if not self.done():
            raise JobTimeoutError(
                f"{self._label} has not ended after {timeout:g} s; it is {self.state}.",
                f"It goes on: wait again, or pick it up later with ai.job({self.key!r}).",
                job_id=self.id,
            )
        error = self.error
        if error is not None:
            raise _bare(error)
        if self._result is None:
            if self._envelope is None:
                raise PortalError(f"The answer of {self._label} was not loaded.", f"ai.job({self.key!r}) loads it.")
            self._result = self._read(self._record, self._envelope)
        return self._result

    @property
    def _label(self) -> str:
        return _label(self._record)

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.operation} {self.recording!r}, {self.state}>"


class JobBook:
    """The jobs that this process holds handles on. Those under way are kept; ended ones as long as someone does."""

    def __init__(self) -> None:
        self._under_way: dict[str, Job[Any]] = {}
        self._all: WeakValueDictionary[str, Job[Any]] = WeakValueDictionary()
        self._lock = threading.Lock()

    def add(self, job: Job[Any]) -> Job[Any]:
        """Keep a job until it has ended. Returns the handle that is kept: an earlier one where there is one."""
        with self._lock:
            held = self._all.get(job.key)
            if held is not None and not held.given_up:
                return held
            self._all[job.key] = job
            self._under_way[job.key] = job
        job.watch(lambda: self._let_go(job.key))
        self._let_go(job.key)
        return job

    def get(self, job_id: str) -> Job[Any] | None:
        """The handle with this key or provider's id."""
        with self._lock:
            job = self._all.get(job_id)
            return job or next((job for job in self._all.values() if job.id == job_id), None)

    def under_way(self) -> list[Job[Any]]:
        """The jobs that have not ended, the oldest first."""
        with self._lock:
            return list(self._under_way.values())

    def _let_go(self, key: str) -> None:
        with self._lock:
            job = self._under_way.get(key)
            if job is not None and job.over:
                del self._under_way[key]


def expired(record: JobRecord) -> JobExpiredError:
    """What a wait raises for a job that the provider no longer knows."""
    return JobExpiredError(
        f"{_label(record)} is no longer known to the provider, so its answer will not come.",
        "Jobs are kept for 7 days, and by the embedded service until it ends. Ask again.",
        job_id=record.id,
    )


def _bare(error: AIJupyterError) -> AIJupyterError:
    """A copy without a traceback or context, whose frames may hold secrets, and which all who wait would share."""
    return load_error(dump_error(error))


def _unconfirmed(record: JobRecord) -> SubmissionUnconfirmedError:
    reason = str((record.error or {}).get("problem") or "No answer came.")
    return SubmissionUnconfirmedError(
        f"{_label(record)} was sent, and it is not known whether it was received. {reason}",
        "If its answer still comes, awaiting the job again returns it. Asking again may be paid twice.",
        job_id=record.id,
    )


def _failed(record: JobRecord, envelope: Envelope) -> JobFailedError:
    faults = envelope.faults
    said = "; ".join(map(str, faults)) or "no reason given"
    return JobFailedError(
        f"{_label(record)} failed: {said}", "The whole answer is in job.raw.", job_id=record.id, faults=faults
    )


def _label(record: JobRecord) -> str:
    return f"Job {record.id} ({record.operation} {record.recording!r})"


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:  # a loop that was closed has nobody waiting in it
        return
