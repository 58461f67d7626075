"""Which of several things goes on while something lasts: overlaps of stretches of time, for many at once.

How long a label covers a stretch is a difference of two values of its running total, which is piecewise linear. So each
label takes one interpolation over all stretches, however many overlap, and 30,000 words take milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aijupyter.results.frames import column, text

Times = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

NEAR_SECONDS = 0.5
"""What overlaps with nothing belongs to what is nearest, up to so far away."""
A_MOMENT = 0.0005
"""Half the length of what has none, so that it can overlap with something."""
EQUAL = 1e-6
"""Overlaps that differ by less, in seconds, are equal."""


@dataclass(frozen=True)
class Stretches:
    """Labelled stretches of time, those without a label or a time left out. Times are in seconds.

    `labels` are in the order in which they begin; `places` says for each stretch which is its own.
    """

    labels: tuple[str, ...]
    places: Places
    starts: Times
    ends: Times
    weights: Times

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]], labels: Sequence[Any], weight: str = "confidence") -> Stretches:
        """Stretches of rows with `start` and `end`; `weight` is a number of theirs, which may be missing."""
        starts, ends = times_of(rows)
        names = [text(label) for label in labels]
        known = np.isfinite(starts) & np.isfinite(ends) & np.array([name is not None for name in names], dtype=bool)
        order = np.flatnonzero(known)
        order = order[np.argsort(starts[order], kind="stable")]
        told = [names[place] for place in order]
        place_of = {name: place for place, name in enumerate(dict.fromkeys(told))}
        weights = np.asarray(column("float64", [row.get(weight) for row in rows]))
        places = np.array([place_of[name] for name in told], dtype=np.int64)
        return cls(tuple(map(str, place_of)), places, starts[order], ends[order], weights[order])

    def covering(self, starts: Times, ends: Times) -> Iterator[Times]:
        """For each label, how many seconds of each of the given stretches it covers."""
        for label in range(len(self.labels)):
            own = self.places == label
            yield _covered(self.starts[own], self.ends[own], np.ones(own.sum()), starts, ends)

    def heard(self, starts: Times, ends: Times) -> Places:
        """For each of the given stretches, the label that covers most of it; -1 where none is near.

        Labels that cover it equally long give way to the one that began first. Where none covers it, it is that of the
        nearest stretch, up to `NEAR_SECONDS` away, of two equally near ones the one before.
        """
        best, found = np.zeros(len(starts)), np.full(len(starts), -1, dtype=np.int64)
        for label, seconds in enumerate(self.covering(starts, ends)):
            more = seconds > best + EQUAL
            best, found = np.where(more, seconds, best), np.where(more, label, found)
        alone = np.flatnonzero((found < 0) & np.isfinite(starts) & np.isfinite(ends))
        found[alone] = self._nearest(starts[alone], ends[alone])
        return found

    def mean_weights(self, label: int, starts: Times, ends: Times) -> Times:
        """The mean weight of a label's stretches, by how long they cover the given ones; NaN where it is not known."""
        own = (self.places == label) & np.isfinite(self.weights)
        mine = (self.starts[own], self.ends[own])
        seconds = _covered(*mine, np.ones(own.sum()), starts, ends)
        weighed = _covered(*mine, self.weights[own], starts, ends)
        means: Times = np.divide(weighed, seconds, out=np.full(len(starts), np.nan), where=seconds > EQUAL)
        return means

    def _nearest(self, starts: Times, ends: Times) -> Places:
        if not len(self.starts):
            return np.full(len(starts), -1, dtype=np.int64)
        ending = np.argsort(self.ends, kind="stable")
        before = np.searchsorted(self.ends[ending], starts, side="right") - 1
        after = np.searchsorted(self.starts, ends, side="left")
        last, first = ending[np.maximum(before, 0)], np.minimum(after, len(self.starts) - 1)
        to_last = np.where(before >= 0, starts - self.ends[last], np.inf)
        to_first = np.where(after < len(self.starts), self.starts[first] - ends, np.inf)
        nearest = np.where(to_last <= to_first, self.places[last], self.places[first])
        near: Places = np.where(np.minimum(to_last, to_first) <= NEAR_SECONDS, nearest, -1)
        return near


def times_of(rows: Sequence[dict[str, Any]]) -> tuple[Times, Times]:
    """Where rows begin and end, NaN where they do not say; what has no length lasts a moment."""
    starts, ends = (np.asarray(column("float64", [row.get(name) for row in rows])) for name in ("start", "end"))
    brief = ends - starts < 2 * A_MOMENT
    middle = (starts + ends) / 2
    return np.where(brief, middle - A_MOMENT, starts), np.where(brief, middle + A_MOMENT, ends)


def _covered(own_starts: Times, own_ends: Times, weights: Times, starts: Times, ends: Times) -> Times:
    """How much of each stretch is covered by the own ones, each counted by its weight."""
    if not len(own_starts):
        return np.zeros(len(starts))
    times = np.concatenate([own_starts, own_ends])
    steps = np.concatenate([weights, -weights])
    order = np.argsort(times, kind="stable")
    times, level = times[order], np.cumsum(steps[order])
    total = np.concatenate([[0.0], np.cumsum(level[:-1] * np.diff(times))])
    covered: Times = np.interp(ends, times, total) - np.interp(starts, times, total)
    return covered
