"""Whether an endpoint of ngrok's is still there, seen from this machine alone: requests from outside are counted."""

from __future__ import annotations

import time

from aijupyter.errors import TunnelError
from aijupyter.tunnels.ngrok_agent import Endpoint

API_EVERY = 5
"""The local API is asked once in so many looks; a process and its log cost nothing."""
MOST_ABSENCES = 2
"""After so many answers in a row without our endpoint, or without an answer, it is gone."""

_LOST = ("session closed, starting reconnect loop", "failed to reconnect session", "heartbeat timeout")
_BACK = "client session established"


class Watch:
    """Looks at one endpoint, again and again. Blocks for as long as the local API does."""

    def __init__(self, endpoint: Endpoint, grace: float) -> None:
        self._endpoint = endpoint
        self._grace = grace
        self._lost_since: float | None = None
        self._looks = 0
        self._absences = 0

    def look(self) -> str:
        """Why the endpoint leads nowhere any more; "" while it does."""
        self._looks += 1
        if not self._endpoint.agent.is_alive:
            return f"the ngrok agent ended with status {self._endpoint.agent.process.proc.returncode}"
        return self._session() or (self._listing() if self._looks % API_EVERY == 0 else "")

    def _session(self) -> str:
        """The agent mends a lost session by itself, mostly."""
        if not self._is_lost():
            self._lost_since = None
            return ""
        now = time.monotonic()
        self._lost_since = now if self._lost_since is None else self._lost_since
        if now - self._lost_since < self._grace:
            return ""
        return f"the ngrok agent has been without a session for {now - self._lost_since:.0f} s"

    def _is_lost(self) -> bool:
        """By the last that its log says of it. The log of another process' agent is not known."""
        process = self._endpoint.agent.process
        for log in reversed(list(process.logs) if process is not None else []):
            said = log.msg or ""
            if said.startswith(_LOST):
                return True
            if _BACK in said:
                return False
        return False

    def _listing(self) -> str:
        try:
            url = self._endpoint.agent.endpoints().get(self._endpoint.name, "")
        except TunnelError:
            return self._absent("the local API of the ngrok agent does not answer")
        if not url:
            return self._absent("the ngrok agent has no such endpoint any more")
        if url.rstrip("/") != self._endpoint.url:
            return "its endpoint has another address now"
        self._absences = 0
        return ""

    def _absent(self, why: str) -> str:
        self._absences += 1
        return why if self._absences >= MOST_ABSENCES else ""
