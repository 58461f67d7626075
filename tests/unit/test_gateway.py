"""The gateway: a way in is found, watched, opened again, and done without where that has to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from until import eventually

from aijupyter.config import Secret, Settings
from aijupyter.errors import (
    AIJupyterError,
    ConfigurationError,
    TunnelError,
    TunnelMissingError,
    TunnelRefusedError,
    TunnelTimeoutError,
)
from aijupyter.session.gateway import NOWHERE, Gateway, Reach
from aijupyter.session.ways import Way, ways_in

LOCAL = "http://127.0.0.1:8123"
SECONDS = 5.0


class Tube:
    """A tunnel that leads nowhere, and does what it is told: `error` keeps it from opening, `drop` cuts it."""

    def __init__(self, *urls: str) -> None:
        self.urls = list(urls) or ["https://tube.example"]
        self.error: Exception | None = None
        self.opened = 0
        self.is_open = False
        self._cut = asyncio.Event()

    async def open(self, local_url: str) -> str:
        """The next URL, or the last one again."""
        assert local_url == LOCAL
        self.opened += 1
        if self.error is not None:
            raise self.error
        self._cut.clear()
        self.is_open = True
        return self.urls.pop(0) if len(self.urls) > 1 else self.urls[0]

    async def dropped(self) -> str:
        """When it is cut."""
        await self._cut.wait()
        return "it was cut"

    async def close(self) -> None:
        """No more."""
        self.is_open = False

    def drop(self) -> None:
        """Cut it."""
        self._cut.set()


def way(tube: Tube | None, name: str = "tube", *, lends: bool = True) -> Way:
    """A way through a tube, or by status calls."""
    return Way(name, f"through {name}", "the test says so", tube, lends)


STATUS = way(None, "status", lends=False)


@asynccontextmanager
async def opened(
    *ways: Way, near: bool = False, disturbed: Callable[[], None] = bool, **times: Any
) -> AsyncIterator[Gateway]:
    """An open gateway."""
    gateway = Gateway(ways, near=near, disturbed=disturbed, **times)
    await gateway.open(LOCAL)
    try:
        yield gateway
    finally:
        await gateway.close()
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "gateway"]


async def test_the_first_way_that_opens_is_taken() -> None:
    """What does not open is told as the problem, and the next one is tried."""
    broken, good = Tube(), Tube("https://good.example")
    broken.error = TunnelError("The agent is not installed.")
    async with opened(way(broken, "ngrok"), way(good, "ssh"), STATUS) as gateway:
        assert await gateway.reach() == Reach("https://good.example", "https://good.example")
        status = gateway.status
        assert (status.name, status.up, status.drops) == ("ssh", True, 0)
        assert "not installed" in status.problem
    assert not good.is_open


async def test_without_any_way_the_error_is_the_best_ones() -> None:
    """A way that was asked for by name must open."""
    broken = Tube()
    broken.error = TunnelError("The agent is not installed.", "Install it.")
    gateway = Gateway([way(broken)], near=False, disturbed=bool)
    with pytest.raises(TunnelError, match="not installed"):
        await gateway.open(LOCAL)


@pytest.mark.parametrize(
    ("error", "said"),
    [(TunnelTimeoutError("The agent was too slow.", "Wait."), "too slow"), (OSError("a bug"), "failed: OSError")],
)
async def test_what_a_tunnel_says_is_told(error: Exception, said: str) -> None:
    """In its own words, also where it took too long; and what nobody expected is no end of the session."""
    tube = Tube()
    tube.error = error
    async with opened(way(tube), STATUS) as gateway:
        assert gateway.is_alone
        assert said in gateway.status.problem
        assert gateway.status.mend


async def test_a_tunnel_that_cannot_be_watched() -> None:
    """It is taken for one that dropped, and opened again."""

    class Blind(Tube):
        async def dropped(self) -> str:
            if self.opened == 1:
                raise OSError("a bug")
            return await super().dropped()

    tube = Blind()
    async with opened(way(tube)) as gateway:
        await eventually(lambda: tube.opened == 2 and gateway.status.up)
        assert gateway.status.drops == 1


async def test_status_calls_stand_in_and_make_room() -> None:
    """Where no tunnel opens, answers are asked for; a tunnel that opens later takes over."""
    tube = Tube()
    tube.error = TunnelError("No network.")
    async with opened(way(tube), STATUS, retries=[0.01]) as gateway:
        assert gateway.is_alone
        assert await gateway.reach() == Reach(NOWHERE, None)
        tube.error = None
        await eventually(lambda: not gateway.is_alone)
        assert (await gateway.reach()).deliveries == "https://tube.example"
        assert gateway.status.problem == ""


@pytest.mark.parametrize(
    "error", [TunnelRefusedError("The token is wrong."), TunnelMissingError("asyncssh is not installed.")]
)
async def test_what_cannot_mend_itself_is_not_tried_again(error: AIJupyterError) -> None:
    """A wrong token is shown to the tunnel's provider once, and not every half minute."""
    tube = Tube()
    tube.error = error
    async with opened(way(tube), STATUS, retries=[0.001]) as gateway:
        await asyncio.wait_for(asyncio.gather(gateway._keeping), SECONDS)
        assert tube.opened == 1


async def test_a_tunnel_that_drops_comes_back() -> None:
    """Submissions wait meanwhile; a changed URL is used for the next ones; lost deliveries are asked for."""
    tube = Tube("https://one.example", "https://two.example")
    disturbances: list[int] = []
    async with opened(way(tube), disturbed=lambda: disturbances.append(1)) as gateway:
        assert (await gateway.reach()).deliveries == "https://one.example"
        tube.error = TunnelError("No network.")
        tube.drop()
        await eventually(lambda: tube.opened == 2)
        assert not gateway.status.up
        assert "No network" in gateway.status.problem
        waiting = asyncio.create_task(gateway.reach())
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        tube.error = None
        assert (await asyncio.wait_for(waiting, SECONDS)).deliveries == "https://two.example"
        assert gateway.status.drops == 1
        assert gateway.status.problem == ""
        await eventually(lambda: len(disturbances) == 2)


async def test_a_tunnel_that_stays_away_is_done_without() -> None:
    """After a while status calls stand in, and make room again when it is back."""
    tube = Tube()
    async with opened(way(tube), STATUS, grace=0.0, retries=[0.01]) as gateway:
        tube.error = TunnelError("No network.")
        tube.drop()
        await eventually(lambda: gateway.is_alone)
        assert await gateway.reach() == Reach(NOWHERE, None)
        tube.error = None
        await eventually(lambda: not gateway.is_alone)
        assert gateway.status.drops == 1


async def test_closing_while_it_is_opened_again() -> None:
    """A tunnel that is down does not keep a session from closing."""
    tube = Tube()
    async with opened(way(tube)) as gateway:
        tube.error = TunnelError("No network.")
        tube.drop()
        await eventually(lambda: tube.opened == 2)
    await gateway.close()


@pytest.mark.parametrize(
    ("near", "lends", "media"),
    [(True, True, "https://tube.example"), (True, False, LOCAL), (False, False, None)],
)
async def test_who_can_fetch_files(near: bool, lends: bool, media: str | None) -> None:
    """Through the way where it lends, directly from an API on this machine, else nobody."""
    async with opened(way(Tube(), lends=lends), near=near) as gateway:
        assert await gateway.reach() == Reach("https://tube.example", media)


async def test_no_url_is_in_a_repr() -> None:
    """What leads to this kernel is not shown by accident."""
    async with opened(way(Tube("https://unguessable.example"))) as gateway:
        assert "unguessable" not in f"{gateway.status!r} {await gateway.reach()!r}"


ACCOUNT: dict[str, Any] = {"client_id": "a", "client_secret": Secret("b"), "jwt": Secret("c")}
FAR = "https://platform.ringcentral.com"
NGROK = {"ngrok_token": Secret("n")}


@pytest.mark.parametrize(
    ("settings", "server", "names"),
    [
        ({}, FAR, ["direct"]),
        ({"public_url": "https://me.example", "delivery": "status"}, FAR, ["direct"]),
        (ACCOUNT, FAR, ["status"]),
        (ACCOUNT, LOCAL, ["direct"]),
        ({**ACCOUNT, **NGROK}, LOCAL, ["direct"]),
        ({**ACCOUNT, **NGROK}, FAR, ["ngrok", "status"]),
        ({**ACCOUNT, **NGROK, "ssh": "me@host"}, FAR, ["ssh", "ngrok", "status"]),
        ({**ACCOUNT, **NGROK, "public_url": "https://me.example"}, FAR, ["fixed"]),
        ({**ACCOUNT, "public_url": "https://me.example", "ssh": "me@host"}, FAR, ["ssh", "status"]),
        ({**ACCOUNT, **NGROK, "delivery": "ngrok"}, LOCAL, ["ngrok"]),
        ({**ACCOUNT, "ssh": "me@host", "delivery": "ssh"}, LOCAL, ["ssh"]),
        ({**ACCOUNT, "public_url": "https://me.example", "delivery": "shared"}, FAR, ["shared"]),
        ({**ACCOUNT, "public_url": "https://me.example", "delivery": "fixed"}, LOCAL, ["fixed"]),
        ({**ACCOUNT, **NGROK, "delivery": "status"}, FAR, ["status"]),
    ],
)
def test_which_ways_there_are(settings: dict[str, Any], server: str, names: list[str]) -> None:
    """`auto` takes what the settings make possible, and each says why."""
    ways = ways_in(Settings(**settings), server)
    assert [one.name for one in ways] == names
    assert all(one.why for one in ways)
    assert not any(secret in f"{ways!r}" for secret in ("'n'", "'b'", "'c'"))


@pytest.mark.parametrize(
    ("delivery", "mend"),
    [
        ("fixed", "AIJUPYTER_PUBLIC_URL"),
        ("shared", "AIJUPYTER_PUBLIC_URL"),
        ("ssh", "AIJUPYTER_SSH"),
        ("ngrok", "NGROK_AUTHTOKEN"),
    ],
)
def test_a_named_way_needs_its_setting(delivery: str, mend: str) -> None:
    """What is missing is said with how to give it."""
    with pytest.raises(ConfigurationError, match=delivery) as caught:
        ways_in(Settings(**ACCOUNT, delivery=delivery), FAR)
    assert mend in caught.value.mend
