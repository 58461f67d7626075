"""How one run of the embedded service is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import Literal

from aijupyter.service.limits import Limit

FetchFrom = Literal["loopback", "public", "any"]
FETCH_FROM: tuple[FetchFrom, ...] = ("loopback", "public", "any")

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client must show. Never in a repr."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    jwt: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Limits in bytes, times in seconds.

    `fetch_from` says whose recordings may be fetched and whose webhooks posted to: this machine's only, the public
    internet's too, or everybody's; `friends` are hosts that it may speak to besides. `scratch` is the folder for
    recordings while they are analysed. Without a `limit` nobody is held back.
    """

    fetch_from: FetchFrom = "loopback"
    friends: frozenset[str] = frozenset()
    limit: Limit | None = None
    scratch: Path = field(default_factory=lambda: Path(gettempdir()))
    token_seconds: int = 3600
    body_limit: int = 64 * MEBIBYTE
    media_limit: int = 2 * GIBIBYTE
    redirect_limit: int = 5
    connect_seconds: float = 15.0
    silence_seconds: float = 60.0
    fetch_seconds: float = 1800.0
    webhook_seconds: float = 30.0
    queue_limit: int = 1000
    kept_limit: int = 100_000
    kept_bytes: int = 2 * GIBIBYTE
    housekeeping_seconds: float = 5.0
    fetched_ahead: int = 4
    lifetime: timedelta = timedelta(days=7)
