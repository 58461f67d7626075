"""What may be swapped, as protocols whose docstrings are the specification."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from aijupyter.models import (
    AnalysisTask,
    Delivery,
    JobEntry,
    JobRecord,
    JobState,
    JobSummary,
    Operation,
    Owner,
    Receipt,
    Selection,
    Stray,
    Transition,
    Verdict,
    VoicePrint,
)

LEASE_SECONDS = 10.0
"""A session that has not claimed for so long is taken for dead, and its jobs are anybody's."""


class Ledger(Protocol):
    """What must survive the kernel: jobs, their answers, and the way that each job went.

    Every method is atomic and durable when it returns, may be called by any number of tasks, and raises LedgerError
    when it cannot do what it says; where a server fell silent, the call may have been done all the same. Several
    ledgers, in one process or many, may stand on the same storage. Every change of a job's state is added to its
    history, with its time and cause.
    """

    async def open(self) -> None:
        """Make ready, creating or migrating the storage.

        Raises LedgerError for one that is damaged or newer, and then nothing in it has been touched.
        """

    async def close(self) -> None:
        """Give everything back. Idempotent."""

    async def add(self, record: JobRecord, *, fresh: bool = False) -> JobRecord:
        """Write an intent down, before anything is sent, and return it.

        Where a job with the same fingerprint is under way, unconfirmed or succeeded, nothing is written and the newest
        such job is returned instead, unless `fresh`. A fingerprint of None finds nothing and is found by nothing. A job
        that is found waiting for an owner who is dead (see `claim`) is taken over by the one who asks: it keeps its key
        and path, and gets the record's owner, account, host and media. Any job that is found gets the record's
        `source`, where it has one. A name that cannot be stored as it is (a NUL, half of a surrogate pair) gets
        replacement characters.
        """

    async def take(self, key: str, owner: str, *, at: datetime) -> JobRecord | None:
        """Move a job of this owner from written to sending: from now on nobody else may send it.

        None where it is not this owner's, or does not wait any more. The one gate to a submission.
        """

    async def advance(
        self,
        key: str,
        state: JobState,
        *,
        at: datetime,
        cause: str = "",
        job_id: str | None = None,
        request_id: str | None = None,
        error: Mapping[str, Any] | None = None,
        only_from: Collection[JobState] | None = None,
    ) -> JobRecord:
        """Move the job on, or only from one of the given states, and return it as it is now.

        A job that has ended keeps its state and error; ids are filled in where they are missing all the same, for an
        answer can come before the 202 that names the job. A running job does not become submitted again. A job that is
        written again loses its ids, for it will be sent anew; one that ends loses its `media`. Raises JobNotFoundError.
        """

    async def expects(self, path: str) -> bool:
        """Whether a delivery path belongs to a job, or to one that was forgotten."""

    async def accept(self, delivery: Delivery, *, verify: bool = False) -> Receipt:
        """Write a delivery down and end its job with it; the first answer wins and the rest are kept as repeats.

        The job is the one of the delivery's path; for the path of a forgotten job, the one that its jobId names, or
        its RCRequestId. A delivery that names another job than its path's, or whose job cannot be told, becomes a
        stray. A job that had ended without an answer (expired, refused or cancelled) takes one that comes after all.
        Repeats and strays are kept up to a limit. A failure's errors become the record's `error`.

        With `verify`, what came by webhook neither ends a job nor gives it an id: it is kept like a repeat, and held
        until an answer by the status call counts. Its history says so, and which of the two said what.
        """

    async def held(self, keys: Collection[str]) -> Mapping[str, str | None]:
        """Those of these jobs, by their keys, that have no answer and a delivery that is held, each with the provider's
        id: the job's own, else what the last held delivery that names one claims, else None.
        """

    async def find(self, job_id: str) -> JobRecord | None:
        """The job with this key or provider's id."""

    async def answer(self, key: str) -> bytes | None:
        """The body of the answer that ended the job."""

    async def name_speakers(self, key: str, changes: Mapping[str, str | None]) -> JobRecord:
        """Keep the names that a person gave to some of a job's speakers, by their labels, or with None take them back,
        and return the job. The others keep theirs, also those that another session gives at the same moment.

        Other sessions on the same storage are told, as of any change; it is no step of the job's way. A label is kept
        as it is; of a name, what cannot be stored gets replacement characters. Raises JobNotFoundError.
        """

    async def history(self, key: str) -> Sequence[Transition]:
        """The job's way, the first step first."""

    async def jobs(self, selection: Selection) -> Sequence[JobSummary]:
        """The jobs that meet the selection, the newest first."""

    async def count(self, selection: Selection) -> int:
        """How many they are, whatever its limit."""

    async def strays(self) -> Sequence[Stray]:
        """The deliveries whose job could not be told, the newest first."""

    async def claim(self, owner: Owner, *, at: datetime) -> Sequence[JobRecord]:
        """Say that this owner lives, and hand it the jobs under way that nobody living takes care of, the oldest first.

        An owner is dead when it was released, or has not claimed for `LEASE_SECONDS`. A job without an account, of a
        ledger that knew none, is anybody's who asks the same server. A job that is found sending becomes unconfirmed:
        it may have left. What another embedded service had is written again, or expired where its recording is not
        known any more. Returns the jobs that were changed by this, as they are now.
        """

    async def release(self, owner: str) -> None:
        """The owner takes care of nothing any more: its jobs are for whoever claims next. Idempotent."""

    async def forget(self, keys: Collection[str]) -> int:
        """Remove jobs with their answers, repeats, strays and history, for good. How many there were. Their paths stay
        known as ours, as digests, and for some minutes their keys, for those who watch.

        A file's free space and log do not hold them any more (the log, as soon as no reader elsewhere is in the way).
        A server reuses their space; its own log, copies and free space may hold them for a while.
        """

    async def forget_strays(self) -> int:
        """Remove all strays, for good. How many there were."""

    async def trim(self, *, before: datetime | None = None, to_bytes: int | None = None) -> int:
        """Forget the jobs that ended before a time, then the longest ended ones until the answers fit into so many
        bytes. Jobs under way and unconfirmed ones stay. How many were forgotten. This goes in steps, each atomic, and
        deliveries are written in between.
        """

    async def size(self) -> int:
        """How many bytes the kept answers and repeats take, and the strays as they came."""

    def watch(self, callback: Callable[[Sequence[str]], object]) -> Callable[[], None]:
        """Call back, from any thread, with the keys of jobs that another ledger on the same storage may have changed
        or forgotten.

        Returns what ends that. Changes of this very object are not told.
        """

    async def copy_to(self, other: Ledger) -> int:
        """Add every job with its answer, repeats and history to another ledger, but those that it holds already.

        How many were added. In the copy nobody takes care of them, and none of them can be sent: see `restore`.
        """

    async def restore(self, entry: JobEntry) -> bool:
        """Add one job as `copy_to` found it. False where it is there already. The delivery path of one that was
        answered is not taken along: a delivery on it finds its job by the jobId, as for a forgotten one.

        No job may be sent from two ledgers: one that was written becomes cancelled, one that was being sent becomes
        unconfirmed, and its history says why.
        """


class Inbox(Protocol):
    """Where the receiver hands its deliveries."""

    async def expects(self, path: str) -> bool:
        """Whether a path is ours, asked before a body is read."""

    async def accept(self, delivery: Delivery) -> Verdict:
        """Keep a delivery. Once this returns, the delivery is durable; LedgerError says that it is not."""


class Tunnel(Protocol):
    """A way from the public network to the receiver. Once closed it may be opened again, perhaps at another URL."""

    async def open(self, local_url: str) -> str:
        """Lead a public base URL, returned without a slash at its end, to `local_url`.

        Ends within a bounded time. Raises TunnelError with the mend, and has then undone what it did.
        """

    async def dropped(self) -> str:
        """Wait until the open tunnel leads nowhere any more, and say why in a few words; for ever where it cannot drop.

        Cancelling the wait harms nothing.
        """

    async def close(self) -> None:
        """End it, within a bounded time. Idempotent."""


class Engine(Protocol):
    """Answers operations with real analysis, inside the embedded service.

    Called from one thread of a worker process at a time; it may block and it may use every core it is given. It is made
    anew in each worker process, as `engine(model=..., cache=None)`.
    """

    operations: frozenset[Operation]
    """What it can be asked. The service answers 501 for the rest."""

    def load(self, report: Callable[[str], None]) -> None:
        """Make ready: find or fetch the models and load them. Idempotent.

        `report` gets one plain sentence for each long step, for a person to read ("Downloading ... (71 MB)").
        Raises LocalExtraMissingError or ModelsMissingError, each with the mend.
        """

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> dict[str, Any] | list[Any]:
        """The contract's `response` for the task, JSON-ready (finite floats, times in seconds).

        `report` gets the share done, 0 to 1, rising. Raises MediaError where the file holds no readable audio.
        """

    def voice_print(self, audio: str, known: VoicePrint | None = None) -> VoicePrint:
        """The voice that speaks in an audio file, joined with what is `known` of it already.

        Raises MediaError where the file holds no readable audio, or no speech at all.
        """
