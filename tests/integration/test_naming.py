"""Names of speakers through whole sessions: kept, told to other sessions, there after a kill; and what is heard."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from double import ProviderDouble
from until import until

import aijupyter
from aijupyter import errors
from aijupyter.session import Session

SPOKEN = {
    "utterances": [
        {"speakerId": "0", "start": 0.0, "end": 0.5, "text": "Good morning."},
        {"speakerId": "1", "start": 0.5, "end": 1.0, "text": "Hello."},
    ]
}


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double, that answers with two speakers."""
    double.plan.response = SPOKEN
    with aijupyter.connect(**double.credentials) as session:
        yield session


def test_named_speakers_survive(double: ProviderDouble, wav: Path) -> None:
    """In the next session, in every frame, and the recording is still heard; also where it was moved meanwhile."""
    double.plan.response = SPOKEN
    with aijupyter.connect(**double.credentials) as ai:
        job = ai.transcribe(wav)
        call = job.result(timeout=10)
        call.name_speakers({"0": "Agent", "1": "Customer"})
        assert job.record.names == call.names == {"0": "Agent", "1": "Customer"}
        assert job.result() is ai.job(job.id).result() is call
        call.name_speakers({"Customer": "Ann"})
    with aijupyter.connect(**double.credentials) as ai:
        again = ai.job(job.key).result(timeout=10)
        assert again.utterances["speaker"].tolist() == ["Agent", "Ann"]
        assert again.audio == wav
        moved = wav.rename(wav.with_name("moved.wav"))
        assert again.audio is None
        assert ai.transcribe(moved).result(timeout=10) is again
        assert again.audio == moved
    with aijupyter.connect(**double.credentials) as ai:
        assert ai.job(job.key).result(timeout=10).audio == moved
        moved.write_bytes(moved.read_bytes() + b"more")
    with aijupyter.connect(**double.credentials) as ai:
        assert ai.job(job.key).result(timeout=10).audio is None
        assert [str(state) for state in ai.job(job.key).history["state"]].count("succeeded") == 1
    assert len(double.submissions()) == 1


NAMING = """
import json, os, signal, sys
import aijupyter
ai = aijupyter.connect(**json.loads(sys.argv[1]))
job = ai.transcribe(sys.argv[2])
job.result(timeout=20).name_speakers({"0": "Agent"})
print(job.key, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_name_is_there_when_it_was_given(double: ProviderDouble, wav: Path) -> None:
    """A kernel that is killed at once after `name_speakers` has returned loses nothing of it."""
    double.plan.response = SPOKEN
    command = [sys.executable, "-c", NAMING, json.dumps(double.credentials), str(wav)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    with aijupyter.connect(**double.credentials) as ai:
        call = ai.job(ended.stdout.strip()).result(timeout=10)
        assert call.utterances["speaker"].tolist() == ["Agent", "1"]


def test_a_closed_session_keeps_no_names(double: ProviderDouble, wav: Path) -> None:
    """It says who does; nothing of the result has changed."""
    double.plan.response = SPOKEN
    with aijupyter.connect(**double.credentials) as ai:
        job = ai.transcribe(wav)
        call = job.result(timeout=10)
    with pytest.raises(errors.SessionClosedError, match="Connect again") as caught:
        call.name_speakers({"0": "Agent"})
    assert job.key in caught.value.mend
    assert call.names == {}


def test_naming_speakers_of_a_forgotten_job(ai: Session, wav: Path) -> None:
    """Nobody keeps that; the result stays as it is."""
    call = ai.transcribe(wav).result(timeout=10)
    ai.forget(call.key)
    with pytest.raises(errors.JobNotFoundError):
        call.name_speakers({"0": "Agent"})
    assert call.utterances["speaker"].tolist() == ["0", "1"]


def test_two_sessions_name_speakers(double: ProviderDouble, wav: Path) -> None:
    """Each shows what the other named, in results that somebody holds without the job, and undoes nothing of it."""
    double.plan.response = SPOKEN
    with aijupyter.connect(**double.credentials) as one, aijupyter.connect(**double.credentials) as two:
        mine = one.transcribe(wav).result(timeout=10)
        theirs = two.transcribe(wav).result(timeout=10)
        assert mine is not theirs
        told: list[dict[str, str]] = []
        theirs.watch(lambda: told.append(theirs.names))
        mine.name_speakers({"0": "Agent"})
        until(lambda: theirs.utterances["speaker"].tolist() == ["Agent", "1"])
        assert told == [{"0": "Agent"}]
        theirs.name_speakers({"1": "Ann"})
        until(lambda: mine.names == {"0": "Agent", "1": "Ann"})


def test_a_corpus_knows_names_given_since(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A speaker that is named by a result of a corpus has that name in what the corpus reads from then on."""
    double.plan.response = SPOKEN
    key = ai.transcribe(wav).result(timeout=10).key
    corpus = ai.corpus()
    corpus[key].name_speakers({"0": "Agent"})
    assert corpus[key].names == {"0": "Agent"}
    assert corpus.speakers["speaker"].tolist() == ["Agent", "1"]
    ai.forget(key)
    with pytest.raises(errors.JobNotFoundError):
        corpus[key]


def test_two_sessions_name_at_once(double: ProviderDouble, wav: Path) -> None:
    """Neither undoes what the other names at the same moment, before it has heard of it."""
    double.plan.response = {"utterances": [{"speakerId": f"{number}", "text": "x"} for number in range(40)]}
    with aijupyter.connect(**double.credentials) as one, aijupyter.connect(**double.credentials) as two:
        calls = [session.transcribe(wav).result(timeout=10) for session in (one, two)]
        with ThreadPoolExecutor(2) as both:
            for number in range(0, 40, 2):
                named = [
                    both.submit(call.name_speakers, {f"{label}": f"P{label}"})
                    for label, call in enumerate(calls, number)
                ]
                for each in named:
                    each.result(timeout=10)
        for call in calls:
            until(lambda call=call: call.names == {f"{number}": f"P{number}" for number in range(40)})


async def test_names_from_many_threads(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Widgets' callbacks come in any thread: no name is lost, whoever asks for frames or results meanwhile."""
    speakers = [{"speakerId": f"{number}", "text": "x"} for number in range(30)]
    double.plan.response = {"utterances": speakers}
    batch = ai.map(ai.transcribe, [wav])
    await batch
    call = batch[0].result()
    named = (asyncio.to_thread(call.name_speakers, {f"{number}": f"P{number}"}) for number in range(30))
    read = (asyncio.to_thread(lambda: batch.utterances["speaker"].str.len().sum()) for _ in range(10))
    await asyncio.gather(*named, *read)
    assert batch.utterances["speaker"].tolist() == [f"P{number}" for number in range(30)]
    assert batch[0].result() is call


async def test_the_background_thread_names_nobody(ai: Session, wav: Path) -> None:
    """It would wait for itself: that is refused, and nothing hangs."""
    job = ai.transcribe(wav)
    call = await job
    refused: list[BaseException] = []

    def name() -> None:
        try:
            call.name_speakers({"1": "Ann"})
        except errors.PortalError as error:
            refused.append(error)

    call.watch(name)
    await asyncio.to_thread(call.name_speakers, {"0": "Agent"})
    assert len(refused) == 1
    assert call.names == job.record.names == {"0": "Agent"}


def test_recordings_without_a_file_of_the_person(ai: Session, wav: Path) -> None:
    """Bytes have none, so there is nothing to hear; a file that is set is."""
    call = ai.transcribe(wav.read_bytes() + b"x").result(timeout=10)
    assert call.audio is None
    call.audio = wav
    assert call.audio == wav
