"""How one run of the embedded service is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import Literal

FetchFrom = Literal["loopback", "any"]

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

    `fetch_from` says where recordings may be fetched from: this machine only, or anywhere. `scratch` is the folder for
    recordings while they are analysed.
    """

    fetch_from: FetchFrom = "loopback"
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
    kept_limit: int = 1000
    kept_bytes: int = 256 * MEBIBYTE
    fetched_ahead: int = 4
    lifetime: timedelta = timedelta(days=7)
