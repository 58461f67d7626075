"""What becomes of deliveries: whose they are, the first answer, repeats, strays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from aijupyter.envelope import Outcome
from aijupyter.errors import dump_error
from aijupyter.ledger import holding, journal
from aijupyter.ledger.database import Database
from aijupyter.ledger.endings import Ending, ended, is_usual
from aijupyter.ledger.rows import (
    LATER,
    PACK_AT_ONCE_BYTES,
    Kept,
    digest,
    dump_time,
    listed,
    pack,
    places,
    plain,
    unpack,
)
from aijupyter.models import Delivery, DeliverySource, JobRecord, JobState, Receipt, Verdict, failure

REPEATS_KEPT = 20
"""Repeats beyond this many per job are acknowledged and dropped, so that a loop elsewhere cannot fill the disk."""

STRAYS_KEPT = 1000
STRAY_BYTES_KEPT = 256 << 20
"""Strays beyond this, counted as they came, are dropped, the oldest first."""

_ENDS = {Outcome.SUCCESS: JobState.SUCCEEDED, Outcome.FAIL: JobState.FAILED}
_RUNS_FROM = {JobState.WRITTEN, JobState.SENDING, JobState.SUBMITTED, JobState.UNCONFIRMED}
_ANSWERED = {DeliverySource.WEBHOOK: "answered by webhook", DeliverySource.STATUS: "answered by the status call"}
_WORDS = {False: holding.CONFIRMED, True: holding.CONTRADICTED}
_RUNNING = {DeliverySource.WEBHOOK: "said by webhook", DeliverySource.STATUS: "said by the status call"}


class Arrival(NamedTuple):
    """A delivery, the job of its path as it was last seen, where that is known, and whether it must be verified."""

    delivery: Delivery
    seen: JobRecord | None
    verify: bool


def accept(db: Database, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """Write deliveries down, in their order. A Receipt for each."""
    desk = _Desk(db, [arrival.delivery for arrival in arrivals])
    receipts = [desk.receive(delivery, verify=verify) for delivery, _, verify in arrivals]
    desk.write()
    return receipts


def accept_at_once(db: Database, arrivals: Sequence[Arrival]) -> list[Receipt] | None:
    """The same by a single statement that is a transaction of its own; None where that cannot be, and nothing was done.

    Of two on one path the second would not find the job as it was seen, so they go the long way.
    """
    if not db.ends_at_once:
        return None
    endings: list[Ending] = []
    for delivery, seen, verify in arrivals:
        if seen is None or verify or not is_usual(delivery, seen):
            return None
        endings.append(Ending(delivery, seen, _ANSWERED[delivery.source], pack(delivery.body, now=_pack_now(arrivals))))
    if not db.end(endings):
        return None
    db.pack_due = db.pack_due or any(ending.packed[0] == LATER for ending in endings)
    return [Receipt(Verdict.ANSWERED, ended(ending)) for ending in endings]


def _pack_now(arrivals: Sequence[Arrival]) -> bool:
    """Packing gives the interpreter away for each body, and a busy cell takes 5 ms to give it back."""
    return len(arrivals) == 1 and len(arrivals[0].delivery.body) <= PACK_AT_ONCE_BYTES


def store(db: Database, kept: Sequence[tuple[str, Delivery, bool]], *, pack_now: bool) -> None:
    """Write the bodies of (job's key, delivery, whether it is the answer)."""
    if not kept:
        return
    values: list[Any] = []
    for key, delivery, is_answer in kept:
        packing, size, body = pack(delivery.body, now=pack_now)
        db.pack_due = db.pack_due or packing == LATER
        came = (dump_time(delivery.received), str(delivery.source), delivery.request_id)
        values += [key, *came, is_answer, packing, size, body]
    columns = "job, received, source, request_id, is_answer, packing, size, body"
    db.do(f"INSERT INTO deliveries ({columns}) VALUES {places(len(kept), 8)}", values)  # noqa: S608  # constants


def pack_one(db: Database) -> None:
    """Pack one of the bodies that were stored in haste; `pack_due` says whether there may be more.

    One at a time, so that a delivery that comes meanwhile does not wait long.
    """
    waiting = db.rows("SELECT id, body FROM deliveries WHERE packing = 2 ORDER BY id LIMIT 1")
    for number, body in waiting:
        packing, size, packed = pack(bytes(body), now=True)
        change = "UPDATE deliveries SET packing = ?, size = ?, body = ? WHERE id = ? AND packing = 2"
        db.do(change, (packing, size, packed, number))
    db.pack_due = bool(waiting)


def answer(db: Database, key: str) -> bytes | None:
    """The body of the job's answer."""
    found = db.rows("SELECT packing, body FROM deliveries WHERE job = ? AND is_answer", (key,))
    return unpack(*found[0]) if found else None


@dataclass
class _Desk:
    """The jobs that some deliveries concern, and what is to be written."""

    db: Database
    deliveries: Sequence[Delivery]
    jobs: dict[str, Kept] = field(default_factory=dict)
    paths: dict[str, Kept] = field(default_factory=dict)
    changed: dict[str, Kept] = field(default_factory=dict)
    steps: list[journal.Step] = field(default_factory=list)
    bodies: list[tuple[str, Delivery, bool]] = field(default_factory=list)
    strays: list[tuple[Delivery, str, str | None]] = field(default_factory=list)
    forgotten: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        paths = list(dict.fromkeys(delivery.path for delivery in self.deliveries))
        claimed = list(dict.fromkeys(d.envelope.job_id for d in self.deliveries if d.envelope.job_id))
        where = f"path IN {listed(len(paths))}" + (f" OR job_id IN {listed(len(claimed))}" if claimed else "")
        self._read(where, [*paths, *claimed])
        if lost := [digest(path) for path in paths if path not in self.paths]:
            found = self.db.rows(f"SELECT digest FROM forgotten WHERE digest IN {listed(len(lost))}", lost)  # noqa: S608  # constants
            self.forgotten = {bytes(known) for (known,) in found}
        if self.forgotten and (asked := [d.request_id for d in self.deliveries if d.request_id]):
            self._read(f"request_id IN {listed(len(asked))}", asked)

    def _read(self, where: str, values: Sequence[str]) -> None:
        for kept in journal.read_at_once(self.db, where, values):
            if kept.record.key not in self.jobs:
                self.jobs[kept.record.key] = self.paths[kept.record.path] = kept

    def receive(self, delivery: Delivery, *, verify: bool) -> Receipt:
        kept, reason = self._whose(delivery)
        if reason:
            at = self.paths.get(delivery.path)
            self.strays.append((delivery, reason, at.record.key if at else None))
            return Receipt(Verdict.STRAYED)
        if kept is None:
            return Receipt(Verdict.UNKNOWN)
        if verify and holding.must_wait(kept, delivery):
            return self._hold(kept, delivery)
        if delivery.envelope.outcome in _ENDS:
            return self._repeat(kept, delivery) if kept.answered else self._end(kept, delivery, verify=verify)
        if delivery.envelope.outcome is Outcome.IN_PROGRESS and not kept.record.state.final:
            self._run(kept, delivery)
        return Receipt(Verdict.NOTED, kept.record)

    def _whose(self, delivery: Delivery) -> tuple[Kept | None, str]:
        """The delivery's job, or why it cannot be told; neither where its path is none of ours."""
        claimed = delivery.envelope.job_id
        kept = self.paths.get(delivery.path)
        if kept is not None:
            known = kept.record.job_id
            if claimed and (claimed != known if known else self._others(claimed, kept)):
                return None, f"It names the job {claimed}, and came on the path of another."
            return kept, ""
        if digest(delivery.path) not in self.forgotten:
            return None, ""
        named = [kept for kept in self.jobs.values() if claimed and kept.record.job_id == claimed]
        if not named and delivery.request_id:
            named = [kept for kept in self.jobs.values() if kept.record.request_id == delivery.request_id]
            named = [kept for kept in named if not (claimed and kept.record.job_id)]
        if len(named) == 1:
            return named[0], ""
        return None, "It came on the path of a job that was forgotten, and names none that is here."

    def _others(self, job_id: str, kept: Kept) -> list[Kept]:
        """Other jobs of the same server that have this id."""
        having = [other for other in self.jobs.values() if other.record.job_id == job_id]
        return [other for other in having if other is not kept and other.record.server == kept.record.server]

    def _end(self, kept: Kept, delivery: Delivery, *, verify: bool) -> Receipt:
        envelope, at = delivery.envelope, delivery.received
        kept.record = replace(kept.record, job_id=kept.record.job_id or envelope.job_id)
        state = _ENDS[envelope.outcome]
        error = plain(dump_error(failure(kept.record, envelope.faults))) if state is JobState.FAILED else None
        differs = holding.differs(self.db, kept.record.key, envelope) if verify and kept.repeats else None
        cause = _WORDS[differs] if differs is not None else _ANSWERED[delivery.source]
        step = journal.move(kept, state, at, cause, ended=at, expires=envelope.expires, error=error)
        kept.answered = True
        self.steps += [step] if step else []
        self.bodies.append((kept.record.key, delivery, True))
        self.changed[kept.record.key] = kept
        return Receipt(Verdict.ANSWERED, kept.record, None if differs is None else not differs)

    def _repeat(self, kept: Kept, delivery: Delivery) -> Receipt:
        self._keep(kept, delivery)
        return Receipt(Verdict.REPEATED, kept.record)

    def _hold(self, kept: Kept, delivery: Delivery) -> Receipt:
        error = holding.nameless(kept, delivery)
        if error is not None:
            kept.record = replace(kept.record, error=error)
        if self._keep(kept, delivery):
            self.steps.append((kept.record.key, delivery.received, kept.record.state, holding.HELD))
        return Receipt(Verdict.HELD, kept.record)

    def _keep(self, kept: Kept, delivery: Delivery) -> bool:
        """Keep a body beside the answer, or before it, up to the limit. Whether it was."""
        if kept.repeats >= REPEATS_KEPT:
            return False
        kept.repeats += 1
        self.bodies.append((kept.record.key, delivery, False))
        self.changed[kept.record.key] = kept
        return True

    def _run(self, kept: Kept, delivery: Delivery) -> None:
        job_id = kept.record.job_id or delivery.envelope.job_id
        if kept.record.state in _RUNS_FROM:
            cause = _RUNNING[delivery.source]
            step = journal.move(kept, JobState.RUNNING, delivery.received, cause, job_id=job_id, error=None)
            self.steps += [step] if step else []
        elif job_id != kept.record.job_id:
            kept.record = replace(kept.record, job_id=job_id)
        else:
            return
        self.changed[kept.record.key] = kept

    def write(self) -> None:
        # zlib gives the interpreter away for each body, and a busy cell takes 5 ms to give it back.
        short = [len(delivery.body) <= PACK_AT_ONCE_BYTES for delivery in self.deliveries]
        store(self.db, self.bodies, pack_now=short == [True])
        journal.save(self.db, self.changed.values())
        journal.note(self.db, self.steps)
        if self.strays:
            _keep_strays(self.db, self.strays)


def _keep_strays(db: Database, strays: Sequence[tuple[Delivery, str, str | None]]) -> None:
    values: list[Any] = []
    for delivery, reason, job in strays:
        packing, _, body = pack(delivery.body, now=True)
        claims = (delivery.envelope.job_id, delivery.request_id)
        values += [dump_time(delivery.received), reason, *claims, job, packing, len(delivery.body), body]
    columns = "received, reason, job_id, request_id, job, packing, size, body"
    db.do(f"INSERT INTO strays ({columns}) VALUES {places(len(strays), 8)}", values)  # noqa: S608  # constants
    total = 0
    for place, (number, size) in enumerate(db.rows("SELECT id, size FROM strays ORDER BY id DESC")):
        total += size
        if place >= STRAYS_KEPT or total > STRAY_BYTES_KEPT:
            db.do("DELETE FROM strays WHERE id <= ?", (number,))
            return
