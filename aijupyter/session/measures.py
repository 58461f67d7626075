"""What a session measures: a few numbers of each part, read at one moment. docs/logging.md explains each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from aijupyter.models import Verdict

if TYPE_CHECKING:
    from aijupyter.session.parts import Parts

SUBMISSIONS = ("sent", "accepted", "refused", "unconfirmed", "expired")
POLLS = ("asked", "answered", "in progress", "unknown", "failed")
SHARES = ((0.5, "median"), (0.9, "90th percentile"), (0.99, "99th percentile"), (1.0, "longest"))


class Measure(NamedTuple):
    """One number. `unit` is "count", "seconds", or "" for what has none; a value that is not known is NaN."""

    group: str
    measure: str
    value: float
    unit: str


def measure(parts: Parts) -> list[Measure]:
    """Every number of an open session. In its loop, where nothing changes meanwhile."""
    rows: list[Callable[[Parts], Iterable[Measure]]] = [
        _of_session, _of_deliveries, _of_receiver, _of_submissions, _of_answers, _of_polls, _of_verification, _of_api,
        _of_budget, _of_way_in,
    ]  # fmt: skip
    return [row for rows_of in rows for row in rows_of(parts)]


def _of_session(parts: Parts) -> Iterator[Measure]:
    yield Measure("session", "uptime", time.monotonic() - parts.opened, "seconds")
    yield Measure("session", "jobs under way", parts.under_way, "count")
    yield Measure("session", "jobs waiting to be sent", len(parts.sender.line), "count")


def _of_deliveries(parts: Parts) -> Iterator[Measure]:
    kept = parts.receiver.snapshot().kept
    known = [verdict.value for verdict in Verdict if verdict is not Verdict.UNKNOWN]
    return _counts("deliveries", kept, [*known, *sorted(set(kept).difference(known))])


def _of_receiver(parts: Parts) -> Iterator[Measure]:
    received = parts.receiver.snapshot()
    yield from _counts("refusals", received.refused, sorted(received.refused))
    yield from _spread("receiver", "latency", received.seconds)
    yield Measure("receiver", "connections", received.connections, "count")
    yield Measure("receiver", "files lent", received.lent, "count")


def _of_submissions(parts: Parts) -> Iterator[Measure]:
    return _counts("submissions", parts.dispatcher.tally.submissions, SUBMISSIONS)


def _of_answers(parts: Parts) -> Iterator[Measure]:
    tally = parts.dispatcher.tally
    yield Measure("answers", "by webhook", tally.answers["webhook"], "count")
    yield Measure("answers", "by status call", tally.answers["status"], "count")
    yield from _spread("answers", "submission to answer", tally.seconds)


def _of_polls(parts: Parts) -> Iterator[Measure]:
    yield from _counts("status calls", parts.reconciler.counts, POLLS)
    yield Measure("status calls", "jobs awaited", len(parts.reconciler), "count")


def _of_verification(parts: Parts) -> Iterator[Measure]:
    return _counts("verification", parts.dispatcher.tally.verified, ("held", "confirmed", "contradicted"))


def _of_api(parts: Parts) -> Iterator[Measure]:
    counts = parts.transport.counts
    return _counts("api", counts, sorted(counts))


def _of_budget(parts: Parts) -> Iterator[Measure]:
    for status in parts.transport.budget.snapshot():
        group = f"budget {status.group}"
        yield Measure(group, "limit", _number(status.limit), "count")
        yield Measure(group, "free", _number(status.free), "count")
        yield Measure(group, "window", _number(status.window_seconds), "seconds")
        yield Measure(group, "penalty", status.penalty_seconds, "seconds")
        yield Measure(group, "in flight", status.in_flight, "count")
        yield Measure(group, "waiting", status.waiting, "count")


def _of_way_in(parts: Parts) -> Iterator[Measure]:
    way = parts.gateway.status
    yield Measure(f"way in {way.name}", "up", way.up, "count")
    yield Measure(f"way in {way.name}", "drops", way.drops, "count")


def _counts(group: str, counts: Mapping[str, int], names: Iterable[str]) -> Iterator[Measure]:
    return (Measure(group, name, counts.get(name, 0), "count") for name in names)


def _spread(group: str, what: str, seconds: Iterable[float]) -> Iterator[Measure]:
    ordered = sorted(seconds)
    for share, name in SHARES:
        place = max(0, math.ceil(share * len(ordered)) - 1)
        yield Measure(group, f"{what}, {name}", ordered[place] if ordered else math.nan, "seconds")


def _number(value: float | None) -> float:
    return math.nan if value is None else value
