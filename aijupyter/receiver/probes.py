"""Ways in that test the way: what is posted there comes back, and nobody is told of it."""

from __future__ import annotations

import secrets
import time

from aijupyter.receiver.naming import digest

PROBE_SECONDS = 60.0


class Probes:
    """The probes that are open, each for a minute."""

    def __init__(self, seconds: float = PROBE_SECONDS) -> None:
        self._seconds = seconds
        self._ends: dict[bytes, float] = {}

    def open(self) -> str:
        """The unguessable name of a new one."""
        now = time.monotonic()
        self._ends = {name: end for name, end in self._ends.items() if end > now}
        name = secrets.token_urlsafe(32)
        self._ends[digest(name)] = now + self._seconds
        return name

    def close(self, name: str) -> None:
        """End it. Idempotent."""
        self._ends.pop(digest(name), None)

    def __contains__(self, name: str) -> bool:
        return bool(self._ends) and self._ends.get(digest(name), 0.0) > time.monotonic()
