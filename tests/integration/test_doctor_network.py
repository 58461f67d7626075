"""The doctor over the network: a set-up that works, and ones that are broken, each with the mend that helps."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from double import CLIENT_ID, CLIENT_SECRET, JWT, ProviderDouble
from front import Front, Manners

import aijupyter
from aijupyter.cli import main
from aijupyter.doctor import Check, examine

FORBIDDEN = json.dumps({"errors": [{"errorCode": "CMN-401", "message": "The scope [AI] is missing"}]}).encode()
LOGIN = (302, b"", {"Location": "https://hub.example/login"})
JOBS = "/ai/status"


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A port for the receiver that something in front of it can know."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    monkeypatch.setenv("AIJUPYTER_PORT", str(number))
    return number


@pytest.fixture
def account(double: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> ProviderDouble:
    """An account at the double, in the environment."""
    for name, value in {
        "RC_SERVER_URL": double.url,
        "RC_APP_CLIENT_ID": CLIENT_ID,
        "RC_APP_CLIENT_SECRET": CLIENT_SECRET,
        "RC_USER_JWT": JWT,
    }.items():
        monkeypatch.setenv(name, value)
    return double


@pytest.fixture
def front(port: int, account: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A public URL with a path of its own that leads to the receiver's port."""
    with Front(f"http://127.0.0.1:{port}", Manners(prefix="/hooks")) as public:
        monkeypatch.setenv("AIJUPYTER_PUBLIC_URL", public.url)
        yield public


def checks(**given: Any) -> dict[str, Check]:
    """What the doctor says, by name."""
    return {check.name: check for check in examine(**given).checks}


def assert_mended(check: Check, said: str, mend: str) -> None:
    """A line that says what is wrong, and what to do."""
    assert check.ok is False, check
    assert said in check.said
    assert mend in check.mend


def test_a_set_up_that_works(front: Front, double: ProviderDouble) -> None:
    """Account, clock and way in are well; the way is measured; nothing secret is told, and nothing is left open."""
    report = examine()
    found = {check.name: check for check in report.checks}
    assert report.ok, str(report)
    assert "lets us in" in found["Account"].said
    assert "2 MiB there and back in" in found["Way in"].said
    assert found["Clock"].ok
    assert not any(secret in report.to_json() for secret in (CLIENT_SECRET, JWT, *double.tokens, front.url))
    assert len([entry for entry in double.asked if entry[1].startswith(JOBS)]) == 1
    with aijupyter.connect() as ai:  # the port is free again
        again = checks(session=ai)
        assert "2 MiB there and back in" in again["Way in"].said
        assert ai.status.open
    assert "RC_USER_JWT" in found["Credentials"].said


def test_offline(front: Front, double: ProviderDouble) -> None:
    """Nothing is asked and nothing is opened."""
    found = checks(offline=True)
    assert [found[name].ok for name in ("Account", "Rate limits", "Clock", "Way in")] == [None] * 4
    assert double.asked == []


def test_limits_are_told(account: ProviderDouble, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the headers say of the budget."""
    told = {"X-Rate-Limit-Group": "heavy", "X-Rate-Limit-Limit": "10", "X-Rate-Limit-Remaining": "7"}
    told["X-Rate-Limit-Window"] = "60"
    with Front(account.url, Manners(headers=told)) as api:
        monkeypatch.setenv("RC_SERVER_URL", api.url)
        assert "heavy 10 in 60 s, 7 free" in checks()["Rate limits"].said


def test_a_wrong_secret(account: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token call is refused."""
    monkeypatch.setenv("RC_APP_CLIENT_SECRET", "another")
    assert_mended(checks()["Account"], "400", "RC_APP_CLIENT_SECRET")


def test_an_app_without_the_scope(account: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a token, and may not ask."""
    with Front(account.url, Manners(answers={JOBS: (403, FORBIDDEN, {"Content-Type": "application/json"})})) as api:
        monkeypatch.setenv("RC_SERVER_URL", api.url)
        assert_mended(checks()["Account"], "[AI] is missing", "AI scope")


def test_a_server_that_is_not_there(account: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection."""
    monkeypatch.setenv("RC_SERVER_URL", "http://127.0.0.1:9")
    assert_mended(checks()["Account"], "cannot be reached", "RC_SERVER_URL")


def test_a_server_that_is_another(account: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page where the API should be."""
    page = (200, b"<html>Welcome</html>", {"Content-Type": "text/html"})
    with Front(account.url, Manners(answers={"/": page})) as api:
        monkeypatch.setenv("RC_SERVER_URL", api.url)
        assert_mended(checks()["Account"], "without a token", "RC_SERVER_URL")


@pytest.mark.parametrize(("hours", "way"), [(1, "behind"), (-1, "ahead of")])
def test_a_clock_that_is_off(hours: int, way: str, account: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour between this machine's time and the API's."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    with Front(account.url, Manners(headers={"Date": date})) as api:
        monkeypatch.setenv("RC_SERVER_URL", api.url)
        assert_mended(checks()["Clock"], way, "timedatectl")


def test_a_public_url_where_nothing_listens(account: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reverse proxy does not run."""
    monkeypatch.setenv("AIJUPYTER_PUBLIC_URL", "http://127.0.0.1:9")
    assert_mended(checks()["Way in"], "Nothing listens", "AIJUPYTER_PUBLIC_URL")


def test_a_public_url_of_no_host(account: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name leads nowhere."""
    monkeypatch.setenv("AIJUPYTER_PUBLIC_URL", "https://no-such-host.invalid")
    assert_mended(checks()["Way in"], "host name is not known", "DNS")


def test_a_proxy_with_a_small_limit(front: Front) -> None:
    """Small answers would pass, and long conversations would be lost."""
    front.manners.most = 1024 * 1024
    assert_mended(checks()["Way in"], "413", "client_max_body_size")


def test_a_login_in_front(front: Front) -> None:
    """As on a hub: the provider would get a page to log in."""
    front.manners.answers = {"/hooks/d/": LOGIN}
    assert_mended(checks()["Way in"], "a login stands in front", "/d/")


def test_another_program_at_the_public_url(front: Front) -> None:
    """It knows nothing of our paths."""
    front.manners.answers = {"/": (404, b"Not here", {})}
    assert_mended(checks()["Way in"], "something else answers", "receiver's port")


def test_a_proxy_to_another_port(front: Front) -> None:
    """The way is open, and ends before the receiver."""
    front.target = "http://127.0.0.1:9"
    assert_mended(checks()["Way in"], "502", "AIJUPYTER_PORT")


def test_a_proxy_that_breaks_off(front: Front) -> None:
    """Connections end without an answer."""
    front.manners.closed = True
    assert_mended(checks()["Way in"], "broke the connection", "limits")


def test_ngrok_without_its_agent(account: ProviderDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent is not installed, and cannot be fetched."""
    monkeypatch.setenv("NGROK_AUTHTOKEN", "a-token")
    monkeypatch.setenv("AIJUPYTER_DELIVERY", "ngrok")
    monkeypatch.setenv("PYNGROK_NGROK_PATH", str(tmp_path / "nowhere" / "ngrok"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # no network, wherever this runs
    check = checks()["Way in"]
    assert_mended(check, "ngrok", "PYNGROK_NGROK_PATH")
    assert "a-token" not in check.said + check.mend


def test_an_ssh_host_that_is_not_there(account: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens at its port."""
    pytest.importorskip("asyncssh")
    monkeypatch.setenv("AIJUPYTER_SSH", "me@127.0.0.1:9")
    monkeypatch.setenv("AIJUPYTER_DELIVERY", "ssh")
    assert_mended(checks()["Way in"], "cannot be reached", "ssh -p 9 me@127.0.0.1")


def test_the_command_says_it_as_it_goes(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    """In a terminal, with an exit status for scripts."""
    assert main(["doctor"]) == 0
    assert "2 MiB there and back" in capsys.readouterr().out
    front.manners.most = 1024
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [check["name"] for check in told["checks"] if check["ok"] is False] == ["Way in"]
