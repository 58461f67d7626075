"""What the ledger tells: jobs, lists of them, their way, strays."""

from __future__ import annotations

from datetime import datetime
from itertools import islice, starmap
from typing import Any

from aijupyter.ledger import journal
from aijupyter.ledger.database import Database
from aijupyter.ledger.rows import dump_time, listed, storable, unpack
from aijupyter.models import JobRecord, JobState, JobSummary, Selection, Stray, Transition

_SUMMARY = "COALESCE(job_id, key), key, operation, recording, state, created, submitted, ended"


def find(db: Database, job_id: str) -> JobRecord | None:
    """The newest job with this key or provider's id."""
    if not storable(job_id):
        return None
    # Two questions, each for an index, and no LIMIT: without statistics PostgreSQL would walk through all jobs.
    found = journal.read(db, "key = ?", (job_id,)) or journal.read(db, "job_id = ?", (job_id,))
    return max((kept.record for kept in found), key=lambda job: (job.created, job.key), default=None)


def history(db: Database, key: str) -> list[Transition]:
    """The job's steps."""
    query = "SELECT at, state, cause FROM history WHERE job = ? AND state NOT IN ('forgotten', 'named') ORDER BY id"
    rows = db.rows(query, (key,))
    return [Transition(datetime.fromisoformat(at), JobState(state), cause) for at, state, cause in rows]


def jobs(db: Database, selection: Selection) -> list[JobSummary]:
    """The list, the newest first."""
    where, values = _condition(selection)
    query = f"SELECT {_SUMMARY} FROM jobs WHERE {where} ORDER BY created DESC, key DESC"  # noqa: S608  # constants
    if selection.limit is not None and selection.text is None:
        query, values = query + " LIMIT ?", [*values, max(selection.limit, 0)]
    found = starmap(JobSummary, db.rows(query, values))
    if selection.text is None:
        return list(found)
    wanted = selection.text.casefold()  # storages fold letters beyond ASCII differently or not at all
    limit = None if selection.limit is None else max(selection.limit, 0)
    return list(islice((job for job in found if wanted in job.recording.casefold()), limit))


def count(db: Database, selection: Selection) -> int:
    """How many would be listed without a limit."""
    where, values = _condition(selection)
    if selection.text is None:
        return int(db.rows(f"SELECT COUNT(*) FROM jobs WHERE {where}", values)[0][0])  # noqa: S608  # constants
    wanted = selection.text.casefold()
    found = db.rows(f"SELECT recording FROM jobs WHERE {where}", values)  # noqa: S608  # constants
    return sum(wanted in recording.casefold() for (recording,) in found)


def strays(db: Database) -> list[Stray]:
    """The strays, the newest first."""
    query = "SELECT id, received, reason, job_id, request_id, job, packing, body FROM strays ORDER BY id DESC"
    return [
        Stray(number, datetime.fromisoformat(received), reason, job_id, request_id, job, unpack(packing, body))
        for number, received, reason, job_id, request_id, job, packing, body in db.rows(query)
    ]


def _condition(selection: Selection) -> tuple[str, list[Any]]:
    """The selection but its text and limit, as a condition with its values."""
    parts: list[str] = []
    values: list[Any] = []
    if selection.states is not None:
        parts.append(f"state IN {listed(len(selection.states))}" if selection.states else "1 = 0")
        values += sorted(map(str, selection.states))
    if selection.operation is not None:
        parts.append("operation = ?")
        values.append(str(selection.operation))
    if selection.since is not None:
        parts.append("created >= ?")
        values.append(dump_time(selection.since))
    if selection.alike is not None:  # hexadecimal digits, all of which come before g: a range, for the index
        parts.append("fingerprint >= ? AND fingerprint < ?")
        values += [selection.alike, f"{selection.alike}g"]
    return " AND ".join(parts) or "1 = 1", values
