"""What goes wrong around a session: a ledger that is locked, a network that is gone, a person who interrupts."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from double import ProviderDouble
from until import until

import aijupyter
from aijupyter import errors
from aijupyter.session import Session
from aijupyter.session.batches import question_of

TRANSCRIPT = "Good morning. How can I help?"


@contextmanager
def locked(ai: Session) -> Iterator[None]:
    """Another program holds the ledger's file."""
    with closing(sqlite3.connect(ai.status.ledger, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            db.execute("ROLLBACK")


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double."""
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as session:
        yield session


def recordings(folder: Path, wav: Path, count: int) -> list[Path]:
    """Copies with small differences."""
    paths = [folder / f"call-{number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(wav.read_bytes() + bytes(number + 1))
    return paths


@pytest.mark.skipif(os.name != "posix", reason="Windows sends no such signal to itself")
def test_an_interrupted_question_is_not_orphaned(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A cell that is interrupted while the ledger is locked: the job is sent all the same, or never was."""
    with locked(ai):
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            ai.transcribe(wav.read_bytes())
    until(lambda: len(ai.jobs()) == 1)
    assert ai.transcribe(wav).result(timeout=20).text == TRANSCRIPT
    assert len(double.submissions()) == 1


def test_a_penalty_while_the_ledger_is_locked(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A 429 that cannot be written down for a while: the job is sent again when both are over, once."""
    double.plan.penalties = ["1"]
    double.plan.slow_penalties = 0.5
    job = ai.transcribe(wav)
    until(lambda: len(double.submissions()) == 1)
    with locked(ai):
        time.sleep(12)  # longer than the ledger waits
    assert job.result(timeout=40).text == TRANSCRIPT
    assert len(double.jobs) == 1


def test_file_objects_while_the_ledger_is_locked(ai: Session, wav: Path) -> None:
    """They are read once, however often the ledger is tried."""
    content = wav.read_bytes()
    with locked(ai):
        batch = ai.map(ai.transcribe, [io.BytesIO(content), io.BytesIO(content + b"1")])
        time.sleep(11)
    batch.result(timeout=40)
    assert batch.counts == {"succeeded": 2}


def test_unconfirmed_jobs_do_not_hold_a_batch_up(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Their private copies stay, and the next recordings are asked about all the same."""
    double.plan.hang_up, double.plan.deliver = True, "never"
    content = wav.read_bytes()
    batch = ai.map(ai.transcribe, (content + bytes(number) for number in range(70)))
    batch.result(timeout=60)
    assert batch.counts == {"unconfirmed": 70}
    assert len(batch.failed) == 70


def test_a_watcher_that_raises_harms_nobody(ai: Session, wav: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the batch's feeding, nor its end, nor the screen."""

    def broken() -> None:
        raise RuntimeError("a view that broke")

    batch = ai.map(ai.transcribe, [wav])
    batch.watch(broken)
    batch.result(timeout=10)
    assert capfd.readouterr() == ("", "")


def test_a_kernel_that_starts_offline(double: ProviderDouble, wav: Path, tmp_path: Path) -> None:
    """Jobs of an earlier session wait until the API can be reached; only a new question says that it cannot."""
    double.plan.penalties = ["30"] * 8
    with aijupyter.connect(**double.credentials) as ai:
        keys = [ai.transcribe(path).key for path in recordings(tmp_path, wav, 5)]
    double.plan.penalties = []
    double.stop_listening()
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as ai:
        with pytest.raises(errors.ProviderUnreachableError):
            ai.transcribe(wav).result(timeout=20)
        assert {ai.job(key).state for key in keys} <= {"written", "sending"}
        double.listen_again()
        assert [ai.job(key).result(timeout=40).text for key in keys] == [TRANSCRIPT] * 5
    assert len(double.jobs) == 5


@pytest.mark.parametrize("moment", [0.0, 0.002, 0.005, 0.01, 0.02, 0.05])
def test_closing_at_any_moment(double: ProviderDouble, wav: Path, tmp_path: Path, moment: float) -> None:
    """Whatever the moment: every wait ends, and the next session finishes what the provider never got."""
    double.plan.stall = 0.02
    with aijupyter.connect(**double.credentials) as ai:
        batch = ai.map(ai.transcribe, recordings(tmp_path, wav, 30))
        time.sleep(moment)
    for job in batch:
        with suppress(aijupyter.AIJupyterError):
            job.result(timeout=5)
        assert job.done()
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as ai:
        until(lambda: not set(ai.jobs()["state"]) & {"written", "sending", "submitted", "running"})
        states = ai.jobs()["state"].astype("string").value_counts()
        never_told = len(double.submissions()) - states.get("succeeded", 0)
        assert states.get("unconfirmed", 0) <= never_told
        assert set(states.index) <= {"succeeded", "unconfirmed"}


async def test_a_batch_that_was_cancelled_asks_no_more(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Also the job that was being asked in that moment is given up."""
    double.plan.penalties = ["5"] * 20
    content = b"RIFF\0\0\0\0WAVE"
    batch = ai.map(ai.transcribe, (content + bytes(number) for number in range(500)))
    await asyncio.sleep(0.2)
    batch.cancel()
    await batch.wait(timeout=10)
    assert set(batch.counts) == {"cancelled"}


def test_the_encoding_is_part_of_the_question(ai: Session, wav: Path) -> None:
    """Another option is another question."""
    assert ai.transcribe(wav).key != ai.transcribe(wav, encoding="Mpeg").key


def test_what_another_session_forgot(double: ProviderDouble, wav: Path) -> None:
    """A wait for a job that another session removed ends, and says so."""
    double.plan.deliver = "never"
    with aijupyter.connect(**double.credentials) as one, aijupyter.connect(**double.credentials) as two:
        job = one.transcribe(wav)
        until(lambda: job.state == "submitted")
        held = two.job(job.key)
        assert one.forget(job) == 1
        for handle in (job, held):
            with pytest.raises(errors.JobNotFoundError):
                handle.result(timeout=15)


def test_a_commit_whose_answer_was_lost(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """The same question written down once more, as after a LedgerError, is one job, also with fresh=True."""
    prepared = ai._prepare(question_of("transcribe", {"fresh": True}), wav)
    first = ai._submit(prepared, keep=False)
    assert first.result(timeout=10).text == TRANSCRIPT
    assert ai._submit(prepared, keep=False).key == first.key
    assert len(double.submissions()) == 1
