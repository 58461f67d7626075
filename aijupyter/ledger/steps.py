"""A job's way from the question on: written down, taken to be sent, moved on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from aijupyter.errors import JobNotFoundError
from aijupyter.ledger import journal, naming, owners
from aijupyter.ledger.database import Database
from aijupyter.ledger.rows import Kept, listed, plain, readable, storable
from aijupyter.models import UNDER_WAY, JobRecord, JobState

_FOUND_AGAIN = sorted({*UNDER_WAY, JobState.UNCONFIRMED, JobState.SUCCEEDED})
_SAME = f"fingerprint = ? AND state IN {listed(len(_FOUND_AGAIN))}"


def add(db: Database, record: JobRecord, fresh: bool) -> JobRecord:  # called by position, with others
    """Write an intent down, or find the job that asks the same, unless it is to be asked afresh."""
    if record.fingerprint is not None and not fresh:
        db.exclude(record.fingerprint)
        values = [record.fingerprint, *map(str, _FOUND_AGAIN)]
        # The newest is picked here: with a LIMIT, PostgreSQL may walk through all jobs by their age.
        if same := journal.read(db, _SAME, values, order="created DESC, key DESC"):
            return naming.move_source(db, _adopt(db, same[0].record, record), record)
    record = replace(record, recording=readable(record.recording))
    journal.insert(db, Kept(record))
    journal.note(db, [(record.key, record.created, record.state, "asked")])
    if record.owner is not None:
        owners.introduce(db, record.owner, record.created)
    return record


def _adopt(db: Database, same: JobRecord, asked: JobRecord) -> JobRecord:
    """The job that asks the same; where it waits for a session that is dead, it is the asking one's from now on."""
    waits = same.state is JobState.WRITTEN and asked.owner is not None and same.owner != asked.owner
    if not waits or owners.lives(db, same.owner, asked.created):
        return same
    found = journal.read(db, "key = ?", (same.key,), change=True)
    if not found or (found[0].record.state, found[0].record.owner) != (same.state, same.owner):
        return found[0].record if found else same
    kept = found[0]
    step = (same.key, asked.created, JobState.WRITTEN, "asked again; taken over")
    kept.record = replace(same, owner=asked.owner, host=asked.host, media=asked.media, account=asked.account)
    _write(db, kept, step)
    owners.introduce(db, asked.owner or "", asked.created)
    return kept.record


def take(db: Database, key: str, owner: str, at: datetime) -> JobRecord | None:
    """Move the owner's waiting job to sending."""
    where = "key = ? AND owner = ? AND state = 'written'"
    for kept in journal.read(db, where, (key, owner), change=True):
        _write(db, kept, journal.move(kept, JobState.SENDING, at))
        return kept.record
    return None


def advance(
    db: Database,
    key: str,
    state: JobState,
    at: datetime,
    cause: str,
    ids: tuple[str | None, str | None],
    error: Mapping[str, Any] | None,
    only_from: Collection[JobState] | None,
) -> JobRecord:
    """Move the job on; `ids` are the provider's for it and for the request."""
    found = journal.read(db, "key = ?", (key,), change=True)
    if not found:
        raise JobNotFoundError(f"The ledger holds no job {key}.", "ai.jobs() lists those it holds.", job_id=key)
    kept = found[0]
    before = kept.record
    moves = not before.state.final and (only_from is None or before.state in only_from)
    if moves or before.state is not JobState.WRITTEN:  # else the ids are those of a submission that was given up
        job_id, request_id = (each if storable(each) else None for each in ids)
        kept.record = replace(before, job_id=before.job_id or job_id, request_id=before.request_id or request_id)
    step = None
    if moves:
        if before.state is JobState.RUNNING and state is JobState.SUBMITTED:
            state = JobState.RUNNING
        error = plain(error)
        if state is before.state:
            error = error or before.error
        step = journal.move(kept, state, at, cause, error=error)
    if kept.record != before:
        _write(db, kept, step)
    return kept.record


def _write(db: Database, kept: Kept, step: journal.Step | None) -> None:
    journal.save(db, [kept])
    journal.note(db, [step] if step else [])
