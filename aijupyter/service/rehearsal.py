"""A rehearsal: the service misbehaves as the provider does, and the same seed misbehaves in the same way.

What befalls a job depends on the seed and on how many jobs came before it, and what befalls a request on how many
requests did, so that a run with the same seed and the same requests in the same order is the same run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Self

from aijupyter.errors import ConfigurationError

SHARES: Mapping[str, float] = {
    "lost": 0.08,
    "twice": 0.10,
    "late": 0.25,
    "slow": 0.15,
    "nameless": 0.10,
    "early": 0.10,
    "unanswered": 0.04,
}
"""Of a hundred jobs, so many meet this; most meet none."""

EXPIRED_SHARE = 0.02
PENALTY_SHARE = 0.005
UNAVAILABLE_SHARE = 0.05
CALM_REQUESTS = 40
"""After a token was withdrawn or a penalty began, so many requests meet neither."""

_WORDS = {
    "lost": "posted never",
    "twice": "posted twice",
    "late": "posted late, behind others",
    "slow": "in progress for long",
    "nameless": "posted without a jobId",
    "early": "posted before the 202",
    "unanswered": "accepted, and answered 502",
    "expired": "tokens withdrawn",
    "penalty": "penalties out of the blue",
    "unavailable": "calls answered 503",
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What befalls one job. It stays in progress for `slow_seconds` when it is done, and its answer is posted
    `late_seconds` after that, `copies` times. `early` keeps back the 202 until it was; `unanswered` answers 502
    instead, as a gateway does that lost its patience, and the answer comes all the same.
    """

    slow_seconds: float = 0.0
    late_seconds: float = 0.0
    copies: int = 1
    nameless: bool = False
    early: bool = False
    unanswered: bool = False


PLAIN = Fate()
"""What befalls a job outside of rehearsals."""


class Rehearsal:
    """The plan of one rehearsal. `longest_seconds` is the longest that anything is held back."""

    def __init__(self, seed: str, longest_seconds: float = 20.0) -> None:
        self.seed = seed
        self.longest_seconds = longest_seconds
        self._jobs = 0
        self._requests = 0
        self._calm_until = CALM_REQUESTS
        self._done: Counter[str] = Counter()

    @classmethod
    def parse(cls, text: str) -> Self:
        """`SEED` or `SEED/SECONDS`. Raises ConfigurationError."""
        seed, _, seconds = text.partition("/")
        try:
            longest = float(seconds or 20.0)
        except ValueError:
            longest = -1.0
        if not seed or not 0 <= longest <= 3600:  # noqa: PLR2004  # an hour
            raise ConfigurationError(
                f"The rehearsal is {text!r}.", "Give a seed, and perhaps the longest delay in seconds: 7, or 7/20."
            )
        return cls(seed, longest)

    def next_fate(self) -> Fate:
        """What befalls the job that was accepted just now."""
        self._jobs += 1
        dice = Random(f"{self.seed} job {self._jobs}")  # noqa: S311  # to be repeated, not to be secret
        met = {name for name, share in SHARES.items() if dice.random() < share}
        if met & {"early", "unanswered"}:
            met -= {"lost", "late", "slow"}
        if "unanswered" in met:
            met -= {"early"}
        if "lost" in met:
            met -= {"twice", "late", "nameless"}
        self._done.update(met)
        return Fate(
            slow_seconds=dice.uniform(0.2, 1) * self.longest_seconds if "slow" in met else 0.0,
            late_seconds=dice.uniform(0.2, 1) * self.longest_seconds if "late" in met else 0.0,
            copies=0 if "lost" in met else 2 if "twice" in met else 1,
            nameless="nameless" in met,
            early="early" in met,
            unanswered="unanswered" in met,
        )

    def next_trouble(self, *, reads: bool) -> str | None:
        """What befalls the next request: `expired`, `penalty`, `unavailable` (only where it `reads`), or nothing."""
        self._requests += 1
        dice = Random(f"{self.seed} request {self._requests}").random()  # noqa: S311
        if self._requests > self._calm_until and dice < EXPIRED_SHARE + PENALTY_SHARE:
            self._calm_until = self._requests + CALM_REQUESTS
            return self._count("expired" if dice < EXPIRED_SHARE else "penalty")
        return self._count("unavailable") if reads and dice > 1 - UNAVAILABLE_SHARE else None

    def report(self) -> str:
        """What it did, for the person who started it."""
        done = [f"{self._done[name]} {words}" for name, words in _WORDS.items() if self._done[name]]
        return (
            f"Rehearsal {self.seed}: {self._jobs} jobs, {self._requests} requests; {', '.join(done) or 'no trouble'}."
        )

    def _count(self, name: str) -> str:
        self._done[name] += 1
        return name
