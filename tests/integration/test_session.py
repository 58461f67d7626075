"""A session against the provider's double: the whole way over real HTTP, a real ledger and real threads."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from double import CLIENT_SECRET, JWT, ProviderDouble
from until import until

import aijupyter
from aijupyter import errors
from aijupyter.connecting import announcement
from aijupyter.jobs import Job
from aijupyter.session import Session

TRANSCRIPT = "Good morning. How can I help?"


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double."""
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as session:
        yield session


async def test_a_job_is_awaited_to_frames(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """One awaitable line: a recording in, DataFrames out, the recording really fetched by the provider."""
    job = ai.transcribe(wav)
    call = await job
    assert call.text == TRANSCRIPT
    assert call.utterances["speaker"].tolist() == ["0"]
    assert call.words["start"].is_monotonic_increasing
    assert call.raw["response"]["utterances"][0]["somethingNew"] == {"of": "a later version"}
    assert double.fetched[job.id].startswith(b"RIFF")
    assert job.state == "succeeded"


def test_a_job_is_waited_for_without_a_loop(ai: Session, wav: Path) -> None:
    """A plain script blocks for the same result."""
    assert ai.transcribe(wav).result(timeout=10).text == TRANSCRIPT


def test_a_job_is_awaited_under_asyncio_run(ai: Session, wav: Path) -> None:
    """Each asyncio.run has a loop of its own; the job does not mind."""
    job = ai.transcribe(wav)

    async def main() -> str:
        return (await job).text

    assert asyncio.run(main()) == asyncio.run(main()) == TRANSCRIPT


def test_two_threads_at_once(ai: Session, wav: Path) -> None:
    """Two threads ask and wait side by side."""
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(ai.transcribe(wav, fresh=True).result(10).text)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert texts == [TRANSCRIPT] * 2


async def test_many_waiters_share_one_job(ai: Session, wav: Path) -> None:
    """Whoever awaits gets the same result, those who come late too."""
    job = ai.transcribe(wav)
    results = await asyncio.gather(*(job.wait(timeout=10) for _ in range(20)))
    assert all(result is results[0] for result in results)
    assert await job is results[0]


@pytest.mark.parametrize("bare", [False, True])
async def test_a_delivery_before_the_202(ai: Session, double: ProviderDouble, wav: Path, bare: bool) -> None:
    """The answer may overtake the acceptance, and need not name its job."""
    double.plan.deliver, double.plan.bare = "before", bare
    job = ai.transcribe(wav)
    assert (await job.wait(timeout=10)).text == TRANSCRIPT
    await asyncio.to_thread(until, lambda: double.posted == [200] and job.id in double.jobs)


async def test_a_delivery_without_a_job_id(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """The path alone says whose answer it is."""
    double.plan.bare = True
    first, second = ai.transcribe(wav), ai.transcribe(wav, fresh=True)
    await asyncio.gather(first, second)
    assert {first.id, second.id} == set(double.jobs)


async def test_repeated_deliveries_are_acknowledged(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """The first answer ends the job; the others are acknowledged and change nothing."""
    double.plan.repeat = 3
    await ai.transcribe(wav).wait(timeout=10)
    await asyncio.to_thread(until, lambda: len(double.posted) == 3)
    assert double.posted == [200, 200, 200]


async def test_the_status_call_brings_what_the_webhook_did_not(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A delivery that never comes is asked for."""
    double.plan.deliver = "never"
    job = ai.transcribe(wav)
    await asyncio.to_thread(until, lambda: bool(double.jobs))
    envelope = next(iter(double.jobs.values()))
    envelope |= {"status": "Success", "response": {"transcript": "From the status call.", "words": []}}
    assert (await job.wait(timeout=10)).text == "From the status call."


async def test_a_forgotten_job_expires(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A job that the provider no longer knows ends with an error that says so."""
    double.plan.deliver, double.plan.forget = "never", True
    job = ai.transcribe(wav)
    with pytest.raises(errors.JobExpiredError, match="no longer known"):
        await job.wait(timeout=10)
    assert job.state == "expired"


async def test_an_answer_after_the_end_still_counts(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A job that was given up as expired takes the answer that comes after all; a second one changes nothing."""
    double.plan.deliver, double.plan.forget = "never", True
    job = ai.transcribe(wav)
    with pytest.raises(errors.JobExpiredError):
        await job.wait(timeout=10)
    webhook = f"{ai.status.receiver_url}/d/{job.record.path}"
    async with aiohttp.ClientSession() as http:
        for words in ("After all.", "Too late."):
            answer = {"status": "Success", "response": {"transcript": words}}
            async with http.post(webhook, json=answer) as response:
                assert response.status == 200
    assert (await job).text == "After all."
    assert (await ai.job(job.id)).text == "After all."


async def test_a_failed_job_raises_the_providers_errors(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Awaiting raises, and the answer stays readable as data."""
    double.plan.fail = [{"errorCode": "CAI-101", "message": "Not a valid uri", "parameterName": "contentUri"}]
    job = ai.transcribe(wav)
    with pytest.raises(errors.JobFailedError, match="CAI-101: Not a valid uri") as caught:
        await job.wait(timeout=10)
    assert caught.value.faults == (errors.Fault("CAI-101", "Not a valid uri", "contentUri"),)
    assert job.raw is not None
    assert job.raw["response"]["errors"] == double.plan.fail
    with pytest.raises(errors.JobFailedError):
        job.result(timeout=1)


async def test_a_refused_submission(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A 400 becomes an exception that carries the provider's words, also when the job is picked up again."""
    fault = {"errorCode": "CAI-101", "message": "encoding is wrong", "parameterName": "encoding"}
    double.plan.refusal = (400, {"errors": [fault]})
    job = ai.transcribe(wav)
    with pytest.raises(errors.BadRequestError) as caught:
        await job.wait(timeout=10)
    assert (caught.value.error_code, caught.value.message, caught.value.parameter_name) == (
        "CAI-101",
        "encoding is wrong",
        "encoding",
    )
    with pytest.raises(errors.BadRequestError, match="encoding is wrong"):
        await ai.job(job.key).wait(timeout=10)


@pytest.mark.parametrize("status", [401, 403, 404, 409, 410, 413, 500, 503])
async def test_every_refusal_ends_the_wait(ai: Session, double: ProviderDouble, wav: Path, status: int) -> None:
    """No answer of the API leaves a cell hanging."""
    double.plan.refusal = (status, {"errors": [{"errorCode": "X-1", "message": "no"}]})
    with pytest.raises((errors.ProviderError, errors.SubmissionUnconfirmedError)):
        await ai.transcribe(wav).wait(timeout=10)


async def test_a_token_that_is_refused_is_renewed_once(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """401 is answered with a new token, and the submission is not doubled."""
    double.plan.refuse_tokens = 1
    assert (await ai.transcribe(wav).wait(timeout=10)).text == TRANSCRIPT
    assert len(double.tokens) == 2
    assert len(double.jobs) == 1


async def test_a_token_is_renewed_before_it_expires(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """With a life of a second, a submission a second later uses a new token and never sees a 401."""
    double.plan.token_seconds = 1
    await ai.transcribe(wav).wait(timeout=10)
    before = len(double.tokens)
    await asyncio.sleep(1)
    await ai.transcribe(wav, fresh=True).wait(timeout=10)
    assert len(double.tokens) > before
    assert len(double.submissions()) == 2


async def test_a_penalty_is_waited_out(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """During a 429's Retry-After nothing is sent, then the same submission is."""
    double.plan.penalties = ["1"]
    started = time.monotonic()
    await ai.transcribe(wav).wait(timeout=10)
    assert time.monotonic() - started >= 1
    assert len(double.submissions()) == 2
    assert len(double.jobs) == 1


async def test_an_unanswered_submission_is_not_repeated(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A connection cut after the request left: an error that says so, no second submission."""
    double.plan.hang_up, double.plan.deliver = True, "never"
    job = ai.transcribe(wav)
    with pytest.raises(errors.SubmissionUnconfirmedError, match="paid twice"):
        await job.wait(timeout=10)
    assert job.state == "unconfirmed"
    assert len(double.submissions()) == 1


async def test_a_late_delivery_ends_an_unconfirmed_job(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """The delivery finds its job by the path although nobody ever told the job's id."""
    double.plan.hang_up, double.plan.deliver = True, "after"
    job = ai.transcribe(wav)
    await asyncio.to_thread(until, lambda: job.state == "succeeded")
    assert (await job).text == TRANSCRIPT
    assert job.id in double.jobs


async def test_a_timeout_leaves_the_job_alone(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """The wait ends with the job's id in its error; the job can be waited for again."""
    double.plan.deliver = "never"
    job = ai.transcribe(wav)
    with pytest.raises(errors.JobTimeoutError, match="goes on"):
        await job.wait(timeout=0.1)
    with pytest.raises(TimeoutError) as caught:
        await asyncio.to_thread(job.result, 0.1)
    assert isinstance(caught.value, errors.JobTimeoutError)
    assert caught.value.job_id in {job.id, job.key}
    assert job.error is None


async def test_cancelling_a_wait_leaves_the_job_alone(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A cell that is interrupted harms nothing."""
    double.plan.deliver = "never"
    job = ai.transcribe(wav)
    waiting = asyncio.create_task(job.wait())
    await asyncio.to_thread(until, lambda: bool(double.jobs))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    next(iter(double.jobs.values())).update(status="Success", response={"transcript": "Still here."})
    assert (await job.wait(timeout=10)).text == "Still here."


def test_a_loop_that_closed_while_waiting_is_no_harm(
    ai: Session, double: ProviderDouble, wav: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The answer of a job whose waiter's loop is gone wakes nobody and prints nothing."""
    double.plan.deliver = "never"
    job = ai.transcribe(wav)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(job.wait())), 0.1)

    asyncio.run(give_up())
    until(lambda: bool(double.jobs))
    next(iter(double.jobs.values())).update(status="Success", response={"transcript": "Later."})
    assert job.result(timeout=10).text == "Later."
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file", "memory"])
def test_media_of_every_kind(ai: Session, double: ProviderDouble, wav: Path, kind: str) -> None:
    """A path, bytes or a file object: the provider gets the very same bytes."""
    content = wav.read_bytes()
    with wav.open("rb") as file:
        media: dict[str, Any] = {
            "path": wav,
            "text": str(wav),
            "bytes": content,
            "file": file,
            "memory": io.BytesIO(content),
        }
        job = ai.transcribe(media[kind])
    job.result(timeout=10)
    assert double.fetched[job.id] == content


async def test_media_is_withdrawn_when_the_job_ends(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """The recording's URL is good for as long as its job, and not longer."""
    job = ai.transcribe(wav)
    await job.wait(timeout=10)
    uri = double.submissions()[0][2]["contentUri"]
    async with aiohttp.ClientSession() as http, http.get(uri) as response:
        assert response.status == 404


async def test_a_url_is_handed_on(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """What has a URL already is not copied through this machine."""

    async def serve(_: web.Request) -> web.FileResponse:
        return web.FileResponse(wav)

    app = web.Application()
    app.router.add_get("/there/call.wav", serve)
    async with TestServer(app) as server:
        url = str(server.make_url("/there/call.wav"))
        await ai.transcribe(url).wait(timeout=10)
    assert double.submissions()[0][2]["contentUri"] == url
    assert double.submissions()[0][2]["encoding"] == "Wav"


async def test_a_url_that_does_not_answer(ai: Session, double: ProviderDouble) -> None:
    """The error names the URL, and nothing is submitted."""
    with pytest.raises(errors.MediaUnreachableError, match=r"127\.0\.0\.1:9/call\.wav does not answer"):
        await ai.transcribe("http://127.0.0.1:9/call.wav").wait(timeout=10)
    assert double.submissions() == []


def test_bad_input_ends_at_once(ai: Session, double: ProviderDouble, tmp_path: Path) -> None:
    """Missing file, folder, empty file, no audio, wrong option, wrong value: an error from the call itself."""
    (tmp_path / "empty.wav").touch()
    (tmp_path / "notes.txt").write_text("These are notes.")
    for media, kind in (
        (tmp_path / "missing.wav", errors.MediaNotFoundError),
        (tmp_path, errors.MediaError),
        (tmp_path / "empty.wav", errors.MediaError),
        (tmp_path / "notes.txt", errors.MediaError),
    ):
        with pytest.raises(kind) as caught:
            ai.transcribe(media)
        assert caught.value.mend
    with pytest.raises(errors.OptionError, match="Did you mean speaker_count"):
        ai.transcribe(tmp_path / "x.wav", speaker_counts=2)  # type: ignore[call-arg]
    with pytest.raises(errors.OptionError, match="KeyPhrases"):
        ai.analyze(tmp_path / "x.wav", insights=["Keyphrase"])
    assert double.submissions() == []


def test_options_reach_the_wire(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Python's names and the API's end as the same body."""
    ai.transcribe(wav, speaker_count=2, speech_contexts=["scarf"]).result(10)
    ai.transcribe(wav, speakerCount=2, speechContexts=["scarf"], fresh=True).result(10)  # type: ignore[call-arg]
    first, second = (body for _, _, body in double.submissions())
    assert first.pop("contentUri") != second.pop("contentUri")
    assert first == second
    assert first == {
        "encoding": "Wav",
        "languageCode": "en-US",
        "speakerCount": 2,
        "enableSpeakerDiarization": True,
        "speechContexts": [{"phrases": ["scarf"]}],
    }


def test_wrong_credentials(double: ProviderDouble, wav: Path) -> None:
    """The wait ends with what to check, and without the secrets."""
    with aijupyter.connect(**{**double.credentials, "jwt": "not-the-jwt"}) as ai:
        with pytest.raises(errors.AuthenticationError, match="Invalid assertion") as caught:
            ai.transcribe(wav).result(timeout=10)
        assert "RC_USER_JWT" in caught.value.mend
        assert "not-the-jwt" not in repr(caught.value)


def test_an_unreachable_provider(wav: Path) -> None:
    """No connection: the error says that nothing was received."""
    with (
        aijupyter.connect(server_url="http://127.0.0.1:9", client_id="a", client_secret="b", jwt="c") as ai,
        pytest.raises(errors.ProviderUnreachableError, match="cannot be reached"),
    ):
        ai.transcribe(wav).result(timeout=10)


def test_results_outlive_the_session(double: ProviderDouble, wav: Path) -> None:
    """The next session finds the job and its answer in the ledger, by either id, without the network."""
    with aijupyter.connect(**double.credentials) as ai:
        job = ai.transcribe(wav)
        job.result(timeout=10)
    asked = len(double.asked)
    with aijupyter.connect(**double.credentials) as ai:
        assert ai.job(job.id).result(timeout=1).text == TRANSCRIPT
        assert ai.job(job.key).result(timeout=1).text == TRANSCRIPT
        assert ai.jobs()["state"].tolist() == ["succeeded"]
        with pytest.raises(errors.JobNotFoundError):
            ai.job("no-such-job")
    assert len(double.asked) == asked


def test_closing_ends_every_wait(double: ProviderDouble, wav: Path) -> None:
    """A thread that waits while the session closes gets an error, not an endless wait; what follows is refused."""
    double.plan.deliver = "never"
    ai = aijupyter.connect(**double.credentials)
    job = ai.transcribe(wav)
    until(lambda: job.state == "submitted")
    ended: list[Exception] = []

    def wait(job: Job[Any]) -> None:
        try:
            job.result()
        except errors.SessionClosedError as error:
            ended.append(error)

    thread = threading.Thread(target=wait, args=(job,))
    thread.start()
    ai.close()
    ai.close()
    thread.join(5)
    assert len(ended) == 1
    with pytest.raises(errors.SessionClosedError):
        ai.transcribe(wav)
    assert ai.start().job(job.id).state in {"submitted", "running"}
    ai.close()


def test_closing_while_a_submission_is_under_way(double: ProviderDouble, wav: Path) -> None:
    """The request has left, its answer was not waited for: the job is unconfirmed, and a new handle says so."""
    double.plan.deliver = "before"  # the 202 waits for the delivery, which waits for the recording's answer
    double.plan.slow = 30
    ai = aijupyter.connect(**double.credentials)
    job = ai.transcribe(wav)
    until(lambda: bool(double.jobs))
    ai.close()
    assert job.state == "unconfirmed"
    with aijupyter.connect(**double.credentials) as ai, pytest.raises(errors.SubmissionUnconfirmedError):
        ai.job(job.key).result(timeout=5)


async def test_two_handles_of_an_unconfirmed_job_are_one(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Picking an unconfirmed job up again does not take the answer away from who held it first."""
    double.plan.hang_up, double.plan.deliver = True, "never"
    job = ai.transcribe(wav)
    with pytest.raises(errors.SubmissionUnconfirmedError):
        await job.wait(timeout=10)
    assert ai.job(job.key) is job


def test_two_sessions_do_not_disturb_each_other(double: ProviderDouble, wav: Path) -> None:
    """Each has its own receiver; closing one leaves the other at work, on the same ledger."""
    with aijupyter.connect(**double.credentials) as one, aijupyter.connect(**double.credentials) as two:
        jobs = [session.transcribe(wav, fresh=True) for session in (one, two) * 5]
        assert [job.result(timeout=10).text for job in jobs] == [TRANSCRIPT] * 10
        one.close()
        assert two.transcribe(wav, fresh=True).result(timeout=10).text == TRANSCRIPT
        assert len(two.jobs()) == 11
    assert len(double.jobs) == 11


def test_start_up_is_undone_when_a_part_fails(double: ProviderDouble, tmp_path: Path) -> None:
    """A ledger that cannot be written, a port in use: an error with its mend, and no thread is left."""
    (tmp_path / "file").touch()
    before = set(threading.enumerate())
    with pytest.raises(errors.LedgerError) as caught:
        aijupyter.connect(**double.credentials, ledger=tmp_path / "file" / "ledger.db")
    assert "AIJUPYTER_LEDGER" in caught.value.mend
    port = int(double.url.rpartition(":")[2])
    with pytest.raises(errors.ReceiverError, match=f"Port {port}"):
        aijupyter.connect(**double.credentials, port=port)
    until(lambda: set(threading.enumerate()) <= before)


def test_a_provider_that_cannot_reach_us_is_asked() -> None:
    """Where nothing leads to this machine, status calls bring the answers; the session says so, and what it costs."""
    with aijupyter.connect(client_id="a", client_secret="b", jwt="c") as ai:
        assert ai.status.way_in is not None
        assert ai.status.way_in.name == "status"
        assert "no public URL" in announcement(ai)
        assert "two requests" in announcement(ai)
    with pytest.raises(errors.ConfigurationError, match="delivery='fixed' needs a public URL"):
        aijupyter.connect(client_id="a", client_secret="b", jwt="c", delivery="fixed")


def test_nothing_is_left_behind(double: ProviderDouble, wav: Path) -> None:
    """After close there is no thread, no socket and no temporary file of ours."""
    before = set(threading.enumerate())
    ai = aijupyter.connect(**double.credentials)
    ai.transcribe(wav.read_bytes()).result(timeout=10)
    receiver = ai.status.receiver_url
    ai.close()
    until(lambda: set(threading.enumerate()) <= before)
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(receiver, timeout=2)


async def test_no_secret_is_shown(
    ai: Session, double: ProviderDouble, wav: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a repr, nor a frame, nor the log, nor an error carries a secret."""
    caplog.set_level("DEBUG")
    job = ai.transcribe(wav)
    call = await job
    shown = (
        "".join(map(repr, (ai, ai.settings, ai.status, job, job.record, call))) + ai.jobs().to_string() + caplog.text
    )
    for secret in (CLIENT_SECRET, JWT, *double.tokens, job.record.path):
        assert secret not in shown


def test_the_embedded_service_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public URL of the environment is for an account's provider: nothing of the embedded service goes there."""
    monkeypatch.setenv("NGROK_URL", "https://elsewhere.example")
    with aijupyter.connect(engine="test_embedded:QuickEngine") as ai:
        assert ai.status.public_url == ai.status.receiver_url


def test_a_file_that_changed_is_not_mistaken(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A file overwritten before it was fetched: its job gets no answer about another recording."""
    double.plan.slow = 0.5
    double.plan.response = lambda recording: {"transcript": f"{len(recording)} bytes"}
    asked = len(wav.read_bytes())
    job = ai.transcribe(wav)
    until(lambda: bool(double.jobs))
    wav.write_bytes(wav.read_bytes() + bytes(1000))
    assert job.result(timeout=10).text == "0 bytes"  # the double goes on where the provider would fail
    assert ai.transcribe(wav).result(timeout=10).text == f"{asked + 1000} bytes"


def test_many_hands_on_one_job(double: ProviderDouble, wav: Path) -> None:
    """Threads that pick the same job up at once get one handle, and all of them the answer."""
    double.plan.slow = 1
    with aijupyter.connect(**double.credentials) as ai:
        key = ai.transcribe(wav).key
        until(lambda: bool(double.jobs))
    with aijupyter.connect(**double.credentials) as ai, ThreadPoolExecutor(8) as hands:
        picked = list(hands.map(ai.job, [key] * 8))
        assert all(job is picked[0] for job in picked)


def test_what_another_session_holds_is_not_waited_for(double: ProviderDouble, wav: Path) -> None:
    """A job of another server, or one whose sending nobody here does, says so at once instead of waiting for ever."""
    double.plan.deliver = "never"
    with aijupyter.connect(**double.credentials) as ai:
        job = ai.transcribe(wav)
        until(lambda: job.state == "submitted")
    with aijupyter.connect(engine="test_embedded:QuickEngine") as ai:
        with pytest.raises(errors.JobError, match="with another"):
            ai.job(job.key).result(timeout=5)
        assert ai.job(job.key).state == "submitted"


@pytest.mark.parametrize("seconds", ["0", "-5", "nan", "soon"])
async def test_a_penalty_that_says_nothing_useful(ai: Session, double: ProviderDouble, wav: Path, seconds: str) -> None:
    """A Retry-After of no use means half a minute of silence, not a hammering."""
    double.plan.penalties = [seconds] * 100
    job = ai.transcribe(wav)
    with pytest.raises(errors.JobTimeoutError):
        await job.wait(timeout=0.5)
    assert len(double.submissions()) == 1


async def test_one_token_for_many(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """Submissions that start together share one token call."""
    await asyncio.gather(*(ai.transcribe(wav, fresh=True) for _ in range(10)))
    assert len(double.tokens) == 1


async def test_the_reason_of_an_unconfirmed_job_is_told(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """What the provider did say is in the error, also after a restart."""
    double.plan.refusal = (500, {"errors": [{"errorCode": "CAI-107", "message": "the engine exploded"}]})
    job = ai.transcribe(wav)
    for handle in (job, ai.job(job.key)):
        with pytest.raises(errors.SubmissionUnconfirmedError, match="CAI-107: the engine exploded"):
            await handle.wait(timeout=10)


async def test_the_status_call_is_sparse(double: ProviderDouble, wav: Path) -> None:
    """Each job is asked for at most once in the given time, however long it stays silent."""
    double.plan.deliver = "never"
    with aijupyter.connect(**double.credentials, poll_seconds=0.5) as ai:
        job = ai.transcribe(wav)
        with pytest.raises(errors.JobTimeoutError):
            await job.wait(timeout=2.2)
    polls = [entry for entry in double.asked if "/status/" in entry[1]]
    assert 1 <= len(polls) <= 4


async def test_a_redirect_is_not_followed(ai: Session, double: ProviderDouble, wav: Path) -> None:
    """A token is shown to nobody but the API that it is for."""
    double.plan.refusal = (307, {})
    with pytest.raises(errors.ProviderError, match="answered 307"):
        await ai.transcribe(wav).wait(timeout=10)
    assert len(double.submissions()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_leaves_the_session_alone(ai: Session, wav: Path) -> None:
    """A copy of the process is told to connect for itself, and its end undoes nothing of its parent's."""
    child = os.fork()
    if child == 0:
        try:
            ai.transcribe(wav)
        except errors.SessionClosedError:
            ai.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert ai.transcribe(wav.read_bytes()).result(timeout=10).text == TRANSCRIPT
