"""A session's numbers, and one job followed through the log."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from double import ProviderDouble
from until import until

import aijupyter
from aijupyter import errors
from aijupyter.session import Session


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double."""
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as session:
        yield session


def number(ai: Session, group: str, measure: str) -> float:
    """One number, as a person would pick it."""
    return float(ai.stats().set_index(["group", "measure"])["value"][group, measure])


def test_a_fresh_session(ai: Session) -> None:
    """Tidy, every number there from the start, nothing counted yet, what cannot be known is missing."""
    stats = ai.stats()
    assert list(stats.columns) == ["group", "measure", "value", "unit"]
    assert list(map(str, stats.dtypes)) == ["string", "string", "float64", "string"]
    assert not stats.duplicated(["group", "measure"]).any()
    assert set(stats["unit"]) == {"count", "seconds"}
    told = stats.set_index(["group", "measure"])["value"]
    assert told["deliveries"].sum() == told["submissions"].sum() == told["status calls"].sum() == 0
    assert told["answers", "submission to answer, median"] != told["answers", "submission to answer, median"]
    assert 0 < told["session", "uptime"] < 60


def test_what_happened_is_counted(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A success with a repeat, a refusal, a stranger, and an answer that the status call brought."""
    double.plan.repeat = 2
    ai.transcribe(wav).result(timeout=20)
    until(lambda: number(ai, "deliveries", "repeated") == 1)
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{ai.status.receiver_url}/d/nobody", data=b"{}", timeout=10)
    double.plan.refusal = (400, {"errors": [{"errorCode": "CAI-101", "message": "no"}]})
    with pytest.raises(errors.BadRequestError):
        ai.transcribe(wav, fresh=True).result(timeout=20)
    double.plan.refusal, double.plan.deliver = None, "never"
    job = ai.transcribe(wav, fresh=True)
    until(lambda: job.state == "running")
    double.jobs[job.id] |= {"status": "Success", "response": {"transcript": "", "words": []}}
    job.result(timeout=20)
    told = ai.stats().set_index(["group", "measure"])["value"]
    assert (told["deliveries", "answered"], told["deliveries", "repeated"]) == (1, 1)
    assert told["refusals"].sum() == 1
    assert [told["submissions", each] for each in ("sent", "accepted", "refused")] == [3, 2, 1]
    assert (told["answers", "by webhook"], told["answers", "by status call"]) == (1, 1)
    assert told["status calls", "answered"] == 1
    assert told["status calls", "asked"] == told["status calls", "answered"] + told["status calls", "in progress"]
    assert 0 <= told["answers", "submission to answer, median"] <= told["answers", "submission to answer, longest"] < 20
    assert told["api", "answered 202"] == 2
    assert told["api", "answered 400"] == 1
    assert told["budget heavy", "in flight"] == 0


def test_verification_is_counted(double: ProviderDouble, wav: Path) -> None:
    """How many deliveries waited for the status call's word, and what it was."""
    with aijupyter.connect(**double.credentials, verify="status") as ai:
        ai.transcribe(wav).result(timeout=20)
        assert number(ai, "verification", "held") == number(ai, "verification", "confirmed") == 1
        assert number(ai, "verification", "contradicted") == 0
        until(lambda: number(ai, "deliveries", "held") == 1)


def test_any_thread_may_ask_while_jobs_go_on(ai: Session, wav: Path) -> None:
    """Reading is cheap and safe."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            while not stop.is_set():
                ai.stats()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the test must see it
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    jobs = [ai.transcribe(wav, fresh=True) for _ in range(20)]
    for job in jobs:
        job.result(timeout=30)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert number(ai, "submissions", "accepted") == 20


def test_a_closed_session_has_none(ai: Session) -> None:
    """It says so."""
    ai.close()
    with pytest.raises(errors.SessionClosedError):
        ai.stats()


def test_one_job_is_followed_through_the_log(
    ai: Session, double: ProviderDouble, wav: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By its key, from the question to the answer, in the right order."""
    caplog.set_level(logging.INFO, "aijupyter")
    job, other = ai.transcribe(wav), ai.transcribe(wav, fresh=True)
    job.result(timeout=20)
    other.result(timeout=20)
    until(lambda: len(double.posted) == 2)
    told = [record for record in caplog.records if getattr(record, "job", None) == job.key]
    events = [record.__dict__["event"] for record in told]
    assert events[:2] == ["job.asked", "job.sent"]
    assert set(events) == {"job.asked", "job.sent", "job.moved", "delivery.kept"}
    (kept,) = (record for record in told if record.__dict__["event"] == "delivery.kept")
    assert (kept.__dict__["verdict"], kept.__dict__["source"]) == ("answered", "webhook")
    assert kept.__dict__["bytes"] > 100


async def test_reading_is_cheap(ai: Session) -> None:
    """Well under a hundredth of a second, also on a busy machine; it sends nothing."""
    ai.stats()
    seconds = []
    for _ in range(20):
        began = time.perf_counter()
        await asyncio.to_thread(ai.stats)
        seconds.append(time.perf_counter() - began)
    assert sorted(seconds)[10] < 0.05
