"""The access token: good for long enough, and added to the provider's own recordings alone."""

from __future__ import annotations

import json

import pytest

from aijupyter.api.auth import Credentials, TokenSource
from aijupyter.api.protected import has_token, is_protected, with_token
from aijupyter.api.wire import Reply
from aijupyter.config import Secret
from aijupyter.envelope import parse_faults, without_tokens

PROVIDER = "https://platform.ringcentral.com"
LOCAL = "http://127.0.0.1:8080"
PATH = "/restapi/v1.0/account/1234567/recording/401547458008/content"


class Clock:
    """A clock that goes when it is told, and the token call, which counts."""

    def __init__(self, lifetime: float) -> None:
        self.now = 1000.0
        self.lifetime = lifetime
        self.calls = 0
        credentials = Credentials("id", Secret("secret"), Secret("jwt"))
        self.source = TokenSource(credentials, self._send, lambda: self.now)

    async def _send(self, path: str, form: dict[str, str], *, user: str, password: str) -> Reply:
        self.calls += 1
        answer = {"access_token": f"token-{self.calls}", "expires_in": self.lifetime}
        return Reply(200, {}, json.dumps(answer).encode())

    async def number(self, good_for: float = 0.0) -> int:
        """Which token is given."""
        return int((await self.source.token(good_for)).reveal().partition("-")[2])


@pytest.mark.parametrize("lifetime", [3600, 7199])
async def test_it_is_good_for_half_an_hour(lifetime: float) -> None:
    """Whenever it is asked for, at least that is left of its life."""
    clock = Clock(lifetime)
    began = {1: clock.now}
    for _ in range(200):
        number = await clock.number(1800)
        began.setdefault(number, clock.now)
        assert began[number] + lifetime - clock.now >= 1800
        clock.now += 97
    assert clock.calls <= 200 * 97 / 1700


async def test_others_do_not_wait_for_more() -> None:
    """A request that only wants to get in goes on with a token that is too short for a recording."""
    clock = Clock(3600)
    await clock.number()
    clock.now += 2400
    assert await clock.number() == 1
    assert await clock.number(1800) == 2
    assert await clock.number() == 2


@pytest.mark.parametrize("lifetime", [1, 30, 600, 1799, 3599])
async def test_short_lives_are_no_loop(lifetime: float) -> None:
    """Where no token lives long enough, one is used for the first half of its life all the same."""
    clock = Clock(lifetime)
    assert [await clock.number(1800) for _ in range(50)] == [1] * 50
    clock.now += lifetime * 0.6
    assert [await clock.number(1800) for _ in range(50)] == [2] * 50


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://media.ringcentral.com" + PATH, PROVIDER),
        ("HTTPS://Media.RingCentral.com:443" + PATH, PROVIDER),
        ("https://platform.ringcentral.com" + PATH, PROVIDER),
        ("https://media.devtest.ringcentral.com" + PATH, "https://platform.devtest.ringcentral.com"),
        (f"https://media.ringcentral.com{PATH}?contentDisposition=Inline", PROVIDER),
        (f"https://media.ringcentral.com{PATH}?access_token=abc", PROVIDER),
        (LOCAL + PATH, LOCAL),
        ("http://LOCALHOST" + PATH, "http://localhost:80"),
        ("http://[::1]:99" + PATH, "http://[::1]:99"),
        ("https://gateway.example.com/rc" + PATH, "https://gateway.example.com/rc"),
    ],
)
def test_recordings_of_the_provider(url: str, server: str) -> None:
    """At the provider's where the server is, else at the very server."""
    assert is_protected(url, server)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://media.ringcentral.com" + PATH, PROVIDER),
        ("https://media.ringcentral.com:8443" + PATH, PROVIDER),
        ("https://media.ringcentral.com.evil.example" + PATH, PROVIDER),
        ("https://evilringcentral.com" + PATH, PROVIDER),
        ("https://ringcentral.com.example" + PATH, PROVIDER),
        ("https://media.ringcentral.com@evil.example" + PATH, PROVIDER),
        ("https://user:pass@media.ringcentral.com" + PATH, PROVIDER),
        ("https://evil.example\\@media.ringcentral.com" + PATH, PROVIDER),
        ("https://evil.example#@media.ringcentral.com" + PATH, PROVIDER),
        ("https://evil.example?x=https://media.ringcentral.com" + PATH, PROVIDER),
        ("https://evil.example/https://media.ringcentral.com" + PATH, PROVIDER),
        ("https://evil.example/.ringcentral.com" + PATH, PROVIDER),
        ("https://media.ringcentral.com." + PATH, PROVIDER),
        ("https://media.ringcentral.com\t.evil.example" + PATH, PROVIDER),
        ("https://media.ringcentral.com\n" + PATH, PROVIDER),
        ("https://media.ringcentral.com" + PATH + "\n", PROVIDER),
        ("https://media.ringcentral.com%2eevil.example" + PATH, PROVIDER),
        ("https://media.r\u0131ngcentral.com" + PATH, PROVIDER),
        ("https://media.ringcentral.com/redirect" + PATH, PROVIDER),
        ("https://media.ringcentral.com/restapi/v1.0/account/1/recording/../../x/content", PROVIDER),
        ("https://media.ringcentral.com/restapi/v1.0/account/1/message-store/2/content", PROVIDER),
        ("https://media.ringcentral.com" + PATH + "/more", PROVIDER),
        ("https://media.ringcentral.com" + PATH, LOCAL),
        ("https://media.ringcentral.com" + PATH, "http://platform.ringcentral.com"),
        ("https://media.ringcentral.com" + PATH, "https://platform.ringcentral.com.evil.example"),
        ("http://127.0.0.1:8081" + PATH, LOCAL),
        ("http://localhost:8080" + PATH, LOCAL),
        ("https://127.0.0.1:8080" + PATH, LOCAL),
        ("http://127.0.0.1:8080@evil.example" + PATH, LOCAL),
        ("http://127.0.0.1" + PATH, LOCAL),
        ("https://gateway.example.com/other" + PATH, "https://gateway.example.com/rc"),
        ("https://example.com/call.mp3", PROVIDER),
        ("", PROVIDER),
    ],
)
def test_what_is_no_recording_of_the_provider(url: str, server: str) -> None:
    """A token for these would be somebody else's."""
    assert not is_protected(url, server)


def test_the_token_in_the_url() -> None:
    """Behind what is there already, and quoted."""
    token = Secret("a+b/c=&d")
    url = with_token("https://media.ringcentral.com" + PATH, token)
    assert url.endswith(PATH + "?access_token=a%2Bb%2Fc%3D%26d")
    assert with_token("https://x/?a=1", token).endswith("?a=1&access_token=a%2Bb%2Fc%3D%26d")
    assert has_token(url)
    assert not has_token("https://x/?my_access_token=1")


@pytest.mark.parametrize(
    "text",
    [
        "Parameter [contentUri] is invalid: https://m/content?access_token=s3cr.et-_~x%2B&a=1",
        "https%3A%2F%2Fm%3Faccess_token%3Ds3cr.et",
        r"{\"uri\": \"https://m?access_token=s3cr.et\"}",
        r"https:\/\/m?access_token\u003ds3cr\/.et\u0026a=1",
        "access_token=s3cr.et",
    ],
)
def test_what_others_repeat_is_masked(text: str) -> None:
    """However a URL is written in an error or in an answer, and nothing else is touched."""
    assert "s3cr" not in without_tokens(text)
    assert "et" not in without_tokens(text).partition("***")[2]
    assert b"s3cr" not in without_tokens(text.encode())
    assert "s3cr" not in str(parse_faults({"errors": [{"errorCode": text, "message": text, "parameterName": text}]}))


def test_an_answer_stays_json() -> None:
    """Masking takes nothing but the token."""
    answer = {"a": 'say "access_token=s3cr.et" <now>', "access_token": 5, "b": ["?access_token=s3cr.et&x=1", "ünï"]}
    for body in (json.dumps(answer), json.dumps(answer, ensure_ascii=False)):
        assert json.loads(without_tokens(body.encode())) == {
            "a": 'say "access_token=***" <now>',
            "access_token": 5,
            "b": ["?access_token=***&x=1", "ünï"],
        }
    plain = b'{"word": "access"}'
    assert without_tokens(plain) is plain
