"""What the ledger keeps, for a person to list, to look at, to move, and to forget."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aijupyter.errors import JobNotFoundError, OptionError
from aijupyter.jobs.job import Job
from aijupyter.models import JobRecord, JobState, Operation, Selection
from aijupyter.options import choice, size_in_bytes, time_ago
from aijupyter.protocols import Ledger

if TYPE_CHECKING:
    import pandas as pd

    from aijupyter.results.listing import JobFrame

T = TypeVar("T")


class Keeping(ABC):
    """The ledger's side of a session."""

    @property
    @abstractmethod
    def _ledger(self) -> Ledger:
        """The open ledger."""

    @abstractmethod
    def _call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run in the background and wait."""

    @abstractmethod
    def _open_other(self, place: Path, *, new: bool) -> Ledger:
        """Another ledger, a file, not open yet."""

    @abstractmethod
    def _forgotten(self, record: JobRecord) -> None:
        """Let go of a job that the ledger holds no more."""

    def jobs(
        self,
        *,
        state: str | Iterable[str] | None = None,
        operation: str | None = None,
        recording: str | None = None,
        since: datetime | timedelta | str | None = None,
        limit: int | None = None,
    ) -> JobFrame:
        """The jobs that the ledger holds, of every session, the newest first; all of them, or those that meet all that
        is given.

        `state` is one or several of the states, `recording` a part of its name, `since` a time, or how long ago
        (`"2 days"`). See `results.listing.job_frame` for the columns. Shown in a notebook, the jobs can be looked
        through and opened.
        """
        from aijupyter.results.listing import job_frame  # noqa: PLC0415  # pandas is loaded when first needed

        states = [state] if isinstance(state, str) else state
        selection = Selection(
            states=None if states is None else frozenset(choice("state", one, JobState) for one in states),
            operation=None if operation is None else choice("operation", operation, Operation),
            text=recording,
            since=None if since is None else time_ago("since", since),
            limit=limit,
        )
        return job_frame(self._call(self._ledger.jobs, selection)).of(self)

    def strays(self) -> pd.DataFrame:
        """The deliveries that came on a path of ours and whose job cannot be told, the newest first.

        received (UTC), reason, job_id and request_id as they claim, job (the key of the path's job), size in bytes, and
        answer, the JSON as it came.
        """
        from aijupyter.results.listing import stray_frame  # noqa: PLC0415  # pandas is loaded when first needed

        return stray_frame(self._call(self._ledger.strays))

    def forget(self, jobs: Job[Any] | str | Iterable[Job[Any] | str]) -> int:
        """Remove jobs for good: answers, history, and private copies of their recordings. How many there were.

        `jobs` is a job, an id, or many of these. Your own recordings stay. What the provider keeps is not touched, and
        an answer that comes later is kept among the strays. Raises JobNotFoundError, and then nothing is removed.
        """
        given = [jobs] if isinstance(jobs, Job | str) else list(jobs)
        unasked = [job for job in given if isinstance(job, Job) and not job.record.path]  # of an unreadable recording
        records = [self._known(job.key if isinstance(job, Job) else job) for job in given if job not in unasked]
        forgotten = self._call(self._ledger.forget, [record.key for record in records])
        for record in records:
            self._forgotten(record)
        return forgotten

    def forget_strays(self) -> int:
        """Remove all strays for good. How many there were."""
        return self._call(self._ledger.forget_strays)

    def trim(self, *, older_than: datetime | timedelta | str | None = None, to_size: int | str | None = None) -> int:
        """Forget the jobs that ended before a time (or longer ago, `"90 days"`), then the longest ended ones until the
        answers fit into `to_size` bytes (or `"500 MB"`). How many were forgotten. Jobs under way stay.
        """
        if older_than is None and to_size is None:
            raise OptionError("Nothing says what to trim.", "Give older_than='90 days' or to_size='500 MB'.")
        before = None if older_than is None else time_ago("older_than", older_than)
        most = None if to_size is None else size_in_bytes("to_size", to_size)
        return self._call(self._trim, before, most)

    async def _trim(self, before: datetime | None, to_bytes: int | None) -> int:
        return await self._ledger.trim(before=before, to_bytes=to_bytes)

    def export_ledger(self, file: str | Path) -> int:
        """Copy all jobs with their answers into a new ledger file, for another machine. How many.

        The file is as private as the ledger: it holds the conversations. Recordings are not in it, so jobs that were
        not sent yet come over as cancelled: nothing is sent in two places.
        """
        return self._call(self._copy, Path(file).expanduser().absolute(), True)

    def import_ledger(self, file: str | Path) -> int:
        """Take over the jobs of a ledger file; those that are here already stay as they are. How many were new."""
        return self._call(self._copy, Path(file).expanduser().absolute(), False)

    async def _copy(self, file: Path, outward: bool) -> int:
        other = self._open_other(file, new=outward)
        await other.open()
        try:
            return await (self._ledger.copy_to(other) if outward else other.copy_to(self._ledger))
        finally:
            await other.close()

    def _known(self, job_id: str) -> JobRecord:
        record = self._call(self._ledger.find, job_id)
        if record is None:
            raise JobNotFoundError(
                f"The ledger holds no job {job_id!r}.", "ai.jobs() lists those it holds.", job_id=job_id
            )
        return record
