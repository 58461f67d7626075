"""What a person says of a job beside its way, in the ledger: the names of its speakers, and where its recording is."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from ledgers import T0, Storage, delivery, record
from until import until

from aijupyter.errors import JobNotFoundError
from aijupyter.ledger.migrations import MIGRATIONS, postgres_statements, statements
from aijupyter.ledger.postgres import PostgresLedger
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.models import JobRecord, JobState, Verdict
from aijupyter.protocols import Ledger

pytest_plugins = ("ledger_fixtures",)

SOURCE = json.dumps({"name": "call.wav", "path": "/calls/Gespräch.wav"})


async def found(ledger: Ledger, key: str = "k-1") -> JobRecord:
    """The job, which must be there."""
    kept = await ledger.find(key)
    assert kept is not None
    return kept


async def told(heard: list[list[str]], key: str = "k-1") -> None:
    """Wait until a watcher was told of the job."""
    await asyncio.to_thread(until, lambda: any(key in keys for keys in heard))


async def test_names_are_kept(ledger: Ledger, storage: Storage) -> None:
    """Beside all that was known and the other names, until they are taken back; for the next ledger too."""
    await ledger.add(record(source=SOURCE))
    await ledger.accept(delivery(jobId="p-1"))
    before = await found(ledger)
    assert (before.names, before.source) == ({}, SOURCE)
    assert (await ledger.name_speakers("k-1", {"0": "Agent"})).names == {"0": "Agent"}
    named = await ledger.name_speakers("k-1", {"1": "Grüß Gott 🙂"})
    assert named.names == {"0": "Agent", "1": "Grüß Gott 🙂"}
    assert (await ledger.name_speakers("k-1", {"0": "Ann"})).names == {"0": "Ann", "1": "Grüß Gott 🙂"}
    named = await ledger.name_speakers("k-1", {"0": None})
    assert named.names == {"1": "Grüß Gott 🙂"}
    await ledger.close()
    again = storage.make()
    await again.open()
    assert await found(again, "p-1") == named
    assert (await again.name_speakers("k-1", {})) == named
    assert (await again.name_speakers("k-1", {"1": None})) == before
    await again.close()


async def test_naming_is_no_step_of_a_jobs_way(ledger: Ledger, storage: Storage) -> None:
    """The history stays as it was, and the storage does not grow however often names are given."""
    await ledger.add(record())
    await ledger.accept(delivery())
    before = list(await ledger.history("k-1"))
    for number in range(20):
        await ledger.name_speakers("k-1", {"0": f"Agent {number}"})
    assert list(await ledger.history("k-1")) == before
    assert storage.query("SELECT COUNT(*) FROM history") == [(len(before) + 1,)]


async def test_a_job_that_is_not_there(ledger: Ledger) -> None:
    """Unknown, forgotten, or with a key that cannot be: it is said, and nothing is written."""
    await ledger.add(record())
    await ledger.forget(["k-1"])
    for key in ("k-1", "k-9", "", "k\0", "k\ud83d"):
        with pytest.raises(JobNotFoundError):
            await ledger.name_speakers(key, {"0": "Agent"})


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("half \ud83d", "half \N{REPLACEMENT CHARACTER}"),
        ("<script>alert(1)</script> '; DROP TABLE jobs; --", "<script>alert(1)</script> '; DROP TABLE jobs; --"),
        ("\u202eabc\n\t\x1b[31m", "\u202eabc\n\t\x1b[31m"),
        ("x" * 10_000, "x" * 10_000),
        ("", ""),
    ],
    ids=["NUL", "half a pair", "markup", "control", "long", "empty"],
)
async def test_odd_names(ledger: Ledger, other: Ledger, name: str, kept: str) -> None:
    """What can be stored is kept as it is, labels always; every ledger reads the same."""
    await ledger.add(record())
    labels = ("0", "\0", "half \ud83d", "a" * 10_000, "")
    named = await ledger.name_speakers("k-1", dict.fromkeys(labels, name))
    assert named.names == dict.fromkeys(labels, kept)
    assert await found(other) == named
    assert (await ledger.accept(delivery())).verdict is Verdict.ANSWERED


async def test_other_ledgers_are_told(ledger: Ledger, other: Ledger) -> None:
    """Of names as of any change; who gives them is not."""
    heard: list[list[str]] = []
    own: list[list[str]] = []
    await ledger.add(record())
    other.watch(lambda keys: heard.append(list(keys)))
    ledger.watch(lambda keys: own.append(list(keys)))
    await other.find("k-1")
    for name in ("Agent", "Customer"):
        heard.clear()
        await ledger.name_speakers("k-1", {"0": name})
        await told(heard)
        assert (await found(other)).names == {"0": name}
    assert own == []


async def test_an_answer_after_names(ledger: Ledger, other: Ledger) -> None:
    """A job that was named while it was under way keeps its names, whoever named it; its receipt has them."""
    for key, naming in (("k-1", ledger), ("k-2", other)):
        await ledger.add(record(key, source=SOURCE))
        await naming.name_speakers(key, {"0": "Agent"})
    await ledger.add(record("k-3", source=SOURCE))
    receipts = await asyncio.gather(*(ledger.accept(delivery(key)) for key in ("k-1", "k-2", "k-3")))
    for receipt, key in zip(receipts, ("k-1", "k-2", "k-3"), strict=True):
        assert receipt.verdict is Verdict.ANSWERED
        assert receipt.record == await found(ledger, key)
        assert receipt.record.names == ({} if key == "k-3" else {"0": "Agent"})
        assert receipt.record.source == SOURCE


async def test_other_steps_leave_names_alone(ledger: Ledger, other: Ledger) -> None:
    """A step that another ledger writes does not bring older names back."""
    await ledger.add(record())
    await other.find("k-1")
    await ledger.name_speakers("k-1", {"0": "Agent"})
    assert (await other.advance("k-1", JobState.SUBMITTED, at=T0, job_id="p-1")).names == {"0": "Agent"}
    await asyncio.gather(
        *(each.name_speakers("k-1", {"0": f"{number}"}) for number, each in enumerate((ledger, other) * 10)),
        *(ledger.accept(delivery(jobId="p-1")) for _ in range(5)),
    )
    assert await found(ledger) == await found(other)
    assert (await found(ledger)).state is JobState.SUCCEEDED


async def test_names_move_with_their_job(ledger: Ledger, tmp_path: Path) -> None:
    """Into an exported file and back; the history there is the job's way alone."""
    await ledger.add(record(source=SOURCE))
    await ledger.accept(delivery())
    await ledger.name_speakers("k-1", {"0": "Agent"})
    file = SQLiteLedger(tmp_path / "moved.db")
    await file.open()
    assert await ledger.copy_to(file) == 1
    moved = await found(file)
    assert (moved.names, moved.source) == ({"0": "Agent"}, SOURCE)
    assert list(await file.history("k-1")) == list(await ledger.history("k-1"))
    await ledger.forget(["k-1"])
    assert await file.copy_to(ledger) == 1
    assert (await found(ledger)).names == {"0": "Agent"}
    await file.close()


async def test_forgotten_names_are_gone(ledger: Ledger, storage: Storage) -> None:
    """With their job, to the byte where the storage is a file."""
    await ledger.add(record())
    await ledger.accept(delivery())
    await ledger.name_speakers("k-1", {"0": "Rumpelstilzchen"})
    assert await ledger.forget(["k-1"]) == 1
    assert storage.query("SELECT state FROM history") == [("forgotten",)]
    if isinstance(ledger, SQLiteLedger):
        for file in ledger.path.parent.iterdir():
            assert b"Rumpel" not in file.read_bytes(), file


async def test_who_asks_again_says_where_the_recording_is(ledger: Ledger) -> None:
    """The file of the same content; who brings bytes or a URL says nothing of it."""
    await ledger.add(record(fingerprint="f", source=SOURCE))
    await ledger.accept(delivery())
    for source, expected in ((None, SOURCE), ("elsewhere", "elsewhere"), (None, "elsewhere")):
        again = await ledger.add(record("k-2", path="p-2", fingerprint="f", source=source))
        assert (again.key, again.source, again.state) == ("k-1", expected, JobState.SUCCEEDED)
        assert await found(ledger) == again


async def test_a_job_that_is_taken_over_is_where_the_asker_says(ledger: Ledger) -> None:
    """Its session is dead, and another asks the same with the file where it is now."""
    await ledger.add(record(fingerprint="f", source=SOURCE, media=SOURCE, owner="dead", host="h"))
    await ledger.release("dead")
    await ledger.name_speakers("k-1", {"0": "Agent"})
    mine = record("k-2", path="p-2", fingerprint="f", source="mine", media="mine", owner="me", host="h")
    taken = await ledger.add(mine)
    assert (taken.key, taken.owner, taken.media, taken.source) == ("k-1", "me", "mine", "mine")
    assert taken.names == {"0": "Agent"}
    assert await found(ledger) == taken


def version_three(statement_of: object) -> list[str]:
    """The statements that made the ledgers of the version before."""
    made = ["CREATE TABLE migrations (name TEXT PRIMARY KEY, applied TEXT NOT NULL)"]
    for name, script in MIGRATIONS[:3]:
        made += statement_of(script)  # type: ignore[operator]
        made.append(f"INSERT INTO migrations VALUES ('{name}', '2026-11-01')")
    fields = "key, path, server, operation, recording, options, state, created, answered"
    values = f"'k-1', 'path-of-k-1', 's', 'analyze', 'call.wav', '{{}}', 'succeeded', '{T0.isoformat()}', TRUE"
    made.append(f"INSERT INTO jobs ({fields}) VALUES ({values})")
    made.append(
        "INSERT INTO history (job, at, state, cause, writer) "
        f"VALUES ('k-1', '{T0.isoformat()}', 'succeeded', 'answered by webhook', 1)"
    )
    return made


async def upgraded(ledger: Ledger) -> None:
    """What must hold of a ledger of the version before."""
    await ledger.open()
    job = await found(ledger)
    assert (job.names, job.source, job.state) == ({}, None, JobState.SUCCEEDED)
    assert [step.cause for step in await ledger.history("k-1")] == ["answered by webhook"]
    assert (await ledger.name_speakers("k-1", {"0": "Agent"})).names == {"0": "Agent"}
    await ledger.add(record("k-2", source=SOURCE))
    assert (await ledger.accept(delivery("k-2"))).verdict is Verdict.ANSWERED
    await ledger.close()
    await ledger.open()
    assert (await found(ledger)).names == {"0": "Agent"}
    await ledger.close()


async def test_a_file_of_the_version_before(tmp_path: Path) -> None:
    """It is opened as it is, and holds names from then on."""
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        for statement in version_three(statements):
            db.execute(statement)
        db.commit()
    await upgraded(SQLiteLedger(tmp_path / "ledger.db"))


async def test_a_database_of_the_version_before(postgres_url: str) -> None:
    """The same in PostgreSQL."""
    with psycopg.connect(postgres_url) as db:
        db.execute("CREATE SCHEMA aijupyter")
        db.execute("SET search_path TO aijupyter")
        for statement in version_three(postgres_statements):
            db.execute(statement.encode())
        db.commit()
    await upgraded(PostgresLedger(postgres_url))
