"""Many calls at once: one transaction for all that wait, each with its own outcome, and nothing lost by a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ledgers import SECOND, T0, Storage, delivery, record

from aijupyter.errors import AIJupyterError, LedgerError
from aijupyter.ledger.database import Database
from aijupyter.ledger.groups import run_calls
from aijupyter.ledger.sqlite import SQLiteDatabase, SQLiteLedger
from aijupyter.ledger.worker import Call, Kind
from aijupyter.models import JobState, Selection, Verdict
from aijupyter.protocols import Ledger

pytest_plugins = ("ledger_fixtures",)

WRITER = """
import asyncio, sys
sys.path[:0] = {path!r}
from ledgers import delivery, record
from aijupyter.ledger.sqlite import SQLiteLedger
from pathlib import Path

async def main(name, count):
    ledger = SQLiteLedger(Path({file!r}))
    await ledger.open()
    async def one(number):
        key = f"{{name}}-{{number}}"
        await ledger.add(record(key))
        await ledger.accept(delivery(key))
        print(key, flush=True)
    for start in range(0, count, 20):
        await asyncio.gather(*(one(number) for number in range(start, start + 20)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def writer(file: Path, name: str, count: int) -> subprocess.Popen[str]:
    """A process that adds jobs and their answers, and prints each key once that was acknowledged."""
    path = [str(Path(__file__).parents[1])]
    code = WRITER.format(path=path, file=str(file))
    return subprocess.Popen([sys.executable, "-c", code, name, str(count)], stdout=subprocess.PIPE, text=True)


async def test_one_bad_call_hurts_only_itself(ledger: Ledger) -> None:
    """Among calls that are done together, those that cannot be done fail, and all others are done."""
    await ledger.add(record("taken"))
    calls: list[Any] = [ledger.add(record(f"k-{number}")) for number in range(20)]
    calls.insert(5, ledger.add(record("taken")))
    calls.insert(9, ledger.add(record("new", path="path-of-taken")))
    calls.insert(12, ledger.advance("nobody", JobState.SUBMITTED, at=T0))
    calls.insert(15, ledger.add(record("bad", options={"a": object()})))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    failed = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, AIJupyterError)]
    assert failed == [5, 9, 12, 15]
    assert await ledger.count(Selection()) == 21
    assert len(await ledger.history("k-3")) == 1


async def test_a_group_that_fails_wholly_is_done_one_by_one(tmp_path: Path) -> None:
    """Where a statement takes the whole transaction with it, savepoints and all, the other calls still succeed."""
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    storage = Storage(lambda: ledger, lambda statement: _execute(ledger.path, statement))
    storage.query(
        "CREATE TRIGGER full BEFORE INSERT ON jobs WHEN NEW.key = 'k-3' BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END"
    )
    outcomes = await asyncio.gather(*(ledger.add(record(f"k-{n}")) for n in range(6)), return_exceptions=True)
    assert [isinstance(outcome, LedgerError) for outcome in outcomes] == [False, False, False, True, False, False]
    assert await ledger.count(Selection()) == 5
    await ledger.close()


def _execute(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return db.execute(statement).fetchall()


async def test_thousands_of_deliveries_through_several_ledgers(make: Callable[[], Ledger], ledger: Ledger) -> None:
    """Each job is answered once, whichever ledger its answers came through, and nothing deadlocks."""
    ledgers = [ledger, make(), make()]
    for each in ledgers[1:]:
        await each.open()
    keys = [f"k-{number}" for number in range(400)]
    await asyncio.gather(*(ledger.add(record(key)) for key in keys))
    receipts = await asyncio.gather(*(each.accept(delivery(key)) for key in keys for each in ledgers * 2))
    assert [receipt.verdict for receipt in receipts].count(Verdict.ANSWERED) == len(keys)
    assert {receipt.verdict for receipt in receipts} == {Verdict.ANSWERED, Verdict.REPEATED}
    assert await ledger.count(Selection(states=frozenset({JobState.SUCCEEDED}))) == len(keys)
    for each in ledgers[1:]:
        await each.close()


async def test_several_deliveries_for_one_job_in_one_group(ledger: Ledger) -> None:
    """In the order in which they came: running, answered, repeated, and a stray."""
    await ledger.add(record())
    came = [delivery(status="InProgress", jobId="p-1"), delivery(jobId="p-1"), delivery(), delivery(jobId="p-2")]
    receipts = await asyncio.gather(*map(ledger.accept, came))
    wanted = [Verdict.NOTED, Verdict.ANSWERED, Verdict.REPEATED, Verdict.STRAYED]
    assert [receipt.verdict for receipt in receipts] == wanted
    assert [step.state for step in await ledger.history("k-1")] == ["written", "running", "succeeded"]


async def test_several_processes(tmp_path: Path) -> None:
    """What processes write at the same time is all there."""
    file = tmp_path / "ledger.db"
    processes = [writer(file, f"process-{number}", 200) for number in range(3)]
    for process in processes:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert len(said.split()) == 200
    ledger = SQLiteLedger(file)
    await ledger.open()
    assert await ledger.count(Selection(states=frozenset({JobState.SUCCEEDED}))) == 600
    await ledger.close()


async def test_a_killed_process(tmp_path: Path) -> None:
    """Every answer that was acknowledged before the kill is there after it."""
    file = tmp_path / "ledger.db"
    process = writer(file, "k", 1_000_000)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(300)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += process.stdout.read().split("\n")[:-1]
    process.wait(timeout=60)
    process.stdout.close()
    ledger = SQLiteLedger(file)
    await ledger.open()
    for key in acknowledged:
        assert await ledger.answer(key) == delivery(key).body, key
    await ledger.close()


async def test_bodies_that_were_stored_in_haste_are_packed_later(ledger: Ledger) -> None:
    """Long answers that come together are written as they are, and take less room a moment later."""
    keys = [f"k-{number}" for number in range(8)]
    long = {"transcript": "Guten Tag, hier ist Müller. " * 1000}
    await asyncio.gather(*(ledger.add(record(key)) for key in keys))
    await asyncio.gather(*(ledger.accept(delivery(key, response=long)) for key in keys))
    before = sum(len(delivery(key, response=long).body) for key in keys)
    deadline = time.monotonic() + 20
    while await ledger.size() > before / 10:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.3)
    for key in keys:
        assert await ledger.answer(key) == delivery(key, response=long).body


async def test_news(ledger: Ledger, other: Ledger) -> None:
    """What one ledger changes, those that watch through another hear soon; of their own changes they hear nothing."""
    heard: asyncio.Queue[Sequence[str]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    ledger.watch(_fails)
    end = ledger.watch(lambda keys: loop.call_soon_threadsafe(heard.put_nowait, keys))
    await ledger.add(record("own"))
    await other.add(record())
    assert list(await asyncio.wait_for(heard.get(), 5)) == ["k-1"]
    started = time.monotonic()
    await other.accept(delivery())
    assert list(await asyncio.wait_for(heard.get(), 5)) == ["k-1"]
    assert time.monotonic() - started < 1.0
    await ledger.accept(delivery("own"))
    end()
    end()
    await other.add(record("k-2"))
    await other.add(record("k-3"))
    await asyncio.sleep(0.6)
    late = [heard.get_nowait() for _ in range(heard.qsize())]
    assert all(list(keys) == ["k-1"] for keys in late)  # told twice where the listening has just begun


def _fails(keys: Sequence[str]) -> None:
    raise RuntimeError("a watcher that fails")


async def test_a_closed_ledger_that_is_watched(make: Callable[[], Ledger], ledger: Ledger) -> None:
    """No thread is left, and after opening again the watcher hears what it missed."""
    heard: asyncio.Queue[Sequence[str]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    before = threading.active_count()
    watching = make()
    watching.watch(lambda keys: loop.call_soon_threadsafe(heard.put_nowait, keys))
    await watching.open()
    await watching.close()
    assert threading.active_count() == before
    await watching.open()
    await ledger.add(record())
    assert "k-1" in await asyncio.wait_for(heard.get(), 5)
    await watching.close()


def test_a_busy_cell(tmp_path: Path) -> None:
    """While the main thread runs a loop of pure Python, deliveries are acknowledged soon all the same."""
    slowest: list[float] = []
    thread = threading.Thread(target=lambda: slowest.append(asyncio.run(_deliver(tmp_path / "ledger.db"))))
    thread.start()
    while thread.is_alive():
        pass
    assert slowest[0] < 1.0  # 0.1 s on a machine of its own; the tests may share theirs


async def _deliver(path: Path) -> float:
    """The median time of 20 turns of one delivery and of 16 at once."""
    ledger = SQLiteLedger(path)
    await ledger.open()
    times = []
    for turn in range(20):
        keys = [f"{turn}-{number}" for number in range(17)]
        await asyncio.gather(*(ledger.add(record(key)) for key in keys))
        came = [delivery(key) for key in keys]
        started = time.monotonic()
        await ledger.accept(came[0])
        await asyncio.gather(*map(ledger.accept, came[1:]))
        times.append(time.monotonic() - started)
    await ledger.close()
    return sorted(times)[10]


async def test_a_late_answer_in_another_ledgers_group(ledger: Ledger, other: Ledger) -> None:
    """An expiry here and an answer there at once: however they race, the answer is the end."""
    for number in range(20):
        key = f"k-{number}"
        await ledger.add(record(key))
        await asyncio.gather(
            ledger.advance(key, JobState.EXPIRED, at=T0 + SECOND, error={"kind": "x"}), other.accept(delivery(key))
        )
        job = await ledger.find(key)
        assert job is not None
        assert (job.state, job.error) == (JobState.SUCCEEDED, None)


@pytest.mark.parametrize("text", ["", "?", "100 % sure; -- 'quoted'", "Zoë 😀"])
async def test_text_of_all_kinds(ledger: Ledger, text: str) -> None:
    """What would mean something to SQL or to a driver means nothing here."""
    await ledger.add(record(f"k{text}", recording=text, options={text: text}, media=text, host=text))
    await ledger.advance(f"k{text}", JobState.SUBMITTED, at=T0, cause=f"{text}!", job_id=f"p{text}")
    job = await ledger.find(f"p{text}")
    assert job is not None
    assert (job.recording, job.options, job.media, job.host) == (text, {text: text}, text, text)
    assert (await ledger.history(job.key))[-1].cause == f"{text}!"


async def test_news_of_what_was_forgotten(ledger: Ledger, other: Ledger) -> None:
    """Those that watch through another ledger hear of it too, and what was forgotten may come back."""
    heard: asyncio.Queue[Sequence[str]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    await other.add(record())
    await other.add(record("k-2"))
    ledger.watch(lambda keys: loop.call_soon_threadsafe(heard.put_nowait, keys))
    await other.forget(["k-1", "k-9"])
    told: list[str] = []
    while "k-1" not in told:
        told += await asyncio.wait_for(heard.get(), 5)
    assert "k-9" not in told
    assert await ledger.find("k-1") is None
    await other.add(record())
    assert [step.state for step in await ledger.history("k-1")] == ["written"]


async def test_a_read_that_fails_once(tmp_path: Path) -> None:
    """In a group it fails, alone it succeeds, and then it has succeeded."""
    tries = iter([sqlite3.OperationalError("a lock"), sqlite3.OperationalError("a lock"), "found"])

    def read(db: Database) -> object:
        outcome = next(tries)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    calls = [Call(Kind.WRITE, lambda _: "done", ()), Call(Kind.READ, read, ())]
    db = Failing(tmp_path / "ledger.db")
    db.open()
    db.failures = 1
    run_calls(db, calls)
    db.close()
    assert [(call.result, call.error) for call in calls] == [("done", None), ("found", None)]


class Failing(SQLiteDatabase):
    """A storage whose first commit fails."""

    failures = 1

    def commit(self) -> None:
        """Fail once."""
        self.failures -= 1
        if self.failures >= 0:
            raise sqlite3.OperationalError("disk I/O error")
        super().commit()


async def test_closing_twice_at_once(make: Callable[[], Ledger]) -> None:
    """Whoever closes second waits for the first, and one who gives up closing has closed it all the same."""
    before = threading.active_count()
    ledger = make()
    await ledger.open()
    adding = asyncio.create_task(ledger.add(record()))
    await asyncio.sleep(0)
    first = asyncio.create_task(ledger.close())
    await asyncio.sleep(0)
    first.cancel()
    await ledger.close()
    assert threading.active_count() == before
    assert await adding == record()
    await ledger.open()
    assert await ledger.find("k-1") == record()
    await ledger.close()


def test_a_close_that_its_loop_cuts_short(tmp_path: Path) -> None:
    """The thread ends all the same."""
    before = threading.active_count()

    async def begin_to_close() -> None:
        ledger = SQLiteLedger(tmp_path / "ledger.db")
        await ledger.open()
        closing = asyncio.create_task(ledger.close())
        await asyncio.sleep(0)
        assert not closing.done()

    asyncio.run(begin_to_close())
    assert threading.active_count() == before
