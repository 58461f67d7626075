"""What is special to the ledger in PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence

import psycopg
import pytest
from ledgers import T0, delivery, record
from postgres import ENCODED, PASSWORD, PostgresMissingError, Server, postgres_server

from aijupyter.errors import LedgerError
from aijupyter.ledger.migrations import MIGRATIONS
from aijupyter.ledger.postgres import PostgresLedger, masked
from aijupyter.models import JobState, Selection

pytest_plugins = ("ledger_fixtures",)


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A PostgreSQL that may be stopped."""
    try:
        with postgres_server() as server:
            yield server
    except PostgresMissingError as error:
        pytest.skip(str(error))


def execute(url: str, *statements: str) -> None:
    """Do something past the ledger."""
    with psycopg.connect(url, autocommit=True) as db:
        for statement in statements:
            db.execute(statement.encode())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://jane:secret@db.example:5432/lab", "postgresql://jane@db.example:5432/lab"),
        ("postgres://jane:secret@db.example/lab?sslpassword=secret", "postgres://jane@db.example/lab"),
        ("postgresql:///lab?password=secret", "postgresql:///lab"),
        ("postgresql://jane:se/secret@db.example/lab", "postgresql://..."),
        ("postgresql://jane:se@secret@db.example/lab", "postgresql://..."),
        ("host=x password=secret", "postgresql://..."),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    """Also where it is not written as it should be."""
    assert masked(url) == shown
    assert "secret" not in repr(PostgresLedger(url))


@pytest.mark.parametrize("change", ["port", "password", "database", "nonsense"])
async def test_a_password_is_never_told(server: Server, change: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by the error nor by its traceback nor by the log, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    url = {
        "port": server.url().replace(f":{server.port}/", ":1/"),
        "password": server.url().replace(ENCODED, f"{ENCODED}x"),
        "database": server.url("nowhere"),
        "nonsense": server.url().replace("%2F", "/"),
    }[change]
    ledger = PostgresLedger(url)
    with pytest.raises(LedgerError) as caught:
        await ledger.open()
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(ledger) + repr(vars(caught.value))
    for secret in (PASSWORD, ENCODED, "geheim"):
        assert secret not in told
    assert caught.value.mend


async def test_a_secret_path_is_not_told(postgres_url: str) -> None:
    """The server quotes the values that it refuses; the error does not."""
    ledger = PostgresLedger(postgres_url)
    await ledger.open()
    first = await ledger.add(record())
    with pytest.raises(LedgerError) as caught:
        await ledger.add(record("k-2", path=first.path))
    await ledger.close()
    assert first.path not in "".join(traceback.format_exception(caught.value))


async def test_a_server_that_was_restarted(own_server: Server) -> None:
    """While it is away every call fails; when it is back the ledger works again and its watchers miss nothing."""
    with own_server.database() as url:
        ledger, other = PostgresLedger(url), PostgresLedger(url)
        heard: asyncio.Queue[Sequence[str]] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        await ledger.open()
        await other.open()
        ledger.watch(lambda keys: loop.call_soon_threadsafe(heard.put_nowait, keys))
        await ledger.add(record())
        await asyncio.to_thread(own_server.stop)
        with pytest.raises(LedgerError):
            await ledger.accept(delivery())
        with pytest.raises(LedgerError):
            await ledger.find("k-1")
        await asyncio.to_thread(own_server.start)
        assert (await ledger.accept(delivery())).verdict == "answered"
        await other.add(record("k-2"))
        told: list[str] = []
        while "k-2" not in told:
            told += await asyncio.wait_for(heard.get(), 20)
        await ledger.close()
        await other.close()


async def test_a_session_that_the_server_ended(postgres_url: str) -> None:
    """A write begins anew by itself: nothing had been asked of the lost connection yet."""
    ledger = PostgresLedger(postgres_url)
    await ledger.open()
    execute(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aijupyter'",
    )
    assert await ledger.add(record()) == record()
    await ledger.close()


async def test_a_schema_of_somebody_else(postgres_url: str) -> None:
    """It is refused, and nothing is put into it."""
    execute(postgres_url, "CREATE SCHEMA aijupyter", "CREATE TABLE aijupyter.customers (name TEXT)")
    with pytest.raises(LedgerError, match="no ledger"):
        await PostgresLedger(postgres_url).open()
    with psycopg.connect(postgres_url) as db:
        found = db.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'aijupyter'")
        assert found.fetchall() == [("customers",)]


async def test_a_newer_ledger(postgres_url: str) -> None:
    """It is refused, with the upgrade as the mend."""
    ledger = PostgresLedger(postgres_url)
    await ledger.open()
    await ledger.close()
    execute(postgres_url, "INSERT INTO aijupyter.migrations VALUES ('9999-of-tomorrow', '2036-01-01')")
    with pytest.raises(LedgerError, match="9999-of-tomorrow") as caught:
        await ledger.open()
    assert "pip install -U" in caught.value.mend


async def test_it_lives_in_a_schema_of_its_own(postgres_url: str) -> None:
    """With all steps, its bodies not packed a second time by the server, and every commit flushed."""
    execute(postgres_url, "ALTER ROLE tester SET synchronous_commit = off")
    ledger = PostgresLedger(postgres_url)
    await ledger.open()
    shown = ledger._db.rows("SHOW synchronous_commit")
    await ledger.close()
    execute(postgres_url, "ALTER ROLE tester RESET synchronous_commit")
    assert shown == [("on",)]
    with psycopg.connect(postgres_url) as db:
        assert len(db.execute("SELECT name FROM aijupyter.migrations").fetchall()) == len(MIGRATIONS)
        assert db.execute("SELECT 1 FROM information_schema.tables WHERE table_schema = 'public'").fetchall() == []


async def test_forgetting_vacuums(postgres_url: str) -> None:
    """A moment later, once for many steps."""
    ledger = PostgresLedger(postgres_url)
    await ledger.open()
    for number in range(50):
        await ledger.add(record(f"k-{number}"))
    assert await ledger.trim(before=T0) == 0
    assert await ledger.forget([f"k-{number}" for number in range(50)]) == 50
    deadline = time.monotonic() + 20
    while vacuums(postgres_url) == 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    await ledger.add(record())
    assert await ledger.forget(["k-1"]) == 1
    assert await ledger.count(Selection(states=frozenset(JobState))) == 0
    assert vacuums(postgres_url) == 1
    await ledger.close()


def vacuums(url: str) -> int:
    """How often the table of jobs was vacuumed by somebody."""
    with psycopg.connect(url) as db:
        found = db.execute("SELECT vacuum_count FROM pg_stat_user_tables WHERE relname = 'jobs'").fetchall()
    return int(found[0][0])


def test_without_psycopg() -> None:
    """The extra that is missing is named; importing needs it not."""
    code = """
import asyncio, sys
sys.modules["psycopg"] = None
from aijupyter.errors import LedgerError
from aijupyter.ledger.postgres import PostgresLedger
try:
    asyncio.run(PostgresLedger("postgresql://jane:secret@db.example/lab").open())
except LedgerError as error:
    print(error.mend)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.strip() == "pip install 'aijupyter[postgres]'"
