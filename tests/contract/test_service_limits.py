"""The budget: a sliding window for each group, told with every answer, and a penalty that begins again."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from service_support import CannedEngine, Client, body, service

from aijupyter.errors import ConfigurationError
from aijupyter.service.answers import RefusalError
from aijupyter.service.limits import AUTH, HEAVY, Limit, Limiter

CONTENT = body(contentUri=None, content=base64.b64encode(b"sound").decode())


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A client of a service that takes four requests in a second; its token call was the first of two."""
    async with service(CannedEngine(), tmp_path, limit=Limit(4, 1.0)) as limited:
        yield limited


async def asked(client: Client) -> tuple[int, dict[str, str]]:
    """The status and headers of a status call for a job that nobody knows."""
    async with client.http.get(f"{client.url}/ai/status/v1/jobs/x", headers=client.bearer) as answer:
        return answer.status, dict(answer.headers)


async def test_one_too_many_is_429(client: Client) -> None:
    """Submissions and status calls share one budget, and every answer counts it down; then 429, with when to return."""
    status, headers, _ = await client.submit(CONTENT)
    assert status == 202
    told = [headers["X-Rate-Limit-Remaining"]]
    for _ in range(3):
        status, headers = await asked(client)
        assert status == 404
        told.append(headers["X-Rate-Limit-Remaining"])
    assert told == ["3", "2", "1", "0"]
    assert (headers["X-Rate-Limit-Group"], headers["X-Rate-Limit-Limit"]) == ("heavy", "4")
    assert headers["X-Rate-Limit-Window"] == "1"
    status, headers, answer = await client.submit(CONTENT)
    assert status == 429
    assert headers["Retry-After"] == "1"
    assert answer["errors"][0]["errorCode"] == "CMN-301"


async def test_a_request_in_the_penalty_begins_it_again(client: Client) -> None:
    """Whoever goes on asking is never served; whoever is silent for the penalty is."""
    for _ in range(4):
        await asked(client)
    begun = time.monotonic()
    while time.monotonic() - begun < 1.5:  # longer than the window and than one penalty
        assert (await asked(client))[0] == 429
        await asyncio.sleep(0.2)
    await asyncio.sleep(1.05)
    assert (await asked(client))[0] == 404


async def test_the_token_call_has_a_budget_of_its_own(client: Client) -> None:
    """Half as many, as the contract's defaults are, and used up without harm to the others."""
    assert (await client.grant())[0] == 200
    assert (await client.grant())[0] == 429
    assert (await asked(client))[0] == 404


async def test_a_stranger_uses_nothing_up(client: Client) -> None:
    """The budget is the account's: a request without a good token does not count."""
    for _ in range(10):
        async with client.http.get(f"{client.url}/ai/status/v1/jobs/x") as answer:
            assert answer.status == 401
            assert answer.headers["X-Rate-Limit-Remaining"] == "4"
    assert (await asked(client))[0] == 404


async def test_without_a_limit_nobody_is_held_back(tmp_path: Path) -> None:
    """Which is the default."""
    async with service(CannedEngine(), tmp_path) as free:
        answers = await asyncio.gather(*(asked(free) for _ in range(200)))
    assert {status for status, _ in answers} == {404}


def test_the_window_slides() -> None:
    """A request counts for exactly as long as the window is, and not until some full minute."""
    now = 0.0
    limiter = Limiter(Limit(2, 60.0), lambda: now)
    limiter.admit(HEAVY)
    now = 50.0
    limiter.admit(HEAVY)
    now = 60.0
    limiter.admit(HEAVY)
    assert limiter.headers(HEAVY)["X-Rate-Limit-Remaining"] == "0"
    assert limiter.headers(AUTH)["X-Rate-Limit-Remaining"] == "1"
    now = 109.0
    with pytest.raises(RefusalError):
        limiter.admit(HEAVY)
    now = 168.0
    with pytest.raises(RefusalError):
        limiter.admit(HEAVY)
    now = 227.0
    with pytest.raises(RefusalError):
        limiter.admit(HEAVY)
    now = 287.0
    limiter.admit(HEAVY)


@pytest.mark.parametrize(
    ("text", "limit"), [("10", Limit(10, 60)), ("10/60", Limit(10, 60)), ("3/1.5", Limit(3, 1.5)), ("7/", Limit(7, 60))]
)
def test_a_limit_as_text(text: str, limit: Limit) -> None:
    """N or N/SECONDS."""
    assert Limit.parse(text) == limit


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "10/0", "10/nan", "10/x", "1.5", "10/60/60"])
def test_what_is_no_limit(text: str) -> None:
    """Is refused with what it should be."""
    with pytest.raises(ConfigurationError, match="10/60"):
        Limit.parse(text)
