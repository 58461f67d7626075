"""ngrok by the real pyngrok, with a stand-in for its agent that really forwards."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ngrok_stand_in import StandIn, endpoints, make_endpoint
from pyngrok import conf, ngrok
from until import until
from upstream import carries_everything, leads_nowhere, upstream

import aijupyter
from aijupyter import errors
from aijupyter.config import Secret
from aijupyter.tunnels.ngrok import NgrokTunnel
from aijupyter.tunnels.ngrok_agent import Patience, is_trusted

LOCAL = "http://127.0.0.1:8123"
PATIENCE = Patience(start=5.0, download=1.0, grace=0.5, look=0.05, api=1.0)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in where pyngrok looks for the agent, and a temporary folder of the test's own. Nothing is left."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    stand_in = StandIn.installed(tmp_path / "ngrok", monkeypatch)
    before = threads()
    yield stand_in
    left = stand_in.commands(), left_files()
    stand_in.kill()
    assert left == ([], [])
    until(lambda: threads() <= before)


def left_files() -> list[Path]:
    """What is in the temporary folder."""
    return list(Path(tempfile.gettempdir()).iterdir())


def threads() -> set[str]:
    """The threads that live, without those that asyncio and pytest keep."""
    names = {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}
    return {name for name in names if not name.startswith(("asyncio_", "MainThread"))}


def tunnel(token: str = "good-token", domain: str | None = None, **changes: Any) -> NgrokTunnel:
    """A tunnel that is quick to give up, and asks no agent of this machine's that is not the test's."""
    return NgrokTunnel(Secret(token), domain, **{"local_apis": (), "patience": PATIENCE, **changes})


async def refusal(way: NgrokTunnel, kind: type[errors.TunnelError]) -> str:
    """What is said when it does not open: of the very class, with a mend, without the token, and bare."""
    with pytest.raises(kind) as caught:
        await way.open(LOCAL)
    assert type(caught.value) is kind
    assert caught.value.mend
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert "-token" not in str(caught.value)
    assert await way.dropped() == "it is closed"
    await way.close()
    return str(caught.value)


async def test_everything_comes_through(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large deliveries, ranges and many at once. The token is on no command line, and its file goes once it is read."""
    monkeypatch.setenv("NGROK_AUTHTOKEN", "good-token")  # pyngrok reads it, and would pass it on the command line
    way = tunnel()
    async with upstream(tmp_path) as to:
        url = await way.open(to.url)
        (command,) = stand_in.commands()
        assert "good-token" not in command
        assert left_files() == []
        await carries_everything(url, to)
        await way.close()
        await way.close()
        assert await leads_nowhere(url)


async def test_the_agent_outlives_an_interrupted_cell(stand_in: StandIn) -> None:
    """It is in a session of its own, where the interrupt of a cell does not come."""
    way = tunnel()
    await way.open(LOCAL)
    (pid,) = stand_in.pids()
    assert os.getsid(pid) != os.getsid(0)
    await way.close()


async def test_a_domain_of_ones_own(stand_in: StandIn) -> None:
    """The same address at every start; a name or a URL names it."""
    way = tunnel(domain="me.example")
    url = await way.open(LOCAL)
    await way.close()
    again = tunnel(domain="https://me.example/")
    assert await again.open(LOCAL) == url
    await again.close()


@pytest.mark.parametrize("text", ["", "me", "http://me.example", "me.example/path", "me example.com", "me.example:443"])
def test_what_is_no_domain(text: str) -> None:
    """Told when the tunnel is made."""
    with pytest.raises(errors.ConfigurationError, match="ngrok_domain"):
        tunnel(domain=text)


async def test_two_tunnels_do_not_end_one_another(stand_in: StandIn) -> None:
    """Pyngrok keeps one agent in a process; it ends with the last tunnel."""
    one, two = tunnel(), tunnel()
    assert len(set(await asyncio.gather(one.open(LOCAL), two.open(LOCAL)))) == 2
    await one.close()
    assert len(stand_in.commands()) == 1
    await two.close()


async def test_an_agent_of_the_users_own_pyngrok(stand_in: StandIn, tmp_path: Path) -> None:
    """It is joined, and what is the user's stays: the agent and its endpoints."""
    config = conf.PyngrokConfig(ngrok_path=str(stand_in.program), config_path=str(tmp_path / "users.yml"))
    (tmp_path / "users.yml").write_text('{"version": "3", "agent": {"authtoken": "good-token"}}')
    await asyncio.to_thread(ngrok.connect, "8000", pyngrok_config=config)
    (pid,) = stand_in.pids()
    way = tunnel()
    await way.open(LOCAL)
    assert stand_in.pids() == [pid]
    assert len(await asyncio.to_thread(endpoints, stand_in.apis()[0])) == 2
    await way.close()
    assert stand_in.pids() == [pid]
    assert len(await asyncio.to_thread(endpoints, stand_in.apis()[0])) == 1
    await asyncio.to_thread(ngrok.kill, config)


async def test_the_user_joins_ours(stand_in: StandIn, tmp_path: Path) -> None:
    """An agent that the user's pyngrok put an endpoint on is left to the user."""
    way = tunnel()
    await way.open(LOCAL)
    config = conf.PyngrokConfig(ngrok_path=str(stand_in.program), config_path=str(tmp_path / "users.yml"))
    config.auth_token = None
    theirs = await asyncio.to_thread(ngrok.connect, "8000", pyngrok_config=config)
    await way.close()
    assert list((await asyncio.to_thread(endpoints, stand_in.apis()[0])).values()) == [theirs.public_url]
    await asyncio.to_thread(ngrok.kill, config)


async def test_an_agent_of_another_process(stand_in: StandIn, tmp_path: Path) -> None:
    """Where the account has no more agents, this user's agent on this machine is asked; only what is ours ends."""
    with stand_in.elsewhere() as api:
        theirs = make_endpoint(api, "theirs", LOCAL)
        stand_in.behave(refuse=108)
        way = tunnel(local_apis=("http://127.0.0.1:9", api))
        async with upstream(tmp_path) as to:
            url = await way.open(to.url)
            assert url != theirs
            assert [name for name in endpoints(api) if name.startswith("aijupyter-")] != []
            await carries_everything(url, to)
            waiting = asyncio.create_task(way.dropped())
            await way.close()
            assert endpoints(api) == {"theirs": theirs}
            assert await asyncio.wait_for(waiting, 5) == "it is closed"


async def test_no_agent_is_left_for_us(stand_in: StandIn) -> None:
    """Without one to ask on this machine the limit is told, as something that may pass."""
    stand_in.behave(refuse=108)
    said = await refusal(tunnel(local_apis=("http://127.0.0.1:9",)), errors.TunnelError)
    assert "ERR_NGROK_108" in said
    assert "dashboard.ngrok.com/agents" in said


@pytest.mark.parametrize(
    ("code", "kind", "mend"),
    [
        (107, errors.TunnelRefusedError, "NGROK_AUTHTOKEN"),
        (4018, errors.TunnelRefusedError, "your-authtoken"),
        (103, errors.TunnelRefusedError, "billing"),
        (116, errors.TunnelRefusedError, "ip-restrictions"),
        (121, errors.TunnelRefusedError, "ngrok update"),
        (9999, errors.TunnelError, "ngrok.com/docs/errors"),
    ],
)
async def test_what_ngrok_refuses(stand_in: StandIn, code: int, kind: type[errors.TunnelError], mend: str) -> None:
    """Its code is told, with what to do."""
    stand_in.behave(refuse=code)
    said = await refusal(tunnel(), kind)
    assert f"ERR_NGROK_{code}" in said
    assert mend in said


@pytest.mark.parametrize(
    ("domain", "code", "kind"),
    [
        ("taken.example", "ERR_NGROK_334", errors.TunnelError),
        ("foreign.example", "ERR_NGROK_320", errors.TunnelRefusedError),
    ],
)
async def test_a_domain_that_cannot_be_had(
    stand_in: StandIn, domain: str, code: str, kind: type[errors.TunnelError]
) -> None:
    """In use it may be free later, another account's never; the agent that we started does not stay."""
    said = await refusal(tunnel(domain=domain), kind)
    assert code in said
    assert "ngrok_domain" in said


async def test_endpoints_used_up(stand_in: StandIn) -> None:
    """The limit of endpoints is told apart from that of agents."""
    stand_in.behave(refuse_endpoints=324)
    assert "dashboard.ngrok.com/endpoints" in await refusal(tunnel(), errors.TunnelError)


async def test_a_bad_token_is_told_without_it(
    stand_in: StandIn, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The code comes through, the token does not, neither here nor in the log, and nothing is printed."""
    caplog.set_level(logging.DEBUG)
    said = await refusal(tunnel("bad-token"), errors.TunnelRefusedError)
    assert "ERR_NGROK_105" in said
    assert "NGROK_AUTHTOKEN" in said
    assert "bad-token" not in "".join(capfd.readouterr()) + caplog.text
    assert "ERR_NGROK_105" in caplog.text


async def test_no_network(stand_in: StandIn) -> None:
    """The agent complains of the network for as long as it is let."""
    stand_in.behave(offline=True)
    said = await refusal(tunnel(patience=Patience(start=1.0)), errors.TunnelError)
    assert "cannot reach ngrok" in said
    assert "connect.ngrok-agent.com:443" in said


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ({"silent": True}, "did not connect within 0.7 s"),
        ({"api_hangs": True}, "local API does not answer"),
    ],
)
async def test_a_start_never_hangs(stand_in: StandIn, behaviour: dict[str, Any], told: str) -> None:
    """An agent that says nothing, or whose local API does not answer, is given up, and ended."""
    stand_in.behave(**behaviour)
    began = time.monotonic()
    assert told in await refusal(tunnel(patience=Patience(start=0.7)), errors.TunnelTimeoutError)
    assert time.monotonic() - began < 4


async def test_an_agent_without_endpoints(stand_in: StandIn) -> None:
    """An agent too old to have them is to be updated."""
    stand_in.behave(old_api=True)
    said = await refusal(tunnel(patience=Patience(start=0.7)), errors.TunnelTimeoutError)
    assert "ngrok update" in said


async def test_giving_up_the_start(stand_in: StandIn) -> None:
    """A start that is cancelled ends soon, and leaves nothing."""
    stand_in.behave(silent=True)
    opening = asyncio.create_task(tunnel(patience=Patience(start=30)).open(LOCAL))
    await asyncio.to_thread(until, lambda: bool(stand_in.commands()))
    opening.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert time.monotonic() - began < 2


def test_who_may_be_asked_for_an_endpoint(stand_in: StandIn) -> None:
    """A program of another user's at the agents' usual port would be handed our deliveries: it is not asked."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can be two users, and only Linux tells whose a port is")
    listen = "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    for user, trusted in ((0, True), (65534, False)):
        code = f"import os, socket; os.setuid({user}); {listen}"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            assert is_trusted(int(other.stdout.readline())) is trusted
            other.kill()


async def test_an_agent_that_is_none(stand_in: StandIn) -> None:
    """A file that cannot be run is named."""
    stand_in.program.chmod(0o644)
    said = await refusal(tunnel(), errors.TunnelMissingError)
    assert str(stand_in.program) in said
    assert "PYNGROK_NGROK_PATH" in said


async def test_no_agent_and_none_to_be_had(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where the download fails that is said, with the other ways; nothing half is left, and nothing printed."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    path = stand_in.folder / "bin" / "ngrok"
    monkeypatch.setenv("PYNGROK_NGROK_PATH", str(path))
    said = await refusal(tunnel(patience=Patience(download=20)), errors.TunnelMissingError)
    assert "could not be downloaded" in said
    assert "docs/tunnels.md" in said
    assert list(path.parent.iterdir()) == []
    assert "".join(capfd.readouterr()) == ""


async def test_a_download_never_hangs(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that takes the request and says nothing is given up."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{mute.getsockname()[1]}")
        path = stand_in.folder / "bin" / "ngrok"
        monkeypatch.setenv("PYNGROK_NGROK_PATH", str(path))
        assert "within 1 s" in await refusal(tunnel(), errors.TunnelTimeoutError)
        assert list(path.parent.iterdir()) == []


async def dropped(way: NgrokTunnel) -> str:
    """Why it dropped, soon."""
    return await asyncio.wait_for(way.dropped(), 5)


async def test_an_agent_that_is_killed(stand_in: StandIn, tmp_path: Path) -> None:
    """Its end is noticed; the tunnel opens again, at another address; nothing of the dead one is left."""
    way = tunnel()
    async with upstream(tmp_path) as to:
        await way.open(to.url)
        stand_in.kill()
        assert "ended with status -9" in await dropped(way)
        await carries_everything(await way.open(to.url), to)
        stand_in.kill()
        await way.close()


async def test_a_session_that_comes_back(stand_in: StandIn, tmp_path: Path) -> None:
    """What the agent mends itself within the grace is no drop."""
    way = tunnel(patience=Patience(grace=30, look=0.05))
    async with upstream(tmp_path) as to:
        url = await way.open(to.url)
        waiting = asyncio.create_task(way.dropped())
        stand_in.order("lose")
        assert await leads_nowhere(url)
        assert (await asyncio.wait([waiting], timeout=0.5))[0] == set()
        stand_in.order("mend")
        assert (await asyncio.wait([waiting], timeout=0.5))[0] == set()
        await carries_everything(url, to)
        waiting.cancel()
        await way.close()


async def test_a_session_that_stays_away(stand_in: StandIn, tmp_path: Path) -> None:
    """Longer than the grace it is a drop; opened again there is another agent."""
    way = tunnel()
    async with upstream(tmp_path) as to:
        await way.open(to.url)
        (before,) = stand_in.pids()
        stand_in.order("lose")
        assert "without a session" in await dropped(way)
        await carries_everything(await way.open(to.url), to)
        assert stand_in.pids() != [before]
        await way.close()


async def test_an_endpoint_that_vanishes(stand_in: StandIn) -> None:
    """Somebody ended it at the agent's local API."""
    way = tunnel()
    await way.open(LOCAL)
    stand_in.order("forget")
    assert "no such endpoint" in await dropped(way)
    await way.close()


async def test_an_endpoint_at_another_address(stand_in: StandIn) -> None:
    """The address that was given out leads nowhere any more."""
    way = tunnel()
    await way.open(LOCAL)
    stand_in.order("cut")
    stand_in.order("restore", elsewhere=True)
    assert "another address" in await dropped(way)
    await way.close()


async def test_a_local_api_that_stops(stand_in: StandIn) -> None:
    """An agent that hangs is a drop too, and can still be ended."""
    way = tunnel()
    await way.open(LOCAL)
    (pid,) = stand_in.pids()
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "does not answer" in await asyncio.wait_for(way.dropped(), 15)
    finally:
        os.kill(pid, signal.SIGKILL)
    await way.close()


def held() -> tuple[int, int]:
    """How many files and threads this process has open."""
    files = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
    return files, len(threads())


async def test_opening_and_closing_leaks_nothing(stand_in: StandIn) -> None:
    """Neither a pipe nor a thread, whether it opens or not."""
    way, refused = tunnel(), tunnel("bad-token")
    counts = []
    for _ in range(2):
        await way.open(LOCAL)
        await way.close()
        await refusal(refused, errors.TunnelRefusedError)
        counts.append(held())
    assert counts[0] == counts[-1]


def test_the_end_of_the_interpreter(stand_in: StandIn) -> None:
    """A tunnel that nobody closed goes with the process, with its agent and its file."""
    code = f"""
import asyncio
from aijupyter.config import Secret
from aijupyter.tunnels.ngrok import NgrokTunnel
print(asyncio.run(NgrokTunnel(Secret("good-token"), local_apis=()).open({LOCAL!r})))
"""
    environment = {
        **os.environ,
        "TMPDIR": tempfile.gettempdir(),
        "PYTHONPATH": str(Path(aijupyter.__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert done.stdout.startswith("http://127.0.0.1:")
    assert done.stderr == ""
    until(lambda: stand_in.commands() == [])


def test_a_session_takes_the_tunnel(stand_in: StandIn) -> None:
    """With a token and a provider out there, deliveries are asked for at the public side."""
    with aijupyter.connect(client_id="a", client_secret="b", jwt="c", ngrok_token="good-token") as ai:
        assert ai.status.public_url in endpoints(stand_in.apis()[0]).values()
        assert ai.status.receiver_url.startswith("http://127.0.0.1:")
    assert stand_in.commands() == []
