"""Jobs read from the tables, changed, and written back with the steps of their way. A handful of statements serve any
number of jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from aijupyter.ledger.database import Database
from aijupyter.ledger.rows import CHANGING, KEPT_FIELDS, Kept, chunks, dump_kept, dump_time, load_kept, places, readable
from aijupyter.models import JobState

Step = tuple[str, datetime, JobState, str]
"""The job's key, when, the state that it reached, and why."""

CAUSES = {
    JobState.WRITTEN: "it waits to be sent again",
    JobState.SENDING: "sent",
    JobState.SUBMITTED: "accepted by the provider",
    JobState.RUNNING: "the provider works on it",
    JobState.UNCONFIRMED: "sent, and no answer came",
    JobState.SUCCEEDED: "answered",
    JobState.FAILED: "refused",
    JobState.EXPIRED: "no longer known to the provider",
    JobState.CANCELLED: "given up",
}
"""What is written where the caller does not say why."""

_SELECT = f"SELECT {', '.join(KEPT_FIELDS)} FROM jobs WHERE "  # noqa: S608  # constants
_INSERT = f"INSERT INTO jobs ({', '.join(KEPT_FIELDS)}) VALUES "  # noqa: S608  # constants
_UPDATE_ONE = f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in CHANGING)} WHERE key = ?"  # noqa: S608  # constants
_UPDATE = f"UPDATE jobs SET {', '.join(f'{name} = v.column{n}' for n, name in enumerate(CHANGING, 2))}"  # noqa: S608  # constants
_NOTE = "INSERT INTO history (job, at, state, cause, writer) VALUES "


def read(db: Database, where: str, values: Sequence[Any], *, order: str = "", change: bool = False) -> list[Kept]:
    """The jobs that meet a condition; with `change`, nobody else changes them until the transaction ends."""
    order = f" ORDER BY {order}" if order else ""
    return [load_kept(row) for row in db.rows(_SELECT + where + order + (db.locking if change else ""), values)]


def read_at_once(db: Database, where: str, values: Sequence[Any]) -> list[Kept]:
    """The jobs that meet a condition, in any order, for change."""
    # An order all the same: who locks rows in the same order does not lock each other out.
    order = f" ORDER BY key{db.locking}" if db.locking else ""
    return [load_kept(row) for row in db.rows_at_once(KEPT_FIELDS, f"FROM jobs WHERE {where}{order}", values)]


def insert(db: Database, kept: Kept) -> None:
    """Write a new job."""
    values = dump_kept(kept)
    db.do(_INSERT + places(1, len(KEPT_FIELDS)), [values[name] for name in KEPT_FIELDS])


def save(db: Database, jobs: Iterable[Kept]) -> None:
    """Write jobs back that were read for change."""
    for some in chunks(list(jobs)):
        _save(db, some)


def _save(db: Database, jobs: Sequence[Kept]) -> None:
    rows: list[Any] = []
    for kept in jobs:
        values = dump_kept(kept)
        rows += [values["key"], *(values[name] for name in CHANGING)]
    if len(jobs) == 1:
        db.do(_UPDATE_ONE, [*rows[1:], rows[0]])
        return
    table = f"(VALUES {places(len(jobs), len(CHANGING) + 1)}) AS v"
    db.do(f"{_UPDATE} FROM {table} WHERE jobs.key = v.column1", rows)


def note(db: Database, steps: Sequence[Step]) -> None:
    """Add steps to the history."""
    for some in chunks(steps):
        values: list[Any] = []
        for key, at, state, cause in some:
            values += [key, dump_time(at), str(state), readable(cause) or CAUSES[state], db.writer]
        db.do(_NOTE + places(len(some), 5), values)
    db.changed += [key for key, *_ in steps]


def move(kept: Kept, state: JobState, at: datetime, cause: str = "", **fields: Any) -> Step | None:
    """Change a job in memory. The step that is to be noted, None where its state stays."""
    before = kept.record.state
    if state.final:
        fields.setdefault("media", None)
        fields.setdefault("ended", at)
    if state is JobState.WRITTEN:
        fields |= {"job_id": None, "request_id": None, "submitted": None}
    if state in (JobState.SUBMITTED, JobState.RUNNING):
        fields.setdefault("submitted", kept.record.submitted or at)
    kept.record = replace(kept.record, state=state, **fields)
    return None if state is before else (kept.record.key, at, state, cause)
