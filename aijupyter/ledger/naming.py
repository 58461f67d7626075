"""What people say of a job beside its way: who its speakers are, and where its recording lies now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aijupyter.errors import JobNotFoundError
from aijupyter.ledger import journal
from aijupyter.ledger.database import Database
from aijupyter.ledger.rows import dump_names, dump_time, readable, storable
from aijupyter.models import JobRecord, now


def name_speakers(db: Database, key: str, changes: Mapping[str, str | None]) -> JobRecord:
    """Keep these names beside those of the others, and have watchers on other ledgers told."""
    found = journal.read(db, "key = ?", (key,), change=True) if storable(key) else []
    if not found:
        raise JobNotFoundError(f"The ledger holds no job {key}.", "ai.jobs() lists those it holds.", job_id=key)
    before = found[0].record
    names = {label: readable(name) for label, name in {**before.names, **changes}.items() if name is not None}
    record = replace(before, names=names)
    if record.names != before.names:
        db.do("UPDATE jobs SET names = ? WHERE key = ?", (dump_names(record.names), key))
        _leave_word(db, key)
    return record


def _leave_word(db: Database, key: str) -> None:
    """One step that is none of the job's way says it, however often names are given."""
    db.do("DELETE FROM history WHERE job = ? AND state = 'named'", (key,))
    said = "INSERT INTO history (job, at, state, cause, writer) VALUES (?, ?, 'named', '', ?)"
    db.do(said, (key, dump_time(now()), db.writer))
    db.changed.append(key)


def move_source(db: Database, found: JobRecord, asked: JobRecord) -> JobRecord:
    """Who asks again with a file of the same content says where that is now."""
    if asked.source is None or asked.source == found.source:
        return found
    db.do("UPDATE jobs SET source = ? WHERE key = ?", (asked.source, found.key))
    return replace(found, source=asked.source)
