"""Many recordings at once, against the provider's double."""

from __future__ import annotations

import asyncio
import io
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from double import ProviderDouble

import aijupyter
from aijupyter import errors
from aijupyter.session import Session


def recordings(folder: Path, count: int) -> list[Path]:
    """So many short recordings, each with content of its own."""
    return [recording(folder / f"call-{number:04}.wav", number) for number in range(count)]


def recording(path: Path, number: int) -> Path:
    """A tenth of a second with a number in it."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(number.to_bytes(4, "little") * 400)
    return path


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double, whose answers say which recording they are of."""
    double.plan.response = lambda content: {
        "transcript": f"recording {int.from_bytes(content[44:48], 'little')}",
        "words": [],
        "utterances": [{"start": 0.0, "end": 1.0, "text": "Hello there.", "speakerId": "0"}],
    }
    with aijupyter.connect(**double.credentials, poll_seconds=0.3) as session:
        yield session


async def test_a_batch_is_awaited(ai: Session, tmp_path: Path) -> None:
    """All results are there, in the order of the recordings, each its own."""
    paths = recordings(tmp_path, 30)
    batch = ai.map(ai.transcribe, paths)
    assert await batch.wait(timeout=30) is batch
    assert [(await job).text for job in batch] == [f"recording {number}" for number in range(30)]
    assert (len(batch), batch.progress, batch.eta, batch.failed) == (30, 1.0, 0.0, [])
    assert batch.counts == {"succeeded": 30}
    assert repr(batch) == "<Batch of 30: 30 succeeded>"


def test_a_batch_is_waited_for_without_a_loop(ai: Session, tmp_path: Path) -> None:
    """By a name instead of a method, from a generator whose length nobody knows."""
    batch = ai.map("analyze", (path for path in recordings(tmp_path, 5)), insights=["Topics"])
    assert len(batch.result(timeout=30)) == 5
    assert {job.operation for job in batch} == {"analyze"}


async def test_jobs_come_as_they_end(ai: Session, double: ProviderDouble, tmp_path: Path) -> None:
    """In the order of completion, also to several at once, with and without a loop."""
    batch = ai.map(ai.transcribe, recordings(tmp_path, 12))
    seen = [job.recording async for job in batch.as_completed()]
    assert sorted(seen) == [job.recording for job in batch]
    assert [job.recording async for job in batch.as_completed()] == seen
    assert [job.recording for job in batch.as_completed()] == seen


async def test_one_bad_recording_does_not_end_the_batch(ai: Session, tmp_path: Path) -> None:
    """It is one failed job that says why, and can be asked again when it is mended."""
    good = recordings(tmp_path, 3)
    bad = tmp_path / "notes.wav"
    bad.write_text("These are notes.")
    batch = ai.map(ai.transcribe, [good[0], bad, tmp_path / "missing.wav", *good[1:]])
    await batch.wait(timeout=30)
    assert [job.recording for job in batch.failed] == ["notes.wav", "missing.wav"]
    assert isinstance(batch.failed[0].error, errors.MediaError)
    with pytest.raises(errors.MediaNotFoundError):
        await batch.failed[1]
    assert batch.jobs()["state"].tolist() == ["succeeded", "failed", "failed", "succeeded", "succeeded"]
    assert batch.jobs()["error"].notna().sum() == 2
    recording(bad, 77)
    assert batch.retry() == 2
    await batch.wait(timeout=30)
    assert [job.recording for job in batch.failed] == ["missing.wav"]
    assert (await batch[1]).text == "recording 77"


async def test_a_batch_over_the_same_recordings_is_free(ai: Session, double: ProviderDouble, tmp_path: Path) -> None:
    """Running a cell again finds what was asked, running or done; copies of one content are one job."""
    paths = recordings(tmp_path, 8)
    first, second = ai.map(ai.transcribe, paths), ai.map(ai.transcribe, paths)
    await asyncio.gather(first.wait(timeout=30), second.wait(timeout=30))
    copy = tmp_path / "copy.wav"
    copy.write_bytes(paths[0].read_bytes())
    assert (await ai.transcribe(copy)).text == "recording 0"
    assert len(double.submissions()) == 8
    assert [a is b for a, b in zip(first, second, strict=True)] == [True] * 8


async def test_frames_over_all_results(ai: Session, tmp_path: Path) -> None:
    """One frame with the job and the recording of each row; a wrong name says so."""
    batch = await ai.map(ai.transcribe, recordings(tmp_path, 4)).wait(timeout=30)
    frame = batch.utterances
    assert frame["recording"].tolist() == [f"call-{number:04}.wav" for number in range(4)]
    assert frame["job"].tolist() == [job.id for job in batch]
    assert list(frame.columns[:3]) == ["job", "recording", "utterance"]
    assert len(batch.words) == 0
    assert batch.speakers["talk_seconds"].tolist() == [1.0] * 4
    with pytest.raises(errors.OptionError, match="no frame 'nonsense'"):
        batch.frame("nonsense")


async def test_cancelling_a_batch(ai: Session, double: ProviderDouble, tmp_path: Path) -> None:
    """What was not sent is given up, what was sent goes on; a retry asks again."""
    double.plan.slow = 0.3
    double.plan.penalties = ["2"]
    batch = ai.map(ai.transcribe, recordings(tmp_path, 40))
    await asyncio.sleep(0.5)
    assert batch.cancel() > 20
    await batch.wait(timeout=30)
    cancelled = [job for job in batch if job.state == "cancelled"]
    with pytest.raises(errors.JobCancelledError):
        await cancelled[0]
    assert batch.retry() == len(cancelled)
    assert batch.counts.get("cancelled") is None
    await batch.wait(timeout=30)
    assert batch.counts == {"succeeded": len(batch)}


def test_bytes_take_little_room(ai: Session, tmp_path: Path) -> None:
    """Recordings given as bytes are copied privately, a few at a time, and the copies go with their jobs."""
    contents = [path.read_bytes() for path in recordings(tmp_path, 100)]
    batch = ai.map(ai.transcribe, (io.BytesIO(content) for content in contents))
    batch.result(timeout=60)
    assert batch.counts == {"succeeded": 100}
    spool = Path(ai.status.ledger).with_name("ledger.db.spool")
    assert list(spool.iterdir()) == []
    assert batch.retry() == 0


def test_wrong_calls_are_told_at_once(ai: Session, wav: Path) -> None:
    """A wrong operation, option or media raises from the call itself, with the mend."""
    with pytest.raises(errors.OptionError, match=r"ai\.transcribe"):
        ai.map(print, [wav])
    with pytest.raises(errors.OptionError, match="no option 'insights'"):
        ai.map(ai.transcribe, [wav], insights=["All"])
    for media in (wav, str(wav), b"RIFF", 5):
        with pytest.raises(errors.OptionError, match="not many recordings"):
            ai.map(ai.transcribe, media)  # type: ignore[arg-type]


def test_a_generator_that_breaks(ai: Session, wav: Path) -> None:
    """What the caller's own iterable raises ends the batch, and the wait says so."""

    def broken() -> Iterator[Path]:
        yield wav
        raise RuntimeError("the disk is gone")

    batch = ai.map(ai.transcribe, broken())
    with pytest.raises(aijupyter.AIJupyterError, match="the disk is gone"):
        batch.result(timeout=10)
    assert len(batch) == 1


def test_a_batch_ends_with_its_session(double: ProviderDouble, tmp_path: Path) -> None:
    """A wait for the batch of a closed session ends with an error; the next session has the rest."""
    double.plan.deliver = "never"
    with aijupyter.connect(**double.credentials) as ai:
        batch = ai.map(ai.transcribe, recordings(tmp_path, 20))
        with pytest.raises(errors.JobTimeoutError, match="Batch of 20"):
            batch.result(timeout=0.5)
    batch.result(timeout=10)
    assert all(isinstance(job.error, errors.SessionClosedError) for job in batch)
    assert "aijupyter-batch" not in {thread.name for thread in threading.enumerate()}


async def test_an_empty_batch(ai: Session) -> None:
    """Nothing asked is nothing to wait for, and its frames are empty."""
    batch = await ai.map(ai.transcribe, [])
    assert (len(batch), batch.progress, batch.failed) == (0, 1.0, [])
    assert batch.utterances.empty
    assert [job async for job in batch.as_completed()] == []
