"""What the service answers at once: tokens, refusals, and acceptance."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from service_support import ANALYZE, TRANSCRIBE, CannedEngine, Client, body, faulty, leftovers, service

from aijupyter.models import Operation


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A client of a service whose engine answers at once."""
    async with service(CannedEngine(), tmp_path) as running:
        yield running


async def test_token_is_granted(client: Client) -> None:
    """The right credentials give a bearer token that says how long it lives."""
    status, answer = await client.grant()
    assert status == 200
    assert answer["token_type"] == "bearer"
    assert answer["expires_in"] == 3600
    assert answer["access_token"] != client.token
    async with client.http.post(f"{client.url}/restapi/oauth/token") as refusal:
        assert refusal.headers["X-Rate-Limit-Group"] == "auth"
        assert "Server" not in refusal.headers


@pytest.mark.parametrize(
    ("shown", "fields", "status", "error"),
    [
        (None, {}, 401, "invalid_client"),
        ("the-client:wrong", {}, 401, "invalid_client"),
        ("wrong:the-secret", {}, 401, "invalid_client"),
        ("garbage", {}, 401, "invalid_client"),
        ("thé-client:sécret", {}, 401, "invalid_client"),
        ("the-client:the-secret", {"assertion": "wrong"}, 400, "invalid_grant"),
        ("the-client:the-secret", {"assertion": ""}, 400, "invalid_grant"),
        ("the-client:the-secret", {"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
async def test_token_is_refused(
    client: Client, shown: str | None, fields: dict[str, str], status: int, error: str
) -> None:
    """Wrong credentials are refused in OAuth's shape and in the provider's, both at once."""
    got, answer = await client.grant(client=shown, **fields)
    assert (got, answer["error"]) == (status, error)
    assert answer["error_description"] == answer["errors"][0]["message"]
    assert answer["errors"][0]["errorCode"].startswith("OAU-")


async def test_calls_without_a_good_token_are_refused(client: Client, tmp_path: Path) -> None:
    """No header, an unknown token, another scheme and a stale token: 401 with errors, on every path."""
    for header in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Basic {client.token}"}):
        for method, path in (("POST", TRANSCRIBE), ("GET", "/ai/status/v1/jobs/x"), ("DELETE", _ENROLLED)):
            async with client.http.request(method, client.url + path, headers=header) as answer:
                assert answer.status == 401
                refusal = await answer.json()
                assert refusal["errors"][0]["errorCode"]
                assert refusal["errorCode"] in {"AccessDenied", "TokenInvalid"}
    async with service(CannedEngine(), tmp_path, token_seconds=0) as brief:
        status, _, refusal = await brief.submit(body())
        assert (status, refusal["errorCode"]) == (401, "TokenExpired")


_ENROLLED = "/ai/audio/v1/enrollments/someone"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"contentUri": None}, "contentUri"),
        ({"content": "UklGRg=="}, "contentUri"),
        ({"contentUri": "call.wav"}, "contentUri"),
        ({"contentUri": "ftp://127.0.0.1/call.wav"}, "contentUri"),
        ({"contentUri": "http://"}, "contentUri"),
        ({"contentUri": "http://127.0.0.1:port/"}, "contentUri"),
        ({"contentUri": 7}, "contentUri"),
        ({"contentUri": None, "content": "not base64!"}, "content"),
        ({"contentUri": None, "content": ""}, "content"),
        ({"contentUri": None, "content": ["UklGRg=="]}, "content"),
        ({"encoding": None}, "encoding"),
        ({"encoding": "wav"}, "encoding"),
        ({"encoding": ["Wav"]}, "encoding"),
        ({"languageCode": None}, "languageCode"),
        ({"languageCode": "de-DE"}, "languageCode"),
        ({"source": 1}, "source"),
        ({"audioType": "Podcast"}, "audioType"),
        ({"separateSpeakerPerChannel": "yes"}, "separateSpeakerPerChannel"),
        ({"speakerCount": "2"}, "speakerCount"),
        ({"speakerCount": 0}, "speakerCount"),
        ({"speakerCount": 2.5}, "speakerCount"),
        ({"speakerCount": True}, "speakerCount"),
        ({"speakerIds": "alice"}, "speakerIds"),
        ({"speakerIds": ["a b"]}, "speakerIds"),
        ({"speakerIds": ["alice"]}, "speakerIds"),
        ({"enableVoiceActivityDetection": 1}, "enableVoiceActivityDetection"),
        ({"enablePunctuation": "true"}, "enablePunctuation"),
        ({"enableSpeakerDiarization": 0}, "enableSpeakerDiarization"),
        ({"speechContexts": {"phrases": []}}, "speechContexts"),
        ({"speechContexts": ["hello"]}, "speechContexts"),
        ({"speechContexts": [{"phrases": [1]}]}, "speechContexts"),
    ],
)
async def test_a_wrong_parameter_is_named(client: Client, wrong: dict[str, Any], named: str) -> None:
    """A 400 names the parameter that is wrong, and only that one."""
    status, headers, answer = await client.submit(body(**wrong))
    assert (status, faulty(answer)) == (400, {named})
    assert UUID(headers["RCRequestId"])


@pytest.mark.parametrize("insights", [[], "All", ["all"], [["All"]], [None]])
async def test_wrong_insights_are_named(client: Client, insights: Any) -> None:
    """Insights are a list of the contract's names."""
    status, _, answer = await client.submit(body(insights=insights), path=ANALYZE)
    assert (status, faulty(answer)) == (400, {"insights"})


@pytest.mark.parametrize("hook", [None, "", "nowhere", "ftp://127.0.0.1/x", "javascript:alert(1)", "https:///x"])
async def test_a_wrong_webhook_is_named(client: Client, hook: str | None) -> None:
    """The webhook must be there, and be an address that can be posted to."""
    status, _, answer = await client.submit(body(), hook=hook)
    assert (status, faulty(answer)) == (400, {"webhook"})


async def test_every_wrong_parameter_is_named_at_once(client: Client) -> None:
    """Nobody mends a request one answer at a time."""
    wrong = {"encoding": "flac", "languageCode": 1, "speakerCount": -3, "audioType": "x", "contentUri": "x"}
    status, _, answer = await client.submit(wrong, hook="x")
    assert (status, faulty(answer)) == (400, {"webhook", *wrong})


async def test_what_is_no_json_object_is_refused(client: Client) -> None:
    """Another content type is 415; broken JSON, absurd JSON and JSON that is no object are 400."""
    attempts = [
        (b"{}", "text/plain", 415),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"[]", "application/json", 400),
        (b"", "application/json", 400),
    ]
    for data, kind, expected in attempts:
        headers = client.bearer | {"Content-Type": kind}
        async with client.http.post(client.url + TRANSCRIBE, data=data, headers=headers) as answer:
            assert answer.status == expected
            assert (await answer.json())["errors"][0]["message"]


async def test_a_body_above_the_limit_is_413(tmp_path: Path) -> None:
    """A body that is too large is refused in the contract's shape."""
    async with service(CannedEngine(), tmp_path, body_limit=10_000) as small:
        content = base64.b64encode(bytes(20_000)).decode()
        status, _, answer = await small.submit(body(contentUri=None, content=content))
        assert status == 413
        assert answer["errors"]
        assert not leftovers(tmp_path)


async def test_unknown_paths_and_methods_answer_in_json(client: Client) -> None:
    """404 and 405 come with an errors list, never with HTML."""
    for method, path, expected in (("GET", "/", 404), ("POST", "/ai/nothing", 404), ("GET", TRANSCRIBE, 405)):
        async with client.http.request(method, client.url + path, headers=client.bearer) as answer:
            assert answer.status == expected
            assert (await answer.json())["errors"][0]["errorCode"] == f"AGW-{expected}"


async def test_what_the_engine_cannot_do_is_501(tmp_path: Path) -> None:
    """An operation of the contract that this engine does not do is 501, not 404, in the contract's shape."""
    engine = CannedEngine()
    engine.operations = frozenset({Operation.TRANSCRIBE})
    async with service(engine, tmp_path) as client:
        status, _, answer = await client.submit(body(), path=ANALYZE)
        assert status == 501
        assert "does not do analyze" in answer["errors"][0]["message"]
        sample = {"speakerId": "jane", "encoding": "Wav", "content": "UklGRg=="}
        status, _, answer = await client.submit(sample, path="/ai/audio/v1/enrollments")
        assert status == 501
        assert answer["errors"][0]["message"]


async def test_an_acceptance_is_of_the_contract(client: Client) -> None:
    """202, a uuid, a request id, the rate limit's headers, and no word about the server's software."""
    full = body(
        source="Phone",
        audioType="Meeting",
        separateSpeakerPerChannel=False,
        speakerCount=-1,
        speakerIds=[],
        enableVoiceActivityDetection=True,
        enablePunctuation=True,
        enableSpeakerDiarization=True,
        speechContexts=[{"phrases": ["aijupyter"]}],
        somethingNew={"of": "later"},
    )
    status, headers, answer = await client.submit(full)
    assert status == 202
    assert list(answer) == ["jobId"]
    assert UUID(answer["jobId"])
    assert UUID(headers["RCRequestId"])
    assert headers["X-Rate-Limit-Group"] == "heavy"
    assert {"X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Window"} <= set(headers)
    assert "Server" not in headers


async def test_an_unknown_job_is_404(client: Client) -> None:
    """So is one that has expired."""
    status, answer = await client.status("96d7a8ae-0000-0000-0000-000000000000")
    assert status == 404
    assert answer["errors"][0]["message"]


async def test_a_full_queue_is_429(tmp_path: Path) -> None:
    """Beyond the queue's limit a submission is asked to come again; room made is used."""
    gate = threading.Event()
    content = base64.b64encode(b"sound").decode()
    async with service(CannedEngine(gate=gate), tmp_path, queue_limit=2) as client:
        jobs = [(await client.submit(body(contentUri=None, content=content)))[2]["jobId"] for _ in range(2)]
        status, headers, answer = await client.submit(body())
        assert status == 429
        assert int(headers["Retry-After"]) > 0
        assert answer["errors"]
        gate.set()
        await asyncio.gather(*(client.ended(job) for job in jobs))
        assert (await client.submit(body()))[0] == 202
