"""What survives: closed sessions, killed kernels, two kernels on one ledger, and what is asked again for nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from double import ProviderDouble
from ledgers import query_sqlite
from until import until

import aijupyter
from aijupyter import errors
from aijupyter.session import Session

TRANSCRIPT = "Good morning. How can I help?"

KERNEL = """
import json, sys, time
import aijupyter
settings, recordings = json.loads(sys.argv[1]), sys.argv[2:]
ai = aijupyter.connect(**settings)
jobs = [ai.transcribe(path) for path in recordings]
print(json.dumps([job.key for job in jobs]), flush=True)
time.sleep(60)
"""


@contextmanager
def kernel(double: ProviderDouble, *recordings: Path, **settings: object) -> Iterator[tuple[int, list[str]]]:
    """Another process that has asked about the recordings and waits: its pid and the jobs' keys."""
    arguments = [json.dumps({**double.credentials, **settings}), *map(str, recordings)]
    command = [sys.executable, "-c", KERNEL, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.pid, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double."""
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as session:
        yield session


async def test_run_all_is_free(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """The same question finds the job, running or done; another question, and fresh=True, ask anew."""
    first = ai.transcribe(wav)
    assert ai.transcribe(str(wav)) is first
    await first
    with wav.open("rb") as file:  # a test may wait
        again = ai.transcribe(file)
    assert again.key == first.key
    assert (await again).text == TRANSCRIPT
    assert len(double.submissions()) == 1
    other = ai.transcribe(wav, speaker_count=2)
    fresh = ai.transcribe(wav, fresh=True)
    await asyncio.gather(other, fresh)
    assert len({first.key, other.key, fresh.key}) == 3
    assert ai.transcribe(wav).key == fresh.key
    assert len(double.submissions()) == 3


async def test_what_failed_is_asked_again(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A job that came to nothing does not stand in the way of the next."""
    double.plan.refusal = (400, {"errors": [{"errorCode": "CAI-101", "message": "no"}]})
    with pytest.raises(errors.BadRequestError):
        await ai.transcribe(wav)
    double.plan.refusal = None
    assert (await ai.transcribe(wav)).text == TRANSCRIPT


async def test_an_unconfirmed_job_is_found_and_not_repeated(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Asking again tells of the doubt; a person resolves it by fresh=True, or by giving it up."""
    double.plan.hang_up, double.plan.deliver = True, "never"
    job = ai.transcribe(wav)
    for _ in range(2):
        with pytest.raises(errors.SubmissionUnconfirmedError, match="fresh=True"):
            await ai.transcribe(wav)
    assert len(double.submissions()) == 1
    double.plan.hang_up, double.plan.deliver = False, "after"
    assert job.cancel()
    assert not job.cancel()
    assert (await ai.transcribe(wav)).text == TRANSCRIPT
    assert len(double.submissions()) == 2


async def test_the_history_tells_each_step(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """With its time and cause, in order."""
    double.plan.slow = 0.5
    job = ai.transcribe(wav)
    await job
    history = job.history
    assert history["state"].tolist()[:3] == ["written", "sending", "submitted"]
    assert history["state"].tolist()[-1] == "succeeded"
    assert history["at"].is_monotonic_increasing
    assert history["cause"].str.len().min() > 0


def test_a_closed_session_leaves_its_jobs_to_the_next(double: ProviderDouble, wav: Path) -> None:
    """By itself: nobody names the job, and its answer comes by the status call, for its webhook is gone."""
    double.plan.deliver = "never"
    with aijupyter.connect(**double.credentials) as ai:
        job = ai.transcribe(wav)
        until(lambda: job.state == "submitted")
    next(iter(double.jobs.values())).update(status="Success", response={"transcript": "Kept.", "words": []})
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as ai:
        until(lambda: ai.jobs()["state"].tolist() == ["succeeded"])
        assert ai.job(job.key).result(timeout=10).text == "Kept."
    assert len(double.submissions()) == 1


def test_what_was_not_sent_is_sent_by_the_next(double: ProviderDouble, wav: Path, tmp_path: Path) -> None:
    """During a penalty nothing leaves; the jobs wait in the ledger, recordings given as bytes too."""
    double.plan.penalties = ["30"]
    with aijupyter.connect(**double.credentials) as ai:
        jobs = [ai.transcribe(wav), ai.transcribe(wav.read_bytes() + bytes(100))]
        until(lambda: len(double.submissions()) == 1)
        until(lambda: {job.place for job in jobs} == {0, 1})
        until(lambda: (jobs[0].eta or 0) > 20)
    with aijupyter.connect(**double.credentials) as ai:
        for job in jobs:
            assert ai.job(job.key).result(timeout=10).text == TRANSCRIPT
        assert ai.job(jobs[0].key).history["state"].tolist().count("succeeded") == 1
    assert len(double.jobs) == 2
    assert not list((tmp_path / "ledger" / "ledger.db.spool").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_kernel_leaves_its_jobs_to_the_next(double: ProviderDouble, wav: Path, tmp_path: Path) -> None:
    """A SIGKILL in the middle: every job ends in the next session, none is submitted twice."""
    double.plan.deliver = "never"
    other = tmp_path / "other.wav"
    other.write_bytes(wav.read_bytes() + bytes(50))
    with kernel(double, wav, other) as (pid, keys):
        ledger = tmp_path / "ledger" / "ledger.db"
        until(lambda: query_sqlite(ledger, "SELECT state FROM jobs") == [("submitted",)] * 2)
        os.kill(pid, signal.SIGKILL)
    for job in double.jobs.values():
        job.update(status="Success", response={"transcript": "Kept.", "words": []})
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as ai:
        assert [ai.job(key).result(timeout=30).text for key in keys] == ["Kept.", "Kept."]
        assert ai.transcribe(wav).key == keys[0]
    assert len(double.submissions()) == 2


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_job_caught_while_it_was_sent_is_unconfirmed(double: ProviderDouble, wav: Path) -> None:
    """The request was on its way when the kernel died: nobody repeats it, and its delivery still ends it."""
    double.plan.deliver, double.plan.stall = "never", 30
    with kernel(double, wav) as (pid, keys):
        until(lambda: len(double.submissions()) == 1)
        os.kill(pid, signal.SIGKILL)
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as ai:
        job = ai.job(keys[0])
        with pytest.raises(errors.SubmissionUnconfirmedError):
            job.result(timeout=30)
        answer = {"status": "Success", "response": {"transcript": "After all."}}
        asyncio.run(_post(f"{ai.status.receiver_url}/d/{job.record.path}", answer))
        assert job.result(timeout=10).text == "After all."
    assert len(double.submissions()) == 1


async def _post(url: str, answer: object) -> None:
    async with aiohttp.ClientSession() as http, http.post(url, json=answer) as response:
        assert response.status == 200


def test_two_kernels_on_one_ledger(double: ProviderDouble, wav: Path) -> None:
    """What one asked the other can wait for, and asks for nothing itself; the answer wakes both."""
    double.plan.slow = 1.5
    with (
        aijupyter.connect(**double.credentials, poll_seconds=60) as one,
        aijupyter.connect(**double.credentials, poll_seconds=60) as two,
    ):
        mine = one.transcribe(wav)
        theirs = two.transcribe(wav)
        assert theirs.key == mine.key
        assert theirs.result(timeout=10).text == mine.result(timeout=10).text == TRANSCRIPT
        assert two.job(mine.key).id == mine.id
    assert len(double.submissions()) == 1
    assert not [entry for entry in double.asked if "/status/" in entry[1]]


async def test_strays_are_kept_and_listed(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A delivery that names another job ends nothing and is not lost; one on a forgotten job's path neither."""
    double.plan.deliver = "never"
    job = ai.transcribe(wav)
    await asyncio.to_thread(until, lambda: job.state == "submitted")
    url = f"{ai.status.receiver_url}/d/{job.record.path}"
    await _post(url, {"jobId": "another", "status": "Success", "response": {"transcript": "Whose?"}})
    assert job.state == "submitted"
    strays = ai.strays()
    assert strays["job_id"].tolist() == ["another"]
    assert "Whose?" in strays["answer"][0]
    assert ai.forget(job) == 1
    with pytest.raises(errors.JobNotFoundError):
        await job
    await _post(url, {"status": "Success", "response": {"transcript": "Too late."}})
    assert len(ai.strays()) >= 1
    assert ai.forget_strays() >= 1
    assert ai.strays().empty
    async with aiohttp.ClientSession() as http, http.post(url + "x", json={"status": "Success"}) as response:
        assert response.status == 404


async def test_forgetting_is_for_good(ai: Session, wav: Path, tmp_path: Path) -> None:
    """The conversation's words are nowhere in the ledger's files, and its copy of the recording is gone."""
    with wav.open("rb") as file:  # a test may wait
        job = ai.transcribe(file)
    await job
    files = list((tmp_path / "ledger").iterdir())
    assert ai.forget([job.id]) == 1
    assert ai.jobs().empty
    for file in (tmp_path / "ledger").rglob("*"):
        if file.is_file():
            assert b"Good morning" not in file.read_bytes(), file
    assert files
    with pytest.raises(errors.JobNotFoundError):
        ai.forget("nonsense")


def test_jobs_are_filtered(ai: Session, wav: Path, tmp_path: Path) -> None:
    """By state, operation, name and time; a wrong filter says what there is."""
    other = tmp_path / "Interview Müller.wav"
    other.write_bytes(wav.read_bytes() + bytes(20))
    ai.transcribe(wav).result(timeout=10)
    ai.analyze(other).result(timeout=10)
    assert len(ai.jobs()) == len(ai.jobs(state=["succeeded", "failed"])) == len(ai.jobs(since="1 hour")) == 2
    assert ai.jobs(operation="analyze")["recording"].tolist() == [other.name]
    assert ai.jobs(recording="interview")["recording"].tolist() == [other.name]
    assert len(ai.jobs(limit=1)) == 1
    assert ai.jobs(state="expired").empty
    for wrong in ({"state": "done"}, {"operation": "sing"}, {"since": "soon"}):
        with pytest.raises(errors.OptionError, match=r"It must be one of|Give a time"):
            ai.jobs(**wrong)  # type: ignore[arg-type]


def test_a_ledger_moves_to_another_machine(ai: Session, double: ProviderDouble, wav: Path, tmp_path: Path) -> None:
    """Exported, imported, and read without asking anybody; twice is once."""
    job = ai.transcribe(wav)
    job.result(timeout=10)
    assert ai.export_ledger(tmp_path / "moved.db") == 1
    with pytest.raises(errors.LedgerError, match="there already"):
        ai.export_ledger(tmp_path / "moved.db")
    asked = len(double.submissions())
    with aijupyter.connect(**double.credentials, ledger=tmp_path / "new" / "ledger.db") as there:
        assert there.import_ledger(tmp_path / "moved.db") == 1
        assert there.import_ledger(tmp_path / "moved.db") == 0
        assert there.job(job.key).result(timeout=5).text == TRANSCRIPT
        assert there.job(job.key).history["state"].tolist()[-1] == "succeeded"
    assert len(double.submissions()) == asked


def test_trimming(ai: Session, wav: Path) -> None:
    """What ended before a time is forgotten; a call that trims nothing in particular is refused."""
    ai.transcribe(wav).result(timeout=10)
    assert ai.trim(older_than="1 day", to_size="1 GB") == 0
    assert ai.trim(to_size=0) == 1
    with pytest.raises(errors.OptionError, match="what to trim"):
        ai.trim()


def test_without_deliveries(double: ProviderDouble, wav: Path) -> None:
    """Status calls alone: nothing is posted here, and files still get there."""
    double.plan.slow = 0.3
    with aijupyter.connect(**double.credentials, delivery="status", poll_seconds=0.2) as ai:
        assert ai.transcribe(wav).result(timeout=20).text == TRANSCRIPT
        assert ai.status.receiver_url not in ai.status.public_url
    assert double.posted == []


def test_an_outage_is_waited_out(double: ProviderDouble, wav: Path, tmp_path: Path) -> None:
    """An API that has answered before may be out of reach for a while; its jobs wait in line."""
    other = tmp_path / "other.wav"
    other.write_bytes(wav.read_bytes() + bytes(30))
    with aijupyter.connect(**double.credentials) as ai:
        ai.transcribe(wav).result(timeout=10)
        double.stop_listening()
        job = ai.transcribe(other)
        with pytest.raises(errors.JobTimeoutError):
            job.result(timeout=1.5)
        assert job.state == "written"
        double.listen_again()
        assert job.result(timeout=20).text == TRANSCRIPT
