"""The service's file: one SQLite connection in a thread of its own, readable by its owner alone."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from aijupyter.errors import ServiceError

T = TypeVar("T")

BUSY_SECONDS = 10.0
VERSION = 1
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY, account TEXT NOT NULL, owner TEXT NOT NULL, request_id TEXT NOT NULL, api TEXT NOT NULL,
    operation TEXT NOT NULL, webhook TEXT, url TEXT, file TEXT, options TEXT, created REAL NOT NULL,
    expires REAL NOT NULL, completed REAL, status TEXT NOT NULL, response TEXT, bytes INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_to_do ON jobs (account, created) WHERE NOT delivered;
CREATE INDEX jobs_done ON jobs (completed) WHERE delivered;
CREATE TABLE voices (
    speaker_id TEXT PRIMARY KEY, vector TEXT, speech_seconds REAL NOT NULL, audio_seconds REAL NOT NULL,
    revision INTEGER NOT NULL, enrolled REAL NOT NULL, deleted INTEGER NOT NULL DEFAULT 0
) STRICT;
"""
_MEND = "Name another file: aijupyter serve --store FILE, or connect(store='FILE')."


class ServiceDatabase:
    """The file at `path`. Everything that is done in it is done one after the other, off the event loop.

    A `durable` one is safe from a power cut after each transaction.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        self.path = path
        self._synchronous = "FULL" if durable else "OFF"
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aijupyter-store")
        self._db: sqlite3.Connection | None = None

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Do `function` in one transaction that others cannot get between, and make it durable.

        Raises ServiceError where the file cannot be read or written.
        """
        return await self._off_loop(lambda: self._in_transaction(function))

    async def open(self) -> None:
        """Open the file, or make it. Raises ServiceError."""
        await self._off_loop(self._open)

    async def scrub(self) -> None:
        """Overwrite what was removed in the log beside the file too; left for later where another process reads it."""
        await self._off_loop(lambda: self._connected.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

    async def close(self) -> None:
        """Idempotent."""
        with suppress(ServiceError, RuntimeError):
            await self._off_loop(self._close)
        self._thread.shutdown(wait=True)

    async def _off_loop(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._told, function)

    def _told(self, function: Callable[[], T]) -> T:
        try:
            return function()
        except (sqlite3.Error, OSError) as error:
            raise ServiceError(f"The service's store {self.path} cannot be used: {error}.", _MEND) from error

    @property
    def _connected(self) -> sqlite3.Connection:
        if self._db is None:
            raise sqlite3.ProgrammingError("it is closed")
        return self._db

    def _open(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the file itself.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        with suppress(OSError):
            self.path.chmod(0o600)
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            for pragma in ("journal_mode = WAL", "secure_delete = ON", "temp_store = MEMORY"):
                db.execute(f"PRAGMA {pragma}")
            db.execute(f"PRAGMA synchronous = {self._synchronous}")
            with _transaction(db):
                _migrate(db)
        except BaseException:
            db.close()
            raise
        self._db = db

    def _in_transaction(self, function: Callable[[sqlite3.Connection], T]) -> T:
        with _transaction(self._connected):
            return function(self._connected)

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _migrate(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise sqlite3.DatabaseError("a newer version of aijupyter made it")
    if version == 0:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise sqlite3.DatabaseError("it is a database of something else")
        for statement in _SCHEMA.split(";")[:-1]:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
