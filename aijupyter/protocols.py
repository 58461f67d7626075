"""What may be swapped, as protocols whose docstrings are the specification."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from aijupyter.models import AnalysisTask, Delivery, JobRecord, JobState, Receipt, Verdict


class Ledger(Protocol):
    """What must survive the kernel: jobs and their answers.

    Every method is atomic and durable when it returns, may be called by any number of tasks, and raises LedgerError
    when it cannot do what it says. Several ledgers, in one process or many, may stand on the same storage.
    """

    async def open(self) -> None:
        """Make ready, creating or migrating the storage. Raises LedgerError for one that is damaged or newer."""

    async def close(self) -> None:
        """Give everything back. Idempotent."""

    async def add(self, record: JobRecord) -> None:
        """Write an intent down, before anything is sent."""

    async def advance(
        self,
        key: str,
        state: JobState,
        *,
        at: datetime,
        job_id: str | None = None,
        request_id: str | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> JobRecord:
        """Move the job on and return it as it is now.

        A job that has ended keeps its state and error; ids are filled in where they are missing all the same, for an
        answer can come before the 202 that names the job.
        """

    async def expects(self, path: str) -> bool:
        """Whether a delivery path belongs to a job."""

    async def accept(self, delivery: Delivery) -> Receipt:
        """Write a delivery down and end its job with it; the first answer wins and the rest are kept as repeats.

        A job that had ended without an answer (expired, or refused) takes one that comes after all.
        """

    async def find(self, job_id: str) -> JobRecord | None:
        """The job with this key or provider's id."""

    async def answer(self, key: str) -> bytes | None:
        """The body of the answer that ended the job."""

    async def jobs(self) -> Sequence[JobRecord]:
        """Every job, the newest first."""


class Inbox(Protocol):
    """Where the receiver hands its deliveries."""

    async def expects(self, path: str) -> bool:
        """Whether a path is ours, asked before a body is read."""

    async def accept(self, delivery: Delivery) -> Verdict:
        """Keep a delivery. Once this returns, the delivery is durable; LedgerError says that it is not."""


class Tunnel(Protocol):
    """A way from the public network to the receiver."""

    async def open(self, local_url: str) -> str:
        """Lead a public base URL, returned without a slash at its end, to `local_url`. Raises TunnelError."""

    async def close(self) -> None:
        """End it. Idempotent."""


class Engine(Protocol):
    """Answers operations with real analysis, inside the embedded service. Called from a worker thread, one task at a
    time; it may block and it may use every core.
    """

    def load(self, report: Callable[[str], None]) -> None:
        """Make ready: find or fetch the models and load them. Idempotent.

        `report` gets one plain sentence for each long step, for a person to read ("Downloading ... (71 MB)").
        Raises LocalExtraMissingError or ModelsMissingError, each with the mend.
        """

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> dict[str, Any] | list[Any]:
        """The contract's `response` object for the task, JSON-ready (finite floats, times in seconds).

        `report` gets the share done, 0 to 1, rising. Raises MediaError where the file holds no readable audio.
        """
