"""Keeping a way in open: it is found, watched, opened again when it drops, and done without where that has to be."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aijupyter.errors import AIJupyterError, ConfigurationError, TunnelError, TunnelMissingError, TunnelRefusedError
from aijupyter.jobs.dispatch import patience
from aijupyter.logs import logger
from aijupyter.protocols import Tunnel
from aijupyter.session.ways import Way

log = logger(__name__)

OPEN_SECONDS = 130.0
"""A tunnel that is not open after so long is given up. The ngrok agent may have to be downloaded."""
CLOSE_SECONDS = 10.0
GRACE_SECONDS = 60.0
RETRY_SECONDS = (30.0, 60.0, 120.0, 300.0)
NOWHERE = "https://no-deliveries.invalid"
"""The API wants a webhook; this one leads nowhere, for answers that only the status call brings."""

_LASTING = (ConfigurationError, TunnelMissingError, TunnelRefusedError)
"""What does not mend itself, and is not tried again before a person did."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the provider finds this session: base URLs for `deliveries` and for `media` (None: no files)."""

    deliveries: str = field(repr=False)
    media: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """How answers come in: the way's `name`, its `words` and `why` it was taken; whether it is `up` just now.

    `problem` says what keeps a better way from working ("" where nothing does) and `mend` what to do about it; `drops`
    is how often one was lost.
    """

    name: str
    words: str
    why: str
    up: bool
    drops: int
    problem: str
    mend: str
    public_url: str = field(repr=False)


class Gateway:
    """The way in of a session. All of it in the portal's loop, but `status`, which any thread may read.

    `ways` are tried in their order. `near` says whether the API is on this machine, and can fetch from here directly.
    `disturbed` is called when deliveries may have been lost. Where the last way has no tunnel, it stands in for one
    that has been down for `grace` seconds, and the others are tried again after each of the seconds in `retries`.
    """

    def __init__(
        self,
        ways: Sequence[Way],
        *,
        near: bool,
        disturbed: Callable[[], None],
        grace: float = GRACE_SECONDS,
        retries: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self._ways = tuple(ways)
        self._near = near
        self._grace = grace
        self._retries = tuple(retries)
        self._disturbed = disturbed
        self._local_url = ""
        self._way = self._ways[0]
        self._url: str | None = None
        self._up = asyncio.Event()
        self._drops = 0
        self._problems: dict[str, AIJupyterError] = {}
        self._spoiled: set[str] = set()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def status(self) -> GatewayStatus:
        """How answers come in now."""
        way, problems = self._way, list(self._problems.values())
        return GatewayStatus(
            name=way.name,
            words=way.words,
            why=way.why,
            up=self._up.is_set(),
            drops=self._drops,
            problem=" ".join(error.problem for error in problems),
            mend=" ".join(error.mend for error in problems),
            public_url=self._url or "",
        )

    @property
    def is_alone(self) -> bool:
        """Whether nothing but status calls brings answers."""
        return self._way.tunnel is None

    async def open(self, local_url: str) -> None:
        """Open the first way that can be opened. Raises what the best one raised where none can."""
        self._local_url = local_url
        errors = [error for way in self._ways if not self._up.is_set() and (error := await self._try(way))]
        if not self._up.is_set():
            raise errors[0]
        self._keeping = asyncio.create_task(self._keep(), name="gateway")

    async def close(self) -> None:
        """Close what is open. Idempotent."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        for way in self._ways:
            await _close(way)
        self._up.clear()

    async def reach(self) -> Reach:
        """Where the next submission's answer and recording go. Waits while a tunnel that dropped is opened again."""
        await self._up.wait()
        near = self._local_url if self._near else None
        if self._url is None:
            return Reach(NOWHERE, near)
        return Reach(self._url, self._url if self._way.lends else near)

    async def _try(self, way: Way) -> AIJupyterError | None:
        """Open one way; what was wrong where that cannot be."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                url = await way.tunnel.open(self._local_url) if way.tunnel else None
        except AIJupyterError as failure:  # the tunnel's own word, also where it is a TimeoutError
            error = failure
        except TimeoutError:
            problem = f"The way in {way.words} did not open within {OPEN_SECONDS:g} s."
            error = TunnelError(problem, "Check the network, or set another: delivery=...")
            await _close(way)
        except Exception as failure:
            log.exception("the way in %s failed", way.words)
            error = TunnelError(f"The way in {way.words} failed: {type(failure).__name__}.", "Please report this.")
            await _close(way)
        else:
            self._way, self._url = way, url
            self._problems.pop(way.name, None)
            self._up.set()
            log.info(
                "the way in is open: %s, for %s", way.words, way.why, extra={"event": "way.opened", "way": way.name}
            )
            return None
        self._problems[way.name] = error
        if isinstance(error, _LASTING):
            self._spoiled.add(way.name)
        about = {"event": "way.failed", "way": way.name, "error": type(error).__name__}
        log.warning("no way in %s: %s", way.words, error.problem, extra=about)
        return error

    async def _keep(self) -> None:
        while True:
            tunnel = self._way.tunnel
            if tunnel is not None:
                why = await _dropped(tunnel)
                about = {"event": "way.dropped", "way": self._way.name}
                log.warning("the way in %s dropped: %s", self._way.words, why, extra=about)
                self._drops += 1
                self._problems[self._way.name] = TunnelError(f"The way in {self._way.words} dropped: {why}.")
                self._up.clear()
                self._disturbed()
                await self._regain(self._way)
                self._disturbed()
            elif not await self._improve():
                return

    async def _regain(self, way: Way) -> None:
        """Open a way that dropped again, however long that takes, or until another may stand in."""
        since = time.monotonic()
        stand_in = self._ways[-1]
        for tries in itertools.count():
            await _close(way)
            if await self._try(way) is None:
                return
            if stand_in.tunnel is None and time.monotonic() - since >= self._grace:
                await self._try(stand_in)
                return
            await asyncio.sleep(patience(tries))

    async def _improve(self) -> bool:
        """While status calls stand in, try every tunnel that may open one day. False where there is none."""
        for tries in itertools.count():
            better = [way for way in self._ways if way.tunnel is not None and way.name not in self._spoiled]
            if not better:
                return False
            await asyncio.sleep(self._retries[min(tries, len(self._retries) - 1)])
            for way in better:
                if await self._try(way) is None:
                    return True
        raise AssertionError  # for the type checker: the count has no end


async def _dropped(tunnel: Tunnel) -> str:
    """When and why it dropped; one that cannot be watched is opened anew."""
    try:
        return await tunnel.dropped()
    except Exception as error:
        log.exception("a tunnel could not be watched")
        return f"it could not be watched ({type(error).__name__})"


async def _close(way: Way) -> None:
    if way.tunnel is None:
        return
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await way.tunnel.close()
    except TimeoutError:
        log.warning("the way in %s did not close within %g s", way.words, CLOSE_SECONDS)
    except Exception:
        log.exception("the way in %s could not be closed", way.words)
