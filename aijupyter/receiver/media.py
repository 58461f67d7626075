"""Recordings on loan to the provider: each under a path that nobody can guess, until it is withdrawn."""

from __future__ import annotations

import asyncio
import re
import secrets
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from aijupyter.media import stamp

SILENT = {hdrs.SERVER: ""}
"""The headers of every answer: aiohttp would name itself and its version."""

PLAIN_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")


class MediaShelf:
    """Which files are shared just now, by their names on the wire. It serves those very files and no others."""

    def __init__(self) -> None:
        self._shared: dict[str, tuple[Path, str, tuple[int, ...]]] = {}

    def share(self, path: Path, content_type: str, seen: tuple[int, ...] | None = None) -> str:
        """Share a file as it was when its stamp was `seen`, or as it is now.

        Returns the unguessable name to serve it under, with the file's own suffix.
        """
        path = path.resolve(strict=True)
        suffix = path.suffix.lower()
        name = secrets.token_urlsafe(32) + (suffix if PLAIN_SUFFIX.fullmatch(suffix) else "")
        self._shared[name] = (path, content_type, seen or stamp(path))
        return name

    def withdraw(self, name: str) -> None:
        """End the sharing. Idempotent."""
        self._shared.pop(name, None)

    async def serve(self, name: str) -> web.StreamResponse:
        """What to answer to GET and HEAD, whole or by byte ranges."""
        shared = self._shared.get(name)
        if shared is None:
            raise web.HTTPNotFound
        path, content_type, seen = shared
        try:
            now = await asyncio.to_thread(stamp, path)
        except OSError:
            raise web.HTTPNotFound from None
        if now != seen:
            raise web.HTTPConflict  # another recording than the one that was asked about
        return _ExactFile(path, headers={**SILENT, hdrs.CONTENT_TYPE: content_type, hdrs.CACHE_CONTROL: "no-store"})


class _ExactFile(web.FileResponse):
    """The file itself: aiohttp would send a compressed neighbour (`call.wav.gz`) to clients that accept one."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        headers = request.headers.copy()
        headers.popall(hdrs.ACCEPT_ENCODING, None)
        return await super().prepare(request.clone(headers=headers))
