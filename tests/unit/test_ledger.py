"""What every Ledger must do, by the protocol's own words: the same tests for each kind of storage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from ledgers import SECOND, T0, delivery, record

from aijupyter.errors import JobExpiredError, JobNotFoundError, LedgerError, dump_error, load_error
from aijupyter.ledger.deliveries import REPEATS_KEPT
from aijupyter.models import JobRecord, JobState, Selection, Verdict
from aijupyter.protocols import Ledger

pytest_plugins = ("ledger_fixtures",)

Make = Callable[[], Ledger]

ALL = Selection()
EXPIRES = "2026-11-29T10:00:00.123Z"


async def found(ledger: Ledger, key: str = "k-1") -> JobRecord:
    """The job, which must be there."""
    record = await ledger.find(key)
    assert record is not None
    return record


async def test_a_job_is_kept_as_it_is(ledger: Ledger) -> None:
    """What was written down is read again, every field of it."""
    whole = record(
        job_id="p-1",
        request_id="r-1",
        state=JobState.FAILED,
        submitted=T0 + SECOND,
        ended=T0 + 2 * SECOND,
        expires=T0 + timedelta(days=7, microseconds=5),
        error=dump_error(JobExpiredError("Gone.", "Ask again.", job_id="p-1")),
    )
    await ledger.add(record())
    await ledger.add(JobRecord(**{**{f: getattr(whole, f) for f in whole.__slots__}, "key": "k-2", "path": "p-2"}))
    assert await ledger.find("k-1") == record()
    kept = await found(ledger, "k-2")
    assert {f: getattr(kept, f) for f in whole.__slots__ if f not in {"key", "path"}} == {
        f: getattr(whole, f) for f in whole.__slots__ if f not in {"key", "path"}
    }
    assert kept.error is not None
    assert isinstance(load_error(kept.error), JobExpiredError)


async def test_find_takes_either_id(ledger: Ledger) -> None:
    """A job is found by our key and by the provider's id, and by nothing else."""
    await ledger.add(record())
    await ledger.advance("k-1", JobState.SUBMITTED, at=T0, job_id="p-1")
    assert (await found(ledger, "p-1")).key == (await found(ledger, "k-1")).key == "k-1"
    for other in ("path-of-k-1", "", "%", "k-2", "k-1'; --"):
        assert await ledger.find(other) is None


async def test_expects_its_own_paths_only(ledger: Ledger) -> None:
    """A delivery path is known from the moment the intent is written."""
    assert not await ledger.expects("path-of-k-1")
    await ledger.add(record())
    assert await ledger.expects("path-of-k-1")
    for other in ("PATH-OF-K-1", "path-of-k-", "path-of-k-1 ", "k-1", ""):
        assert not await ledger.expects(other)


async def test_the_same_job_is_not_added_twice(ledger: Ledger) -> None:
    """A key or a path that exists is refused, and the first job stays as it was."""
    await ledger.add(record())
    for twin in (record(path="another"), record("k-2", path="path-of-k-1")):
        with pytest.raises(LedgerError):
            await ledger.add(twin)
    assert [job.key for job in await ledger.jobs(ALL)] == ["k-1"]
    assert await ledger.find("k-1") == record()


async def test_jobs_are_listed_newest_first(ledger: Ledger) -> None:
    """By the time they were asked, also within a second and when they were added in another order."""
    times = {"new": T0 + SECOND, "old": T0, "middle": T0 + timedelta(microseconds=1)}
    for key, created in times.items():
        await ledger.add(record(key, created=created))
    assert [job.key for job in await ledger.jobs(ALL)] == ["new", "middle", "old"]


async def test_all_survives_reopening(make: Make, ledger: Ledger) -> None:
    """Another ledger on the same storage finds jobs, answers and paths."""
    await ledger.add(record())
    await ledger.accept(delivery(jobId="p-1", expirationTime=EXPIRES))
    await ledger.close()
    again = make()
    await again.open()
    job = await found(again, "p-1")
    assert (job.state, job.ended) == (JobState.SUCCEEDED, T0 + 5 * SECOND)
    assert job.expires == datetime(2026, 11, 29, 10, 0, 0, 123000, tzinfo=UTC)
    assert await again.answer("k-1") == delivery(jobId="p-1", expirationTime=EXPIRES).body
    assert await again.expects("path-of-k-1")
    await again.close()


async def test_a_success_ends_its_job(ledger: Ledger) -> None:
    """The answer is kept as it came, to the byte; a job submitted without an answer to it ends too."""
    await ledger.add(record())
    assert await ledger.answer("k-1") is None
    receipt = await ledger.accept(delivery(jobId="p-1"))
    assert receipt.verdict is Verdict.ANSWERED
    assert receipt.record == await ledger.find("k-1")
    assert receipt.record is not None
    assert (receipt.record.state, receipt.record.job_id) == (JobState.SUCCEEDED, "p-1")
    assert await ledger.answer("k-1") == delivery(jobId="p-1").body


async def test_a_failure_ends_its_job(ledger: Ledger) -> None:
    """A failure is an answer as well, and its reasons are kept."""
    await ledger.add(record())
    failed = delivery(status="Fail", response={"errors": [{"errorCode": "CAI-101", "message": "No."}]})
    assert (await ledger.accept(failed)).verdict is Verdict.ANSWERED
    assert (await found(ledger)).state is JobState.FAILED
    assert await ledger.answer("k-1") == failed.body


@pytest.mark.parametrize("state", [JobState.SUBMITTED, JobState.UNCONFIRMED])
async def test_an_answer_ends_a_job_from_every_state(ledger: Ledger, state: JobState) -> None:
    """Also where nobody can say whether the submission was received."""
    await ledger.add(record())
    await ledger.advance("k-1", state, at=T0, error={"kind": "NoAnswerError", "problem": "x"})
    receipt = await ledger.accept(delivery())
    assert receipt.verdict is Verdict.ANSWERED
    assert receipt.record is not None
    assert (receipt.record.state, receipt.record.error) == (JobState.SUCCEEDED, None)


async def test_the_first_answer_wins(ledger: Ledger) -> None:
    """Later answers, other ones too, are repeats that change nothing."""
    await ledger.add(record())
    await ledger.accept(delivery(response={"transcript": "first"}))
    before = await ledger.find("k-1")
    for again in (delivery(), delivery(response={"transcript": "second"}), delivery(status="Fail")):
        receipt = await ledger.accept(again)
        assert (receipt.verdict, receipt.record) == (Verdict.REPEATED, before)
    body = await ledger.answer("k-1")
    assert body is not None
    assert json.loads(body)["response"] == {"transcript": "first"}


async def test_repeats_without_end(ledger: Ledger) -> None:
    """A loop elsewhere is acknowledged for ever and hurts nobody."""
    await ledger.add(record())
    verdicts = [(await ledger.accept(delivery())).verdict for _ in range(REPEATS_KEPT + 10)]
    assert verdicts == [Verdict.ANSWERED] + [Verdict.REPEATED] * (REPEATS_KEPT + 9)


async def test_an_answer_on_an_unknown_path(ledger: Ledger) -> None:
    """Whoever guesses a path is told nothing, even with the right job's id."""
    await ledger.add(record(job_id="p-1", state=JobState.SUBMITTED))
    receipt = await ledger.accept(delivery(path="guessed", jobId="p-1"))
    assert (receipt.verdict, receipt.record) == (Verdict.UNKNOWN, None)
    assert (await found(ledger)).state is JobState.SUBMITTED


async def test_advance(ledger: Ledger) -> None:
    """A submission's way: accepted with its ids, then expired with its reason."""
    await ledger.add(record())
    job = await ledger.advance("k-1", JobState.SUBMITTED, at=T0 + SECOND, job_id="p-1", request_id="r-1")
    assert job == await ledger.find("k-1")
    assert (job.state, job.job_id, job.request_id) == (JobState.SUBMITTED, "p-1", "r-1")
    assert (job.submitted, job.ended) == (T0 + SECOND, None)
    error = dump_error(JobExpiredError("Gone.", job_id="p-1"))
    job = await ledger.advance("k-1", JobState.EXPIRED, at=T0 + 2 * SECOND, error=error)
    assert (job.state, job.submitted, job.ended) == (JobState.EXPIRED, T0 + SECOND, T0 + 2 * SECOND)
    assert (job.job_id, job.error) == ("p-1", error)


@pytest.mark.parametrize("state", list(JobState))
async def test_advance_never_un_ends_a_job(ledger: Ledger, state: JobState) -> None:
    """The answer came before the 202: the job stays ended, and the ids are filled in all the same."""
    await ledger.add(record())
    await ledger.accept(delivery())
    job = await ledger.advance("k-1", state, at=T0 + 9 * SECOND, job_id="p-1", request_id="r-1", error={"a": 1})
    assert (job.state, job.ended, job.error) == (JobState.SUCCEEDED, T0 + 5 * SECOND, None)
    assert (job.job_id, job.request_id) == ("p-1", "r-1")


async def test_ids_are_never_changed(ledger: Ledger) -> None:
    """An id that is known stays, whatever comes later."""
    await ledger.add(record())
    await ledger.advance("k-1", JobState.SUBMITTED, at=T0, job_id="p-1", request_id="r-1")
    job = await ledger.advance("k-1", JobState.UNCONFIRMED, at=T0, job_id="p-2", request_id="r-2")
    assert (job.job_id, job.request_id) == ("p-1", "r-1")


async def test_advancing_a_job_that_is_not_there(ledger: Ledger) -> None:
    """A job that the ledger does not hold is an error, not silence."""
    with pytest.raises(JobNotFoundError, match="no job k-9"):
        await ledger.advance("k-9", JobState.SUBMITTED, at=T0)


async def test_many_deliveries_at_once(ledger: Ledger) -> None:
    """A hundred jobs' answers, each five times, all at once: each job ends once."""
    keys = [f"k-{number}" for number in range(100)]
    await asyncio.gather(*(ledger.add(record(key)) for key in keys))
    receipts = await asyncio.gather(*(ledger.accept(delivery(key)) for key in keys * 5))
    ended = [receipt.record.key for receipt in receipts if receipt.record and receipt.verdict is Verdict.ANSWERED]
    assert sorted(ended) == sorted(keys)
    assert {receipt.verdict for receipt in receipts} == {Verdict.ANSWERED, Verdict.REPEATED}
    assert {job.state for job in await ledger.jobs(ALL)} == {JobState.SUCCEEDED}


async def test_two_ledgers_on_one_storage(make: Make, ledger: Ledger) -> None:
    """What one writes the other sees at once, and an answer that reaches both ends its job once."""
    other = make()
    await other.open()
    keys = [f"k-{number}" for number in range(20)]
    await asyncio.gather(*((ledger, other)[place % 2].add(record(key)) for place, key in enumerate(keys)))
    receipts = await asyncio.gather(*(each.accept(delivery(key)) for key in keys for each in (ledger, other)))
    verdicts = [receipt.verdict for receipt in receipts]
    assert verdicts.count(Verdict.ANSWERED) == verdicts.count(Verdict.REPEATED) == len(keys)
    assert list(await ledger.jobs(ALL)) == list(await other.jobs(ALL))
    await other.close()
    assert await ledger.answer("k-1") == delivery().body


async def test_ledgers_that_open_at_once(make: Make) -> None:
    """Several kernels that start together on new storage all get their ledger."""
    ledgers = [make() for _ in range(6)]
    await asyncio.gather(*(ledger.open() for ledger in ledgers))
    await asyncio.gather(*(ledger.add(record(f"k-{place}")) for place, ledger in enumerate(ledgers)))
    assert len(await ledgers[0].jobs(ALL)) == 6
    await asyncio.gather(*(ledger.close() for ledger in ledgers))


async def test_open_and_close_are_idempotent(make: Make) -> None:
    """Twice is once; a closed ledger refuses work and can be opened again."""
    ledger = make()
    await ledger.close()
    await ledger.open()
    await ledger.open()
    await ledger.add(record())
    await ledger.close()
    await ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        await ledger.find("k-1")
    await ledger.open()
    assert await ledger.find("k-1") == record()
    await ledger.close()


async def test_a_cancelled_wait_leaves_the_ledger_whole(ledger: Ledger) -> None:
    """Giving up on an accept neither loses nor halves it: it is written wholly or not at all."""
    await ledger.add(record())
    waiting = asyncio.create_task(ledger.accept(delivery()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    job = await found(ledger)
    assert (await ledger.answer("k-1") is not None) == (job.state is JobState.SUCCEEDED)
    assert (await ledger.accept(delivery())).verdict in {Verdict.ANSWERED, Verdict.REPEATED}


async def test_jobs_whose_fingerprints_begin_alike(ledger: Ledger) -> None:
    """They are listed by that beginning, the newest first, and no others."""
    for number, fingerprint in enumerate(["aa" + "0" * 4, "aa" + "f" * 4, "ab" + "0" * 4, None, "9a" + "0" * 4]):
        await ledger.add(record(f"k-{number}", created=T0 + number * SECOND, fingerprint=fingerprint))
    assert [job.key for job in await ledger.jobs(Selection(alike="aa"))] == ["k-1", "k-0"]
    assert await ledger.count(Selection(alike="ab")) == 1
    assert await ledger.jobs(Selection(alike="ff", states=frozenset({JobState.WRITTEN}))) == []


async def test_long_texts_among_the_options(ledger: Ledger, other: Ledger) -> None:
    """They are read as they were, by every session; a text that begins like a packed one is no other."""
    long = {"texts": ["Grüß Gott \U0001f600 " * 3000, "zlib:"]}
    await ledger.add(record(options=long))
    await other.advance("k-1", JobState.RUNNING, at=T0)
    assert (await found(other)).options == (await found(ledger)).options == long
