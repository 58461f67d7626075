"""The ledger in a SQLite file: write-ahead log, synchronous FULL, one thread that does all the work."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from aijupyter.envelope import Outcome
from aijupyter.errors import CONNECT_AGAIN, LedgerError
from aijupyter.ledger.migrations import MIGRATIONS
from aijupyter.ledger.worker import Worker
from aijupyter.models import Delivery, JobRecord, JobState, Operation, Receipt, Verdict

T = TypeVar("T")

BUSY_SECONDS = 10.0
"""How long a write waits for another process that holds the file."""

BUSY_SLICE_SECONDS = 0.02

REPEATS_KEPT = 20
"""Repeats beyond this many per job are acknowledged and dropped, so that a loop elsewhere cannot fill the disk."""

_COLUMNS = (
    "key, path, server, operation, recording, options, state, created, job_id, request_id, submitted, ended, expires,"
    " error"
)
_ANSWERED = "SELECT 1 FROM deliveries WHERE job = ? AND is_answer"
_MEND = "Name another place: connect(ledger='folder/ledger.db') or the setting AIJUPYTER_LEDGER."


class SQLiteLedger:
    """A Ledger in one file, readable by its owner alone. The protocol's docstrings say what the methods do."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._worker: Worker | None = None
        self._db: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"SQLiteLedger({str(self.path)!r})"

    async def open(self) -> None:
        if self._worker is None:
            self._worker = Worker("aijupyter-ledger")
        try:
            await self._do(self._open)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.wrap_future(worker.submit(self._close))
            worker.stop()

    async def add(self, record: JobRecord) -> None:
        await self._do(self._add, record)

    async def advance(
        self,
        key: str,
        state: JobState,
        *,
        at: datetime,
        job_id: str | None = None,
        request_id: str | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> JobRecord:
        return await self._do(self._advance, key, state, at, job_id, request_id, error)

    async def expects(self, path: str) -> bool:
        return await self._do(self._exists, "SELECT 1 FROM jobs WHERE path = ?", path)

    async def accept(self, delivery: Delivery) -> Receipt:
        return await self._do(self._accept, delivery)

    async def find(self, job_id: str) -> JobRecord | None:
        return await self._do(self._one, "key = ? OR job_id = ? ORDER BY created DESC", job_id, job_id)

    async def answer(self, key: str) -> bytes | None:
        return await self._do(self._answer, key)

    async def jobs(self) -> list[JobRecord]:
        return await self._do(self._all)

    async def _do(self, function: Callable[..., T], *args: Any) -> T:
        """Run on the ledger's thread; whatever SQLite or the disk says becomes a LedgerError."""
        if self._worker is None:
            raise LedgerError("The ledger is closed.", CONNECT_AGAIN, path=str(self.path))
        try:
            return await asyncio.wrap_future(self._worker.submit(function, *args))
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:  # the last two: what cannot be stored
            if isinstance(error, LedgerError):
                raise
            raise LedgerError(f"The ledger {self.path} failed: {error}.", _MEND, path=str(self.path)) from error

    # From here on everything runs on the ledger's own thread.

    def _open(self) -> None:
        if self._db is not None:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the file itself.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        with suppress(OSError):  # a file that was there before, and somebody else's
            self.path.chmod(0o600)
        self._db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        self._refuse_strangers()  # before the journal mode, which is written into the file
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "foreign_keys = ON"):
            self._patiently(f"PRAGMA {pragma}")
        self._migrate()

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _patiently(self, statement: str) -> None:
        """SQLite does not wait for others that switch the journal mode at the same time, so we do."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connection.execute(statement)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_SLICE_SECONDS)
            else:
                return

    def _refuse_strangers(self) -> None:
        """Raise LedgerError for another application's database and for a newer ledger, having only read."""
        db = self._connection
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return
        columns = {column for _, column, *_ in db.execute("PRAGMA table_info(migrations)")}
        if columns != {"name", "applied"}:
            raise LedgerError(f"{self.path} is a database, but no ledger.", _MEND, path=str(self.path))
        applied = {name for (name,) in db.execute("SELECT name FROM migrations")}
        if newer := sorted(applied - {name for name, _ in MIGRATIONS}):
            raise LedgerError(
                f"The ledger {self.path} was written by a newer aijupyter ({newer[-1]}).",
                "Upgrade: pip install -U aijupyter. Nothing in the file was touched.",
                path=str(self.path),
            )

    def _migrate(self) -> None:
        with self._writing() as db:
            self._refuse_strangers()
            db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied TEXT NOT NULL)")
            applied = {name for (name,) in db.execute("SELECT name FROM migrations")}
            for name, script in MIGRATIONS:
                if name not in applied:
                    for statement in filter(str.strip, script.split(";")):
                        db.execute(statement)
                    db.execute("INSERT INTO migrations VALUES (?, ?)", (name, datetime.now(UTC).isoformat()))

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise LedgerError("The ledger is not open.", CONNECT_AGAIN)
        return self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed at the end, or as if it had never been."""
        db = self._connection
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _one(self, where: str, *values: str) -> JobRecord | None:
        row = self._connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {where} LIMIT 1", values).fetchone()  # noqa: S608  # constants
        return _record(row) if row else None

    def _all(self) -> list[JobRecord]:
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM jobs ORDER BY created DESC, rowid DESC")  # noqa: S608  # constants
        return [_record(row) for row in rows]

    def _exists(self, query: str, value: str) -> bool:
        return self._connection.execute(query, (value,)).fetchone() is not None

    def _answer(self, key: str) -> bytes | None:
        row = self._connection.execute("SELECT body FROM deliveries WHERE job = ? AND is_answer", (key,)).fetchone()
        return bytes(row[0]) if row else None

    def _add(self, record: JobRecord) -> None:
        places = ", ".join("?" * (_COLUMNS.count(",") + 1))
        with self._writing() as db:
            db.execute(f"INSERT INTO jobs ({_COLUMNS}) VALUES ({places})", _row(record))  # noqa: S608  # constants

    def _advance(
        self,
        key: str,
        state: JobState,
        at: datetime,
        job_id: str | None,
        request_id: str | None,
        error: Mapping[str, Any] | None,
    ) -> JobRecord:
        with self._writing() as db:
            db.execute(
                "UPDATE jobs SET job_id = COALESCE(job_id, ?), request_id = COALESCE(request_id, ?) WHERE key = ?",
                (job_id, request_id, key),
            )
            db.execute(
                "UPDATE jobs SET state = ?, error = ?,"
                " submitted = CASE WHEN ? THEN ? ELSE submitted END, ended = CASE WHEN ? THEN ? ELSE ended END"
                " WHERE key = ? AND ended IS NULL",
                (
                    state,
                    json.dumps(error) if error else None,
                    state is JobState.SUBMITTED,
                    at.isoformat(),
                    state.final,
                    at.isoformat(),
                    key,
                ),
            )
            record = self._one("key = ?", key)
        if record is None:
            raise LedgerError(f"The ledger holds no job {key}.", path=str(self.path))
        return record

    def _accept(self, delivery: Delivery) -> Receipt:
        with self._writing() as db:
            record = self._one("path = ?", delivery.path)
            verdict = _judge(record, delivery, answered=record is not None and self._exists(_ANSWERED, record.key))
            if record is None or verdict in (Verdict.UNKNOWN, Verdict.CONTRADICTED, Verdict.NOTED):
                return Receipt(verdict, record)
            is_answer = verdict is Verdict.ANSWERED
            if is_answer or self._repeats(record.key) < REPEATS_KEPT:
                db.execute(
                    "INSERT INTO deliveries (job, received, source, request_id, is_answer, body)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        record.key,
                        delivery.received.isoformat(),
                        delivery.source,
                        delivery.request_id,
                        is_answer,
                        delivery.body,
                    ),
                )
            if is_answer:
                expires = delivery.envelope.expires
                db.execute(
                    "UPDATE jobs SET state = ?, ended = ?, expires = ?, error = NULL, job_id = COALESCE(job_id, ?)"
                    " WHERE key = ?",
                    (
                        _ENDS[delivery.envelope.outcome],
                        delivery.received.isoformat(),
                        expires.isoformat() if expires else None,
                        delivery.envelope.job_id,
                        record.key,
                    ),
                )
            return Receipt(verdict, self._one("key = ?", record.key))

    def _repeats(self, key: str) -> int:
        counted = self._connection.execute("SELECT COUNT(*) FROM deliveries WHERE job = ? AND NOT is_answer", (key,))
        return int(counted.fetchone()[0])


_ENDS = {Outcome.SUCCESS: JobState.SUCCEEDED, Outcome.FAIL: JobState.FAILED}


def _judge(record: JobRecord | None, delivery: Delivery, *, answered: bool) -> Verdict:
    """An answer ends a job that has none, also one that was given up before: it was worked for, and may be paid for."""
    if record is None:
        return Verdict.UNKNOWN
    claimed = delivery.envelope.job_id
    if claimed and record.job_id and claimed != record.job_id:
        return Verdict.CONTRADICTED
    if delivery.envelope.outcome not in _ENDS:
        return Verdict.NOTED
    return Verdict.REPEATED if answered else Verdict.ANSWERED


def _row(record: JobRecord) -> tuple[str | None, ...]:
    def text(time: datetime | None) -> str | None:
        return time.isoformat() if time else None

    return (
        record.key,
        record.path,
        record.server,
        record.operation,
        record.recording,
        json.dumps(dict(record.options)),
        record.state,
        record.created.isoformat(),
        record.job_id,
        record.request_id,
        text(record.submitted),
        text(record.ended),
        text(record.expires),
        json.dumps(dict(record.error)) if record.error else None,
    )


def _record(row: tuple[Any, ...]) -> JobRecord:
    def time(text: str | None) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    key, path, server, operation, recording, options, state, created, job_id, request_id, *times, error = row
    submitted, ended, expires = map(time, times)
    return JobRecord(
        key=key,
        path=path,
        server=server,
        operation=Operation(operation),
        recording=recording,
        options=json.loads(options),
        state=JobState(state),
        created=datetime.fromisoformat(created),
        job_id=job_id,
        request_id=request_id,
        submitted=submitted,
        ended=ended,
        expires=expires,
        error=json.loads(error) if error else None,
    )
