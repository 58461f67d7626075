"""What is special to the ledger in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aijupyter.envelope import parse_envelope
from aijupyter.errors import LedgerError
from aijupyter.ledger.database import Database
from aijupyter.ledger.deliveries import REPEATS_KEPT
from aijupyter.ledger.migrations import MIGRATIONS
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.ledger.worker import Kind
from aijupyter.models import Delivery, DeliverySource, JobRecord, JobState, Operation

T0 = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
BODY = b'{"status": "Success", "response": []}'
RECORD = JobRecord("k-1", "a-path", "server", Operation.EMOTIONS, "call.wav", {}, JobState.WRITTEN, T0)


def a_delivery() -> Delivery:
    """The answer to RECORD."""
    return Delivery("a-path", parse_envelope(BODY), BODY, DeliverySource.STATUS, T0)


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder without the right to write."""
    tmp_path.chmod(0o500)
    return tmp_path


async def refused(path: Path) -> LedgerError:
    """The error that opening this ledger raises."""
    ledger = SQLiteLedger(path)
    with pytest.raises(LedgerError) as caught:
        await ledger.open()
    assert caught.value.path == str(path)
    assert str(path) in caught.value.problem
    assert "aijupyter-ledger" not in [thread.name for thread in threading.enumerate()]
    return caught.value


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
async def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """The file, its -wal and its -shm are readable by their owner alone, whatever the umask allows."""
    mask = os.umask(0)
    try:
        ledger = SQLiteLedger(tmp_path / "a" / "b" / "ledger.db")
        await ledger.open()
        await ledger.add(RECORD)
    finally:
        os.umask(mask)
    modes = {file.name: file.stat().st_mode & 0o777 for file in ledger.path.parent.iterdir()}
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm"), 0o600)
    assert ledger.path.parent.stat().st_mode & 0o777 == 0o700
    await ledger.close()
    assert names(ledger.path.parent) == ["ledger.db"]


async def test_the_file_is_as_durable_as_documented(tmp_path: Path) -> None:
    """A write-ahead log, flushed to the disk with every commit, and foreign keys that hold."""
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()

    def pragmas(db: Database) -> list[object]:
        return [
            db.rows(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        ]

    assert await ledger._do(Kind.READ, pragmas) == ["wal", 2, 1, 1]
    await ledger.close()


async def test_repeats_are_kept_up_to_a_limit(tmp_path: Path) -> None:
    """Beside the answer so many repeats are kept, and the rest take no room."""
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    await ledger.add(RECORD)
    for _ in range(REPEATS_KEPT + 15):
        await ledger.accept(a_delivery())
    await ledger.close()
    with closing(sqlite3.connect(ledger.path)) as db:
        counted = dict(db.execute("SELECT is_answer, COUNT(*) FROM deliveries GROUP BY is_answer"))
    assert counted == {1: 1, 0: REPEATS_KEPT}


@pytest.mark.parametrize(
    "content", [b"not a database, " * 500, b"\x00" * 8192, b"SQLite format 3\x00" + b"garbage" * 1000]
)
async def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    """Somebody's file is refused and left as it is, byte for byte."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert "AIJUPYTER_LEDGER" in (await refused(path)).mend
    assert path.read_bytes() == content
    assert names(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE customers (name TEXT); INSERT INTO customers VALUES ('Jane')",
        "CREATE TABLE migrations (id INTEGER, app TEXT); CREATE TABLE jobs (id INTEGER)",
        "PRAGMA journal_mode = WAL; CREATE TABLE customers (name TEXT)",
    ],
    ids=["another", "with migrations of its own", "write-ahead"],
)
async def test_another_applications_database(tmp_path: Path, script: str) -> None:
    """Another application's database is refused and left as it is, byte for byte."""
    path = tmp_path / "customers.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)
    before = path.read_bytes()
    assert "is a database, but no ledger" in (await refused(path)).problem
    assert path.read_bytes() == before
    assert names(tmp_path) == ["customers.db"]


async def test_a_newer_ledger(tmp_path: Path) -> None:
    """A ledger that a newer version wrote is refused, with the upgrade as the mend, and left as it is."""
    path = tmp_path / "ledger.db"
    ledger = SQLiteLedger(path)
    await ledger.open()
    await ledger.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO migrations VALUES ('9999-of-tomorrow', '2036-01-01')")
        db.commit()
    before = path.read_bytes()
    error = await refused(path)
    assert "9999-of-tomorrow" in error.problem
    assert "pip install -U" in error.mend
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["file/ledger.db", "file/a/b/ledger.db", "folder"])
async def test_a_place_that_takes_no_file(tmp_path: Path, name: str) -> None:
    """Below a regular file, or where a folder is, no ledger can be: the error names another way."""
    (tmp_path / "file").write_bytes(b"a file")
    (tmp_path / "folder").mkdir()
    error = await refused(tmp_path / name)
    assert isinstance(error, OSError)
    assert "AIJUPYTER_LEDGER" in error.mend
    assert (tmp_path / "file").read_bytes() == b"a file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written(locked: Path) -> None:
    """A folder without the right to write takes no ledger."""
    await refused(locked / "ledger.db")


async def test_a_write_that_fails_is_taken_back_whole(tmp_path: Path) -> None:
    """When the disk says no in the middle of an accept, the job has not ended and its answer can come again."""
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    await ledger.add(RECORD)
    with closing(sqlite3.connect(ledger.path)) as db:
        db.execute("CREATE TRIGGER full BEFORE UPDATE ON jobs BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
        with pytest.raises(LedgerError, match="disk is full"):
            await ledger.accept(a_delivery())
        assert await ledger.answer("k-1") is None
        db.execute("DROP TRIGGER full")
    assert (await ledger.accept(a_delivery())).verdict == "answered"
    await ledger.close()


async def test_a_reader_elsewhere_holds_nobody_up(tmp_path: Path) -> None:
    """While another program reads the file, deliveries are written all the same."""
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    await ledger.add(RECORD)
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT state FROM jobs").fetchall() == [("written",)]
        await ledger.accept(a_delivery())
        assert reader.execute("SELECT state FROM jobs").fetchall() == [("written",)]
        reader.execute("COMMIT")
        assert reader.execute("SELECT state FROM jobs").fetchall() == [("succeeded",)]
    await ledger.close()


async def test_no_thread_is_left(tmp_path: Path) -> None:
    """A ledger works in one thread of its own and ends it when it is closed."""
    before = threading.active_count()
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    assert threading.active_count() == before + 1
    await ledger.close()
    assert threading.active_count() == before


def test_migrations_are_in_order() -> None:
    """Steps have ascending names, each its own."""
    names = [name for name, _ in MIGRATIONS]
    assert names == sorted(set(names))


def test_the_repr_shows_the_place() -> None:
    """One line with the path."""
    assert repr(SQLiteLedger(Path("ledger.db"))) == "SQLiteLedger('ledger.db')"
