"""Joint: several jobs about one recording as one handle, whose results are joined."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, TypeVar

from aijupyter.errors import AIJupyterError, JobTimeoutError
from aijupyter.jobs.job import Job
from aijupyter.jobs.waiting import block_for, wait_for

ResultT = TypeVar("ResultT")


class Joint(Generic[ResultT]):
    """Several jobs about one recording, and in time what their results come to together.

    It is awaited, or waited for, as a job is, and may be so again: `await joint`, `await joint.wait(timeout=...)`,
    `joint.result(timeout=...)`. When one of its `jobs` comes to nothing, that one's error is raised. It is not kept
    itself: the jobs are, and asking again finds them.
    """

    def __init__(self, jobs: Sequence[Job[Any]], join: Callable[[Sequence[Any]], ResultT]) -> None:
        self.jobs = tuple(jobs)
        self._join = join
        self._joining = threading.Lock()
        self._joined: ResultT | None = None

    @property
    def recording(self) -> str:
        """The recording's name."""
        return self.jobs[0].recording

    @property
    def error(self) -> AIJupyterError | None:
        """What a wait would raise; None while none of the jobs came to nothing."""
        return next((job.error for job in self.jobs if job.error is not None), None)

    def done(self) -> bool:
        """Whether a wait would return at once, with a result or an error."""
        return all(job.done() for job in self.jobs) or self.error is not None

    def __await__(self) -> Generator[Any, None, ResultT]:
        return self.wait().__await__()

    async def wait(self, timeout: float | None = None) -> ResultT:  # noqa: ASYNC109  # the field's convention
        """Wait for the result, at most `timeout` seconds. Raises JobTimeoutError, or what ended one of the jobs."""
        await wait_for(self.done, self.watch, timeout)
        self._check(timeout)
        return self._outcome([await job.wait(0) for job in self.jobs])

    def result(self, timeout: float | None = None) -> ResultT:
        """Block until the result is there, at most `timeout` seconds. Raises what `wait` does."""
        deadline = None if timeout is None else time.monotonic() + timeout
        block_for(self.done, self.watch, timeout)
        self._check(timeout)
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        return self._outcome([job.result(left) for job in self.jobs])

    def watch(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback()` after every change of a job, from a background thread; returns what ends that."""
        stops = [job.watch(callback) for job in self.jobs]

        def stop() -> None:
            for one in stops:
                one()

        return stop

    def _check(self, timeout: float | None) -> None:
        if self.error is not None:
            next(job for job in self.jobs if job.error is not None).result(0)  # raises it, without what it may hold
        if not self.done():
            raise JobTimeoutError(
                f"{self!r} has not ended after {timeout or 0:g} s.",
                "It goes on: wait again, or ask for the same again later, which finds its jobs.",
            )

    def _outcome(self, results: Sequence[Any]) -> ResultT:
        with self._joining:
            if self._joined is None:
                self._joined = self._join(results)
            return self._joined

    def __repr__(self) -> str:
        return f"<Joint of {self.recording!r}: {', '.join(f'{job.operation} {job.state}' for job in self.jobs)}>"
