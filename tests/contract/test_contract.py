"""The contract, over HTTP: written from its text, for any service that speaks it.

By default a real `aijupyter serve` with a scripted engine answers. CONTRACT_ENV_FILE names the credentials file of
another service to ask; it must have an engine for everything, be allowed to post to this machine, and keep no limit.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from dotenv import dotenv_values
from service_support import Hook, webhook
from serving import Caller, caller, serve

SPOKEN = (Path(__file__).parents[1] / "recordings" / "one-sentence.wav").read_bytes()
SECONDS = 4.1
CONTENT = base64.b64encode(SPOKEN).decode()
ELSEWHERE = os.environ.get("CONTRACT_ENV_FILE")

ASYNC = "/ai/audio/v1/async"
TRANSCRIBE, DIARIZE, IDENTIFY = f"{ASYNC}/speech-to-text", f"{ASYNC}/speaker-diarize", f"{ASYNC}/speaker-identify"
EMOTION, PUNCTUATE = f"{ASYNC}/recognize-emotion", "/ai/text/v1/async/punctuate"
SUMMARIZE, ANALYZE = "/ai/text/v1/async/summarize", "/ai/insights/v1/async/analyze-interaction"
ENROLLMENTS = "/ai/audio/v1/enrollments"

AUDIO = {"content": CONTENT, "encoding": "Wav", "languageCode": "en-US"}
UTTERANCES = [{"text": "I want my money back.", "speakerId": "0", "start": 0, "end": 1.5}, {"text": "Of course."}]
BODIES: dict[str, dict[str, Any]] = {
    TRANSCRIBE: {**AUDIO, "enableSpeakerDiarization": True, "enablePunctuation": True},
    DIARIZE: AUDIO,
    IDENTIFY: AUDIO,  # and who, which must be enrolled first
    EMOTION: AUDIO,
    PUNCTUATE: {"texts": ["hello there how are you"]},
    SUMMARIZE: {"utterances": UTTERANCES, "summaryType": "Extractive"},
    ANALYZE: {**AUDIO, "insights": ["All"]},
}
ON_AUDIO = (TRANSCRIBE, DIARIZE, IDENTIFY, EMOTION, ANALYZE)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Where the service is and the credentials for it."""
    if ELSEWHERE:
        yield dict(dotenv_values(ELSEWHERE))
        return
    with serve(tmp_path_factory.mktemp("contract")) as served:
        yield dict(served.env)


@pytest.fixture
async def api(env: dict[str, Any]) -> AsyncIterator[Caller]:
    """A caller with a token."""
    async with caller(env) as calling:
        yield calling


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    """A webhook."""
    async with webhook() as listening:
        yield listening


@pytest.fixture
async def jane(api: Caller) -> AsyncIterator[str]:
    """An enrolled speaker's id."""
    name = f"jane_{uuid4().hex}"
    answer = await api.call("POST", ENROLLMENTS, json={**sample(), "speakerId": name})
    assert answer.status == 201
    yield name
    await api.call("DELETE", f"{ENROLLMENTS}/{name}")


def sample() -> dict[str, str]:
    """A voice's sample."""
    return {"encoding": "Wav", "content": CONTENT}


async def body_of(path: str, speaker: str) -> dict[str, Any]:
    """A right body for an operation."""
    return BODIES[path] | ({"speakerIds": [speaker]} if path == IDENTIFY else {})


def has_times(entry: Any) -> bool:
    """Whether it lasts from one time, in seconds, to another."""
    return 0 <= entry["start"] <= entry["end"] < 60


def is_transcript(answer: Any) -> bool:
    """The transcript with its words, and utterances since they were asked for."""
    assert all(has_times(word) and word["word"] for word in answer["words"])
    assert all(has_times(entry) and entry["text"] for entry in answer["utterances"])
    return bool(answer["transcript"]) and answer["speakerCount"] >= 1


def are_segments(answer: Any) -> bool:
    """Utterances without a text."""
    assert all(has_times(entry) and entry["speakerId"] and "text" not in entry for entry in answer["utterances"])
    return bool(answer["utterances"])


def are_emotions(answer: Any) -> bool:
    """A bare array."""
    known = {"Anger", "Excitement", "Frustration", "Joy", "Sadness", "Neutral", "Excited", "Happy", "Sad"}
    return isinstance(answer, list) and all(has_times(entry) and entry["emotion"] in known for entry in answer)


def are_summaries(answer: Any) -> bool:
    """Named, each with values."""
    return all(entry["name"] and all(value["value"] for value in entry["values"]) for entry in answer["summaries"])


def is_analysis(answer: Any) -> bool:
    """Insights of utterances, of speakers, of the conversation."""
    assert all(has_times(entry) and entry["text"] for entry in answer["utteranceInsights"])
    named = [*answer["speakerInsights"]["insights"], *answer["conversationalInsights"]]
    return all(entry["name"] and isinstance(entry["values"], list) for entry in named)


SHAPES: dict[str, Callable[[Any], bool]] = {
    TRANSCRIBE: is_transcript,
    DIARIZE: lambda answer: are_segments(answer) and answer["speakerCount"] >= 1,
    IDENTIFY: are_segments,
    EMOTION: are_emotions,
    PUNCTUATE: lambda answer: len(answer["texts"]) == 1 and all(isinstance(text, str) for text in answer["texts"]),
    SUMMARIZE: are_summaries,
    ANALYZE: is_analysis,
}


# The token call.


async def test_a_token_is_granted(api: Caller) -> None:
    """A bearer token that says how many seconds it lives; each call gives another."""
    first, answer = api.token, await api.log_in()
    assert answer.status == 200
    assert answer.json["token_type"].lower() == "bearer"
    assert answer.json["expires_in"] > 0
    assert answer.json["access_token"] != first


@pytest.mark.parametrize(
    ("wrong", "error"),
    [({"assertion": "wrong"}, "invalid_grant"), ({"grant_type": "password"}, "unsupported_grant_type")],
)
async def test_a_wrong_grant_is_refused(api: Caller, env: dict[str, Any], wrong: dict[str, str], error: str) -> None:
    """In OAuth's shape."""
    async with caller(env) as other:
        other._env = {**env, "RC_USER_JWT": wrong.get("assertion", env["RC_USER_JWT"])}
        basic = base64.b64encode(f"{env['RC_APP_CLIENT_ID']}:{env['RC_APP_CLIENT_SECRET']}".encode()).decode()
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": env["RC_USER_JWT"]} | wrong
        headers = {"Authorization": f"Basic {basic}"}
        answer = await other.call("POST", "/restapi/oauth/token", data=form, headers=headers)
    assert answer.status in {400, 401}
    assert answer.json["error"] == error
    assert answer.json["error_description"]


CALLS = [
    *(("POST", path) for path in BODIES),
    ("GET", "/ai/status/v1/jobs/96d7a8ae-0000-4000-8000-000000000000"),
    ("POST", ENROLLMENTS),
    ("GET", ENROLLMENTS),
    *((method, f"{ENROLLMENTS}/jane") for method in ("GET", "PATCH", "DELETE")),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_without_a_token_nothing_is_served(api: Caller, method: str, path: str) -> None:
    """401 with the error list, on each of the thirteen calls."""
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = await api.call(method, path, headers=headers, json={})
        assert answer.status == 401
        assert answer.json["errors"][0]["errorCode"]


# Asynchronous operations.


@pytest.mark.parametrize("path", BODIES)
async def test_an_operation_from_submission_to_delivery(api: Caller, hook: Hook, jane: str, path: str) -> None:
    """202 with jobId and RCRequestId; then the webhook and the status call tell the same envelope."""
    accepted = await api.submit(path, await body_of(path, jane), webhook=hook.url)
    assert accepted.status == 202, accepted
    assert UUID(accepted.json["jobId"])
    headers, delivered = await hook.next()
    assert headers["Content-Type"].startswith("application/json")
    assert headers.get("RCRequestId") in {None, accepted.headers["RCRequestId"]}
    assert delivered["jobId"] == accepted.json["jobId"]
    assert delivered["api"] == path
    assert delivered["status"] == "Success", delivered
    assert SHAPES[path](delivered["response"])
    times = [delivered[name] for name in ("creationTime", "completionTime", "expirationTime")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time) for time in times)
    assert times == sorted(times)
    assert (await api.status(accepted.json["jobId"])).json == delivered


async def test_in_progress_there_is_no_response(api: Caller) -> None:
    """Right after the 202 the envelope holds no completion unless the job has ended."""
    accepted = await api.submit(TRANSCRIBE, BODIES[TRANSCRIBE])
    envelope = (await api.status(accepted.json["jobId"])).json
    assert envelope["jobId"] == accepted.json["jobId"]
    assert ("response" in envelope) == ("completionTime" in envelope) == (envelope["status"] != "InProgress")
    assert (await api.ended(accepted.json["jobId"]))["status"] == "Success"


async def test_what_is_no_recording_fails(api: Caller, hook: Hook) -> None:
    """The job was accepted; its envelope says Fail, with the error list as response."""
    content = base64.b64encode(b"this is no recording at all").decode()
    await api.submit(TRANSCRIBE, {**AUDIO, "content": content}, webhook=hook.url)
    _, delivered = await hook.next()
    assert delivered["status"] == "Fail"
    fault = delivered["response"]["errors"][0]
    assert re.fullmatch(r"CAI-1\d\d", fault["errorCode"])
    assert fault["message"]


async def test_an_address_that_does_not_answer_fails(api: Caller, hook: Hook) -> None:
    """The recording is fetched after the acceptance, so its absence ends the job."""
    uri = {**AUDIO, "content": None, "contentUri": "http://127.0.0.1:9/call.wav"}
    assert (await api.submit(DIARIZE, uri, webhook=hook.url)).status == 202
    assert (await hook.next())[1]["status"] == "Fail"


async def test_many_at_once(api: Caller, hook: Hook) -> None:
    """Fifty submissions at a time are fifty jobs, each delivered once."""
    texts = [f"text {number}" for number in range(50)]
    accepted = await asyncio.gather(*(api.submit(PUNCTUATE, {"texts": [text]}, webhook=hook.url) for text in texts))
    expected = {answer.json["jobId"] for answer in accepted}
    assert len(expected) == 50
    delivered = [(await hook.next())[1]["jobId"] for _ in texts]
    assert sorted(delivered) == sorted(expected)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    *((path, {"encoding": None}, "encoding") for path in ON_AUDIO),
    *((path, {"encoding": "wav"}, "encoding") for path in ON_AUDIO),
    *((path, {"languageCode": None}, "languageCode") for path in ON_AUDIO),
    *((path, {"languageCode": "de-DE"}, "languageCode") for path in ON_AUDIO),
    *((path, {"content": None}, "contentUri") for path in ON_AUDIO),
    *((path, {"contentUri": "https://example.com/a.wav"}, "contentUri") for path in ON_AUDIO),
    *((path, {"content": None, "contentUri": "a.wav"}, "contentUri") for path in ON_AUDIO),
    *((path, {"content": "!"}, "content") for path in ON_AUDIO),
    *((path, {"audioType": "Podcast"}, "audioType") for path in ON_AUDIO),
    *((path, {"source": 7}, "source") for path in ON_AUDIO),
    *((path, {"speakerCount": "two"}, "speakerCount") for path in (TRANSCRIBE, DIARIZE, ANALYZE)),
    *((path, {"separateSpeakerPerChannel": 1}, "separateSpeakerPerChannel") for path in (TRANSCRIBE, DIARIZE, ANALYZE)),
    *((path, {"speakerIds": ["nobody_so"]}, "speakerIds") for path in (TRANSCRIBE, DIARIZE, IDENTIFY, ANALYZE)),
    *((path, {"speakerIds": None, "enrollmentIds": ["nobody"]}, "speakerIds") for path in (DIARIZE, IDENTIFY)),
    *((path, {"enableVoiceActivityDetection": "x"}, "enableVoiceActivityDetection") for path in (DIARIZE, IDENTIFY)),
    *((path, {"speechContexts": ["x"]}, "speechContexts") for path in (TRANSCRIBE, ANALYZE)),
    (IDENTIFY, {"speakerIds": None}, "speakerIds"),
    (IDENTIFY, {"speakerIds": []}, "speakerIds"),
    (TRANSCRIBE, {"enablePunctuation": "yes"}, "enablePunctuation"),
    (TRANSCRIBE, {"enableSpeakerDiarization": "yes"}, "enableSpeakerDiarization"),
    (ANALYZE, {"insights": ["Weather"]}, "insights"),
    (PUNCTUATE, {"texts": None}, "texts"),
    (PUNCTUATE, {"texts": "hello"}, "texts"),
    (PUNCTUATE, {"texts": []}, "texts"),
    (PUNCTUATE, {"texts": [1]}, "texts"),
    (SUMMARIZE, {"summaryType": "Short"}, "summaryType"),
    (SUMMARIZE, {"utterances": None}, "utterances"),
    (SUMMARIZE, {"utterances": []}, "utterances"),
    (SUMMARIZE, {"utterances": ["hello"]}, "utterances"),
    (SUMMARIZE, {"utterances": [{"speakerId": "0"}]}, "utterances"),
    (SUMMARIZE, {"utterances": [{"text": "hello", "start": "0"}]}, "utterances"),
    (SUMMARIZE, {"utterances": [{"text": "hello", "speakerId": 1}]}, "utterances"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "wrong", "named"), WRONG)
async def test_a_wrong_parameter_is_named(api: Caller, jane: str, path: str, wrong: dict[str, Any], named: str) -> None:
    """400 with the error list, in which that parameter is named and no other."""
    answer = await api.submit(path, await body_of(path, jane) | wrong)
    assert answer.faulty() == {named}


@pytest.mark.parametrize("path", BODIES)
async def test_every_wrong_parameter_is_named_at_once(api: Caller, path: str) -> None:
    """Each has its entry in the list; the webhook is a parameter as well."""
    wrong = {"encoding": "x", "languageCode": "x", "contentUri": "x", "texts": 1, "utterances": 1}
    named = (await api.submit(path, wrong, webhook="nowhere")).faulty()
    expected = {PUNCTUATE: {"texts"}, SUMMARIZE: {"utterances"}}.get(path, {"encoding", "languageCode", "contentUri"})
    assert named - {"speakerIds"} == expected | {"webhook"}


async def test_a_webhook_is_needed(api: Caller) -> None:
    """Whoever gives none is told so."""
    assert (await api.submit(PUNCTUATE, BODIES[PUNCTUATE], webhook=None)).faulty() == {"webhook"}


async def test_what_is_unknown_to_the_contract_is_let_pass(api: Caller) -> None:
    """Fields of later versions, nulls, and -1 for an unknown count of speakers."""
    body = {**BODIES[TRANSCRIBE], "novelty": {"of": "later"}, "source": None, "speakerCount": -1}
    assert (await api.submit(TRANSCRIBE, body)).status == 202


async def test_bodies_that_are_no_json_object(api: Caller) -> None:
    """Another type of content is 415; broken JSON and other JSON are 400."""
    attempts = [(b"{}", "text/plain", 415), (b"{", "application/json", 400), (b"[]", "application/json", 400)]
    for data, kind, status in attempts:
        headers = {"Authorization": f"Bearer {api.token}", "Content-Type": kind}
        answer = await api.call("POST", f"{PUNCTUATE}?webhook=http://127.0.0.1:9/", data=data, headers=headers)
        assert answer.status == status
        assert answer.json["errors"][0]["message"]


async def test_what_is_not_there(api: Caller) -> None:
    """A job that nobody knows, and a path that nobody serves, are 404 with the error list."""
    for path in (f"/ai/status/v1/jobs/{uuid4()}", "/ai/status/v1/jobs/x", "/ai/nothing"):
        answer = await api.call("GET", path)
        assert answer.status == 404
        assert answer.json["errors"][0]["message"]


async def test_every_answer_tells_the_budget(api: Caller) -> None:
    """Its group, limit, rest and window, whatever the answer is; the token call has a group of its own."""
    answers = [
        await api.submit(PUNCTUATE, BODIES[PUNCTUATE]),
        await api.submit(PUNCTUATE, {}),
        await api.call("GET", "/ai/status/v1/jobs/x"),
        await api.call("GET", ENROLLMENTS),
        await api.log_in(),
    ]
    names = ("X-Rate-Limit-Group", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Window")
    assert all(name in answer.headers for answer in answers for name in names)
    assert all(int(answer.headers[name]) >= 0 for answer in answers for name in names[1:])
    groups = [answer.headers["X-Rate-Limit-Group"] for answer in answers]
    assert len(set(groups[:-1])) == 1
    assert groups[-1] != groups[0]


# Enrollments.


async def test_a_speaker_from_enrollment_to_deletion(api: Caller) -> None:
    """201, 409, found, 201 for more audio, complete above 12 s of speech, 204, 410, 404, and anew."""
    name = f"joe_{uuid4().hex}"
    one = f"{ENROLLMENTS}/{name}"
    assert (await api.call("GET", one)).status == 404
    assert (await api.call("DELETE", one)).status == 404
    assert (await api.call("PATCH", one, json=sample())).status == 404
    enrolled = await api.call("POST", ENROLLMENTS, json={**sample(), "speakerId": name, "languageCode": "en-US"})
    assert enrolled.status == 201
    assert_enrollment(enrolled.json, name, complete=False)
    assert (await api.call("POST", ENROLLMENTS, json={**sample(), "speakerId": name})).status == 409
    assert (await api.call("GET", one)).json == enrolled.json
    heard = enrolled.json["totalSpeechDuration"]
    while heard <= 12:
        more = await api.call("PATCH", one, json=sample())
        assert more.status == 201
        assert more.json["totalSpeechDuration"] > heard
        heard = more.json["totalSpeechDuration"]
        assert_enrollment(more.json, name, complete=heard > 12)
    assert (await api.call("GET", one)).json == more.json
    deleted = await api.call("DELETE", one)
    assert (deleted.status, deleted.json) == (204, None)
    assert (await api.call("DELETE", one)).status == 410
    assert (await api.call("GET", one)).status == 404
    assert (await api.call("PATCH", one, json=sample())).status == 404
    assert (await api.call("POST", ENROLLMENTS, json={**sample(), "enrollmentId": name})).status == 201
    assert (await api.call("DELETE", one)).status == 204


def assert_enrollment(status: Any, name: str, *, complete: bool) -> None:
    """An EnrollmentStatus."""
    assert status["speakerId"] == name
    assert status["enrollmentComplete"] is complete
    assert status["enrollmentQuality"] in {"Poor", "Average", "Good", "High"}
    assert 0 < status["totalSpeechDuration"] <= status["totalEnrollDuration"] + 0.01
    assert status["totalEnrollDuration"] >= SECONDS


async def test_speakers_are_listed_page_by_page(api: Caller) -> None:
    """Each once; those that want more audio only where `partial` asks for them."""
    names = {f"listed_{uuid4().hex}" for _ in range(5)}
    for name in names:
        await api.call("POST", ENROLLMENTS, json={**sample(), "speakerId": name})
    found: list[str] = []
    page, pages = 1, 1
    while page <= pages:
        answer = await api.call("GET", f"{ENROLLMENTS}?partial=true&perPage=2&page={page}")
        assert answer.status == 200
        assert (answer.json["paging"]["page"], answer.json["paging"]["perPage"]) == (page, 2)
        assert len(answer.json["records"]) <= 2
        found += [record["speakerId"] for record in answer.json["records"]]
        page, pages = page + 1, answer.json["paging"]["totalPages"]
    assert names <= set(found)
    assert len(found) == len(set(found))
    whole = (await api.call("GET", f"{ENROLLMENTS}?partial=false")).json["records"]
    assert all(record["enrollmentComplete"] for record in whole)
    assert not names & {record["speakerId"] for record in whole}
    for name in names:
        assert (await api.call("DELETE", f"{ENROLLMENTS}/{name}")).status == 204


@pytest.mark.parametrize("query", ["page=0", "page=x", "perPage=0", "perPage=-1", "perPage=99999", "partial=maybe"])
async def test_a_wrong_page_is_named(api: Caller, query: str) -> None:
    """400 with the parameter."""
    assert (await api.call("GET", f"{ENROLLMENTS}?{query}")).faulty() == {query.partition("=")[0]}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"speakerId": None}, "speakerId"),
        ({"speakerId": "a b"}, "speakerId"),
        ({"speakerId": "ä"}, "speakerId"),
        ({"enrollmentId": "another"}, "speakerId"),
        ({"encoding": None}, "encoding"),
        ({"encoding": "flac"}, "encoding"),
        ({"languageCode": "xx"}, "languageCode"),
        ({"content": None}, "content"),
        ({"content": "!"}, "content"),
        ({"content": base64.b64encode(b"no recording").decode()}, "content"),
    ],
)
async def test_a_wrong_sample_is_named(api: Caller, wrong: dict[str, Any], named: str) -> None:
    """400, and nobody is enrolled."""
    name = f"jim_{uuid4().hex}"
    answer = await api.call("POST", ENROLLMENTS, json={**sample(), "speakerId": name} | wrong)
    assert answer.faulty() == {named}
    assert (await api.call("GET", f"{ENROLLMENTS}/{name}")).status == 404


async def test_one_id_is_enrolled_once_however_many_try(api: Caller) -> None:
    """Of several at once one is 201 and the rest 409; what several add at once adds up."""
    name = f"jill_{uuid4().hex}"
    tries = [api.call("POST", ENROLLMENTS, json={**sample(), "speakerId": name}) for _ in range(5)]
    assert sorted(answer.status for answer in await asyncio.gather(*tries)) == [201, 409, 409, 409, 409]
    more = await asyncio.gather(*(api.call("PATCH", f"{ENROLLMENTS}/{name}", json=sample()) for _ in range(4)))
    assert {answer.status for answer in more} == {201}
    whole = (await api.call("GET", f"{ENROLLMENTS}/{name}")).json
    assert whole["totalEnrollDuration"] == pytest.approx(5 * SECONDS, abs=0.5)
    assert whole["totalSpeechDuration"] == max(answer.json["totalSpeechDuration"] for answer in more)
    assert (await api.call("DELETE", f"{ENROLLMENTS}/{name}")).status == 204


async def test_enrolled_speakers_may_be_named_either_way(api: Caller, jane: str) -> None:
    """By the newer name and by the older one."""
    for field in ("speakerIds", "enrollmentIds"):
        accepted = await api.submit(IDENTIFY, {**AUDIO, field: [jane]})
        envelope = await api.ended(accepted.json["jobId"])
        assert envelope["status"] == "Success"
        assert {entry["speakerId"] for entry in envelope["response"]["utterances"]} <= {jane, "UserNotIdentified"}
