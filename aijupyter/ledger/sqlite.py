"""The ledger in a SQLite file: write-ahead log, synchronous FULL, readable by its owner alone."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aijupyter.errors import CONNECT_AGAIN, LedgerError
from aijupyter.ledger.database import Database, News
from aijupyter.ledger.endings import DEFINITIONS, Ending, insert
from aijupyter.ledger.migrations import MIGRATIONS, statements
from aijupyter.ledger.rows import Row
from aijupyter.ledger.sql import SQLLedger

BUSY_SECONDS = 10.0
"""How long a write waits for another process that holds the file."""

BUSY_SLICE_SECONDS = 0.02

LOG_PAGES = 16_384
"""The log may grow to so many pages (64 MB) before a write has to wait for them to be moved into the file; they are
moved earlier when nothing waits and SETTLED_CHANGES rows were changed.
"""

LOG_BYTES_LEFT = 4 << 20
"""What the log may take on the disk afterwards."""

SETTLED_CHANGES = 500

CHECKED_BYTES = 32 << 20
"""A file up to this size is checked page by page when it is opened."""

_MEND = "Name another place: connect(ledger='folder/ledger.db') or the setting AIJUPYTER_LEDGER."
_MEND_FULL = "Make room on the disk; the ledger works again then."
_MEND_BUSY = "Another program holds the file. Wait until it has finished, or end it, and try again."
_MEND_DAMAGED = (
    "Move it away and restore a copy of it, or save what can be read with: sqlite3 FILE .recover. "
    "Or name another place: connect(ledger='folder/ledger.db') or the setting AIJUPYTER_LEDGER."
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SQLiteLedger(SQLLedger):
    """A Ledger in one file."""

    def __init__(self, path: Path) -> None:
        super().__init__(SQLiteDatabase(path))
        self.path = path

    def __repr__(self) -> str:
        return f"SQLiteLedger({str(self.path)!r})"


class SQLiteDatabase(Database):
    """A connection to the file."""

    ends_at_once = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._tell: News | None = None
        self._version = 0
        self._seen = 0
        self._settled = 0

    def open(self) -> None:
        if self._db is not None:
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the file itself.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        self._refuse_what_is_no_ledger()
        self.scrub_due = self.scrub_due or self._beside("-wal")  # what somebody forgot may lie in it
        with suppress(OSError):  # a file that was there before, and somebody else's
            self.path.chmod(0o600)
        self._db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "fullfsync = ON", "foreign_keys = ON"):
            self._patiently(f"PRAGMA {pragma}")
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        self._db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_LEFT}")
        self._db.execute("PRAGMA temp_store = MEMORY")  # what a statement would take back is held in a file else
        self._settled = 0
        self._migrate()
        for statement in DEFINITIONS:
            self._db.execute(statement)
        self._seen = self._last_step()
        self._version = self._data_version()

    def close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()

    def rows_at_once(self, columns: Sequence[str], rest: str, values: Sequence[Any]) -> list[Row]:
        # Between rows Python's sqlite3 gives the interpreter away, and a busy cell takes 5 ms to give it back.
        query = f"SELECT json_group_array(json_array({', '.join(columns)})) {rest}"  # constants
        found: list[Row] = json.loads(self.rows(query, values)[0][0])
        return found

    def do(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self._connection.execute(statement, values).rowcount

    def end(self, endings: Sequence[Ending]) -> bool:
        try:
            self.do(*insert(endings, self.writer))
        except sqlite3.OperationalError:  # the file cannot be written, whatever it is
            raise
        except (sqlite3.Error, ValueError, TypeError):
            return False
        return True

    def begin(self) -> None:
        self.begun = False
        self._connection.execute("BEGIN IMMEDIATE")
        self.begun = True

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        if self._db is not None and self._db.in_transaction:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    def explain(self, error: Exception) -> LedgerError | None:
        # The last two: what cannot be stored.
        if not isinstance(error, sqlite3.Error | OSError | ValueError | TypeError):
            return None
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            mend = _MEND_DAMAGED
        else:
            mend = {sqlite3.SQLITE_FULL: _MEND_FULL, sqlite3.SQLITE_BUSY: _MEND_BUSY}.get(code, _MEND)
        explained = LedgerError(f"The ledger {self.path} failed: {error}.", mend, path=self.name)
        explained.__cause__ = error
        return explained

    def scrub(self) -> None:
        """Empty the write-ahead log. Deleted bytes in the file itself are overwritten by secure_delete."""
        with suppress(sqlite3.Error):  # a reader elsewhere is in the way: again when it has gone
            self._connection.execute("PRAGMA busy_timeout = 0")
            try:
                busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            self.scrub_due = bool(busy)

    def listen(self, tell: News) -> None:
        self._tell = tell

    def deafen(self) -> None:
        self._tell = None

    @property
    def settle_due(self) -> bool:
        return self._db is not None and self._db.total_changes - self._settled > SETTLED_CHANGES

    def settle(self) -> None:
        """Move what is in the log into the file, as far as nobody is in the way."""
        self._settled = self._connection.total_changes
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    @property
    def must_look(self) -> bool:
        return self._tell is not None

    def look(self) -> None:
        """Another connection's commit shows in the data version, and what it changed in the history."""
        version = self._data_version()
        if version == self._version or self._tell is None:
            return
        steps = self.rows("SELECT id, job, writer FROM history WHERE id > ? ORDER BY id", (self._seen,))
        self._version = version
        self._seen = steps[-1][0] if steps else self._seen
        if keys := list(dict.fromkeys(job for _, job, writer in steps if writer != self.writer)):
            self._tell(keys)

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _last_step(self) -> int:
        return int(self.rows("SELECT COALESCE(MAX(id), 0) FROM history")[0][0])

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise LedgerError("The ledger is not open.", CONNECT_AGAIN, path=self.name)
        return self._db

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

    def _refuse_what_is_no_ledger(self) -> None:
        """Raise for a damaged file, another application's and a newer ledger, having changed nothing in it."""
        in_log, unfinished = self._beside("-wal"), self._beside("-journal")
        if not in_log and not unfinished:
            self._refuse_cut_off()
        # A log that nobody has open would be written into the file when an ordinary connection closes, and a journal
        # that a kill left already when it reads.
        mode = "ro&immutable=1" if unfinished else "ro" if in_log else "rw"
        uri = f"{self.path.resolve().as_uri()}?mode={mode}"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as look:
            look.execute("PRAGMA query_only = ON")
            if look.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() == (0,):
                return
            self._applied(look)
            if not unfinished and self.path.stat().st_size <= CHECKED_BYTES:
                found = look.execute("PRAGMA quick_check(1)").fetchone()
                if found != ("ok",):
                    raise self._damaged(str(found[0]))

    def _beside(self, ending: str) -> bool:
        """Whether there is something in a file that SQLite puts beside the ledger's."""
        file = self.path.with_name(self.path.name + ending)
        return file.exists() and file.stat().st_size > 0

    def _refuse_cut_off(self) -> None:
        """A file that is shorter than its header says was cut off, for example by a full disk while it was copied."""
        with self.path.open("rb") as file:
            header = file.read(100)
        if len(header) < 100 or header[24:28] != header[92:96]:  # noqa: PLR2004  # https://sqlite.org/fileformat.html#database_header
            return
        page = int.from_bytes(header[16:18], "big")
        size = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
        if self.path.stat().st_size < size:
            raise self._damaged(f"it is shorter than the {size} bytes that it should have")

    def _damaged(self, how: str) -> LedgerError:
        return LedgerError(f"The ledger {self.path} is damaged: {how}.", _MEND_DAMAGED, path=self.name)

    def _applied(self, db: sqlite3.Connection) -> set[str]:
        """The steps that the file has. Raises for another application's database and for a newer ledger."""
        columns = {column for _, column, *_ in db.execute("PRAGMA table_info(migrations)")}
        if columns != {"name", "applied"}:
            raise LedgerError(f"{self.path} is a database, but no ledger.", _MEND, path=self.name)
        applied = {name for (name,) in db.execute("SELECT name FROM migrations")}
        if newer := sorted(applied - {name for name, _ in MIGRATIONS}):
            raise LedgerError(
                f"The ledger {self.path} was written by a newer aijupyter ({newer[-1]}).",
                "Upgrade: pip install -U aijupyter. Nothing in the file was touched.",
                path=self.name,
            )
        return applied

    def _migrate(self) -> None:
        db = self._connection
        tables = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if tables and len(self._applied(db)) == len(MIGRATIONS):
            return
        self.begin()
        try:
            db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied TEXT NOT NULL)")
            applied = self._applied(db)
            for name, script in MIGRATIONS:
                if name not in applied:
                    for statement in statements(script):
                        db.execute(statement)
                    db.execute("INSERT INTO migrations VALUES (?, ?)", (name, datetime.now(UTC).isoformat()))
            db.execute("COMMIT")
        except BaseException:
            self.rollback()
            raise
