"""A public URL that the user already has: a reverse proxy, a hub's proxy path, or this machine itself."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from aijupyter.errors import ConfigurationError

PORT = "{port}"
"""What stands for the receiver's port in a public URL."""


class FixedTunnel:
    """Nothing to open: `public_url`, or the receiver's own address where none is given.

    Raises ConfigurationError where the URL is none that paths can be appended to.
    """

    def __init__(self, public_url: str | None = None) -> None:
        if public_url is not None:
            check_base_url(public_url)
        self._public_url = public_url

    async def open(self, local_url: str) -> str:
        return with_port(self._public_url or local_url, urlsplit(local_url).port)

    async def dropped(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError  # for the type checker: the wait has no end

    async def close(self) -> None:
        return


def with_port(public_url: str, port: int | None) -> str:
    """A public base URL with the port put in, without a slash at its end."""
    return public_url.replace(PORT, str(port or "")).rstrip("/")


def check_base_url(public_url: str) -> None:
    """Whether paths can be appended to it, once the port is put in. Raises ConfigurationError."""
    filled = with_port(public_url, 65535)
    try:
        parts = urlsplit(filled)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        whole = whole and not (parts.query or parts.fragment or parts.username or parts.password)
    except ValueError:  # a port that is no number, a bracket too many
        whole = False
    if not whole or any(mark in filled for mark in "{}?#\\ ") or not filled.isprintable():
        raise ConfigurationError(
            f"The public URL {_shown(public_url)!r} is no base URL.",
            "Give one such as https://hooks.example.com/aijupyter, without a user, a query or a fragment. "
            "{port} in it becomes the receiver's port.",
        )


def _shown(url: str) -> str:
    """A URL without what stands before its host, which may be a password."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}".partition("?")[0]
