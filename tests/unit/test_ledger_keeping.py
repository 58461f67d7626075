"""Lists, sizes, forgetting for good, and moving jobs between ledgers of either kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ledgers import SECOND, T0, Storage, delivery, record

from aijupyter.errors import load_error
from aijupyter.ledger import deliveries
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.models import JobState, JobSummary, Operation, Owner, Selection, Verdict
from aijupyter.protocols import Ledger
from aijupyter.receiver.app import PLAUSIBLE

pytest_plugins = ("ledger_fixtures",)

SECRET = "Passwort-Marmelade-4711"  # a word to look for


async def fill(ledger: Ledger, count: int, *, text: str = "x") -> None:
    """Jobs k-0 ... that ended one second after another, with answers of the same length."""
    for number in range(count):
        await ledger.add(record(f"k-{number}", created=T0 + number * SECOND))
        came = delivery(f"k-{number}", response={"transcript": text})
        await ledger.accept(replace(came, received=T0 + number * SECOND))


async def test_a_selection(ledger: Ledger) -> None:
    """All conditions together, newest first, any case of any letter, up to a limit that does not count."""
    await ledger.add(record("k-1", recording="GRÜSSE.wav"))
    await ledger.add(record("k-2", recording="grüße 2.wav", created=T0 + SECOND))
    await ledger.add(record("k-3", operation=Operation.DIARIZE, created=T0 + 2 * SECOND))
    await ledger.advance("k-3", JobState.SUBMITTED, at=T0 + 3 * SECOND, job_id="p-3")

    async def keys(selection: Selection) -> list[str]:
        found = [job.key for job in await ledger.jobs(selection)]
        assert await ledger.count(replace(selection, limit=0)) == await ledger.count(selection)
        assert len(found) == min(await ledger.count(selection), 99 if selection.limit is None else selection.limit)
        return found

    assert await keys(Selection()) == ["k-3", "k-2", "k-1"]
    assert await keys(Selection(limit=1)) == ["k-3"]
    assert await keys(Selection(text="grüss")) == ["k-2", "k-1"]
    assert await keys(Selection(text="Grüß", limit=1)) == ["k-2"]
    assert await keys(Selection(text="%")) == []
    assert await keys(Selection(states=frozenset({JobState.SUBMITTED}))) == ["k-3"]
    assert await keys(Selection(states=frozenset())) == []
    assert await keys(Selection(operation=Operation.ANALYZE, since=T0 + SECOND)) == ["k-2"]
    (summary,) = await ledger.jobs(Selection(operation=Operation.DIARIZE))
    times = ("2026-11-22T10:00:02+00:00", "2026-11-22T10:00:03+00:00", None)
    assert summary == JobSummary("p-3", "k-3", "diarize", "Gespräch 1.wav", "submitted", *times)


async def test_forgetting(ledger: Ledger) -> None:
    """Nothing of the job is left but that its path was ours; others stay."""
    await fill(ledger, 2)
    await ledger.accept(delivery("k-0"))
    await ledger.add(record("k-5", job_id="p-5"))
    await ledger.accept(delivery("k-5", jobId="p-6"))
    assert await ledger.forget(["k-0", "k-5", "k-0", "k-9"]) == 2
    assert await ledger.forget(["k-0"]) == 0
    assert await ledger.forget([]) == 0
    assert await ledger.find("k-0") is None
    assert await ledger.answer("k-0") is None
    assert list(await ledger.history("k-0")) == []
    assert list(await ledger.strays()) == []
    assert await ledger.expects("path-of-k-0")
    assert [job.key for job in await ledger.jobs(Selection())] == ["k-1"]
    assert await ledger.answer("k-1") is not None


async def test_what_was_forgotten_is_in_no_file(tmp_path: Path) -> None:
    """Neither the database nor its log holds the text any more; before, one of them does."""
    ledger = SQLiteLedger(tmp_path / "ledger.db")
    await ledger.open()
    await ledger.add(record("k-0", recording=f"{SECRET}.wav", media=SECRET))
    await fill_with(ledger, SECRET)
    assert SECRET.encode() in all_bytes(tmp_path)
    assert await ledger.forget(["k-0", "k-1"]) == 2
    assert await ledger.forget_strays() == 0
    assert SECRET.encode() not in all_bytes(tmp_path)
    assert b"path-of-k-1" not in all_bytes(tmp_path)
    await ledger.close()
    assert SECRET.encode() not in ledger.path.read_bytes()


def all_bytes(folder: Path) -> bytes:
    """What is in all files of a folder."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def fill_with(ledger: Ledger, text: str) -> None:
    """A job whose answer, repeat, stray and history hold a text that cannot be packed away."""
    await ledger.add(record("k-1", job_id="p-1"))
    for _ in range(2):
        await ledger.accept(delivery("k-1", response={"transcript": text}))
    await ledger.accept(delivery("k-1", response={"transcript": text}, jobId="p-2"))
    await ledger.advance("k-0", JobState.CANCELLED, at=T0, cause=text)


async def test_trimming_by_time(ledger: Ledger) -> None:
    """What ended before goes; what did not end stays however old it is."""
    await fill(ledger, 4)
    await ledger.add(record("old", created=T0 - timedelta(days=99)))
    await ledger.add(record("unsure", created=T0 - timedelta(days=99), state=JobState.UNCONFIRMED))
    assert await ledger.trim(before=T0 + 2 * SECOND) == 2
    assert {job.key for job in await ledger.jobs(Selection())} == {"k-2", "k-3", "old", "unsure"}
    assert await ledger.trim() == 0


async def test_trimming_by_size(ledger: Ledger) -> None:
    """The longest ended go until the answers fit."""
    await fill(ledger, 5)
    each = len(delivery(response={"transcript": "x"}).body)
    assert await ledger.size() == 5 * each
    assert await ledger.trim(to_bytes=5 * each) == 0
    assert await ledger.trim(to_bytes=3 * each - 1) == 3
    assert [job.key for job in await ledger.jobs(Selection())] == ["k-4", "k-3"]
    assert await ledger.size() == 2 * each
    assert await ledger.trim(to_bytes=0) == 2


async def test_the_size_counts_all_that_is_kept(ledger: Ledger) -> None:
    """Answers, repeats and strays."""
    await ledger.add(record(job_id="p-1"))
    bodies = [delivery(jobId="p-1"), delivery(jobId="p-1"), delivery(jobId="p-2")]
    for body in bodies:
        await ledger.accept(body)
    assert await ledger.size() == sum(len(each.body) for each in bodies)


@pytest.mark.parametrize("back", [False, True], ids=["to a file", "from a file"])
async def test_copies(ledger: Ledger, tmp_path: Path, back: bool) -> None:
    """A job comes over with all that belongs to it, once, and nobody takes care of the copy nor sends it."""
    file = SQLiteLedger(tmp_path / "copy.db")
    await file.open()
    source, target = (file, ledger) if back else (ledger, file)
    await fill(source, 3, text="lang " * 1000)
    await source.accept(delivery("k-1", jobId="late"))
    await source.add(record("k-9", owner="me", fingerprint="f", media="m", host="h"))
    assert await source.copy_to(target) == 4
    assert await source.copy_to(target) == 0
    for key in ("k-0", "k-1", "k-2"):
        original = await source.find(key)
        assert original is not None
        copied = await target.find(key)
        assert copied is not None
        assert copied == replace(original, owner=None, path=copied.path)
        assert copied.path.startswith("spent:")
        assert await target.answer(key) == await source.answer(key)
        assert list(await target.history(key)) == list(await source.history(key))
    assert len(await target.jobs(Selection())) == 4
    for key in ("k-0", "k-1", "k-2", "k-9"):
        assert await target.expects(f"path-of-{key}")
    assert (await target.accept(delivery("k-1"))).verdict is Verdict.STRAYED
    assert (await target.accept(delivery("k-9"))).verdict is Verdict.ANSWERED
    await file.close()


async def test_a_copy_takes_no_delivery_path_along_that_has_served(ledger: Ledger, tmp_path: Path) -> None:
    """The path stays known, and a delivery on it finds its job by the jobId; what takes its place can be no path."""
    file, again = SQLiteLedger(tmp_path / "copy.db"), SQLiteLedger(tmp_path / "again.db")
    await file.open()
    await again.open()
    await ledger.add(record(job_id="p-1"))
    await ledger.accept(delivery(jobId="p-1"))
    await ledger.copy_to(file)
    await file.copy_to(again)
    for copy in (file, again):
        copied = await copy.find("k-1")
        assert copied is not None
        assert not PLAUSIBLE.fullmatch(copied.path)
    assert (await file.accept(delivery(jobId="p-1"))).verdict is Verdict.REPEATED
    await file.close()
    await again.close()
    assert all(b"path-of-k-1" not in (tmp_path / name).read_bytes() for name in ("copy.db", "again.db"))


async def test_no_job_can_be_sent_from_a_copy(ledger: Ledger, tmp_path: Path) -> None:
    """What waits here is given up there, and what may be leaving is unconfirmed; the original goes on."""
    copy = SQLiteLedger(tmp_path / "copy.db")
    await copy.open()
    for key in ("waits", "leaves", "is away"):
        await ledger.add(record(key, owner="me", fingerprint=key, media="m"))
    await ledger.take("leaves", "me", at=T0)
    await ledger.advance("is away", JobState.SUBMITTED, at=T0, job_id="p-1")
    await ledger.copy_to(copy)
    owner = Owner("you", "https://api.example", "", "")
    assert [job.key for job in await copy.claim(owner, at=T0)] == ["is away"]
    waits, leaves = await copy.find("waits"), await copy.find("leaves")
    assert waits is not None
    assert leaves is not None
    assert (waits.state, waits.media, leaves.state) == (JobState.CANCELLED, None, JobState.UNCONFIRMED)
    assert (await copy.history("waits"))[-1].cause == "moved to another ledger before it was sent; ask again"
    assert "moved" in (await copy.history("leaves"))[-1].cause
    assert "Ask again" in load_error(waits.error or {}).mend
    assert (await copy.add(record("anew", fingerprint="waits"))).key == "anew"
    assert (await copy.add(record("not", fingerprint="leaves"))).key == "leaves"
    assert await ledger.take("waits", "me", at=T0) is not None
    await copy.close()


async def test_listing_strays_takes_so_much_memory_at_most(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted as they came, however small they lie there."""
    monkeypatch.setattr(deliveries, "STRAY_BYTES_KEPT", 3_500_000)
    await ledger.add(record(job_id="p-1"))
    for _ in range(5):
        await ledger.accept(delivery(jobId="p-2", response={"transcript": " " * 1_000_000}))
    assert len(await ledger.strays()) == 3
    assert 3_000_000 < await ledger.size() < 3_500_000


async def test_ten_thousand_jobs(storage: Storage, ledger: Ledger) -> None:
    """Finding one, taking its answer and listing a page touch few rows however many there are."""
    if storage.shared:
        pytest.skip("planned by the server's own statistics")
    plans = {
        "SELECT * FROM jobs WHERE key = 'x'": ("INDEX",),
        "SELECT * FROM jobs WHERE job_id = 'x'": ("jobs_by_job_id",),
        "DELETE FROM history WHERE state = 'forgotten' AND at < 'x'": ("history_of_forgotten",),
        "SELECT 1 FROM jobs WHERE path IN ('a', 'b') OR job_id IN ('c')": ("INDEX",),
        "SELECT 1 FROM jobs WHERE request_id IN ('a')": ("jobs_by_request_id",),
        "SELECT 1 FROM jobs WHERE fingerprint = 'f' AND state IN ('written')": ("jobs_by_fingerprint",),
        "SELECT 1 FROM jobs WHERE state IN ('a', 'b') AND fingerprint >= 'f' AND fingerprint < 'fg'"
        " ORDER BY created DESC, key DESC LIMIT 9": ("jobs_by_fingerprint",),
        "SELECT * FROM jobs WHERE 1 = 1 ORDER BY created DESC, key DESC LIMIT 9": ("jobs_by_creation_and_key",),
        "SELECT SUM(size) FROM deliveries": ("COVERING INDEX",),
        "SELECT 1 FROM jobs WHERE state IN ('written', 'sending', 'submitted', 'running') AND server = 's'"
        " AND account = 'a'": ("jobs_under_way",),
    }
    for query, wanted in plans.items():
        plan = " ".join(row[-1] for row in storage.query(f"EXPLAIN QUERY PLAN {query}"))
        assert "SCAN jobs" not in plan or "USING INDEX" in plan, plan
        assert all(word in plan for word in wanted), plan
