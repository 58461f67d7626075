"""The storm's own parts: a double that does as planned, and a judge that sees what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from judge import Court, Life
from plan import ANSWERS, DELIVERIES, Course, Plan, make_plan
from provider import CREDENTIALS, StormProvider
from records import Post, Record, Request, Submission
from waiting import until
from wire import API, BIG_BYTES, make_wav, read_number, transcript

SEED = 7


class Listener:
    """Plays the kernel: lends recordings out and takes deliveries down."""

    def __init__(self) -> None:
        self.got: dict[str, list[tuple[bytes | None, Any]]] = {}
        app = web.Application(client_max_size=2**25)
        app.router.add_post("/d/{path}", self._take)
        app.router.add_get("/m/{number}", self._lend)
        self.server = TestServer(app)

    async def _take(self, request: web.Request) -> web.Response:
        entries = self.got.setdefault(request.match_info["path"], [])
        try:
            entries.append((await request.read(), await request.json()))
        except (ValueError, web.RequestPayloadError):
            entries.append((None, None))
            return web.Response(status=400)
        return web.Response()

    async def _lend(self, request: web.Request) -> web.Response:
        return web.Response(body=make_wav(SEED, int(request.match_info["number"])))


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A listener that listens."""
    one = Listener()
    async with one.server:
        yield one


async def submit(provider: StormProvider, listener: Listener, number: int) -> tuple[int, Any]:
    """A submission as a kernel would send it: the status and the body, or (0, None) where there was no answer."""
    form = {"assertion": CREDENTIALS["jwt"]}
    webhook = str(listener.server.make_url(f"/d/{number}"))
    body = {"contentUri": str(listener.server.make_url(f"/m/{number}")), "encoding": "Wav"}
    async with aiohttp.ClientSession() as http:
        async with http.post(provider.url + "/restapi/oauth/token", data=form) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}
        try:
            url = provider.url + API
            async with http.post(url, params={"webhook": webhook}, json=body, headers=headers) as answer:
                return answer.status, await answer.json() if answer.content_type == "application/json" else None
        except aiohttp.ClientError:
            return 0, None


async def meet(listener: Listener, *courses: Course) -> tuple[StormProvider, list[tuple[int, Any]]]:
    """Submit a recording for each course, one after the other, and wait until all is delivered."""
    async with StormProvider(Plan(SEED, courses, ())) as provider:
        answers = [await submit(provider, listener, number) for number in range(len(courses))]
        assert await until(lambda: not provider.courier.pending, 20)
    return provider, answers


def test_a_plan_is_its_seeds() -> None:
    """The same seed gives the same plan, another one another; every fault is met at least once."""
    assert make_plan(1, 300) == make_plan(1, 300)
    assert make_plan(1, 300) != make_plan(2, 300)
    courses = make_plan(1, 300).courses
    assert {course.answer for course in courses} == set(ANSWERS)
    assert {course.delivery for course in courses} == set(DELIVERIES)
    assert sum(course.big for course in courses) == 2
    assert {event.kind for event in make_plan(1, 300).events} == {"kill", "full", "locked", "clock"}


def test_a_recording_tells_its_number() -> None:
    """By its content alone; another file has none."""
    assert read_number(make_wav(SEED, 1234)) == 1234
    with pytest.raises(ValueError, match="not a recording"):
        read_number(b"RIFF....WAVE")


@pytest.mark.parametrize("answer", ANSWERS)
async def test_the_answers(listener: Listener, answer: str) -> None:
    """Each as planned, and only 202 and a cut after it make a job."""
    provider, answers = await meet(listener, Course(answer, "prompt"))
    assert answers[0][0] == (0 if answer.startswith("cut") else int(answer))
    assert len(provider.record.by_job_id) == (answer in {"202", "cut-after"})
    assert listener.got.keys() == ({"0"} if answer in {"202", "cut-after"} else set())


@pytest.mark.parametrize("kind", DELIVERIES)
async def test_the_deliveries(listener: Listener, kind: str) -> None:
    """Each as planned: how many, and what they hold."""
    first, course = Course("202", "prompt"), Course("202", kind, delay=0.1)
    provider, answers = await meet(listener, first, course)
    got = listener.got.get("1", [])
    expected = {"never": 0, "forgotten": 0, "half": 0, "twice": 2, "running": 2}
    assert len(got) == expected.get(kind, 1)
    if kind == "broken":
        assert got[0][1] is None
    elif got:
        right = kind != "foreign"
        own = {"bare": None, "foreign": answers[0][1]["jobId"]}.get(kind, answers[1][1]["jobId"])
        assert got[-1][1].get("jobId") == own
        assert (got[-1][1]["response"]["transcript"] == transcript(SEED, 1)) == right
    assert all(post.code == (None if kind == "half" else 400 if kind == "broken" else 200) for post in posts(provider))


def posts(provider: StormProvider) -> list[Post]:
    """What was delivered for recording 1."""
    return [post for submission, post in provider.record.posts() if submission.number == 1]


async def test_a_big_answer(listener: Listener) -> None:
    """It has 8 MiB."""
    await meet(listener, Course("202", "prompt", big=True))
    body, _ = listener.got["0"][0]
    assert body is not None
    assert len(body) > BIG_BYTES


async def test_a_penalty_is_watched(listener: Listener) -> None:
    """What a kernel sends after it was told to be silent is noted, and refused."""
    plan = Plan(SEED, (Course("202", "prompt", penalties=("1",)),), ())
    async with StormProvider(plan) as provider:
        assert (await submit(provider, listener, 0))[0] == 429
        await asyncio.sleep(0.6)
        assert (await submit(provider, listener, 0))[0] == 429
        await asyncio.sleep(1.1)
        assert (await submit(provider, listener, 0))[0] == 202
    assert len(provider.record.broken_penalties) == 1


def court(course: Course, row: dict[str, Any], *requests: str, killed: bool = False, code: int | None = 200) -> Court:
    """One recording's case: answered so, delivered with that code (0: never), and read back as the row says."""
    submission = Submission("path", 0, [Request(1.0, 0, answer, 1.0) for answer in requests], job_id="id")
    submission.acceptances = sum(answer in {"202", "cut-after"} for answer in requests)
    submission.posts = [Post(course.delivery, True, 2.0, code, True)] if code != 0 else []
    right = {"key": "key", "path": "path", "number": 0, "state": "succeeded", "problem": "", "raw_id": "id"}
    right["history"] = [["", state, ""] for state in ("written", "sending", row.get("state", "succeeded"))]
    text = transcript(SEED, 0)
    record = Record(submissions={"path": submission})
    rows = [right | {"text": text, "raw_text": text} | row]
    return Court(Plan(SEED, (course,), ()), record, [Life(0.0, 1.2 if killed else 9.0, killed)], [], rows)


USUAL = Course("202", "prompt")
LOST = {"state": "unconfirmed", "problem": "SubmissionUnconfirmedError", "text": None}


@pytest.mark.parametrize(
    "case",
    [
        court(USUAL, {}, "202"),
        court(USUAL, {}, "429", "401", "202"),
        court(USUAL, {}, "cut-after"),
        court(USUAL, LOST, "cut-after", code=0),
        court(USUAL, LOST, "202", code=0, killed=True),
        court(replace(USUAL, answer="503"), LOST, "503", code=0),
        court(Course("202", "forgotten"), {"state": "expired"}, "202", code=0),
        court(Course("400", "prompt"), {"state": "failed", "problem": "BadRequestError"}, "400", code=0),
    ],
)
def test_the_judge_lets_what_is_right_pass(case: Court) -> None:
    """The one right state, or unconfirmed where the kernel was killed too early to know."""
    assert case.judge() == []


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (court(USUAL, {"text": transcript(SEED, 1)}, "202"), "its text"),
        (court(USUAL, {"raw_id": "another"}, "202"), "its answer names"),
        (court(USUAL, {"state": "submitted"}, "202"), "should be succeeded"),
        (court(USUAL, LOST, "202"), "should be succeeded"),
        (court(USUAL, LOST, "202", killed=True), "should be succeeded"),
        (court(USUAL, LOST, "202", code=503), "should be succeeded"),
        (court(USUAL, {"state": "expired"}, "202", code=0), "should be succeeded"),
        (court(USUAL, {}, "503", code=0), "should be unconfirmed"),
        (court(USUAL, {}, "202", "202"), "accepted 2 times"),
        (court(USUAL, {}, "500", "202"), "submitted again"),
        (court(USUAL, LOST, "429", code=0), "should be sent again"),
        (court(USUAL, {"path": "unknown"} | LOST, "202"), "never asked"),
        (court(USUAL, {"number": 1}, "202"), "is not in the ledger"),
    ],
)
def test_the_judge_sees_what_is_wrong(case: Court, told: str) -> None:
    """A wrong text, a wrong state, a second submission, a hanging job."""
    assert any(told in what for what in case.judge()), case.judge()


def test_the_judge_sees_a_second_submission() -> None:
    """Two jobs about one recording, unless the first was told to have failed before the second was asked."""
    case = court(USUAL, {}, "202")
    again = Submission("path2", 0, [Request(5.0, 0, "202", 5.0)], job_id="id2", acceptances=1)
    again.posts = [Post("prompt", True, 6.0, 200, True)]
    case.record.submissions["path2"] = again
    case.rows = [*case.rows, dict(case.rows[0]) | {"path": "path2", "key": "key2", "raw_id": "id2"}]
    assert any("submitted twice" in what for what in case.judge())
