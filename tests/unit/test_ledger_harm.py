"""What is done to a ledger's file from outside: older versions, damage, full disks, locks."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ledgers import SECOND, T0, delivery, record

from aijupyter.errors import LedgerError
from aijupyter.ledger import sqlite
from aijupyter.ledger.migrations import MIGRATIONS, statements
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.models import JobState, Owner, Selection, Transition, Verdict

pytest_plugins = ("ledger_fixtures",)

LONG = b'{"status": "Success", "response": {"transcript": "' + b"Guten Tag. " * 500 + b'"}}'


def released(path: Path) -> None:
    """A file as the first released version wrote it, with jobs in every state of that time."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, applied TEXT NOT NULL)")
        for statement in statements(MIGRATIONS[0][1]):
            db.execute(statement)
        db.execute("INSERT INTO migrations VALUES (?, '2026-01-01')", (MIGRATIONS[0][0],))
        created, submitted, ended = ((T0 + n * SECOND).isoformat() for n in range(3))
        for state, *times in (
            ("written", None, None),
            ("submitted", submitted, None),
            ("unconfirmed", None, None),
            ("succeeded", submitted, ended),
            ("failed", None, ended),
            ("expired", submitted, ended),
        ):
            values = (state, f"path-of-{state}", "https://api.example", "analyze", "Gespräch.wav", '{"a": 1}', state)
            ids = (f"p-{state}" if times[0] else None, None)
            error = '{"kind": "JobExpiredError", "problem": "Gone."}' if state == "expired" else None
            row = (*values, created, *ids, *times, None, error)
            db.execute(f"INSERT INTO jobs VALUES ({', '.join('?' * len(row))})", row)
        for is_answer, body in ((1, LONG), (0, b'{"status": "Fail"}')):
            answer = ("succeeded", ended, "webhook", None, is_answer, body)
            db.execute("INSERT INTO deliveries VALUES (NULL, ?, ?, ?, ?, ?, ?)", answer)
        db.commit()


async def test_a_file_of_the_first_version(tmp_path: Path) -> None:
    """Nothing in it is lost: jobs, answers, errors, paths; they have a history, and long answers become small."""
    released(tmp_path / "ledger.db")
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    states = {job.key: job.state for job in await ledger.jobs(Selection())}
    assert states == {
        state: state for state in ("written", "submitted", "unconfirmed", "succeeded", "failed", "expired")
    }
    job = await ledger.find("p-succeeded")
    assert job == record(
        "succeeded", recording="Gespräch.wav", options={"a": 1}, state=JobState.SUCCEEDED, job_id="p-succeeded",
        submitted=T0 + SECOND, ended=T0 + 2 * SECOND,
    )  # fmt: skip
    expired = await ledger.find("expired")
    assert expired is not None
    assert expired.error == {"kind": "JobExpiredError", "problem": "Gone."}
    assert [step.state for step in await ledger.history("succeeded")] == ["written", "submitted", "succeeded"]
    assert (await ledger.history("submitted"))[0] == Transition(T0, JobState.WRITTEN, "asked")
    assert (await ledger.accept(delivery("succeeded"))).verdict is Verdict.REPEATED
    assert (await ledger.accept(delivery("failed"))).verdict is Verdict.ANSWERED
    deadline = time.monotonic() + 20
    while await ledger.size() > len(LONG) / 4:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    assert await ledger.answer("succeeded") == LONG
    await ledger.close()


async def test_jobs_of_the_first_version_are_taken_care_of(tmp_path: Path) -> None:
    """By whoever asks the same server, for they name no account; it gets theirs."""
    released(tmp_path / "ledger.db")
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    claimed = await ledger.claim(Owner("me", "https://api.example", "an account", "a host"), at=T0)
    assert {(job.key, job.state.value, job.owner, job.account) for job in claimed} == {
        ("written", "written", "me", "an account"),
        ("submitted", "submitted", "me", "an account"),
    }
    await ledger.close()


def all_bytes(folder: Path) -> bytes:
    """What is in all files of a folder."""
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


async def test_what_was_forgotten_in_a_log_that_was_left(tmp_path: Path) -> None:
    """Where a reader was in the way when it was forgotten, the next who opens the ledger empties the log."""
    ledger, other = (SQLiteLedger(tmp_path / "ledger.db") for _ in range(2))
    await ledger.open()
    await other.open()
    await ledger.add(record(recording="Marmelade.wav"))
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM jobs").fetchall()
        await ledger.forget(["k-1"])
        await ledger.close()
    assert b"Marmelade" in all_bytes(tmp_path)
    await ledger.open()
    deadline = time.monotonic() + 20
    while b"Marmelade" in all_bytes(tmp_path):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await ledger.close()
    await other.close()


async def test_somebody_elses_database_with_a_journal(tmp_path: Path) -> None:
    """Another application was killed in the middle of a change: what it can roll back is left to it."""
    theirs, path = tmp_path / "theirs.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(theirs, isolation_level=None)) as db:
        db.execute("CREATE TABLE customers (name TEXT)")
        db.execute("PRAGMA cache_size = 5")
        db.executemany("INSERT INTO customers VALUES (?)", [("a" * 900,)] * 300)
        db.execute("BEGIN")
        db.execute("UPDATE customers SET name = ?", ("b" * 900,))
        for ending in ("", "-journal"):
            shutil.copy(f"{theirs}{ending}", f"{path}{ending}")
    before = all_bytes(tmp_path)
    with pytest.raises(LedgerError):
        await SQLiteLedger(path).open()
    assert all_bytes(tmp_path) == before
    assert sorted(names(tmp_path)) == ["copy.db", "copy.db-journal", "theirs.db"]


async def test_the_first_step_is_as_it_was_released() -> None:
    """It is in files that exist, so it is never changed."""
    script = " ".join(MIGRATIONS[0][1].split())
    assert hashlib.sha256(script.encode()).hexdigest() == RELEASED


RELEASED = "0cb8541d9323464bf5cc8bf6c7c48488bc23fbf3527cd02b531b0ba3bab03ed4"


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return [file.name for file in folder.iterdir()]


async def filled(path: Path) -> None:
    """A closed ledger of many pages."""
    ledger = SQLiteLedger(path)
    await ledger.open()
    await asyncio.gather(*(ledger.add(record(f"k-{number}")) for number in range(200)))
    await asyncio.gather(*(ledger.accept(delivery(f"k-{number}")) for number in range(200)))
    await ledger.close()


@pytest.mark.parametrize("harm", ["cut off", "overwritten", "zeroed"])
async def test_a_damaged_file(tmp_path: Path, harm: str) -> None:
    """It is refused when it is opened, with what to do, and not touched."""
    path = tmp_path / "ledger.db"
    await filled(path)
    whole = path.read_bytes()
    noise = random.Random(1).randbytes(8192)
    middle = len(whole) // 2
    path.write_bytes(
        {
            "cut off": whole[: middle + 100],
            "overwritten": whole[:4096] + noise + whole[4096 + len(noise) :],
            "zeroed": whole[:8192] + bytes(len(whole) - 8192),
        }[harm]
    )
    before = path.read_bytes()
    ledger = SQLiteLedger(path)
    with pytest.raises(LedgerError) as caught:
        await ledger.open()
    assert "Move it away" in caught.value.mend
    assert path.read_bytes() == before
    assert names(tmp_path) == ["ledger.db"]


async def test_a_log_that_a_kill_left(tmp_path: Path) -> None:
    """A copy of file and log, taken while a ledger was open, is a whole ledger."""
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    await ledger.add(record())
    await ledger.accept(delivery())
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in ("ledger.db", "ledger.db-wal"):
        shutil.copy(tmp_path / file, copy / file)
    await ledger.close()
    again = SQLiteLedger(copy / "ledger.db")
    await again.open()
    assert await again.answer("k-1") == delivery().body
    await again.close()


async def test_a_file_that_is_locked_for_a_while(tmp_path: Path) -> None:
    """A delivery waits for the lock and is written then."""
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    await ledger.add(record())
    with closing(sqlite3.connect(ledger.path, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        threading.Timer(0.4, lambda: holder.execute("COMMIT")).start()
        assert (await ledger.accept(delivery())).verdict is Verdict.ANSWERED
    await ledger.close()


async def test_a_file_that_is_locked_for_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that wait are told so in one such time, reading still works, and nothing is half done."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.3)
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    await ledger.add(record())
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        outcomes = await asyncio.gather(*(ledger.accept(delivery()) for _ in range(9)), return_exceptions=True)
        assert time.monotonic() - started < 2
        assert all(isinstance(outcome, LedgerError) and "holds the file" in outcome.mend for outcome in outcomes)
        assert await ledger.find("k-1") == record()
        holder.execute("ROLLBACK")
    assert (await ledger.accept(delivery())).verdict is Verdict.ANSWERED
    await ledger.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or not mount or subprocess.run(command, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk(small_disk: Path) -> None:
    """What does not fit is refused with the mend; what was acknowledged is there; with room the ledger works again."""
    ledger = SQLiteLedger(small_disk / "ledger.db")
    await ledger.open()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    noise = random.Random(2).randbytes(60_000).hex()
    await asyncio.gather(*(ledger.add(record(f"k-{number}")) for number in range(30)))
    came = [delivery(f"k-{number}", response={"noise": noise}) for number in range(30)]
    outcomes = await asyncio.gather(*map(ledger.accept, came), return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, LedgerError)]
    assert failures
    assert all("Make room" in failure.mend for failure in failures)
    for each, outcome in zip(came, outcomes, strict=True):
        kept = await ledger.answer(each.path.removeprefix("path-of-"))
        assert kept == (None if isinstance(outcome, LedgerError) else each.body)
    ballast.unlink()
    place = next(place for place, outcome in enumerate(outcomes) if isinstance(outcome, LedgerError))
    assert (await ledger.accept(came[place])).verdict is Verdict.ANSWERED
    await ledger.close()
