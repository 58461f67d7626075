"""Named values: how analyses and summaries write what they found, `[{name, values: [...]}]`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aijupyter.results.frames import objects, speaker_of, text

Item = dict[str, Any]

SUMMARIES = ("ExtractiveSummary", "AbstractiveSummaryShort", "AbstractiveSummaryLong")

REASONS = ("note", "reason", "message", "error")
"""Where an answer may say why something was not made."""


def values_of(insights: Any) -> Iterator[tuple[str, Item]]:
    """Each value of `[{name, values: [...]}]`, with its name."""
    for insight in objects(insights):
        for value in objects(insight.get("values")):
            yield text(insight.get("name")) or "", value


def said(value: Item) -> Any:
    """Some versions of the API write `sentence` for `value`."""
    return value.get("value") if value.get("value") is not None else value.get("sentence")


def summary_rows(values: Iterable[tuple[str, Item]], kinds: Sequence[str]) -> list[Item]:
    """The parts of summaries as rows of SUMMARY, those of the first kind first."""
    order = {kind: place for place, kind in enumerate(kinds)}
    rows = [
        {**value, "kind": name, "text": said(value), "group": value.get("groupId"), "speaker": speaker_of(value)}
        for name, value in values
        if name in order
    ]
    return sorted(rows, key=lambda row: order[row["kind"]])


def not_made(asked: Iterable[str], insights: Sequence[Item]) -> list[Item]:
    """The kinds of summaries that are missing, as rows of NOT_MADE: those asked for, and those that the answer names.

    An answer names one by an entry without values, which may say why.
    """
    made = {name for name, value in values_of(insights) if text(said(value))}
    named = {
        text(one.get("name")) or "": _reason(one) for one in insights if "Summary" in (text(one.get("name")) or "")
    }
    kinds = dict.fromkeys([*asked, *named])
    return [{"kind": kind, "reason": named.get(kind)} for kind in kinds if kind not in made]


def _reason(insight: Item) -> str | None:
    return next((why for name in REASONS if (why := text(insight.get(name)))), None)
