"""The ledger in standard SQL: every method of the protocol, for whichever storage."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from aijupyter.errors import CONNECT_AGAIN, LedgerError
from aijupyter.ledger import deliveries, holding, keeping, listing, lookups, naming, owners, steps
from aijupyter.ledger.database import Database
from aijupyter.ledger.groups import run_calls
from aijupyter.ledger.rows import digest, storable, with_storable_ids
from aijupyter.ledger.worker import Call, Kind, Worker
from aijupyter.logs import logger
from aijupyter.models import (
    Delivery,
    JobEntry,
    JobRecord,
    JobState,
    JobSummary,
    Owner,
    Receipt,
    Selection,
    Stray,
    Transition,
    Verdict,
)
from aijupyter.protocols import Ledger

LOOK_SECONDS = 0.25
"""How often what others changed is looked for, where the storage does not say it."""

PACK_PAUSE_SECONDS = 0.02
"""Between the steps in which bodies are packed while nothing waits."""

TRIM_AT_ONCE = 200
COPY_AT_ONCE = 50
PATHS_REMEMBERED = 100_000

PATIENCE_SECONDS = 30.0
"""A call that has not been done for so long fails: a server that hangs must not hang who asks."""

BULK_SECONDS = 600.0
"""The same for calls that may move a lot."""

CLOSE_SECONDS = 5.0
ABANDON_SECONDS = 10.0
STOP_SECONDS = 1.0

_MEND_SILENCE = "See whether its disk or its server hangs, and try again. Whether the call was done is not known."

log = logger(__name__)


class SQLLedger:
    """A Ledger on a Database. The protocol's docstrings say what the methods do."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._worker: Worker | None = None
        self._watchers: list[Callable[[Sequence[str]], object]] = []
        self._paths: dict[bytes, JobRecord | None] = {}
        """Digests of paths that are ours, with the job as it was last seen; None where it has ended or was never seen.

        How long a digest is looked for says nothing of how much of a guessed path is right.
        """
        self._lookups = lookups.Lookups(self._which_are_ours)
        self._closing: asyncio.Task[None] | None = None
        self._ticked = 0.0
        self._scrubbed = -math.inf

    async def open(self) -> None:
        await self._closed()
        self._lookups = lookups.Lookups(self._which_are_ours)
        if self._worker is None:
            self._worker = Worker("aijupyter-ledger", self._run, self._tick)
        try:
            await self._do(Kind.ALONE, _open)
            self._listen()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            told = worker.submit(Call(Kind.ALONE, _close, ()))
            self._closing = asyncio.get_running_loop().create_task(self._end(told))
            self._closing.add_done_callback(lambda _: worker.stop(STOP_SECONDS))
        await self._closed()

    async def _closed(self) -> None:
        """Wait for the close that is under way; whoever gives that up does not end it."""
        if self._closing is not None and not self._closing.done():
            await asyncio.shield(self._closing)

    async def _end(self, told: asyncio.Future[Any]) -> None:
        """Wait until the ledger's thread has closed the storage; where that hangs, cut it off, and then let it be."""
        for seconds in (CLOSE_SECONDS, ABANDON_SECONDS):
            done, _ = await asyncio.wait({told}, timeout=seconds)
            if done:
                told.result()  # raises what went wrong
                return
            self._db.cut()
        about = {"event": "ledger.left"}
        log.warning("The ledger %s does not answer, and was left behind.", self._db.name, extra=about)

    async def add(self, record: JobRecord, *, fresh: bool = False) -> JobRecord:
        kept: JobRecord = await self._do(Kind.WRITE, steps.add, record, fresh)
        return self._remember(kept)

    async def take(self, key: str, owner: str, *, at: datetime) -> JobRecord | None:
        taken: JobRecord | None = await self._do(Kind.WRITE, steps.take, key, owner, at)
        return self._remember(taken) if taken else None

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
        ids = (job_id, request_id)
        record: JobRecord = await self._do(Kind.WRITE, steps.advance, key, state, at, cause, ids, error, only_from)
        return self._remember(record)

    async def expects(self, path: str) -> bool:
        # A path that was ours once is ours for ever, so what was seen once need not be asked again.
        if not storable(path):
            return False
        known = digest(path)
        if known in self._paths and self._worker is not None:
            return True
        ours = await self._lookups.expects(path)
        if ours:
            self._keep_in_mind(known, self._paths.get(known))
        return ours

    async def _which_are_ours(self, paths: Sequence[str]) -> Collection[str]:
        found: Collection[str] = await self._do(Kind.READ, lookups.ours, paths)
        return found

    async def accept(self, delivery: Delivery, *, verify: bool = False) -> Receipt:
        path = delivery.path
        if not storable(path):
            return Receipt(Verdict.UNKNOWN)
        delivery = with_storable_ids(delivery)
        known = digest(path)
        seen = self._paths.get(known)
        if seen is not None:  # its end is on its way; what comes after that is looked at closely
            self._paths[known] = None
        arrival = deliveries.Arrival(delivery, seen, verify)
        call = Call(Kind.MERGED, deliveries.accept, (arrival,), len(delivery.body), deliveries.accept_at_once)
        receipt: Receipt = await self._submit(call)
        return receipt

    async def find(self, job_id: str) -> JobRecord | None:
        record: JobRecord | None = await self._do(Kind.READ, listing.find, job_id)
        return self._remember(record) if record else None

    async def answer(self, key: str) -> bytes | None:
        body: bytes | None = await self._do(Kind.READ, deliveries.answer, key)
        return body

    async def held(self, keys: Collection[str]) -> Mapping[str, str | None]:
        found: dict[str, str | None] = await self._do(Kind.READ, holding.held, keys)
        return found

    async def name_speakers(self, key: str, changes: Mapping[str, str | None]) -> JobRecord:
        record: JobRecord = await self._do(Kind.WRITE, naming.name_speakers, key, changes)
        return self._remember(record)

    async def history(self, key: str) -> Sequence[Transition]:
        way: list[Transition] = await self._do(Kind.READ, listing.history, key)
        return way

    async def jobs(self, selection: Selection) -> Sequence[JobSummary]:
        found: list[JobSummary] = await self._do(Kind.READ, listing.jobs, selection)
        return found

    async def count(self, selection: Selection) -> int:
        number: int = await self._do(Kind.READ, listing.count, selection)
        return number

    async def strays(self) -> Sequence[Stray]:
        found: list[Stray] = await self._do(Kind.READ, listing.strays)
        return found

    async def claim(self, owner: Owner, *, at: datetime) -> Sequence[JobRecord]:
        claimed: Sequence[JobRecord] = await self._do(Kind.WRITE, owners.claim, owner, at)
        for record in claimed:
            self._remember(record)
        return claimed

    async def release(self, owner: str) -> None:
        await self._do(Kind.WRITE, owners.release, owner)

    async def forget(self, keys: Collection[str]) -> int:
        count: int = await self._do(Kind.WRITE, keeping.forget, keys)
        return count

    async def forget_strays(self) -> int:
        count: int = await self._do(Kind.WRITE, keeping.forget_strays)
        return count

    async def trim(self, *, before: datetime | None = None, to_bytes: int | None = None) -> int:
        count = 0
        if before is not None:
            count += await self._forget_in_steps(await self._do(Kind.READ, keeping.ended_before, before))
        if to_bytes is not None:
            count += await self._forget_in_steps(await self._do(Kind.READ, keeping.beyond, to_bytes))
        return count

    async def size(self) -> int:
        taken: int = await self._do(Kind.READ, keeping.size)
        return taken

    def watch(self, callback: Callable[[Sequence[str]], object]) -> Callable[[], None]:
        self._watchers = [*self._watchers, callback]
        self._listen()

        def end() -> None:
            self._watchers = [watcher for watcher in self._watchers if watcher is not callback]

        return end

    async def copy_to(self, other: Ledger) -> int:
        keys: list[str] = await self._do(Kind.READ, keeping.keys)
        count = 0
        for start in range(0, len(keys), COPY_AT_ONCE):
            count += sum(await asyncio.gather(*(self._copy(key, other) for key in keys[start : start + COPY_AT_ONCE])))
        return count

    async def restore(self, entry: JobEntry) -> bool:
        weight = sum(len(delivery.body) for delivery, _ in entry.deliveries)
        added: bool = await self._do(Kind.WRITE, keeping.restore, entry, weight=weight)
        return added

    async def _copy(self, key: str, other: Ledger) -> bool:
        if await other.find(key) is not None:
            return False
        entry: JobEntry | None = await self._do(Kind.READ, keeping.entry, key)
        return entry is not None and await other.restore(entry)

    async def _forget_in_steps(self, keys: Sequence[str]) -> int:
        """In small transactions, so that deliveries are written in between."""
        count = 0
        for start in range(0, len(keys), TRIM_AT_ONCE):
            count += await self.forget(keys[start : start + TRIM_AT_ONCE])
        return count

    async def _do(self, kind: Kind, function: Callable[..., Any], *arguments: Any, weight: int = 0) -> Any:
        """Run on the ledger's thread; whatever the storage says becomes a LedgerError."""
        return await self._submit(Call(kind, function, arguments, weight))

    def _submit(self, call: Call) -> asyncio.Future[Any]:
        if self._worker is None:
            raise LedgerError("The ledger is closed.", CONNECT_AGAIN, path=self._db.name)
        told = self._worker.submit(call)
        if not self._db.may_hang:
            return told
        seconds = BULK_SECONDS if call.function in _BULKY else PATIENCE_SECONDS
        late = told.get_loop().call_later(seconds, self._give_up, told, seconds)
        told.add_done_callback(lambda _: late.cancel())
        return told

    def _give_up(self, told: asyncio.Future[Any], seconds: float) -> None:
        """Whatever the thread still does for a call, nobody waits for it any more."""
        if not told.done():
            said = f"The ledger {self._db.name} did not answer within {seconds:g} s."
            told.set_exception(LedgerError(said, _MEND_SILENCE, path=self._db.name))
            self._db.cut()

    def _remember(self, record: JobRecord) -> JobRecord:
        self._keep_in_mind(digest(record.path), None if record.state.final else record)
        return record

    def _keep_in_mind(self, path: bytes, seen: JobRecord | None) -> None:
        self._paths[path] = seen
        if len(self._paths) > PATHS_REMEMBERED:
            del self._paths[next(iter(self._paths))]

    def _listen(self) -> None:
        if self._watchers and self._worker is not None:
            self._worker.poke(lambda: self._db.listen(self._tell))

    # From here on everything runs on the ledger's own thread, and `_tell` on that of the news.

    def _run(self, calls: Sequence[Call]) -> None:
        run_calls(self._db, calls)

    def _tick(self, idle: bool) -> float | None:
        """What is done when nothing waits, and every now and then also when something does."""
        db = self._db
        elapsed = time.monotonic() - self._ticked
        wanted = db.must_look or db.scrub_due or db.pack_due or db.settle_due
        if not wanted or (elapsed < LOOK_SECONDS and not idle):
            return max(LOOK_SECONDS - elapsed, 0.0) if wanted else None
        self._ticked = time.monotonic()
        packed = db.pack_due
        try:
            if db.must_look:
                db.look()
            if db.scrub_due and time.monotonic() - self._scrubbed >= db.scrub_pause:
                self._scrubbed = time.monotonic()
                db.scrub()
            if db.pack_due:
                _pack(db)
            elif db.settle_due and idle:
                db.settle()
        except Exception as error:  # noqa: BLE001  # it is tried again
            about = {"event": "ledger.housekeeping", "error": type(error).__name__}
            log.debug("Housekeeping of the ledger %s: %s", db.name, type(error).__name__, extra=about)
            return LOOK_SECONDS
        return PACK_PAUSE_SECONDS if packed and idle else LOOK_SECONDS

    def _tell(self, keys: Sequence[str]) -> None:
        for watcher in self._watchers:
            try:
                watcher(keys)
            except Exception:
                log.exception("Whoever watches the ledger failed.", extra={"event": "bug"})


def _open(db: Database) -> None:
    db.open()
    db.pack_due = bool(db.rows("SELECT 1 FROM deliveries WHERE packing = 2 LIMIT 1"))


def _close(db: Database) -> None:
    db.deafen()
    if db.scrub_due:
        db.scrub()
    db.close()


def _pack(db: Database) -> None:
    db.begin()
    try:
        deliveries.pack_one(db)
        db.commit()
    except BaseException:
        db.rollback()
        raise


_BULKY = {
    _open, deliveries.answer, holding.held, listing.jobs, listing.strays, keeping.forget, keeping.beyond, keeping.keys,
    keeping.entry, keeping.restore,
}  # fmt: skip
