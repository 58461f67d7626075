"""What a ledger does with deliveries that are no plain first answer: news on the way, strays, forgotten jobs."""

from __future__ import annotations

import json

import pytest
from ledgers import SECOND, T0, Storage, delivery, record

from aijupyter.errors import Fault, JobFailedError, load_error
from aijupyter.ledger import deliveries
from aijupyter.models import FAULTS_KEPT, DeliverySource, JobState, Transition, Verdict
from aijupyter.protocols import Ledger

pytest_plugins = ("ledger_fixtures",)


@pytest.mark.parametrize(
    "state", [JobState.WRITTEN, JobState.SENDING, JobState.SUBMITTED, JobState.UNCONFIRMED, JobState.RUNNING]
)
async def test_a_job_that_is_in_progress(ledger: Ledger, state: JobState) -> None:
    """From every state but an end it becomes running, with its id; the step is in its history."""
    await ledger.add(record())
    if state is not JobState.WRITTEN:
        await ledger.advance("k-1", state, at=T0)
    receipt = await ledger.accept(delivery(status="InProgress", jobId="p-1"))
    assert receipt.verdict is Verdict.NOTED
    assert receipt.record == await ledger.find("p-1")
    assert receipt.record is not None
    assert (receipt.record.state, receipt.record.error) == (JobState.RUNNING, None)
    assert [step.state for step in await ledger.history("k-1")].count(JobState.RUNNING) == 1
    assert await ledger.answer("k-1") is None


async def test_a_status_that_nobody_knows(ledger: Ledger) -> None:
    """It is noted and changes nothing."""
    await ledger.add(record())
    assert (await ledger.accept(delivery(status="Paused"))).verdict is Verdict.NOTED
    assert await ledger.find("k-1") == record()


async def test_progress_after_the_end(ledger: Ledger) -> None:
    """A job that has ended does not run again."""
    await ledger.add(record())
    await ledger.accept(delivery())
    assert (await ledger.accept(delivery(status="InProgress"))).verdict is Verdict.NOTED
    job = await ledger.find("k-1")
    assert job is not None
    assert job.state is JobState.SUCCEEDED


async def test_a_failure_says_why(ledger: Ledger) -> None:
    """The provider's errors are the record's, as an error that can be raised."""
    await ledger.add(record(media="a file"))
    errors = [{"errorCode": "CAI-101", "message": "No speech.", "parameterName": "contentUri"}]
    receipt = await ledger.accept(delivery(status="Fail", jobId="p-1", response={"errors": errors}))
    assert receipt.record == await ledger.find("k-1")
    assert receipt.record is not None
    assert receipt.record.error is not None
    error = load_error(receipt.record.error)
    assert isinstance(error, JobFailedError)
    assert error.faults == (Fault("CAI-101", "No speech.", "contentUri"),)
    assert error.problem == ("Job p-1 (analyze 'Gespräch 1.wav') failed: CAI-101: No speech. (parameter contentUri)")
    assert (error.job_id, receipt.record.media) == ("p-1", None)


@pytest.mark.parametrize("state", [JobState.EXPIRED, JobState.FAILED, JobState.CANCELLED])
async def test_an_answer_after_all(ledger: Ledger, state: JobState) -> None:
    """A job that was given up takes the answer that comes after all."""
    await ledger.add(record())
    await ledger.advance("k-1", state, at=T0 + SECOND, error={"kind": "JobExpiredError", "problem": "x"})
    receipt = await ledger.accept(delivery())
    assert receipt.verdict is Verdict.ANSWERED
    assert receipt.record is not None
    assert (receipt.record.state, receipt.record.error, receipt.record.ended) == (
        JobState.SUCCEEDED,
        None,
        T0 + 5 * SECOND,
    )
    assert (await ledger.accept(delivery())).verdict is Verdict.REPEATED


async def test_the_history_of_a_job(ledger: Ledger) -> None:
    """Each change of its state with time and cause, in order; what changes no state is not in it."""
    await ledger.add(record(owner="me"))
    await ledger.take("k-1", "me", at=T0 + SECOND)
    await ledger.advance("k-1", JobState.SUBMITTED, at=T0 + 2 * SECOND, job_id="p-1")
    await ledger.advance("k-1", JobState.SUBMITTED, at=T0 + 3 * SECOND, request_id="r-1")
    await ledger.accept(delivery(source=DeliverySource.STATUS))
    await ledger.accept(delivery())
    assert list(await ledger.history("k-1")) == [
        Transition(T0, JobState.WRITTEN, "asked"),
        Transition(T0 + SECOND, JobState.SENDING, "sent"),
        Transition(T0 + 2 * SECOND, JobState.SUBMITTED, "accepted by the provider"),
        Transition(T0 + 5 * SECOND, JobState.SUCCEEDED, "answered by the status call"),
    ]
    assert list(await ledger.history("k-2")) == []


async def test_a_cause_in_the_callers_words(ledger: Ledger) -> None:
    """Whoever moves a job on can say why."""
    await ledger.add(record())
    await ledger.advance("k-1", JobState.CANCELLED, at=T0, cause="Jane did not need it")
    assert [step.cause for step in await ledger.history("k-1")] == ["asked", "Jane did not need it"]


async def test_a_delivery_that_names_another_job(ledger: Ledger) -> None:
    """It changes nothing and is kept as a stray, before the job's end and after it."""
    await ledger.add(record(job_id="p-1", state=JobState.SUBMITTED))
    for _ in range(2):
        before = await ledger.find("k-1")
        receipt = await ledger.accept(delivery(jobId="p-2"))
        assert (receipt.verdict, receipt.record) == (Verdict.STRAYED, None)
        assert await ledger.find("k-1") == before
        await ledger.accept(delivery(jobId="p-1"))
    second, first = await ledger.strays()
    assert first.id < second.id
    assert (first.job_id, first.request_id, first.job) == ("p-2", "request-of-delivery", "k-1")
    assert (first.received, first.body) == (T0 + 5 * SECOND, delivery(jobId="p-2").body)
    assert "p-2" in first.reason


async def test_a_delivery_that_names_a_neighbour(ledger: Ledger) -> None:
    """A job whose id is not known yet does not take an answer whose id is another job's of the same server."""
    await ledger.add(record())
    await ledger.add(record("k-2", job_id="p-2", state=JobState.SUBMITTED))
    await ledger.add(record("k-3", job_id="p-3", state=JobState.SUBMITTED, server="https://another.example"))
    assert (await ledger.accept(delivery(jobId="p-2"))).verdict is Verdict.STRAYED
    assert (await ledger.accept(delivery(jobId="p-3"))).verdict is Verdict.ANSWERED
    assert (await ledger.accept(delivery("k-2", jobId="p-2"))).verdict is Verdict.ANSWERED


async def test_a_forgotten_path_finds_its_job_by_id(ledger: Ledger) -> None:
    """The path of a forgotten job is still ours: the jobId names the job, or else the RCRequestId."""
    for key in ("k-1", "k-2", "k-3"):
        await ledger.add(record(key))
    await ledger.advance("k-2", JobState.SUBMITTED, at=T0, job_id="p-2")
    await ledger.advance("k-3", JobState.SUBMITTED, at=T0, request_id="r-3")
    assert await ledger.forget(["k-1"]) == 1
    assert await ledger.expects("path-of-k-1")
    by_id = await ledger.accept(delivery(jobId="p-2", request_id="r-3"))
    by_request = await ledger.accept(delivery(request_id="r-3"))
    assert by_id.record is not None
    assert by_request.record is not None
    assert (by_id.verdict, by_id.record.key) == (Verdict.ANSWERED, "k-2")
    assert (by_request.verdict, by_request.record.key) == (Verdict.ANSWERED, "k-3")


async def test_a_forgotten_job_takes_no_answer(ledger: Ledger) -> None:
    """A delivery for it is a stray, without a job; on a path that never was ours it is nothing."""
    await ledger.add(record(job_id="p-1"))
    await ledger.forget(["k-1"])
    receipt = await ledger.accept(delivery(jobId="p-1"))
    assert (receipt.verdict, receipt.record) == (Verdict.STRAYED, None)
    (stray,) = await ledger.strays()
    assert (stray.job, stray.job_id) == (None, "p-1")
    assert (await ledger.accept(delivery(path="guessed", jobId="p-1"))).verdict is Verdict.UNKNOWN
    assert await ledger.forget_strays() == 1
    assert list(await ledger.strays()) == []


async def test_strays_are_kept_up_to_a_limit(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by bytes; the oldest go first."""
    await ledger.add(record(job_id="p-1"))
    monkeypatch.setattr(deliveries, "STRAYS_KEPT", 3)
    for number in range(5):
        await ledger.accept(delivery(jobId=f"q-{number}"))
    assert [stray.job_id for stray in await ledger.strays()] == ["q-4", "q-3", "q-2"]
    monkeypatch.setattr(deliveries, "STRAY_BYTES_KEPT", 2 * len(delivery(jobId="q-5").body))
    await ledger.accept(delivery(jobId="q-5"))
    assert [stray.job_id for stray in await ledger.strays()] == ["q-5", "q-4"]


async def test_bodies_lie_packed_and_come_as_they_were(storage: Storage, ledger: Ledger) -> None:
    """A long answer takes less room than it has, and is given to the byte."""
    await ledger.add(record())
    long = delivery(response={"transcript": "Guten Tag, hier ist Müller. " * 200})
    await ledger.accept(long)
    assert await ledger.answer("k-1") == long.body
    assert await ledger.size() < len(long.body) / 4


async def test_a_failure_with_very_many_words(ledger: Ledger) -> None:
    """The job's error holds some of them; the answer holds all."""
    errors = [{"errorCode": f"E-{number}", "message": "no " * 20_000} for number in range(300)]
    came = delivery(status="Fail", response={"errors": errors})
    await ledger.add(record())
    assert (await ledger.accept(came)).verdict is Verdict.ANSWERED
    job = await ledger.find("k-1")
    assert job is not None
    assert len(json.dumps(job.error)) < 300_000
    error = load_error(job.error or {})
    assert isinstance(error, JobFailedError)
    assert len(error.faults) == FAULTS_KEPT
    assert await ledger.answer("k-1") == came.body


ODD = ["nul\0", "half \ud83d", "\udce4"]


@pytest.mark.parametrize("odd", ODD)
async def test_text_that_cannot_be_stored(ledger: Ledger, odd: str) -> None:
    """A file's name or a cause gets replacement characters; an id that holds such is none."""
    options = {"a": odd}
    asked = record(recording=f"{odd}.wav", options=options)
    kept = await ledger.add(asked)
    assert kept.recording == odd.translate(dict.fromkeys((0, 0xD83D, 0xDCE4), "\ufffd")) + ".wav"
    assert kept.options == options
    assert kept == await ledger.find("k-1")
    job = await ledger.advance(
        "k-1", JobState.UNCONFIRMED, at=T0, cause=odd, request_id=odd, job_id=odd, error={"kind": "x", "problem": odd}
    )
    assert (job.request_id, job.job_id) == (None, None)
    assert job == await ledger.find("k-1")
    assert await ledger.find(odd) is None
    assert not await ledger.expects(odd)
    assert await ledger.forget([odd]) == 0
    came = delivery(request_id=odd)
    came.envelope.job_id = odd
    assert (await ledger.accept(came)).verdict is Verdict.ANSWERED
    assert (await ledger.accept(came)).verdict is Verdict.REPEATED
    assert (await ledger.accept(delivery(path=odd))).verdict is Verdict.UNKNOWN
    assert await ledger.answer("k-1") == came.body
