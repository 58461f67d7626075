"""Every operation from a session to the provider's double and back; speakers; conversations out of several answers."""

from __future__ import annotations

import ast
import asyncio
import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from double import ProviderDouble
from double_answers import AUDIO
from until import until

import aijupyter
from aijupyter import errors
from aijupyter.jobs import Job
from aijupyter.results import Conversation, Diarization, Emotions, Identification, Interaction, Punctuation, Summary
from aijupyter.session import Session
from aijupyter.session.verbs import VERBS


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double."""
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as session:
        yield session


def asked(double: ProviderDouble) -> list[str]:
    """What was asked, in its order."""
    return [path.rpartition("/")[2] for _, path, _ in double.submissions()]


async def test_operations_on_a_recording(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Each gives a result of its own class, from a recording that the provider fetched."""
    jobs: list[Job[Any]] = [ai.diarize(wav, speaker_count=2), ai.identify(wav, speakerIds=["ann"]), ai.emotions(wav)]
    who, known, felt = await asyncio.gather(*(job.wait(10) for job in jobs))
    assert isinstance(who, Diarization)
    assert isinstance(known, Identification)
    assert isinstance(felt, Emotions)
    assert known.utterances["speaker"].tolist() == ["ann", "unknown"]
    assert felt.segments["emotion"].tolist() == ["Neutral", "Excited"]
    assert set(double.fetched.values()) == {wav.read_bytes()}  # noqa: ASYNC240  # a test may wait
    sent = {path: body for _, path, body in double.submissions()}
    assert sent[AUDIO + "speaker-diarize"]["speakerCount"] == 2
    assert sent[AUDIO + "speaker-identify"]["speakerIds"] == ["ann"]
    assert who.audio == known.audio == felt.audio == wav


async def test_operations_on_texts(ai: Session, double: ProviderDouble) -> None:
    """Nothing is lent; the job is called by its text; the same texts find it."""
    job = ai.punctuate(["how are you", "fine"])
    assert job.recording == "“how are you” (and 1 more)"
    said = await job
    assert isinstance(said, Punctuation)
    assert said.texts["after"].tolist() == ["How are you.", "Fine."]
    assert ai.punctuate(pd.Series(["how are you", "fine"])).key == job.key
    summary = await ai.summarize(said.texts.rename(columns={"after": "text"}), summary_type="All")
    assert isinstance(summary, Summary)
    assert summary.not_made["kind"].tolist() == ["AbstractiveSummaryLong"]
    bodies = [body for _, _, body in double.submissions()]
    assert bodies == [
        {"texts": ["how are you", "fine"]},
        {"utterances": [{"text": "How are you."}, {"text": "Fine."}], "summaryType": "All"},
    ]
    listed = ai.jobs(operation="punctuate")
    assert listed["recording"].tolist() == [job.recording]
    assert "how are you" not in repr(ai.job(job.key).record).replace(job.recording, "")


async def test_a_summary_of_a_result(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """It goes by the name of its recording, and so does a batch of them; one that says nothing fails alone."""
    call = await ai.transcribe(wav)
    job = ai.summarize(call)
    assert job.recording == "call.wav"
    assert (await job).text == "A greeting."
    batch = await ai.map(ai.summarize, [call, ["Only this."], [], 3], summary_type="Extractive")
    assert [one.state for one in batch] == ["succeeded", "succeeded", "failed", "failed"]
    assert [type(one.error) for one in batch.failed] == [errors.OptionError] * 2
    assert batch.frame("summary")["recording"].tolist() == ["call.wav"] * 2 + ["“Only this.”"] * 2
    with pytest.raises(errors.OptionError, match="no conversation yet"):
        ai.summarize(job)
    texts = await ai.map(ai.punctuate, ["one", "two"])
    assert texts.frame("texts")["after"].tolist() == ["One.", "Two."]


async def test_what_a_service_cannot_do(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """It was refused for sure, so nothing is in doubt, and the error says what to do."""
    double.plan.refusal = (501, {"errors": [{"errorCode": "CMN-501", "message": "The engine does not do emotions"}]})
    with pytest.raises(errors.BadRequestError, match="does not do emotions\nIt cannot do this"):
        await ai.emotions(wav)
    assert ai.jobs()["state"].tolist() == ["failed"]


def test_a_text_job_survives_a_restart(double: ProviderDouble) -> None:
    """What was written and not sent is sent by the next session, with its texts; what was sent is asked for."""
    double.plan.penalties = ["600"]
    with aijupyter.connect(**double.credentials) as ai:
        waits = ai.punctuate("not sent yet")
        until(lambda: len(double.submissions()) == 1)
        until(lambda: waits.state == "written")
    double.plan.deliver = "never"
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as ai:
        job = ai.job(waits.key)
        until(lambda: job.state == "submitted")
    next(iter(double.jobs.values())).update(status="Success", response={"texts": ["Not sent yet."]})
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as ai:
        result = ai.job(waits.key).result(timeout=10)
    assert result.texts.to_dict("list") == {"before": ["not sent yet"], "after": ["Not sent yet."]}
    assert [body for _, _, body in double.submissions()] == [{"texts": ["not sent yet"]}] * 2


async def test_a_conversation_of_nothing_is_one_analysis(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Asked once, found again, and of the analysis's own class."""
    call = await ai.conversation(wav)
    assert type(call) is Interaction
    assert (await ai.conversation(wav)) is not None
    assert asked(double) == ["analyze-interaction"]
    await ai.conversation(wav, fresh=True)
    assert asked(double) == ["analyze-interaction"] * 2


async def test_a_conversation_uses_what_there_is(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Whatever options it was asked with; only what is missing is asked, and nothing once it is all there."""
    await asyncio.gather(
        ai.transcribe(wav, enable_speaker_diarization=False),
        ai.diarize(wav, speaker_count=2),
        ai.identify(wav, speaker_ids=["ann"]),
    )
    joint = ai.conversation(str(wav))
    call = await joint.wait(10)
    assert isinstance(call, Conversation)
    assert asked(double)[3:] == ["recognize-emotion"]
    assert {job.operation for job in joint.jobs} == {"transcribe", "diarize", "emotions", "identify"}
    assert call.utterances[["speaker", "text", "emotion"]].to_dict("list") == {
        "speaker": ["ann", "1"],
        "text": ["Good morning.", "Hello, Ann."],
        "emotion": ["Neutral", "Excited"],
    }
    assert call.audio == wav
    call.name_speakers({"1": "Caller"})
    again = ai.conversation(wav.read_bytes())  # noqa: ASYNC240  # a test may wait
    assert again.result(timeout=10).utterances["speaker"].tolist() == ["ann", "Caller"]
    assert len(asked(double)) == 4
    assert ai.diarize(wav, speaker_count=2).result(timeout=1).names == {"1": "Caller"}


async def test_a_conversation_waits_for_what_is_under_way(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A wait can time out and be repeated; a job that comes to nothing ends it with its own error."""
    double.plan.deliver = "never"
    job = ai.analyze(wav)
    joint = ai.conversation(wav)
    assert joint.jobs == (job,)
    assert not joint.done()
    with pytest.raises(errors.JobTimeoutError, match="analyze"):
        await joint.wait(0.05)
    with pytest.raises(errors.JobTimeoutError):
        joint.result(timeout=0.05)
    until(lambda: len(double.jobs) == 1)
    failure = {"errors": [{"errorCode": "CAI-102", "message": "No speech"}]}
    next(iter(double.jobs.values())).update(status="Fail", response=failure)
    with pytest.raises(errors.JobFailedError, match="No speech"):
        await joint.wait(10)
    assert isinstance(joint.error, errors.JobFailedError)


async def test_texts_that_failed_are_asked_again(ai: Session, double: ProviderDouble) -> None:
    """A batch knows what it asked about."""
    double.plan.fail = [{"errorCode": "CAI-110", "message": "Busy"}]
    batch = await ai.map(ai.punctuate, (text for text in ("one", "two")))
    assert len(batch.failed) == 2
    double.plan.fail = None
    assert batch.retry() == 2
    assert (await batch).frame("texts")["after"].tolist() == ["One.", "Two."]


async def test_who_is_to_be_recognised(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Without a transcript one analysis looks for them; with an analysis one identification does."""
    await ai.conversation(wav, speaker_ids=["ann"])
    await ai.conversation(wav, speakerIds=["ann"])
    assert [body.get("speakerIds") for _, _, body in double.submissions()] == [["ann"]]
    await ai.conversation(wav, speaker_ids=["ann", "bob"])
    assert asked(double) == ["analyze-interaction", "speaker-identify"]
    with pytest.raises(errors.OptionError, match="no speaker id"):
        ai.conversation(wav, speaker_ids=["not one"])


def test_speakers(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Enrolled from a file's own bytes, told what is missing, completed, listed, forgotten."""
    empty = ai.speakers()
    assert empty.empty
    ann = ai.enroll("ann", wav)
    assert (ann.complete, ann.missing_seconds) == (False, 12.0)
    assert "ai.add_audio('ann', ...)" in repr(ann)
    (body,) = [body for method, path, body in double.asked if method == "POST" and path.endswith("enrollments")]
    assert base64.b64decode(body["content"]) == wav.read_bytes()
    assert (body["speakerId"], body["encoding"], body["languageCode"]) == ("ann", "Wav", "en-US")
    ann = ai.add_audio("ann", io.BytesIO(wav.read_bytes()))
    assert (ann.complete, ann.missing_seconds, ann.quality) == (True, 0.0, "Good")
    double.voice_name = "enrollmentId"
    ai.enroll("bob", wav.read_bytes())
    listed = ai.speakers()
    assert listed["speaker"].tolist() == ["ann", "bob"]
    assert listed["complete"].tolist() == [True, False]
    assert (listed["quality"].dropna() > "Average").all()
    assert (
        listed.dtypes.astype(str).to_dict()
        == empty.dtypes.astype(str).to_dict()
        == {
            "speaker": "string",
            "complete": "boolean",
            "quality": "category",
            "speech_seconds": "float64",
            "enrolled_seconds": "float64",
        }
    )
    assert ai.speaker("bob").speaker_id == "bob"
    ai.forget_speaker("bob")
    assert ai.speakers()["speaker"].tolist() == ["ann"]


def test_speakers_that_are_not_there(ai: Session, wav: Path) -> None:
    """Each error says what to do next, and keeps what the provider said."""
    ai.enroll("ann", wav)
    with pytest.raises(errors.ConflictError, match=r"already.\nAdd to it: ai.add_audio.*forget_") as taken:
        ai.enroll("ann", wav)
    assert (taken.value.status, taken.value.error_code) == (409, "CAI-104")
    for call in (lambda: ai.speaker("bob"), lambda: ai.add_audio("bob", wav), lambda: ai.forget_speaker("bob")):
        with pytest.raises(errors.NotFoundError, match="no speaker bob"):
            call()
    ai.forget_speaker("ann")
    with pytest.raises(errors.GoneError, match="deleted before"):
        ai.forget_speaker("ann")
    with pytest.raises(errors.OptionError, match="no speaker id"):
        ai.enroll("not one", wav)
    with pytest.raises(errors.MediaError, match="Download it"):
        ai.enroll("carl", "https://example.com/carl.wav")
    with pytest.raises(errors.MediaNotFoundError):
        ai.enroll("carl", "nowhere.wav")


def test_every_page_of_speakers(ai: Session, double: ProviderDouble) -> None:
    """All of them, however many."""
    double.voices = {f"v{n}": {"speakerId": f"v{n}", "enrollmentComplete": True} for n in range(230)}
    assert ai.speakers()["speaker"].tolist() == [f"v{n}" for n in range(230)]


async def test_the_page_about_operations_tells_the_truth(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """The examples of docs/operations.md run, one after another."""
    (wav.parent / "ann.wav").write_bytes(wav.read_bytes())  # noqa: ASYNC240  # a test may wait
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {"ai": ai}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    for block in blocks:
        running = eval(compile(block, "operations.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if running is not None:
            await running
    assert len(blocks) == 10
    assert names["call"].utterances["emotion"].tolist() == ["Neutral", "Excited"]
    assert names["batch"].failed == []
    assert all(f"](#{verb})" in text and f"## {verb.capitalize()}\n" in text for verb in (*VERBS, "conversation"))


async def test_both_shapes_are_one(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """An earlier version's answer, a bare array without a jobId, is the same frame."""
    double.plan.bare = True
    double.plan.response = [{"enrollmentId": "0", "start": 0.0, "end": 0.8}]
    heard = await ai.diarize(wav)
    assert heard.utterances["speaker"].tolist() == ["0"]
    assert json.loads(json.dumps(heard.raw))["response"] == double.plan.response
