"""The ledger in PostgreSQL, for several people or machines on one: psycopg 3, tables in a schema of their own."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from aijupyter.errors import CONNECT_AGAIN, LedgerError
from aijupyter.ledger.database import Database, News
from aijupyter.ledger.listening import CHANNEL, STEPS, Listener
from aijupyter.ledger.migrations import MIGRATIONS, postgres_statements
from aijupyter.ledger.rows import Row, chunks
from aijupyter.ledger.sql import SQLLedger
from aijupyter.logs import hush, logger

if TYPE_CHECKING:
    import psycopg

SCHEMA = "aijupyter"

WAIT_SECONDS = 10
"""How long to wait for a connection, and for what another session has locked."""

_MEND = "See whether the server runs and the URL is right: connect(ledger='postgresql://...') or AIJUPYTER_LEDGER."
_MEND_ENCODING = "Name a database in UTF-8: CREATE DATABASE ledger ENCODING 'UTF8' TEMPLATE template0."
_MEND_ROOM = "Make room on the server's disk; the ledger works again then."
_SCRUB_SECONDS = 30.0
_LONGEST_SCRUB = "1s"
"""Of each table; the server's own autovacuum does what is left. A lease must not lapse meanwhile."""

_LOCK = 0x61694A7570  # "aiJup"
_VERSION_12 = 12_00_00
_LOCK_NOT_AVAILABLE = "55P03"
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"  # whatever the server's default is
_CLEAR_URL = re.compile(
    r"(postgres(?:ql)?://)(?:([^:@/?#]*)(?::[^@/?#]*)?@)?([^@/?#]*)(/[^@/?#]*)?(?:\?.*)?", re.DOTALL
)
_SESSION = (
    f"SET search_path TO {SCHEMA}",
    f"SET lock_timeout TO '{WAIT_SECONDS}s'",
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)


log = logger(__name__)


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

    may_hang = True

    locking = " FOR UPDATE"
    scrub_pause = _SCRUB_SECONDS

    def __init__(self, url: str) -> None:
        super().__init__(masked(url))
        self._url = url
        self._db: psycopg.Connection[Row] | None = None
        self._open = False
        self._in_transaction = False
        self._listener: Listener | None = None
        self._known: list[int] = []
        self._wanted: News | None = None
        self._skipped = False

    def open(self) -> None:
        if self._open:
            return
        self._db = self._connected()
        try:
            self._refuse_bytes()
            self._migrate()
            self._known = [number for (number,) in self.rows(STEPS)]
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
            self._connection.execute(_BEGIN)
        except Exception:
            if not self.broken:
                raise
            self._connection.execute(_BEGIN)  # the server was restarted since; nothing has been asked of it yet
        self.begun = self._in_transaction = True

    def commit(self) -> None:
        for keys in chunks(list(dict.fromkeys(self.changed))):
            values = [f"{self.writer} {key}" for key in keys]
            told = ", ".join(["(?)"] * len(values))
            self.do(f"SELECT pg_notify('{CHANNEL}', v.column1) FROM (VALUES {told}) AS v", values)  # noqa: S608  # constants
        self._connection.execute("COMMIT")
        self._in_transaction = False

    def rollback(self) -> None:
        self._in_transaction = False
        if self._db is not None and not self.broken:
            with suppress(Exception):
                self._db.execute("ROLLBACK")

    def cut(self) -> None:
        with suppress(Exception):  # it may just have ended by itself
            if self._db is not None:
                with closing(socket.fromfd(self._db.fileno(), socket.AF_INET, socket.SOCK_STREAM)) as line:
                    line.shutdown(socket.SHUT_RDWR)

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
        """Have the space used again, where nobody is in the way."""
        self._skipped = False
        with suppress(Exception):
            db = self._connection
            # To shorten the files it would wait for all readers.
            how = "(SKIP_LOCKED, TRUNCATE FALSE)" if db.info.server_version >= _VERSION_12 else ""
            try:
                self.do("SET lock_timeout TO '50ms'")
                self.do(f"SET statement_timeout TO '{_LONGEST_SCRUB}'")
                for table in ("jobs", "deliveries", "history", "strays"):
                    self.do(f"VACUUM {how} {table}")
                self.scrub_due = self._skipped
            finally:
                self.do(f"SET lock_timeout TO '{WAIT_SECONDS}s'")
                self.do("RESET statement_timeout")

    def listen(self, tell: News) -> None:
        self._wanted = tell
        self.look()

    def look(self) -> None:
        """Begin to listen, again and again until the process has a file and a thread for it."""
        if self._wanted is None or self._listener is not None:
            return
        try:
            self._listener = Listener(self._connected, self.writer, self._known, self._wanted)
        except (OSError, RuntimeError) as error:
            log.debug("The ledger's news cannot be heard yet: %s", error)

    @property
    def must_look(self) -> bool:
        return self._wanted is not None and self._listener is None

    def deafen(self) -> None:
        self._wanted = None
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
        hush("psycopg")
        try:
            options = self._defaults()
            db = psycopg.connect(self._url, autocommit=True, client_encoding="UTF8", **options)
        except psycopg.ProgrammingError:
            raise LedgerError(
                f"The ledger's URL {self.name} cannot be read.",
                "Write postgresql://user:password@host:5432/database, special characters percent-encoded.",
                path=self.name,
            ) from None
        except psycopg.Error as error:
            raise self.explain(error) or error from None
        db.add_notice_handler(self._notice)
        for statement in _SESSION:
            db.execute(statement)
        return db

    def _defaults(self) -> dict[str, Any]:
        """What is set of a connection where the URL does not say. (Nobody's traceback holds what it does say.)"""
        import psycopg  # noqa: PLC0415  # an extra

        given = frozenset(psycopg.conninfo.conninfo_to_dict(self._url))
        defaults = {"connect_timeout": WAIT_SECONDS, "tcp_user_timeout": WAIT_SECONDS * 1000, "keepalives_idle": 30}
        options: dict[str, Any] = {**defaults, "application_name": "aijupyter"}
        return {name: value for name, value in options.items() if name not in given}

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        self._skipped = self._skipped or notice.sqlstate == _LOCK_NOT_AVAILABLE

    def _refuse_bytes(self) -> None:
        """A database that takes any bytes for text gives back other text than it got."""
        encoding = self._connection.info.parameter_status("server_encoding")
        if encoding == "SQL_ASCII":
            said = f"The database {self.name} has the encoding SQL_ASCII, which keeps no text as it is."
            raise LedgerError(said, _MEND_ENCODING, path=self.name)

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
