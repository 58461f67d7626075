"""What came and what became of it, in numbers."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from aijupyter.models import Verdict
from aijupyter.receiver.refusals import Reason

SECONDS_KEPT = 1000


def _nothing() -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class ReceiverStatus:
    """The receiver at one moment.

    `kept` counts deliveries by verdict, `refused` requests by reason (see refusals.Reason), both since the receiver was
    made. `seconds` has how long the last thousand kept deliveries took, from their head to their answer.
    """

    kept: Mapping[str, int] = field(default_factory=_nothing)
    refused: Mapping[str, int] = field(default_factory=_nothing)
    seconds: Sequence[float] = ()
    connections: int = 0
    """Open now."""
    lent: int = 0
    """Recordings on loan now."""
    probes: int = 0
    """Bodies that were echoed to whoever tests the way from outside."""


class Counting:
    """Counts in the receiver's loop, and is read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._seconds: deque[float] = deque(maxlen=SECONDS_KEPT)
        self._probes = 0

    def kept(self, verdict: Verdict, seconds: float) -> None:
        """One more delivery is durable."""
        with self._lock:
            self._kept[verdict.value] += 1
            self._seconds.append(seconds)

    def refused(self, reason: Reason) -> None:
        """One more request came to nothing."""
        with self._lock:
            self._refused[reason.value] += 1

    def probed(self) -> None:
        """One more body was echoed."""
        with self._lock:
            self._probes += 1

    def read(self, *, connections: int, lent: int) -> ReceiverStatus:
        """All of it as it is now."""
        with self._lock:
            return ReceiverStatus(
                kept=MappingProxyType(dict(self._kept)),
                refused=MappingProxyType(dict(self._refused)),
                seconds=tuple(self._seconds),
                connections=connections,
                lent=lent,
                probes=self._probes,
            )
