"""With verify="status": what a delivery says counts when the status call says the same."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress

from aijupyter.errors import LedgerError
from aijupyter.jobs.book import JobBook
from aijupyter.jobs.reconcile import Reconciler
from aijupyter.logs import logger
from aijupyter.models import Delivery, JobRecord, JobState, Selection
from aijupyter.protocols import Ledger

log = logger(__name__)


class Verifier:
    """Has the reconciler ask for each job whose delivery is held, whoever took that delivery, and whenever.

    `serves` says whether this session may ask for a job.
    """

    def __init__(
        self, *, ledger: Ledger, reconciler: Reconciler, book: JobBook, serves: Callable[[JobRecord], bool]
    ) -> None:
        self._ledger = ledger
        self._reconciler = reconciler
        self._book = book
        self._serves = serves
        self._nameless: set[str] = set()
        """Jobs whose delivery is held and whose id nobody has told yet."""

    def held(self, record: JobRecord, delivery: Delivery) -> None:
        """A delivery was taken here, and is held."""
        about = {"event": "delivery.held", "job": record.key, "job_id": record.id}
        log.info("a delivery for job %s waits for the status call's word", record.id, extra=about)
        self._ask(record.key, record.job_id or delivery.envelope.job_id)

    def accepted(self, record: JobRecord) -> None:
        """A job has an id: what came before it told one can be asked for now."""
        if record.key in self._nameless:
            self._ask(record.key, record.job_id)

    async def look(self, keys: Collection[str]) -> None:
        """Ask for what another receiver holds of these jobs, as far as they are this session's."""
        ours = [key for key in keys if key in self._reconciler or self._is_without_id(key)]
        with suppress(LedgerError):  # it is asked for anyway, later
            for key, job_id in (await self._ledger.held(ours)).items() if ours else ():
                self._ask(key, job_id)

    async def resume(self) -> None:
        """Ask for unconfirmed jobs whose delivery was held before; what is under way is asked for anyway."""
        with suppress(LedgerError):  # a delivery of theirs that comes again is held again
            unconfirmed = await self._ledger.jobs(Selection(states=frozenset({JobState.UNCONFIRMED})))
            for key, job_id in (await self._ledger.held([job.key for job in unconfirmed])).items():
                record = await self._ledger.find(key)
                if record is not None and self._serves(record):
                    self._ask(key, job_id)

    def _ask(self, key: str, job_id: str | None) -> None:
        if job_id is None:
            self._nameless.add(key)
        else:
            self._nameless.discard(key)
            self._reconciler.hurry(key, job_id)

    def _is_without_id(self, key: str) -> bool:
        """Whether a job left here, and its 202 was not read yet, or never will be."""
        job = self._book.get(key)
        return job is not None and job.state in (JobState.SENDING, JobState.UNCONFIRMED) and self._serves(job.record)
