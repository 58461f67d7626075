"""What an open session does for its jobs: it reads their answers, keeps what their speakers are called, tells their way
and place, and cancels them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aijupyter.envelope import Envelope, parse_envelope
from aijupyter.errors import CONNECT_AGAIN, MediaError, PortalError, SessionClosedError
from aijupyter.jobs.book import JobBook
from aijupyter.jobs.job import Job
from aijupyter.media import load_recording
from aijupyter.models import JobRecord
from aijupyter.portal import Portal
from aijupyter.session.parts import Parts

if TYPE_CHECKING:
    import pandas as pd

    from aijupyter.results import Result

T = TypeVar("T")


class SessionDesk:
    """The way from jobs to the parts of their session, while it is open: `parts` is None when it is not."""

    def __init__(self, portal: Portal, book: JobBook) -> None:
        self.parts: Parts | None = None
        self._portal = portal
        self._book = book
        self._pid = os.getpid()

    def open_parts(self) -> Parts:
        """The parts. Raises SessionClosedError where the session is closed, or belongs to another process."""
        if self.parts is None:
            raise SessionClosedError("The session is closed.", CONNECT_AGAIN)
        if os.getpid() != self._pid:
            raise SessionClosedError("The session belongs to the process that made it.", "Connect in this one too.")
        return self.parts

    def call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run in the background and wait."""
        self.open_parts()
        return self._portal.call(function, *args)

    def is_own_thread(self) -> bool:
        """Whether the caller is the background thread."""
        return self._portal.is_own_thread()

    def read(self, record: JobRecord, envelope: Envelope) -> Result:
        """The result that an answer holds: the one that somebody holds already, or a new one."""
        from aijupyter.results import read_result  # noqa: PLC0415  # pandas is loaded when first needed

        audio, keep = _audio(record), partial(self.name_speakers, record.key)
        result: Result = self._book.result(record.key, lambda: read_result(record, envelope, audio=audio, keep=keep))
        if audio is not None and result.audio is None:  # it is somewhere else now
            result.audio = audio
        job = self._book.get(record.key)
        if job is not None:  # named while it was made, when nobody could tell it
            result.take_names(job.record.names)
        return result

    def name_speakers(self, key: str, changes: Mapping[str, str | None]) -> None:
        """Have names of speakers kept; blocks until they are, and until every result shows them. In any thread.

        Raises PortalError in the background thread, SessionClosedError, JobNotFoundError, LedgerError.
        """
        if self.is_own_thread():
            raise PortalError("Speakers cannot be named from the session's own thread.", "Name them from a cell.")
        mend = f"Connect again and name them in its result: ai.job({key!r}).result().name_speakers(...)."
        try:
            self.open_parts()
            self._portal.call(self._name_wholly, key, changes)
        except SessionClosedError as error:
            raise SessionClosedError(error.problem, mend) from None
        except PortalError:
            raise SessionClosedError("The session was closed.", mend) from None

    async def _name_wholly(self, key: str, changes: Mapping[str, str | None]) -> None:
        """Interrupting the cell does not stop it half-way, when names are written down and nobody was told."""
        naming = self.open_parts().dispatcher.name_speakers(key, changes)
        await asyncio.shield(asyncio.create_task(naming))

    async def load(self, key: str) -> Envelope | None:
        """The answer of a job, awaited in any loop."""
        future = self._portal.submit(self.open_parts().ledger.answer, key)
        return _parsed(await asyncio.wrap_future(future))

    def load_blocking(self, key: str) -> Envelope | None:
        """The answer of a job."""
        return _parsed(self.call(self.open_parts().ledger.answer, key))

    def history(self, key: str) -> pd.DataFrame:
        """The job's way."""
        from aijupyter.results.listing import history_frame  # noqa: PLC0415  # pandas is loaded when first needed

        return history_frame(self.call(self.open_parts().ledger.history, key))

    def cancel(self, key: str) -> bool:
        """Give a job up, if that can be done."""
        return self.call(self.open_parts().dispatcher.cancel, key)

    def place(self, key: str) -> tuple[int, float | None] | None:
        """A job's place in line."""
        return self.parts.place(key) if self.parts else None

    def changed(self, job: Job[Any]) -> None:
        """Take note of a change."""
        self._book.changed(job)


def _audio(record: JobRecord) -> Path | None:
    """The person's own file, while one of its size is where it was."""
    try:
        recording = load_recording(record.source) if record.source else None
        path = recording.path if recording else None
        same = recording is not None and path is not None and path.stat().st_size == recording.stamp[2]
    except (MediaError, OSError, ValueError, LookupError, TypeError):  # whatever another version or machine wrote
        return None
    return path if same else None


def _parsed(body: bytes | None) -> Envelope | None:
    return None if body is None else parse_envelope(body)
