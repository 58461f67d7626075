"""What is kept and for how long: forgetting, trimming, and moving jobs between ledgers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from aijupyter.envelope import parse_envelope
from aijupyter.ledger import deliveries, journal, listing
from aijupyter.ledger.database import Database
from aijupyter.ledger.rows import Kept, digest, dump_time, listed, places, unpack
from aijupyter.models import Delivery, DeliverySource, JobEntry

FORGET_AT_ONCE = 500
"""A statement takes so many keys."""

_ENDED = "state IN ('succeeded', 'failed', 'expired', 'cancelled') AND ended IS NOT NULL"


def forget(db: Database, keys: Collection[str]) -> int:
    """Remove jobs with all that belongs to them; their paths stay as digests."""
    wanted = list(dict.fromkeys(keys))
    chunks = (wanted[start : start + FORGET_AT_ONCE] for start in range(0, len(wanted), FORGET_AT_ONCE))
    count = sum(_forget(db, chunk) for chunk in chunks)
    db.scrub_due = db.scrub_due or count > 0
    return count


def _forget(db: Database, keys: list[str]) -> int:
    these = listed(len(keys))
    lock = f" ORDER BY key{db.locking}"
    digests = [digest(path) for (path,) in db.rows(f"SELECT path FROM jobs WHERE key IN {these}{lock}", keys)]  # noqa: S608  # constants
    if not digests:
        return 0
    known = f"INSERT INTO forgotten (digest) VALUES {places(len(digests), 1)} ON CONFLICT (digest) DO NOTHING"  # noqa: S608  # constants
    db.do(known, digests)
    for table in ("deliveries", "strays", "history"):
        db.do(f"DELETE FROM {table} WHERE job IN {these}", keys)  # noqa: S608  # constants
    return db.do(f"DELETE FROM jobs WHERE key IN {these}", keys)  # noqa: S608  # constants


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
    """Add a job as it was elsewhere, with nobody who takes care of it."""
    key = entry.record.key
    if db.rows("SELECT 1 FROM jobs WHERE key = ?", (key,)):
        return False
    answered = any(is_answer for _, is_answer in entry.deliveries)
    journal.insert(db, Kept(replace(entry.record, owner=None), answered, len(entry.deliveries) - answered))
    deliveries.store(db, [(key, *brought) for brought in entry.deliveries], pack_now=True)
    journal.note(db, [(key, step.at, step.state, step.cause) for step in entry.history])
    return True
