"""Who takes care of a job: sessions with a lease, and what is handed over when one of them is dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from aijupyter.errors import JobExpiredError, dump_error
from aijupyter.ledger import journal
from aijupyter.ledger.database import Database
from aijupyter.ledger.rows import Kept, plain
from aijupyter.models import JobRecord, JobState, Owner
from aijupyter.protocols import LEASE_SECONDS

EMBEDDED = "embedded:"
"""Servers whose names begin so die with their session, and what they were asked with them."""

_LIVES = "SELECT id FROM sessions WHERE seen > ? AND seen <= ?"
# The first line is the condition of the index jobs_under_way, word for word.
_CLAIMED = f"""state IN ('written', 'sending', 'submitted', 'running')
    AND server = ? AND (owner IS NULL OR (owner <> ? AND owner NOT IN ({_LIVES})))"""  # constants
_WRITTEN_HERE = " AND account IN (?, '') AND (state <> 'written' OR host IN ('', ?))"
"""A job of a ledger that did not know accounts yet is anybody's who asks the same server."""

_HERE = " AND (account = ? OR host IN ('', ?))"
"""The account of an embedded service is that very service: what another one had is done again, where its file is."""


def introduce(db: Database, owner: str, at: datetime) -> None:
    """A session that has not claimed yet lives from its first job on."""
    db.do("INSERT INTO sessions (id, seen) VALUES (?, ?) ON CONFLICT (id) DO NOTHING", (owner, db.seconds(at)))


def lives(db: Database, owner: str | None, at: datetime) -> bool:
    """Whether a session takes care of its jobs."""
    if owner is None:
        return False
    seconds = db.seconds(at)
    values = (seconds - LEASE_SECONDS, seconds + LEASE_SECONDS, owner)
    return bool(db.rows(f"{_LIVES} AND id = ?", values))


def release(db: Database, owner: str) -> None:
    """The session is gone."""
    db.do("DELETE FROM sessions WHERE id = ?", (owner,))


def claim(db: Database, owner: Owner, at: datetime) -> Sequence[JobRecord]:
    """Renew the owner's lease and hand it what nobody living takes care of."""
    db.exclude("claim")
    seconds = db.seconds(at)
    db.do(
        "INSERT INTO sessions (id, seen) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
        (owner.id, seconds),
    )
    lease = (seconds - LEASE_SECONDS, seconds + LEASE_SECONDS)
    where = _CLAIMED + (_HERE if owner.server.startswith(EMBEDDED) else _WRITTEN_HERE)
    values = (owner.server, owner.id, *lease, owner.account, owner.host)
    # Rows are locked in the order of their keys by everybody, so that nobody locks another out.
    orphans = journal.read(db, where, values, order="key", change=True)
    orphans.sort(key=lambda kept: (kept.record.created, kept.record.key))
    if not orphans:
        return []
    steps = [_hand_over(kept, owner, at) for kept in orphans]
    journal.save(db, orphans)
    journal.note(db, [step for step in steps if step])
    db.do("DELETE FROM sessions WHERE seen <= ? OR seen > ?", lease)  # no row says the same as a dead one
    return [kept.record for kept in orphans]


def _hand_over(kept: Kept, owner: Owner, at: datetime) -> journal.Step | None:
    """Change the job in memory: it gets the new owner, or none where nobody can do anything for it."""
    record = kept.record
    is_gone = owner.server.startswith(EMBEDDED) and record.account != owner.account
    kept.record = record = replace(record, account=owner.account)
    if record.state is not JobState.WRITTEN and is_gone:
        cause = "the embedded service that had it has ended"
        if record.media is None:
            error = plain(dump_error(_lost(record, cause)))
            return journal.move(kept, JobState.EXPIRED, at, cause, owner=None, error=error)
        return journal.move(kept, JobState.WRITTEN, at, cause, owner=owner.id, error=None)
    if record.state is JobState.SENDING:
        cause = "its session ended while it was being sent; it may have been received"
        return journal.move(kept, JobState.UNCONFIRMED, at, cause, owner=None)
    return journal.move(kept, record.state, at, owner=owner.id)


def _lost(record: JobRecord, cause: str) -> JobExpiredError:
    return JobExpiredError(
        f"Job {record.id} ({record.operation} {record.recording!r}) is lost: {cause}.",
        "Its recording was not kept. Ask again with the same call.",
        job_id=record.id,
    )
