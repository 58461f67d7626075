"""What is kept and for how long: forgetting, trimming, and moving jobs between ledgers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aijupyter.envelope import parse_envelope
from aijupyter.errors import JobCancelledError, dump_error
from aijupyter.ledger import deliveries, journal, listing
from aijupyter.ledger.database import Database
from aijupyter.ledger.rows import (
    Kept,
    chunks,
    digest,
    dump_time,
    listed,
    places,
    plain,
    readable,
    storable,
    unpack,
    with_storable_ids,
)
from aijupyter.models import Delivery, DeliverySource, JobEntry, JobRecord, JobState, now

TOLD_FOR = timedelta(minutes=10)
"""So long the key of a forgotten job, which says nothing, stays among the steps for watchers elsewhere to read."""

SPENT = "spent:"
"""A colon is in no delivery path."""

_MOVED = "moved to another ledger before it was sent"
_ENDED = "state IN ('succeeded', 'failed', 'expired', 'cancelled') AND ended IS NOT NULL"


def forget(db: Database, keys: Collection[str]) -> int:
    """Remove jobs with all that belongs to them; their paths stay as digests."""
    wanted = [key for key in dict.fromkeys(keys) if storable(key)]
    count = sum(_forget(db, some) for some in chunks(wanted))
    db.scrub_due = db.scrub_due or count > 0
    return count


def _forget(db: Database, keys: Sequence[str]) -> int:
    these = listed(len(keys))
    lock = f" ORDER BY key{db.locking}"
    found = db.rows(f"SELECT key, path FROM jobs WHERE key IN {these}{lock}", keys)  # noqa: S608  # constants
    if not found:
        return 0
    known = f"INSERT INTO forgotten (digest) VALUES {places(len(found), 1)} ON CONFLICT (digest) DO NOTHING"  # noqa: S608  # constants
    db.do(known, [digest(path) for _, path in found])
    for table in ("deliveries", "strays", "history"):
        db.do(f"DELETE FROM {table} WHERE job IN {these}", keys)  # noqa: S608  # constants
    _leave_word(db, [key for key, _ in found])
    return db.do(f"DELETE FROM jobs WHERE key IN {these}", keys)  # noqa: S608  # constants


def _leave_word(db: Database, keys: Sequence[str]) -> None:
    """Have watchers on other ledgers told that these jobs are gone."""
    at = now()
    db.do("DELETE FROM history WHERE state = 'forgotten' AND at < ?", (dump_time(at - TOLD_FOR),))
    rows = [value for key in keys for value in (key, dump_time(at), db.writer)]
    told = ", ".join(["(?, ?, 'forgotten', '', ?)"] * len(keys))
    db.do(f"INSERT INTO history (job, at, state, cause, writer) VALUES {told}", rows)  # noqa: S608  # constants
    db.changed += keys


def forget_strays(db: Database) -> int:
    """Remove all strays."""
    count = db.do("DELETE FROM strays")
    db.scrub_due = db.scrub_due or count > 0
    return count


def ended_before(db: Database, before: datetime) -> list[str]:
    """The keys of the jobs that ended before a time, the longest ended first."""
    query = f"SELECT key FROM jobs WHERE {_ENDED} AND ended < ? ORDER BY ended, key"  # noqa: S608  # constants
    return [key for (key,) in db.rows(query, (dump_time(before),))]


def beyond(db: Database, to_bytes: int) -> list[str]:
    """The keys of the longest ended jobs without which the answers and repeats fit into so many bytes."""
    total = _sum(db, "deliveries")
    if total <= to_bytes:
        return []
    query = f"""SELECT key, (SELECT COALESCE(SUM(size), 0) FROM deliveries WHERE job = key)
        FROM jobs WHERE {_ENDED} ORDER BY ended, key"""  # noqa: S608  # constants
    keys = []
    for key, size in db.rows(query):
        if total <= to_bytes:
            break
        total -= int(size)
        keys.append(key)
    return keys


def size(db: Database) -> int:
    """The bytes of answers, repeats and strays."""
    return _sum(db, "deliveries") + _sum(db, "strays")


def _sum(db: Database, table: str) -> int:
    return int(db.rows(f"SELECT COALESCE(SUM(size), 0) FROM {table}")[0][0])  # noqa: S608  # constants


def keys(db: Database) -> list[str]:
    """The keys of all jobs, the oldest first."""
    return [key for (key,) in db.rows("SELECT key FROM jobs ORDER BY created, key")]


def entry(db: Database, key: str) -> JobEntry | None:
    """All that is held of one job."""
    found = journal.read(db, "key = ?", (key,))
    if not found:
        return None
    record = found[0].record
    query = (
        """SELECT received, source, request_id, is_answer, packing, body FROM deliveries WHERE job = ? ORDER BY id"""
    )
    brought = []
    for received, source, request_id, is_answer, packing, packed in db.rows(query, (key,)):
        body, at = unpack(packing, packed), datetime.fromisoformat(received)
        came = Delivery(record.path, parse_envelope(body), body, DeliverySource(source), at, request_id)
        brought.append((came, bool(is_answer)))
    return JobEntry(record, tuple(listing.history(db, key)), tuple(brought))


def restore(db: Database, entry: JobEntry) -> bool:
    """Add a job as it was elsewhere, with nobody who takes care of it, and never to be sent from here."""
    key = entry.record.key
    if db.rows("SELECT 1 FROM jobs WHERE key = ?", (key,)):
        return False
    answered = any(is_answer for _, is_answer in entry.deliveries)
    path = _spent(db, entry.record.path) if answered else entry.record.path
    record = replace(entry.record, path=path, owner=None, recording=readable(entry.record.recording))
    kept = Kept(record, answered, len(entry.deliveries) - answered)
    step = _settle(kept)
    journal.insert(db, kept)
    for some in chunks(entry.deliveries):
        brought = [(key, with_storable_ids(delivery), is_answer) for delivery, is_answer in some]
        deliveries.store(db, brought, pack_now=True)
    way = [(key, step.at, step.state, step.cause) for step in entry.history]
    journal.note(db, [*way, step] if step else way)
    return True


def _spent(db: Database, path: str) -> str:
    """What takes the place of an answered job's delivery path, in a copy that may travel: nothing can come on it.

    The path itself stays known as ours, by its digest, like that of a forgotten job.
    """
    if path.startswith(SPENT):
        return path
    db.do("INSERT INTO forgotten (digest) VALUES (?) ON CONFLICT (digest) DO NOTHING", (digest(path),))
    return f"{SPENT}{digest(path).hex()}"


def _settle(kept: Kept) -> journal.Step | None:
    """The ledger where the job comes from may still send it, or be sending it; this one must not."""
    at, state = now(), kept.record.state
    if state is JobState.WRITTEN:
        error = plain(dump_error(_moved(kept.record)))
        return journal.move(kept, JobState.CANCELLED, at, f"{_MOVED}; ask again", error=error)
    if state is JobState.SENDING:
        return journal.move(kept, JobState.UNCONFIRMED, at, "moved to another ledger while it was being sent")
    return None


def _moved(record: JobRecord) -> JobCancelledError:
    said = f"Job {record.id} ({record.operation} {record.recording!r}) was {_MOVED}."
    return JobCancelledError(said, "Ask again with the same call.", job_id=record.id)
