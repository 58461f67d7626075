"""Batch: many questions as one handle, awaited or waited for as one, or job by job as they end."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from aijupyter.errors import AIJupyterError, JobTimeoutError
from aijupyter.jobs.job import Job
from aijupyter.jobs.waiting import block_for, wait_for
from aijupyter.models import JobState
from aijupyter.watching import Watchers

if TYPE_CHECKING:
    import pandas as pd

    from aijupyter.media import MediaSource

UNSUCCESSFUL = (JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED)
RATE_JOBS = 50
"""The rate is measured over so many ends."""


class Batch:
    """The jobs of one `ai.map`, in the order of the recordings. They are asked in the background.

    `await batch` or `batch.result(timeout=...)` waits until all have ended and returns the batch; `as_completed()`
    gives each job when it has ended. A job that fails does not end the batch: see `failed` and `retry`. Results are
    read from the ledger when they are asked for, so ten thousand of them take no memory.
    """

    def __init__(self, ask: Callable[[MediaSource], Job[Any] | None], *, total: int | None) -> None:
        self._ask = ask
        self._expected = total
        self._jobs: list[Job[Any]] = []
        self._sources: list[MediaSource | None] = []
        self._ended: set[int] = set()
        self._log: list[tuple[int, Job[Any]]] = []
        self._counts: Counter[JobState] = Counter()
        self._known: list[JobState] = []
        self._began = time.monotonic()
        self._ends: deque[float] = deque(maxlen=RATE_JOBS)
        self._lock = threading.RLock()
        self._watchers = Watchers()
        self._failure: AIJupyterError | None = None
        self._all_asked = False
        self._stopped = False

    def __len__(self) -> int:
        """How many recordings there are; those asked so far, where the whole is not known yet."""
        return len(self._jobs) if self._expected is None or self._all_asked else self._expected

    def __iter__(self) -> Iterator[Job[Any]]:
        """The jobs that were asked so far, in the order of the recordings."""
        return iter(list(self._jobs))

    def __getitem__(self, place: int) -> Job[Any]:
        return self._jobs[place]

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs are in each state; `waiting` are those that were not asked yet."""
        with self._lock:
            counts = {state.value: number for state, number in self._counts.items() if number}
            left = len(self) - len(self._jobs)
        return {**({"waiting": left} if left else {}), **counts}

    @property
    def done_count(self) -> int:
        """How many have ended, or are unconfirmed."""
        return len(self._ended)

    @property
    def progress(self) -> float:
        """The share that has ended, 0 to 1."""
        return self.done_count / len(self) if len(self) else 1.0

    @property
    def rate(self) -> float | None:
        """Jobs that end in a second, of late; None before the second has."""
        with self._lock:
            if len(self._ends) < 2:  # noqa: PLR2004  # it takes two ends to tell
                return None
            seconds = time.monotonic() - self._ends[0]
            return (len(self._ends) - 1) / seconds if seconds else None

    @property
    def eta(self) -> float | None:
        """Seconds until all have ended, if it goes on like this; None where that cannot be told."""
        if self.done():
            return 0.0
        rate = self.rate
        return (len(self) - self.done_count) / rate if rate else None

    @property
    def elapsed(self) -> float:
        """Seconds since it was asked; until the last end, once all have ended."""
        with self._lock:
            until = self._ends[-1] if self._ends and self.done() else time.monotonic()
        return until - self._began

    @property
    def error(self) -> AIJupyterError | None:
        """What kept the recordings from being listed, which a wait raises; what befell single jobs is in `failed`."""
        return self._failure

    @property
    def failed(self) -> list[Job[Any]]:
        """The jobs that ended without a result, and the unconfirmed ones; each tells why in its `error`."""
        return [job for job in self if job.done() and job.state is not JobState.SUCCEEDED]

    def done(self) -> bool:
        """Whether a wait would return at once."""
        return self._failure is not None or (self._all_asked and len(self._ended) == len(self._jobs))

    def __await__(self) -> Generator[Any, None, Batch]:
        return self.wait().__await__()

    async def wait(self, timeout: float | None = None) -> Batch:  # noqa: ASYNC109  # the field's convention
        """Wait until every job has ended, at most `timeout` seconds. Raises JobTimeoutError."""
        await wait_for(self.done, self.watch, timeout)
        return self._outcome(timeout)

    def result(self, timeout: float | None = None) -> Batch:
        """Block until every job has ended, at most `timeout` seconds. Raises JobTimeoutError."""
        block_for(self.done, self.watch, timeout)
        return self._outcome(timeout)

    def as_completed(self) -> Completed:
        """The jobs in the order in which they end: `async for job in ...`, or `for job in ...` without a loop."""
        return Completed(self)

    def cancel(self) -> int:
        """Stop asking, and give up what was not sent. How many jobs that were; what was sent goes on."""
        with self._lock:
            self._stopped = True
        return sum(job.cancel() for job in self if job.state is JobState.WRITTEN)

    def retry(self, *, unconfirmed: bool = False) -> int:
        """Ask again what failed, expired or was cancelled; with `unconfirmed` also what may be paid twice then.

        How many that are. They take the place of the old jobs. Recordings given as bytes or as file objects are not
        kept, and stay as they are.
        """
        again = [*UNSUCCESSFUL, JobState.UNCONFIRMED] if unconfirmed else UNSUCCESSFUL
        retried = 0
        for place, job in enumerate(list(self._jobs)):
            source = self._sources[place]
            if job.state not in again or source is None:
                continue
            if job.state is JobState.UNCONFIRMED and not job.cancel():
                continue  # it was answered after all
            asked = self._ask(source)
            if asked is not None:
                self._replace(place, asked, afresh=not retried)
                retried += 1
        return retried

    def jobs(self) -> pd.DataFrame:
        """One row for each job asked so far: recording, state, id, seconds, error."""
        from aijupyter.results.many import batch_frame  # noqa: PLC0415  # pandas is loaded when first needed

        return batch_frame(list(self))

    def frame(self, name: str) -> pd.DataFrame:
        """The frames of every result, such as `frame("words")`, as one, with columns `job` and `recording`."""
        from aijupyter.results.many import stacked  # noqa: PLC0415  # pandas is loaded when first needed

        return stacked(((job.id, job.recording, job.result()) for job in self._succeeded()), name)

    @property
    def utterances(self) -> pd.DataFrame:
        """The utterances of every result, with columns `job` and `recording`."""
        return self.frame("utterances")

    @property
    def words(self) -> pd.DataFrame:
        """The words of every result, with columns `job` and `recording`."""
        return self.frame("words")

    @property
    def speakers(self) -> pd.DataFrame:
        """The speakers of every result, with columns `job` and `recording`."""
        return self.frame("speakers")

    @property
    def insights(self) -> pd.DataFrame:
        """The insights of every result, with columns `job` and `recording`."""
        return self.frame("insights")

    def watch(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback()` after every change, from a background thread; returns what ends that."""
        return self._watchers.add(callback)

    def __repr__(self) -> str:
        counted = ", ".join(f"{number} {state}" for state, number in self.counts.items())
        return f"<Batch of {len(self)}: {counted or 'nothing asked yet'}>"

    # For whoever feeds it.

    @property
    def stopped(self) -> bool:
        """Whether no more recordings are to be asked about."""
        return self._stopped

    def feed(self, source: MediaSource | None, job: Job[Any]) -> None:
        """The next recording's job; `source` is kept for a retry."""
        with self._lock:
            place = len(self._jobs)
            self._jobs.append(job)
            self._sources.append(source)
            self._known.append(job.state)
            self._counts[self._known[place]] += 1
            stopped = self._stopped
        self._follow(place, job)
        if stopped and job.state is JobState.WRITTEN:
            job.cancel()

    def finish(self, failure: AIJupyterError | None = None) -> None:
        """No more recordings will come; `failure` says what kept them from coming."""
        with self._lock:
            self._failure = failure
            self._all_asked = True
        self._watchers.tell(self)

    def _replace(self, place: int, job: Job[Any], *, afresh: bool) -> None:
        with self._lock:
            if afresh:
                self._ends.clear()  # the pace of what has ended says nothing about what is asked now
            self._jobs[place] = job
            self._ended.discard(place)
            self._count(place, job.state)
        self._follow(place, job)

    def _follow(self, place: int, job: Job[Any]) -> None:
        stop: list[Callable[[], None]] = []
        changed = partial(self._changed, place, job, stop)
        stop.append(job.watch(changed))
        changed()

    def _changed(self, place: int, job: Job[Any], stop: list[Callable[[], None]]) -> None:
        with self._lock:
            if self._jobs[place] is not job:
                return
            self._count(place, job.state)
            if job.done() and place not in self._ended:
                self._ended.add(place)
                self._log.append((place, job))
                self._ends.append(time.monotonic())
        if job.state is JobState.SUCCEEDED and stop:  # the others may be answered after all
            stop.pop()()
        self._watchers.tell(self)

    def _count(self, place: int, state: JobState) -> None:
        self._counts[self._known[place]] -= 1
        self._counts[state] += 1
        self._known[place] = state

    def _succeeded(self) -> Iterator[Job[Any]]:
        return (job for job in self if job.state is JobState.SUCCEEDED)

    def _outcome(self, timeout: float | None) -> Batch:
        if not self.done():
            raise JobTimeoutError(f"{self!r} has not ended after {timeout or 0:g} s.", "It goes on: wait again.")
        if self._failure is not None:
            raise self._failure
        return self


class Completed:
    """The jobs of a batch as they end, those first that have ended already."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._given = 0

    def _ready(self) -> bool:
        return self._has_more() or self._batch.done()

    def _take(self) -> Iterator[Job[Any]]:
        log = self._batch._log  # noqa: SLF001
        while self._given < len(log):
            self._given += 1
            place, job = log[self._given - 1]
            if self._batch[place] is job:  # it was not asked again meanwhile
                yield job

    def __iter__(self) -> Iterator[Job[Any]]:
        while not self._batch.done() or self._has_more():
            block_for(self._ready, self._batch.watch, None)
            yield from self._take()
        self._batch.result(timeout=0)

    async def __aiter__(self) -> AsyncIterator[Job[Any]]:
        while not self._batch.done() or self._has_more():
            await wait_for(self._ready, self._batch.watch, None)
            for job in self._take():
                yield job
        await self._batch.wait(timeout=0)

    def _has_more(self) -> bool:
        return len(self._batch._log) > self._given  # noqa: SLF001  # one module
