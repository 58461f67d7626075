"""A public URL that the user already has: a reverse proxy, a hub's proxy path, or this machine itself."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from aijupyter.errors import ConfigurationError


class FixedTunnel:
    """Nothing to open: `public_url`, or the receiver's own address where none is given."""

    def __init__(self, public_url: str | None = None) -> None:
        if public_url is not None:
            parts = urlsplit(public_url)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
                raise ConfigurationError(
                    f"The public URL {public_url!r} is no base URL.",
                    "Give one such as https://hooks.example.com/aijupyter, without a query.",
                )
        self._public_url = public_url

    async def open(self, local_url: str) -> str:
        port = str(urlsplit(local_url).port or "")
        return (self._public_url or local_url).replace("{port}", port).rstrip("/")

    async def dropped(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError  # for the type checker: the wait has no end

    async def close(self) -> None:
        return
