"""The receiver's life: listening on a port of this machine, and letting go of it."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

from aiohttp import web

from aijupyter.errors import ReceiverError
from aijupyter.protocols import Inbox
from aijupyter.receiver.app import DELIVERY_PREFIX, MEDIA_PREFIX, make_app
from aijupyter.receiver.media import MediaShelf

# What aiohttp logs of malformed requests holds their paths, and anybody can send them by the thousand.
_silent = logging.getLogger(f"{__name__}.requests")
_silent.addFilter(lambda _: False)

SHUTDOWN_SECONDS = 2.0
MAX_HEADER_BYTES = 8190


class Receiver:
    """An HTTP server for deliveries and lent recordings. Lives in the loop that starts it."""

    def __init__(self, inbox: Inbox, *, host: str, port: int, max_body: int) -> None:
        self._inbox = inbox
        self._host = host
        self._port = port
        self._max_body = max_body
        self._runner: web.AppRunner | None = None
        self.shelf = MediaShelf()
        self.url = ""

    async def start(self) -> None:
        """Listen. Port 0 takes a free one; `url` then holds the address. Raises ReceiverError."""
        if self._runner is not None:
            return
        app = make_app(self._inbox, self.shelf, max_body=self._max_body)
        runner = web.AppRunner(
            app,
            access_log=None,
            logger=_silent,
            shutdown_timeout=SHUTDOWN_SECONDS,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            raise _cannot_listen(self._host, self._port, error) from error
        self._runner = runner
        port = runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close every connection and the port. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
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
