"""With verify="status": a delivery counts when the status call says the same, and not before."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from double import ProviderDouble
from ledgers import delivery
from until import until

import aijupyter
from aijupyter import errors
from aijupyter.jobs import Job
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.models import JobState
from aijupyter.session import Session

FORGED = {"status": "Success", "response": {"transcript": "Forged.", "words": []}}
TRUE = {"status": "Success", "response": {"transcript": "True.", "words": []}}


@contextmanager
def connected(double: ProviderDouble, **settings: Any) -> Iterator[Session]:
    """A session that verifies; its polls come so late that only a delivery can bring them about."""
    with aijupyter.connect(**{**double.credentials, "verify": "status", "poll_seconds": 60, **settings}) as session:
        yield session


def post(ai: Session, job: Job[Any], said: dict[str, Any]) -> int:
    """Post a delivery to a job's path, as whoever knows it could. How it is answered."""
    url, body = f"{ai.status.receiver_url}/d/{job.record.path}", json.dumps(said).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return int(response.status)


def asked(double: ProviderDouble) -> int:
    """How often the status call was made."""
    return sum(path.startswith("/ai/status/") for _, path, _ in double.asked)


def causes(job: Job[Any]) -> list[str]:
    """Why the job went each step of its way."""
    return [str(cause) for cause in job.history["cause"]]


def test_an_answer_is_confirmed_at_once(double: ProviderDouble, wav: Path) -> None:
    """The delivery is acknowledged, the status call is asked once, and its word is the answer."""
    with connected(double) as ai:
        job = ai.transcribe(wav)
        assert job.result(timeout=20).text == "Good morning. How can I help?"
        until(lambda: double.posted == [200])
        assert asked(double) == 1
        assert causes(job)[-2:] == [
            "said by webhook; the status call must say the same",
            "answered by the status call, as the webhook had said",
        ]


def test_a_forged_delivery_does_not_count(double: ProviderDouble, wav: Path) -> None:
    """While the status call knows of no end, the job goes on; then its word counts, and the difference is told."""
    double.plan.deliver = "never"
    with connected(double, poll_seconds=0.5) as ai:
        job = ai.transcribe(wav)
        until(lambda: job.state is JobState.SUBMITTED)
        assert post(ai, job, {**FORGED, "jobId": job.id}) == 200
        until(lambda: job.state is JobState.RUNNING)
        with pytest.raises(errors.JobTimeoutError):
            job.result(timeout=0.1)
        double.jobs[job.id] |= TRUE
        assert job.result(timeout=20).text == "True."
        assert causes(job)[-1] == "answered by the status call; the webhook had said otherwise"


def test_a_submission_whose_202_was_lost(double: ProviderDouble, wav: Path) -> None:
    """The id that the delivery claims is asked for, and confirms it."""
    double.plan.hang_up, double.plan.slow = True, 0.3
    with connected(double) as ai:
        job = ai.transcribe(wav)
        until(lambda: job.state is JobState.SUCCEEDED)
        assert job.id in double.jobs
        assert job.result(timeout=5).text == "Good morning. How can I help?"


def test_a_claim_that_is_wrong_harms_nothing(double: ProviderDouble, wav: Path) -> None:
    """A made-up id neither ends the job nor becomes its own, and the true one counts afterwards."""
    double.plan.hang_up, double.plan.deliver = True, "never"
    with connected(double, poll_seconds=0.3) as ai:
        job = ai.transcribe(wav)
        until(lambda: job.state is JobState.UNCONFIRMED)
        assert post(ai, job, {**FORGED, "jobId": "made-up"}) == 200
        until(lambda: asked(double) == 1)
        assert (job.state, job.record.job_id) == (JobState.UNCONFIRMED, None)
        (true,) = double.jobs
        double.jobs[true] |= TRUE
        assert post(ai, job, double.jobs[true]) == 200
        until(lambda: job.state is JobState.SUCCEEDED)
        assert (job.id, job.result(timeout=5).text) == (true, "True.")


@pytest.mark.parametrize("bare", [False, True])
def test_a_delivery_before_the_202(double: ProviderDouble, wav: Path, bare: bool) -> None:
    """It is asked for by the id that it names, or, where it names none, as soon as the 202 tells one."""
    double.plan.deliver, double.plan.bare = "before", bare
    with connected(double) as ai:
        job = ai.transcribe(wav)
        assert job.result(timeout=20).text == "Good morning. How can I help?"
        assert causes(job)[-1] == "answered by the status call, as the webhook had said"


def test_nothing_to_ask_for(double: ProviderDouble, wav: Path) -> None:
    """Neither the 202 nor the delivery told an id: the job's error says so, and how to give it up."""
    double.plan.hang_up, double.plan.bare, double.plan.slow = True, True, 0.3
    with connected(double) as ai:
        job = ai.transcribe(wav)
        until(lambda: "no status call can confirm it" in str(job.error))
        until(lambda: double.posted == [200])
        with pytest.raises(errors.SubmissionUnconfirmedError, match=r"job\.cancel\(\)"):
            job.result(timeout=5)
        assert job.cancel()


def test_a_path_that_became_known_does_not_use_up_the_budget(double: ProviderDouble, wav: Path) -> None:
    """Many deliveries to one job are one status call in each while."""
    double.plan.deliver = "never"
    with connected(double) as ai:
        job = ai.transcribe(wav)
        until(lambda: job.state is JobState.SUBMITTED)
        assert {post(ai, job, {**FORGED, "jobId": job.id}) for _ in range(30)} == {200}
        until(lambda: job.state is JobState.RUNNING)
        assert asked(double) == 1


async def test_what_was_held_before_a_restart(double: ProviderDouble, wav: Path, tmp_path: Path) -> None:
    """The next session asks for an unconfirmed job whose delivery was held by the one before."""
    double.plan.hang_up, double.plan.deliver = True, "never"
    with connected(double, ledger=tmp_path / "l.db") as ai:
        job = ai.transcribe(wav)
        until(lambda: job.state is JobState.UNCONFIRMED)
    (true,) = double.jobs
    double.jobs[true] |= TRUE
    ledger = SQLiteLedger(tmp_path / "l.db")
    await ledger.open()
    await ledger.accept(delivery(path=job.record.path, jobId=true), verify=True)
    await ledger.close()
    with connected(double, ledger=tmp_path / "l.db") as ai:
        again = ai.job(job.key)
        until(lambda: again.state is JobState.SUCCEEDED)


def test_a_receiver_that_stands_alone_holds_too(double: ProviderDouble, wav: Path, tmp_path: Path) -> None:
    """`aijupyter receive --verify status` keeps, the kernel hears of it and asks."""
    ledger = tmp_path / "l.db"
    command = [sys.executable, "-m", "aijupyter.cli", "receive", "--verify", "status", "--ledger", str(ledger)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+?(?=,)", process.stdout.readline())
            assert found is not None
            with connected(double, ledger=ledger, delivery="shared", public_url=found[0]) as ai:
                job = ai.transcribe(wav)
                assert job.result(timeout=20).text == "Good morning. How can I help?"
                assert causes(job)[-1] == "answered by the status call, as the webhook had said"
        finally:
            process.kill()
