"""What becomes of an accepted job: its recording, its envelope, its delivery."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from service_support import (
    ANALYZE,
    RECORDING,
    TRANSCRIBE,
    TRANSCRIPT,
    CannedEngine,
    body,
    eventually,
    leftovers,
    recordings,
    service,
    web_server,
    webhook,
)

from aijupyter.errors import LocalExtraMissingError, MediaError, ModelsMissingError
from aijupyter.models import Operation

CONTENT = base64.b64encode(RECORDING).decode()


def moment(text: str) -> datetime:
    """A time of an envelope, which must be UTC with milliseconds and Z."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


async def test_a_job_from_submission_to_delivery(tmp_path: Path) -> None:
    """In progress it has neither completion nor response; then webhook and status say the same."""
    gate = threading.Event()
    engine = CannedEngine(gate=gate)
    async with service(engine, tmp_path) as client, webhook() as hook, recordings() as base:
        sent = body(contentUri=f"{base}/call.wav?access_token=x", enableSpeakerDiarization=True)
        _, headers, accepted = await client.submit(sent, hook=hook.url)
        _, begun = await client.status(accepted["jobId"])
        assert set(begun) == {"jobId", "api", "creationTime", "expirationTime", "status"}
        assert (begun["status"], begun["api"], begun["jobId"]) == ("InProgress", TRANSCRIBE, accepted["jobId"])
        gate.set()
        delivery_headers, delivered = await hook.next()
        assert delivered == await client.ended(accepted["jobId"])
    assert (delivered["status"], delivered["response"]) == ("Success", TRANSCRIPT)
    assert delivery_headers["RCRequestId"] == headers["RCRequestId"]
    assert delivery_headers["Content-Type"] == "application/json"
    assert begun.items() <= (delivered | {"status": "InProgress"}).items()
    created, completed = moment(delivered["creationTime"]), moment(delivered["completionTime"])
    assert created <= completed
    assert moment(delivered["expirationTime"]) - created == timedelta(days=7)
    assert delivered["creationTime"].endswith("Z")
    assert len(delivered["creationTime"]) == len("2024-01-01T00:00:00.000Z")
    assert engine.heard == [RECORDING]
    assert engine.tasks[0].operation == Operation.TRANSCRIBE
    assert dict(engine.tasks[0].options) == {name: sent[name] for name in sent if name != "contentUri"}
    assert not leftovers(tmp_path)


async def test_content_in_the_body_is_analysed(tmp_path: Path) -> None:
    """The recording itself, as base64, serves as well as its address; interaction analytics is another operation."""
    engine = CannedEngine({"conversationalInsights": []})
    async with service(engine, tmp_path) as client, webhook() as hook:
        sent = body(contentUri=None, content=CONTENT, insights=["All"])
        _, _, accepted = await client.submit(sent, hook=hook.url, path=ANALYZE)
        _, delivered = await hook.next()
        assert delivered == await client.ended(accepted["jobId"])
    assert (delivered["status"], delivered["api"]) == ("Success", ANALYZE)
    assert engine.heard == [RECORDING]
    assert engine.tasks[0].operation == Operation.ANALYZE
    assert "content" not in engine.tasks[0].options
    assert not leftovers(tmp_path)


async def test_jobs_share_one_load_and_one_thread(tmp_path: Path) -> None:
    """The models load once, ahead of the first job, and the engine works on one job at a time."""
    engine = CannedEngine()
    async with service(engine, tmp_path) as client, webhook() as hook:
        sent = body(contentUri=None, content=CONTENT)
        accepted = await asyncio.gather(*(client.submit(sent, hook=hook.url) for _ in range(20)))
        delivered = [await hook.next() for _ in range(20)]
    pairs = {(headers["RCRequestId"], envelope["jobId"]) for headers, envelope in delivered}
    assert pairs == {(headers["RCRequestId"], answer["jobId"]) for _, headers, answer in accepted}
    assert (engine.loads, len(engine.threads)) == (1, 1)
    assert [event["state"] for event in client.events if event["event"] == "models"][-1] == "ready"
    shares = [event["share"] for event in client.events if event.get("jobId") == accepted[0][2]["jobId"]]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) < 10, "progress is throttled"


@pytest.mark.parametrize(
    ("error", "code", "parameter", "words"),
    [
        (MediaError("No audio in it.", "Send a recording."), "CAI-101", "content", ["No audio in it.", "Send a rec"]),
        (KeyError("secret detail"), "CAI-110", None, ["KeyError"]),
    ],
)
async def test_an_engine_that_fails(
    tmp_path: Path, error: Exception, code: str, parameter: str | None, words: list[str]
) -> None:
    """The job ends with Fail, in the contract's shape, and the next job is served."""
    engine = CannedEngine(error)
    async with service(engine, tmp_path) as client, webhook() as hook:
        await client.submit(body(contentUri=None, content=CONTENT), hook=hook.url)
        _, delivered = await hook.next()
        engine.answer = TRANSCRIPT
        await client.submit(body(contentUri=None, content=CONTENT), hook=hook.url)
        assert (await hook.next())[1]["status"] == "Success"
    fault = delivered["response"]["errors"][0]
    assert (delivered["status"], fault["errorCode"], fault.get("parameterName")) == ("Fail", code, parameter)
    assert all(word in fault["message"] for word in words)
    assert "secret detail" not in fault["message"]
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("answer", [{"confidence": float("nan")}, {"words": {1, 2}}])
async def test_an_answer_that_is_not_json_is_a_failure(tmp_path: Path, answer: Any) -> None:
    """What cannot be delivered ends the job instead of losing it."""
    async with service(CannedEngine(answer), tmp_path) as client:
        _, _, accepted = await client.submit(body(contentUri=None, content=CONTENT))
        envelope = await client.ended(accepted["jobId"])
    assert envelope["response"]["errors"][0]["errorCode"] == "CAI-110"


@pytest.mark.parametrize("kind", [LocalExtraMissingError, ModelsMissingError])
async def test_a_missing_model_says_how_to_mend_it(tmp_path: Path, kind: type[Exception]) -> None:
    """Both the event and the failed job carry the problem and what to do; jobs do not each wait for another try."""
    engine = CannedEngine(load=kind("The model is not here.", "pip install it."))
    async with service(engine, tmp_path) as client:
        sent = body(contentUri=None, content=CONTENT)
        jobs = [(await client.submit(sent))[2]["jobId"] for _ in range(5)]
        envelopes = [await client.ended(job) for job in jobs]
    for envelope in envelopes:
        message = envelope["response"]["errors"][0]["message"]
        assert "The model is not here." in message
        assert "pip install it." in message
    assert engine.loads == 1
    last = [event for event in client.events if event["event"] == "models"][-1]
    assert (last["state"], last["message"]) == ("missing", "The model is not here.\npip install it.")


@pytest.mark.parametrize("status", [404, 500, 302])
async def test_a_webhook_that_refuses_leaves_the_status_readable(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """One attempt only; and neither the log nor the fault shows the webhook's secret path."""
    caplog.set_level(logging.INFO, logger="aijupyter")
    async with service(CannedEngine(), tmp_path) as client, webhook() as hook:
        hook.status = status
        for _ in range(2):
            _, _, accepted = await client.submit(body(contentUri=None, content=CONTENT), hook=hook.url)
            await hook.next()
            assert (await client.ended(accepted["jobId"]))["status"] == "Success"
        assert hook.delivered.empty()
    assert "secret-path" not in caplog.text


async def test_a_webhook_that_is_not_there_or_hangs(tmp_path: Path) -> None:
    """The answer is still to be had from the status call, and the service goes on."""
    released = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async with service(CannedEngine(), tmp_path, webhook_seconds=0.2) as client, web_server(web.post("/", hang)) as url:
        for hook in ("http://127.0.0.1:1/closed", url, "http://no-such-host.invalid/"):
            _, _, accepted = await client.submit(body(contentUri=None, content=CONTENT), hook=hook)
            assert (await client.ended(accepted["jobId"]))["status"] == "Success"
        released.set()


async def fetched(tmp_path: Path, path: str, **options: Any) -> Any:
    """The envelope of a job whose recording is at `path`: of the recordings server, or of the whole web."""
    async with service(CannedEngine(), tmp_path, **options) as client, recordings() as base:
        address = path if path.startswith("http") else base + path.replace("BASE", base)
        _, _, accepted = await client.submit(body(contentUri=address))
        envelope = await client.ended(accepted["jobId"])
    assert not leftovers(tmp_path)
    return envelope


@pytest.mark.parametrize(
    ("path", "options", "words"),
    [
        ("/nothing.wav?access_token=hush", {}, "answered 404"),
        ("/empty", {}, "is empty"),
        ("/call.wav", {"media_limit": 10}, "larger than 10 bytes"),
        ("/stream", {"media_limit": 50_000}, "larger than 50000 bytes"),
        ("/stall", {"silence_seconds": 0.2}, "did not answer in time"),
        ("/stall", {"fetch_seconds": 0.2}, "did not answer in time"),
        ("/count/6", {}, "more than 5 redirects"),
        ("/to?url=file:///etc/passwd", {}, "not the web"),
        ("http://127.0.0.1:1/closed.wav", {}, "could not be fetched"),
        ("http://example.com/call.wav", {}, "is not on this machine"),
        ("http://10.0.0.1/call.wav", {}, "is not on this machine"),
        ("http://127.0.0.1.example.com/call.wav", {}, "is not on this machine"),
        ("http://127.0.0.1@example.com/call.wav", {}, "is not on this machine"),
        ("/to?url=http://example.com/call.wav", {}, "is not on this machine"),
        ("/to?url=//example.com/call.wav", {}, "is not on this machine"),
    ],
)
async def test_a_recording_that_cannot_be_fetched(
    tmp_path: Path, path: str, options: dict[str, Any], words: str
) -> None:
    """The job fails with CAI-101 about contentUri, in words that help, without the query that may hold a token."""
    envelope = await fetched(tmp_path, path, **options)
    fault = envelope["response"]["errors"][0]
    assert (envelope["status"], fault["errorCode"], fault["parameterName"]) == ("Fail", "CAI-101", "contentUri")
    assert words in fault["message"]
    assert "hush" not in fault["message"]


@pytest.mark.parametrize("path", ["/call.wav", "/count/4", "/to?url=BASE/call.wav", "/stream"])
async def test_a_recording_that_can_be_fetched(tmp_path: Path, path: str) -> None:
    """Directly, over a few redirects, and without a length told in advance."""
    assert (await fetched(tmp_path, path))["status"] == "Success"


async def test_anywhere_means_anywhere(tmp_path: Path) -> None:
    """With fetch_from="any" another host is tried: here it fails for not being there, not for being another."""
    envelope = await fetched(tmp_path, "http://no-such-host.invalid/call.wav", fetch_from="any", connect_seconds=5)
    message = envelope["response"]["errors"][0]["message"]
    assert "could not be fetched" in message or "did not answer" in message


async def test_ended_jobs_are_forgotten_oldest_first(tmp_path: Path) -> None:
    """So that a service that runs for weeks does not fill the memory."""
    async with service(CannedEngine(), tmp_path, kept_limit=2) as client:
        jobs = []
        for _ in range(3):
            jobs.append((await client.submit(body(contentUri=None, content=CONTENT)))[2]["jobId"])
            await client.ended(jobs[-1])

        async def the_oldest_is_gone() -> bool:
            return [(await client.status(job))[0] for job in jobs] == [404, 200, 200]

        await eventually(the_oldest_is_gone)


async def test_an_expired_job_is_unknown(tmp_path: Path) -> None:
    """After its expirationTime the status call no longer knows a job."""
    async with service(CannedEngine(), tmp_path, lifetime=timedelta(0)) as client, webhook() as hook:
        _, _, accepted = await client.submit(body(contentUri=None, content=CONTENT), hook=hook.url)
        await hook.next()
        assert (await client.status(accepted["jobId"]))[0] == 404


async def test_stopping_drops_jobs_and_their_files(tmp_path: Path) -> None:
    """The service can be left while jobs are fetched, queued and analysed."""
    gate = threading.Event()
    async with service(CannedEngine(gate=gate), tmp_path) as client, recordings() as base:
        await client.submit(body(contentUri=f"{base}/stall"))
        for _ in range(10):
            await client.submit(body(contentUri=None, content=CONTENT))
        assert leftovers(tmp_path)
    gate.set()
    assert not leftovers(tmp_path)
