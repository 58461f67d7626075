"""Tunnels: the fixed one, and ngrok by the real pyngrok with a stand-in for its agent."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import aijupyter
from aijupyter import errors
from aijupyter.config import Secret
from aijupyter.tunnels.fixed import FixedTunnel
from aijupyter.tunnels.ngrok import NgrokTunnel

AGENT = Path(__file__).parents[1] / "ngrok_agent.py"
LOCAL = "http://127.0.0.1:8123"


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in where pyngrok looks for the agent, and a temporary folder of the test's own."""
    if os.name != "posix":
        pytest.skip("the stand-in is a script with a #! line")
    path = tmp_path / "ngrok"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{AGENT}" "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv("PYNGROK_NGROK_PATH", str(path))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return path


def agents() -> list[str]:
    """The command lines of the stand-ins that run."""
    listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(AGENT) in line]


def left_files() -> list[Path]:
    """What is left in the temporary folder."""
    return list(Path(tempfile.gettempdir()).iterdir())


def mode(path: str) -> int:
    """A file's permissions."""
    return Path(path).stat().st_mode & 0o777


async def test_a_fixed_url_is_used_as_it_is() -> None:
    """A public URL of the user's own, also with a path; without one the receiver's own address."""
    assert await FixedTunnel("https://hub.example/user/me/proxy/8123/").open(LOCAL) == (
        "https://hub.example/user/me/proxy/8123"
    )
    assert await FixedTunnel().open(LOCAL) == LOCAL


@pytest.mark.parametrize("url", ["hub.example", "ftp://hub.example", "https://hub.example/?key=1"])
def test_a_fixed_url_must_be_a_base(url: str) -> None:
    """What nothing can be appended to is refused."""
    with pytest.raises(errors.ConfigurationError, match="no base URL"):
        FixedTunnel(url)


async def test_ngrok_opens_and_closes(agent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token goes by a private file, never by the command line; closing leaves no process and no file."""
    monkeypatch.setenv("NGROK_AUTHTOKEN", "good-token")  # pyngrok reads it, and would pass it on the command line
    tunnel = NgrokTunnel(Secret("good-token"))
    assert await tunnel.open(LOCAL) == "https://0.ngrok.example"
    (command,) = agents()
    assert "good-token" not in command
    assert mode(command.rpartition("--config ")[2]) == 0o600
    await tunnel.close()
    await tunnel.close()
    assert agents() == []
    assert left_files() == []


async def test_two_tunnels_do_not_end_one_another(agent: Path) -> None:
    """Pyngrok keeps one agent in a process; it ends with the last tunnel."""
    one, two = NgrokTunnel(Secret("good-token")), NgrokTunnel(Secret("good-token"))
    assert await one.open(LOCAL) != await two.open(LOCAL)
    await one.close()
    assert len(agents()) == 1
    await two.close()
    assert agents() == []


async def test_a_bad_token_is_told_without_it(
    agent: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The agent's own reason comes through, the token does not, neither here nor in the log, and nothing is printed."""
    tunnel = NgrokTunnel(Secret("bad-token"))
    with pytest.raises(errors.TunnelError, match="ERR_NGROK_105") as caught:
        await tunnel.open(LOCAL)
    assert "bad-token" not in str(caught.value)
    assert "NGROK_AUTHTOKEN" in caught.value.mend
    assert agents() == []
    assert left_files() == []
    assert "bad-token" not in "".join(capfd.readouterr()) + caplog.text
    assert "ERR_NGROK_105" in caplog.text


def test_a_session_takes_the_tunnel(agent: Path) -> None:
    """With a token and a provider out there, deliveries are asked for at the public side."""
    with aijupyter.connect(client_id="a", client_secret="b", jwt="c", ngrok_token="good-token") as ai:
        assert ai.status.public_url == "https://0.ngrok.example"
        assert ai.status.receiver_url.startswith("http://127.0.0.1:")
    assert agents() == []
