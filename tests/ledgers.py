"""Ledgers for tests on both storages, as fixtures: `pytest_plugins = ("ledgers",)`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from postgres import PostgresMissingError, Server, postgres_server

from aijupyter.envelope import parse_envelope
from aijupyter.ledger.postgres import PostgresLedger
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.models import Delivery, DeliverySource, JobRecord, JobState, Operation
from aijupyter.protocols import Ledger

T0 = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Storage:
    """A place for ledgers, and a way to look into it past them."""

    make: Callable[[], Ledger]
    query: Callable[[str], list[Any]]

    @property
    def shared(self) -> bool:
        """Whether it is PostgreSQL, whose clock counts."""
        return isinstance(self.make(), PostgresLedger)

    def age(self, seconds: float) -> None:
        """Make every session's last sign of life older."""
        self.query(f"UPDATE sessions SET seen = seen - {seconds} RETURNING 1")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real PostgreSQL."""
    try:
        with postgres_server() as server:
            yield server
    except PostgresMissingError as error:
        pytest.skip(str(error))


@pytest.fixture
def postgres_url(server: Server) -> Iterator[str]:
    """An empty database in it."""
    with server.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A place for ledgers, empty."""
    if request.param == "sqlite":
        path = tmp_path / "below" / "ledger.db"
        return Storage(lambda: SQLiteLedger(path), lambda statement: _query_sqlite(path, statement))
    url = request.getfixturevalue("postgres_url")
    return Storage(lambda: PostgresLedger(url), lambda statement: _query_postgres(url, statement))


@pytest.fixture
def make(storage: Storage) -> Callable[[], Ledger]:
    """Makes ledgers, not open yet, that all stand on the same storage."""
    return storage.make


@pytest.fixture
async def ledger(storage: Storage) -> AsyncIterator[Ledger]:
    """An open ledger."""
    ledger = storage.make()
    await ledger.open()
    yield ledger
    await ledger.close()


@pytest.fixture
async def other(storage: Storage, ledger: Ledger) -> AsyncIterator[Ledger]:
    """A second open ledger on the same storage."""
    other = storage.make()
    await other.open()
    yield other
    await other.close()


def record(key: str = "k-1", **fields: Any) -> JobRecord:
    """An intent, just written."""
    defaults: dict[str, Any] = {
        "key": key,
        "path": f"path-of-{key}",
        "server": "https://api.example",
        "recording": "Gespräch 1.wav",
        "operation": Operation.ANALYZE,
        "options": {"insights": ["All"]},
        "state": JobState.WRITTEN,
        "created": T0,
    }
    return JobRecord(**{**defaults, **fields})


def delivery(key: str = "k-1", status: str = "Success", *, path: str | None = None, **fields: Any) -> Delivery:
    """An answer on a job's path."""
    if status == "Success":
        fields.setdefault("response", {"transcript": "Grüß Gott."})
    request_id = fields.pop("request_id", "request-of-delivery")
    source = fields.pop("source", DeliverySource.WEBHOOK)
    body = json.dumps({"status": status, **fields}, ensure_ascii=False).encode()
    return Delivery(path or f"path-of-{key}", parse_envelope(body), body, source, T0 + 5 * SECOND, request_id)


def _query_sqlite(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as db:
        return db.execute(statement).fetchall()


def _query_postgres(url: str, statement: str) -> list[Any]:
    import psycopg

    with psycopg.connect(url, autocommit=True, options="-c search_path=aijupyter") as db:
        return db.execute(statement.encode()).fetchall()
