"""The budget as the contract keeps it: a sliding window for each group, and a penalty that begins again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Self

from aijupyter.errors import ConfigurationError
from aijupyter.service.answers import RefusalError, refused

WINDOW_SECONDS = 60.0
HEAVY = "heavy"
AUTH = "auth"
NO_LIMIT = {"X-Rate-Limit-Limit": "100000", "X-Rate-Limit-Remaining": "99999", "X-Rate-Limit-Window": "60"}
"""What is told with every answer where nobody is held back."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many `requests` within any `seconds`; the token call has half as many. A penalty lasts one window."""

    requests: int = 10
    seconds: float = WINDOW_SECONDS

    @classmethod
    def parse(cls, text: str) -> Self:
        """`10` or `10/60`. Raises ConfigurationError."""
        number, _, seconds = text.partition("/")
        try:
            limit = cls(int(number), float(seconds or WINDOW_SECONDS))
        except ValueError:
            limit = cls(0)
        if limit.requests < 1 or not 1 <= limit.seconds <= 86400:  # noqa: PLR2004  # a day
            raise ConfigurationError(
                f"The limit is {text!r}.", "Give how many requests go in how many seconds (1 to 86400): 10/60, or 10."
            )
        return limit

    def of(self, group: str) -> int:
        """How many requests of this group go in a window: the contract has 10 heavy ones and 5 of auth."""
        return ceil(self.requests / 2) if group == AUTH else self.requests


@dataclass(slots=True)
class _Window:
    taken: deque[float] = field(default_factory=deque)
    silent_until: float = 0.0


class Limiter:
    """Counts the requests of the one account that there is, group by group. Without a limit it lets all pass."""

    def __init__(self, limit: Limit | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._windows = {HEAVY: _Window(), AUTH: _Window()}

    def admit(self, group: str) -> None:
        """Count a request. Raises RefusalError (429) for one too many, and for any within a penalty."""
        if self._limit is None:
            return
        window, now = self._moved(group)
        if now < window.silent_until or len(window.taken) >= self._limit.of(group):
            raise self.penalise(group)
        window.taken.append(now)

    def penalise(self, group: str) -> RefusalError:
        """Begin the penalty, or begin it again; the refusal to raise."""
        seconds = self._limit.seconds if self._limit is not None else 1.0
        if self._limit is not None:
            self._windows[group].silent_until = self._clock() + seconds
        return refused(
            429,
            "CMN-301",
            "Request rate exceeded. Any request before Retry-After begins the penalty again",
            headers={"Retry-After": str(ceil(seconds))},
        )

    def headers(self, group: str) -> dict[str, str]:
        """What an answer says of its group."""
        told = {"X-Rate-Limit-Group": group}
        if self._limit is None:
            return told | NO_LIMIT
        window, now = self._moved(group)
        most = self._limit.of(group)
        left = 0 if now < window.silent_until else max(0, most - len(window.taken))
        return told | {
            "X-Rate-Limit-Limit": str(most),
            "X-Rate-Limit-Remaining": str(left),
            "X-Rate-Limit-Window": str(ceil(self._limit.seconds)),
        }

    def _moved(self, group: str) -> tuple[_Window, float]:
        """The group's window as it is now."""
        window, now = self._windows[group], self._clock()
        assert self._limit is not None  # noqa: S101  # for the type checker
        while window.taken and window.taken[0] <= now - self._limit.seconds:
            window.taken.popleft()
        return window, now
