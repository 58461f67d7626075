"""What every request passes before it is served: its token, the account's budget and, in a rehearsal, trouble."""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from aijupyter.service.answers import RefusalError, invalid, refused
from aijupyter.service.limits import AUTH, HEAVY, Limiter
from aijupyter.service.rehearsal import Rehearsal
from aijupyter.service.tokens import Tokens

TOKEN = "/restapi/oauth/token"  # noqa: S105  # a path


class Door:
    """Lets requests in."""

    def __init__(self, tokens: Tokens, limiter: Limiter, rehearsal: Rehearsal | None) -> None:
        self._tokens = tokens
        self._limiter = limiter
        self._rehearsal = rehearsal

    async def grant(self, request: web.Request) -> dict[str, Any]:
        """The token call's answer. Raises RefusalError: 400, 401, 429."""
        self._limiter.admit(AUTH)
        form = dict(parse_qsl((await request.read()).decode(errors="replace")))
        return self._tokens.grant(request.headers.get("Authorization"), form)

    def enter(self, request: web.Request) -> None:
        """Raises RefusalError: 401, 429; in a rehearsal also 503."""
        self._tokens.check(request.headers.get("Authorization"))
        self._limiter.admit(HEAVY)
        trouble = self._rehearsal and self._rehearsal.next_trouble(reads=request.method == "GET")
        if trouble == "expired":
            raise self._tokens.withdraw()
        if trouble == "penalty":
            raise self._limiter.penalise(HEAVY)
        if trouble == "unavailable":
            raise refused(503, "CMN-211", "Service is temporarily unavailable")

    def budget(self, request: web.Request) -> Mapping[str, str]:
        """What an answer says of the budget."""
        return self._limiter.headers(AUTH if request.path == TOKEN else HEAVY)


async def json_object(request: web.Request) -> dict[str, Any]:
    """The body. Raises RefusalError: 400, 415."""
    if request.content_type != "application/json":
        raise refused(415, "CMN-415", "The body should be application/json")
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise refused(400, "CMN-101", "The body is not valid JSON") from None
    if not isinstance(body, dict):
        raise refused(400, "CMN-101", "The body should be a JSON object")
    return body


async def write_content(content: str, file: Path, *, durably: bool = False) -> None:
    """Write what the base64 `content` holds into `file`. Raises RefusalError (400) where it is no base64."""
    try:
        await asyncio.to_thread(_decode, content, file, durably)
    except ValueError:
        raise RefusalError(400, [invalid("content", "It should be base64")]) from None


def _decode(content: str, file: Path, durably: bool) -> None:
    decoded = b64decode(content, validate=True)
    try:
        with file.open("wb") as target:
            target.write(decoded)
            if durably:
                target.flush()
                os.fsync(target.fileno())
    except OSError:
        file.unlink(missing_ok=True)
        raise
