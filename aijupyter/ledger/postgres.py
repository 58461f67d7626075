"""The ledger in PostgreSQL, for several people or machines on one: psycopg 3, tables in a schema of their own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aijupyter.errors import CONNECT_AGAIN, LedgerError
from aijupyter.ledger.database import Database, News
from aijupyter.ledger.listening import CHANNEL, Listener
from aijupyter.ledger.migrations import MIGRATIONS, postgres_statements
from aijupyter.ledger.rows import Row
from aijupyter.ledger.sql import SQLLedger

if TYPE_CHECKING:
    import psycopg

SCHEMA = "aijupyter"

WAIT_SECONDS = 10
"""How long to wait for a connection, and for what another session has locked."""

_MEND = "See whether the server runs and the URL is right: connect(ledger='postgresql://...') or AIJUPYTER_LEDGER."
_MEND_ROOM = "Make room on the server's disk; the ledger works again then."
_LOCK = 0x61694A7570  # "aiJup"
_CLEAR_URL = re.compile(
    r"(postgres(?:ql)?://)(?:([^:@/?#]*)(?::[^@/?#]*)?@)?([^@/?#]*)(/[^@/?#]*)?(?:\?.*)?", re.DOTALL
)
_SESSION = (
    f"SET search_path TO {SCHEMA}",
    f"SET lock_timeout TO '{WAIT_SECONDS}s'",
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)


def masked(url: str) -> str:
    """The URL as people and logs may see it: without the password, and without options, which could hold one."""
    clear = _CLEAR_URL.fullmatch(url)
    if clear is None:
        return "postgresql://..."
    scheme, user, host, database = clear.groups()
    return f"{scheme}{f'{user}@' if user else ''}{host}{database or ''}"


class PostgresLedger(SQLLedger):
    """A Ledger in a PostgreSQL database. `url` is "postgresql://user:password@host/database"."""

    def __init__(self, url: str) -> None:
        super().__init__(PostgresDatabase(url))

    def __repr__(self) -> str:
        return f"PostgresLedger({self._db.name!r})"


class PostgresDatabase(Database):
    """A connection to the server, made anew when it was lost."""

    locking = " FOR UPDATE"

    def __init__(self, url: str) -> None:
        super().__init__(masked(url))
        self._url = url
        self._db: psycopg.Connection[Row] | None = None
        self._open = False
        self._in_transaction = False
        self._listener: Listener | None = None
        self._seen = 0

    def open(self) -> None:
        if self._open:
            return
        self._db = self._connected()
        try:
            self._migrate()
            self._seen = int(self.rows("SELECT COALESCE(MAX(id), 0) FROM history")[0][0])
        except BaseException:
            self.close()
            raise
        self._open = True

    def close(self) -> None:
        self._open = False
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._connection.execute(_translated(statement), values).fetchall()

    def do(self, statement: str, values: Sequence[Any] = ()) -> int:
        return self._connection.execute(_translated(statement), values).rowcount

    def begin(self) -> None:
        self.begun = self._in_transaction = False
        try:
            self._connection.execute("BEGIN")
        except Exception:
            if not self.broken:
                raise
            self._connection.execute("BEGIN")  # the server was restarted since; nothing has been asked of it yet
        self.begun = self._in_transaction = True

    def commit(self) -> None:
        if self.changed:
            values = [f"{self.writer} {key}" for key in dict.fromkeys(self.changed)]
            told = ", ".join(["(?)"] * len(values))
            self.do(f"SELECT pg_notify('{CHANNEL}', v.column1) FROM (VALUES {told}) AS v", values)  # noqa: S608  # constants
        self._connection.execute("COMMIT")
        self._in_transaction = False

    def rollback(self) -> None:
        self._in_transaction = False
        if self._db is not None and not self.broken:
            with suppress(Exception):
                self._db.execute("ROLLBACK")

    @property
    def broken(self) -> bool:
        return self._db is None or self._db.closed

    def explain(self, error: Exception) -> LedgerError | None:
        import psycopg  # noqa: PLC0415  # an extra

        if not isinstance(error, psycopg.Error | OSError | ValueError | TypeError):
            return None
        # The first line only: what follows can quote the values, and paths are secrets.
        said = str(error).strip().split("\n", 1)[0].removesuffix(".")
        full = isinstance(error, psycopg.errors.DiskFull)
        return LedgerError(
            f"The ledger {self.name} failed: {self._without_password(said)}.",
            _MEND_ROOM if full else _MEND,
            path=self.name,
        )

    def exclude(self, name: str) -> None:
        self.rows("SELECT pg_advisory_xact_lock(hashtextextended(?, ?))", (name, _LOCK))

    def seconds(self, at: datetime) -> float:  # noqa: ARG002  # machines' clocks differ; the server's is one
        return float(self.rows("SELECT extract(epoch FROM clock_timestamp())")[0][0])

    def scrub(self) -> None:
        """Have the space used again."""
        with suppress(Exception):
            for table in ("jobs", "deliveries", "history", "strays"):
                self.do(f"VACUUM {table}")
            self.scrub_due = False

    def listen(self, tell: News) -> None:
        if self._listener is None:
            self._listener = Listener(self._connected, self.writer, self._seen, tell)

    def deafen(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()

    def _connected(self) -> psycopg.Connection[Row]:
        """A new connection, ready for use."""
        try:
            import psycopg  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise LedgerError(
                "A ledger in PostgreSQL needs psycopg.", "pip install 'aijupyter[postgres]'", path=self.name
            ) from error
        try:
            given = psycopg.conninfo.conninfo_to_dict(self._url)
            defaults = {"connect_timeout": WAIT_SECONDS, "tcp_user_timeout": WAIT_SECONDS * 1000, "keepalives_idle": 30}
            defaults["application_name"] = "aijupyter"  # type: ignore[assignment]  # libpq takes text for all
            options: dict[str, Any] = {name: value for name, value in defaults.items() if name not in given}
            db = psycopg.connect(self._url, autocommit=True, **options)
        except psycopg.ProgrammingError:
            raise LedgerError(
                f"The ledger's URL {self.name} cannot be read.",
                "Write postgresql://user:password@host:5432/database, special characters percent-encoded.",
                path=self.name,
            ) from None
        except psycopg.Error as error:
            raise self.explain(error) or error from None
        for statement in _SESSION:
            db.execute(statement)
        return db

    @property
    def _connection(self) -> psycopg.Connection[Row]:
        if self._db is None:
            raise LedgerError("The ledger is not open.", CONNECT_AGAIN, path=self.name)
        if self._db.closed and not self._in_transaction:
            self._db = self._connected()
        return self._db

    def _without_password(self, text: str) -> str:
        import psycopg  # noqa: PLC0415  # an extra

        given: dict[str, Any] = {}
        with suppress(psycopg.Error):
            given = psycopg.conninfo.conninfo_to_dict(self._url)
        for name in ("password", "sslpassword"):
            if given.get(name):
                text = text.replace(str(given[name]), "***")
        return text

    def _migrate(self) -> None:
        if self._steps() == {name for name, _ in MIGRATIONS}:
            return
        self.begin()
        try:
            self.rows("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            applied = self._steps()
            self.do(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            self.do("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied TEXT NOT NULL)")
            for name, script in MIGRATIONS:
                if name not in applied:
                    for statement in postgres_statements(script):
                        self.do(statement)
                    self.do("INSERT INTO migrations VALUES (?, ?)", (name, datetime.now(UTC).isoformat()))
            for table in ("deliveries", "strays"):  # we pack the bodies ourselves, and faster
                self.do(f"ALTER TABLE {table} ALTER COLUMN body SET STORAGE EXTERNAL")
            self.changed.clear()
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def _steps(self) -> set[str]:
        """The steps that the storage has. Raises for another application's schema and for a newer ledger."""
        query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ?"
        columns = self.rows(query, (SCHEMA,))
        if not columns:
            return set()
        if {column for table, column in columns if table == "migrations"} != {"name", "applied"}:
            raise LedgerError(f"{self.name} has a schema {SCHEMA} that is no ledger.", _MEND, path=self.name)
        applied = {name for (name,) in self.rows("SELECT name FROM migrations")}
        if newer := sorted(applied - {name for name, _ in MIGRATIONS}):
            raise LedgerError(
                f"The ledger {self.name} was written by a newer aijupyter ({newer[-1]}).",
                "Upgrade: pip install -U aijupyter. Nothing in the ledger was touched.",
                path=self.name,
            )
        return applied


@cache
def _translated(statement: str) -> str:
    return statement.replace("%", "%%").replace("?", "%s")
