"""The receiver's life: listening on a port of this machine, and letting go of it."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from aiohttp import web

from aijupyter.errors import ReceiverError
from aijupyter.protocols import Inbox
from aijupyter.receiver import turns
from aijupyter.receiver.app import DELIVERY_PREFIX, MEDIA_PREFIX, Reception
from aijupyter.receiver.media import MediaShelf

# What aiohttp logs of malformed requests holds their paths, and anybody can send them by the thousand.
_silent = logging.getLogger(f"{__name__}.requests")
_silent.addFilter(lambda _: False)

SHUTDOWN_SECONDS = 2.0
MAX_HEADER_BYTES = 8190


class Receiver:
    """An HTTP server for deliveries and lent recordings. Lives in the loop that starts it."""

    def __init__(self, inbox: Inbox, *, host: str, port: int, max_body: int) -> None:
        self._host = host
        self._port = port
        self._max_body = max_body
        self._runner: web.ServerRunner | None = None
        self.shelf = MediaShelf()
        self._reception = Reception(inbox, self.shelf)
        self.url = ""

    @property
    def counts(self) -> Mapping[str | int, int]:
        """How many deliveries were kept, by Verdict, and how many requests were refused, by status; 0 for the rest."""
        return self._reception.counts

    async def start(self) -> None:
        """Listen. Port 0 takes a free one; `url` then holds the address. Raises ReceiverError."""
        if self._runner is not None:
            return
        loop = asyncio.get_running_loop()
        server = web.Server(
            self._reception.answer,
            request_factory=partial(web.BaseRequest, loop=loop, client_max_size=self._max_body),
            access_log=None,
            logger=_silent,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            raise _cannot_listen(self._host, self._port, error) from error
        self._runner = runner
        turns.quicken()
        port = runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close every connection and the port. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            turns.relax()
            await runner.cleanup()

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
