"""Ledgers on both storages, as fixtures: `pytest_plugins = ("ledger_fixtures",)`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from ledgers import Storage, query_postgres, query_sqlite
from postgres import PostgresMissingError, Server, postgres_server

from aijupyter.ledger.postgres import PostgresLedger
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.protocols import Ledger


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
        return Storage(lambda: SQLiteLedger(path), lambda statement: query_sqlite(path, statement))
    url = request.getfixturevalue("postgres_url")
    return Storage(lambda: PostgresLedger(url), lambda statement: query_postgres(url, statement))


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
