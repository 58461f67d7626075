"""Connections from outside: how many, for how long, and what may come on them.

They all come from one address where a tunnel ends here, so nothing is counted by address. What tells the provider from
a stranger is a request on a path of ours.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter

from aijupyter.receiver.answers import Answer, head
from aijupyter.receiver.counting import Counting
from aijupyter.receiver.framing import Framing, MalformedError
from aijupyter.receiver.limits import Limits
from aijupyter.receiver.pacing import Beat
from aijupyter.receiver.refusals import Reason, RefusedError

NEVER = float("inf")
_MALFORMED = head(HTTPStatus.BAD_REQUEST, (("Content-Length", "0"),), close=True)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(web.RequestHandler):
    """One connection. aiohttp's reader is handed whole heads of well-formed requests, one request at a time."""

    __slots__ = (
        "_busy", "_deaf", "_framing", "_gate", "_known", "_limits", "_lingered", "_lingering",
        "content", "deadline", "headed_at",
    )  # fmt: skip

    def __init__(self, gate: Gate, limits: Limits, **options: Any) -> None:
        super().__init__(gate, **options)
        self._gate = gate
        self._limits = limits
        self._framing = Framing(limits.head_bytes, limits.head_fields)
        self._busy = False
        """A request has not been answered yet."""
        self._known = False
        """It is on a path of ours."""
        self._deaf = False
        self._lingered = 0
        self._lingering: asyncio.Future[None] | None = None
        self.content: StreamReader | None = None
        """The body that is being read."""
        self.headed_at = 0.0
        """When the head of the request had come, on the loop's clock."""
        self.deadline = self._loop.time() + limits.head_seconds
        """When the connection is closed if nothing more happens."""

    @property
    def known(self) -> bool:
        """Whether the request under way is on a path of ours."""
        return self._known

    @property
    def ending(self) -> bool:
        """Whether the answer to come is the last one."""
        return self._deaf

    def know(self) -> None:
        """The request under way is on a path of ours: it is not cut off to make room."""
        self._known = True
        if self.transport is not None:
            self._gate.hold(self)

    def data_received(self, data: bytes) -> None:
        """Look at what came before aiohttp does, which calls this itself, with nothing, to go on with what it has."""
        if not data:
            super().data_received(data)
        elif not self._deaf:
            self._take(bytes(data))

    def _take(self, data: bytes) -> None:
        """Hand on what is well-formed."""
        framing = self._framing
        if self._lingering is not None:
            self._throw_away(data)
            return
        if framing.complete:
            if self._busy:  # a request behind the one that is not answered yet
                self._deaf = True
                return
            framing.restart()
        headed, begun = framing.headed, framing.begun
        try:
            data = framing.feed(data)
        except MalformedError:
            self._refuse()
            return
        if not headed:
            self._head_came(begun)
        if data:
            super().data_received(data)

    def _head_came(self, begun: bool) -> None:
        now = self._loop.time()
        if self._framing.headed:
            self._busy, self._known = True, False
            self.headed_at, self.deadline = now, NEVER
        elif not begun:
            self.deadline = now + self._limits.head_seconds

    def _refuse(self) -> None:
        """Answer what is malformed, when its turn has come."""
        if self._busy and self.content is not None:  # the body is; whoever reads it says so
            self.content.set_exception(RefusedError(Reason.MALFORMED))
            self._deaf = True
            return
        self._gate.counting.refused(Reason.MALFORMED)
        if self._busy:
            self.cut()
            return
        self._deaf, self.deadline = True, NEVER
        if not self._gate.beat.book(self._say_malformed):
            self.cut()

    def _say_malformed(self) -> None:
        if self.transport is not None:
            self.transport.write(_MALFORMED)
            self.force_close()

    def give_up(self) -> None:
        """Its time is over."""
        if self._framing.begun and not self._framing.headed:
            self._gate.counting.refused(Reason.TOO_SLOW)
        self.force_close()

    def cut(self) -> None:
        """End it at once, without a word."""
        self._deaf = True
        transport = self.transport
        self.force_close()
        if transport is not None:
            transport.abort()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; from then on the connection is idle."""
        try:
            answered = await super().finish_response(request, resp, start_time)
        finally:
            self._busy, self.content = False, None
            self.deadline = self._loop.time() + self._limits.idle_seconds
            self._gate.rest(self, known=self._known)
        if not self._framing.complete and not self._deaf and self.transport is not None:
            await self._linger(self.transport)
        return answered

    async def _linger(self, transport: asyncio.Transport) -> None:
        """Throw away, for a moment, what comes of a body that nobody wants, so that its sender reads the answer."""
        self._lingering = self._loop.create_future()
        transport.resume_reading()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger_seconds):
                await self._lingering

    def _throw_away(self, data: bytes) -> None:
        self._lingered += len(data)
        with suppress(MalformedError):
            self._framing.feed(data)
            if not self._framing.complete and self._lingered <= self._limits.linger_bytes:
                return
        self._deaf = True
        self._stop_lingering()

    def _stop_lingering(self) -> None:
        if self._lingering is not None and not self._lingering.done():
            self._lingering.set_result(None)

    def close(self) -> None:
        """Take nothing more, and end when what is under way has been answered."""
        super().close()
        self._stop_lingering()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nobody is there any more."""
        super().connection_lost(exc)
        self._stop_lingering()

    def handle_error(self, *_: Any, **__: Any) -> web.StreamResponse:
        """What aiohttp itself refuses is answered like all that is malformed."""
        self._gate.counting.refused(Reason.MALFORMED)
        return _Late(self._gate.beat)


class _Late(Answer):
    """A refusal that waits for its turn."""

    def __init__(self, beat: Beat) -> None:
        super().__init__(HTTPStatus.BAD_REQUEST, close=True)
        self._beat = beat

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Wait, and send it."""
        if not await self._beat.turn():
            raise ConnectionResetError
        return await super().prepare(request)


class Gate(web.Server):
    """All connections. A newcomer is always admitted: where they are too many, a stranger's is closed instead, the
    one that was idle longest. Those on which the provider was heard are closed only when no stranger's is left.
    """

    def __init__(self, handler: Handler, *, limits: Limits, counting: Counting, beat: Beat, **options: Any) -> None:
        super().__init__(handler, **options)
        self.counting = counting
        self.beat = beat
        self._limits = limits
        self._options = options
        self._strangers: OrderedDict[Connection, None] = OrderedDict()
        self._known: OrderedDict[Connection, None] = OrderedDict()
        self._held: dict[Connection, None] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._strangers) + len(self._known) + len(self._held)

    def __call__(self) -> Connection:
        """A connection that is about to be made."""
        options = {name: value for name, value in self._options.items() if name != "request_factory"}
        return Connection(self, self._limits, loop=asyncio.get_running_loop(), **options)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Admit a newcomer."""
        super().connection_made(handler, transport)
        self._strangers[cast("Connection", handler)] = None
        if len(self) > self._limits.connections:
            self._make_room()
        if self._sweeping is None:
            self._wind()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forget it."""
        super().connection_lost(handler, exc)
        self._drop(cast("Connection", handler))

    def hold(self, connection: Connection) -> None:
        """Its request is on a path of ours."""
        self._drop(connection)
        self._held[connection] = None

    def rest(self, connection: Connection, *, known: bool) -> None:
        """It was answered, and is now the one that was idle least."""
        if connection.transport is not None:
            self._drop(connection)
            (self._known if known else self._strangers)[connection] = None

    def end(self) -> None:
        """Look after nothing any more."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def _drop(self, connection: Connection) -> None:
        for group in (self._strangers, self._known, self._held):
            group.pop(connection, None)

    def _make_room(self) -> None:
        oldest = next(iter(self._strangers))
        if len(self._strangers) == 1:  # the newcomer itself
            if not self._known:
                return
            oldest = next(iter(self._known))
        self._drop(oldest)
        self.counting.refused(Reason.CONNECTIONS)
        oldest.cut()

    def _wind(self) -> None:
        seconds = min(1.0, self._limits.head_seconds / 4)
        self._sweeping = asyncio.get_running_loop().call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        """Close what has taken too long."""
        self._sweeping = None
        now = asyncio.get_running_loop().time()
        for connection in [*self._strangers, *self._known]:
            if connection.deadline <= now:
                connection.give_up()
        if len(self):
            self._wind()
