"""How much of everything a stranger may take."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

MOST_CONNECTIONS = 1000


def affordable_connections() -> int:
    """So many that at least half of the files that this process may open are left for others."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource  # noqa: PLC0415  # Windows has none

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else max(16, min(MOST_CONNECTIONS, files // 2))


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The receiver's limits. Those for strangers are tight; who knows a path of ours is given more time."""

    connections: int = field(default_factory=affordable_connections)
    """Open at once. One more is admitted all the same, and the longest idle one of a stranger is closed."""

    head_bytes: int = 16 << 10
    head_fields: int = 100
    head_seconds: float = 10.0
    """From a head's first byte, or from the opening of the connection, to the head's end."""

    idle_seconds: float = 120.0
    """From an answer to the next request. Proxies keep their connections for 60 to 90 s, and should close first."""

    body_seconds: float = 120.0
    body_grace_seconds: float = 10.0
    body_least_pace: float = 4096.0
    """Bytes a second that a body must have come with on average, once the grace is over."""

    linger_seconds: float = 2.0
    linger_bytes: int = 256 << 10
    """So much of a body that nobody wants is thrown away, so that its sender reads the answer; then it is cut off."""

    beat_seconds: float = 0.01
    refusals_a_beat: int = 5
    refusals_waiting: int = MOST_CONNECTIONS
    """Strangers are refused at the beat, so many at each. Those who wait cannot ask again meanwhile; whoever cannot
    even wait is cut off without a word.
    """

    accepted_at_once: int = 16
    """New connections that are taken before those that are open have their turn again."""
