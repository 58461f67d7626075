"""The receiver's life: listening on a port of this machine, and letting go of it."""

from __future__ import annotations

import asyncio
import errno
import logging
from functools import partial
from pathlib import Path

from aiohttp import web

from aijupyter.errors import ReceiverError
from aijupyter.protocols import Inbox
from aijupyter.receiver import turns
from aijupyter.receiver.app import DELIVERY_PREFIX, MEDIA_PREFIX, Reception
from aijupyter.receiver.connections import Gate
from aijupyter.receiver.counting import Counting, ReceiverStatus
from aijupyter.receiver.limits import Limits
from aijupyter.receiver.media import MEDIA_SECONDS, MediaShelf
from aijupyter.receiver.pacing import Beat
from aijupyter.receiver.probes import Probes

# What aiohttp logs of malformed requests holds their paths, and anybody can send them by the thousand.
_silent = logging.getLogger(f"{__name__}.requests")
_silent.addFilter(lambda _: False)

SHUTDOWN_SECONDS = 2.0
BACKLOG = 1024
"""Connections that wait in the system until they are taken; it may allow fewer."""


class Receiver:
    """An HTTP server for deliveries and lent recordings. Lives in the loop that starts it.

    Requests are taken at their paths and also below `prefix`, the path of a public URL that a proxy in front did not
    strip. A lent recording can be fetched for `media_seconds`.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        host: str,
        port: int,
        max_body: int,
        prefix: str = "",
        media_seconds: float = MEDIA_SECONDS,
        limits: Limits | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._limits = limits or Limits()
        self._server: asyncio.Server | None = None
        self._gate: Gate | None = None
        self._counting = Counting()
        self._beat = Beat(self._limits.beat_seconds, self._limits.refusals_a_beat, self._limits.refusals_waiting)
        self._probes = Probes()
        self.shelf = MediaShelf(media_seconds)
        self._reception = Reception(
            inbox,
            self.shelf,
            self._probes,
            counting=self._counting,
            beat=self._beat,
            limits=self._limits,
            max_body=max_body,
            prefix=prefix,
        )
        self.url = ""

    def snapshot(self) -> ReceiverStatus:
        """What came and what is open, as it is now. From any thread."""
        gate = self._gate
        return self._counting.read(connections=len(gate) if gate is not None else 0, lent=len(self.shelf))

    async def start(self) -> None:
        """Listen. Port 0 takes a free one; `url` then holds the address. Raises ReceiverError."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        gate = Gate(
            self._reception.answer,
            limits=self._limits,
            counting=self._counting,
            beat=self._beat,
            request_factory=partial(web.BaseRequest, loop=loop),
            access_log=None,
            logger=_silent,
            lingering_time=0.0,
            max_line_size=self._limits.head_bytes,
            max_field_size=self._limits.head_bytes,
        )
        try:
            server = await loop.create_server(gate, self._host, self._port, backlog=self._limits.accepted_at_once)
        except OSError as error:
            raise _cannot_listen(self._host, self._port, error) from error
        for listening in server.sockets:
            with listening.dup() as same:
                same.listen(BACKLOG)  # asyncio would take as many at once as may wait
        self._server, self._gate = server, gate
        turns.quicken()
        port = server.sockets[0].getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close every connection and the port. Idempotent."""
        server, self._server = self._server, None
        gate, self._gate = self._gate, None
        if server is None or gate is None:
            return
        turns.relax()
        server.close()
        gate.end()
        self._beat.stop()
        gate.pre_shutdown()
        await gate.shutdown(SHUTDOWN_SECONDS)

    def open_probe(self) -> str:
        """The name of a delivery path that echoes, for a minute, what is posted to it: a test of the way from outside.

        `delivery_url` makes a URL of it.
        """
        return self._probes.open()

    def close_probe(self, name: str) -> None:
        """End a probe. Idempotent."""
        self._probes.close(name)

    @staticmethod
    def delivery_url(base: str, path: str) -> str:
        """Where a delivery on `path` goes, below the public `base`."""
        return f"{base}{DELIVERY_PREFIX}{path}"

    def share(self, base: str, path: Path, content_type: str, seen: tuple[int, ...] | None = None) -> tuple[str, str]:
        """Lend a file out below the public `base`: its name (to withdraw it) and its URL."""
        name = self.shelf.share(path, content_type, seen)
        return name, f"{base}{MEDIA_PREFIX}{name}"


def _cannot_listen(host: str, port: int, error: OSError) -> ReceiverError:
    if error.errno == errno.EADDRINUSE:
        return ReceiverError(
            f"Port {port} on {host} is in use.",
            "Leave the port out (any free one is taken) or name another: connect(port=...) or AIJUPYTER_PORT.",
        )
    return ReceiverError(
        f"The receiver cannot listen on {host}:{port}: {error.strerror or error}.",
        "Check the settings host and port: connect(host='127.0.0.1', port=0) always works.",
    )
