"""What a server of PostgreSQL does to a ledger: other defaults, restarts, hangs, locks, news that come late."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from ledgers import T0, delivery, query_postgres, record
from postgres import PostgresMissingError, Server, postgres_server

from aijupyter.errors import LedgerError
from aijupyter.ledger import sql
from aijupyter.ledger.listening import Listener
from aijupyter.ledger.postgres import PostgresLedger
from aijupyter.models import JobState, Owner, Selection
from aijupyter.protocols import LEASE_SECONDS

pytest_plugins = ("ledger_fixtures",)


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A PostgreSQL that may be stopped."""
    try:
        with postgres_server() as server:
            yield server
    except PostgresMissingError as error:
        pytest.skip(str(error))


END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aijupyter'"


async def opened(url: str) -> PostgresLedger:
    """A ledger, open."""
    ledger = PostgresLedger(url)
    await ledger.open()
    return ledger


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_a_server_with_other_defaults(server: Server, postgres_url: str, level: str) -> None:
    """However it isolates transactions by itself, one question is written once."""
    name = postgres_url.rsplit("/", 1)[1]
    server.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{level}'")
    server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    server.execute(f"ALTER DATABASE {name} SET client_encoding = 'LATIN1'")
    ledgers = [await opened(postgres_url) for _ in range(4)]
    for number in range(30):
        asked = [
            ledger.add(record(f"k-{number}-{place}", fingerprint=f"f-{number}", recording="Gr\u00fc\u00dfe \U0001f600"))
            for place, ledger in enumerate(ledgers)
        ]
        assert len({job.key for job in await asyncio.gather(*asked)}) == 1
        key = (await ledgers[0].jobs(Selection(limit=1)))[0].key
        receipts = await asyncio.gather(*(ledger.accept(delivery(key)) for ledger in ledgers))
        assert [receipt.verdict for receipt in receipts].count("answered") <= 1
    assert await ledgers[0].count(Selection()) == 30
    for ledger in ledgers:
        await ledger.close()


async def test_a_database_without_an_encoding(server: Server) -> None:
    """It is refused, with what to create instead."""
    server.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(LedgerError, match="SQL_ASCII") as caught:
        await PostgresLedger(server.url("ascii")).open()
    assert "ENCODING 'UTF8'" in caught.value.mend
    server.execute("DROP DATABASE ascii WITH (FORCE)")


async def test_the_first_question_after_a_restart(postgres_url: str) -> None:
    """A read is asked once more by itself, and a write that had not begun too."""
    ledger, writer = await opened(postgres_url), await opened(postgres_url)
    await writer.add(record())
    query_postgres(postgres_url, END_OTHERS)
    assert await ledger.expects("path-of-k-1")
    query_postgres(postgres_url, END_OTHERS)
    outcomes = await asyncio.gather(ledger.find("k-1"), ledger.add(record("k-2")), ledger.find("k-1"))
    assert outcomes == [record(), record("k-2"), record()]
    await ledger.close()
    await writer.close()


@contextmanager
def hung(url: str, *others: int) -> Iterator[None]:
    """Stop the server's processes for the sessions of ledgers, and others; they keep their connections."""
    found = query_postgres(url, "SELECT pid FROM pg_stat_activity WHERE application_name = 'aijupyter'")
    processes = [*(pid for (pid,) in found), *others]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


async def test_a_server_that_hangs(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls fail in time, each saying that nobody knows; the ledger goes on with a new connection."""
    monkeypatch.setattr(sql, "PATIENCE_SECONDS", 1.0)
    ledger = await opened(postgres_url)
    await ledger.add(record())
    with hung(postgres_url):
        with pytest.raises(LedgerError, match="did not answer within 1 s") as caught:
            await ledger.accept(delivery())
        assert "not known" in caught.value.mend
        # The first call is done after all, by the new connection, for it had not begun; nobody heard of it.
        assert (await ledger.accept(delivery())).verdict == "repeated"
    await ledger.close()


async def test_closing_while_the_server_hangs(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends in time, and what was waiting is done by a new connection."""
    monkeypatch.setattr(sql, "CLOSE_SECONDS", 1.0)
    ledger = await opened(postgres_url)
    with hung(postgres_url):
        adding = asyncio.create_task(ledger.add(record()))
        await asyncio.sleep(0)
        started = time.monotonic()
        await ledger.close()
        assert time.monotonic() - started < 5
        assert await adding == record()


async def test_closing_while_the_whole_server_hangs(
    own_server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing can be done, so it is left behind, which is logged; its thread ends when it can."""
    monkeypatch.setattr(sql, "CLOSE_SECONDS", 0.3)
    monkeypatch.setattr(sql, "ABANDON_SECONDS", 0.3)
    before = threading.active_count()
    postmaster = int((own_server.data / "postmaster.pid").read_text().split()[0])
    with own_server.database() as url:
        ledger = await opened(url)
        with hung(url, postmaster):
            adding = asyncio.create_task(ledger.add(record()))
            await asyncio.sleep(0)
            started = time.monotonic()
            await ledger.close()
            assert time.monotonic() - started < 5
            assert "left behind" in caplog.text
        await asyncio.wait({adding}, timeout=20)
        deadline = time.monotonic() + 20
        while threading.active_count() > before:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_somebody_locks_a_table_for_long(postgres_url: str) -> None:
    """What was forgotten is vacuumed later; meanwhile deliveries are written and leases renewed."""
    ledger = await opened(postgres_url)
    for number in range(5):
        await ledger.add(record(f"k-{number}", state=JobState.CANCELLED, ended=T0))
    started = time.monotonic()
    with psycopg.connect(postgres_url) as db:
        db.execute("LOCK TABLE aijupyter.jobs IN SHARE UPDATE EXCLUSIVE MODE")
        assert await ledger.forget(["k-0", "k-1"]) == 2
        for number in range(2, 5):
            await ledger.accept(delivery(f"k-{number}"))
            await ledger.claim(Owner("me", "https://api.example", "", ""), at=T0)
            await asyncio.sleep(0.3)  # housekeeping is done in between
    await ledger.close()
    assert time.monotonic() - started < LEASE_SECONDS / 2


def test_a_step_that_was_committed_late(server: Server) -> None:
    """Its number is lower than the last one that was seen; it is told, once, when the listening begins."""
    told: list[Sequence[str]] = []
    with server.database() as url:
        asyncio.run(_filled(url))
        connect = lambda: psycopg.connect(url, autocommit=True, options="-c search_path=aijupyter")  # noqa: E731
        listener = Listener(connect, 1, [4, 6], told.append)
        deadline = time.monotonic() + 20
        while not told:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        listener.stop()
    assert told == [["late"]]


async def _filled(url: str) -> None:
    """Steps 4 and 6 of somebody else, and 5, which came later."""
    await (await opened(url)).close()
    query_postgres(
        url,
        "INSERT INTO history (id, job, at, state, cause, writer) VALUES (4, 'a', '', 'written', '', 2),"
        " (6, 'b', '', 'written', '', 2), (5, 'late', '', 'written', '', 2) RETURNING 1",
    )


async def test_a_process_that_has_no_more_files(postgres_url: str) -> None:
    """What watches hears as soon as there are some again, and the ledger works all the time."""
    ledger, other = await opened(postgres_url), await opened(postgres_url)
    heard: asyncio.Queue[Sequence[str]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        ledger.watch(lambda keys: loop.call_soon_threadsafe(heard.put_nowait, keys))
        await ledger.add(record())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    await other.add(record("k-2"))
    told: list[str] = []
    while "k-2" not in told:
        told += await asyncio.wait_for(heard.get(), 20)
    await ledger.close()
    await other.close()
