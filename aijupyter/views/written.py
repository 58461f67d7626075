"""Answers about texts: what was punctuated beside what was given, and summaries."""

from __future__ import annotations

from typing import Any

import pandas as pd

from aijupyter.palette import clock
from aijupyter.results.punctuation import Punctuation
from aijupyter.results.summary import Summary
from aijupyter.telling import printable
from aijupyter.views.conversation import TITLES, not_made_html, section
from aijupyter.views.html import CARD, QUIET, Markup, tag

MOST_TEXTS = 100
MOST_CHARACTERS = 4000
"""Of each text that is shown."""
FIRST_LINES = 12
WIDTH = 100

_CELL = (
    "text-align:left;vertical-align:top;padding:4px 14px 4px 0;border:0;background:none;white-space:pre-wrap;width:50%"
)


def punctuation_html(result: Punctuation) -> Markup:
    """The texts before and after, side by side."""
    texts = result.texts
    head = tag("tr", *(tag("td", name, style=f"{_CELL};{QUIET}") for name in ("Before", "After")))
    rows = [
        tag("tr", *(tag("td", tag("bdi", _cut(text)), style=_CELL) for text in row), style="background:none")
        for row in texts.head(MOST_TEXTS).itertuples(index=False)
    ]
    more = len(texts) - MOST_TEXTS
    tail = tag("div", f"… and {more:,} more, in .texts", style=QUIET) if more > 0 else ""
    table = tag("table", head, *rows, style="border:0;border-collapse:collapse;width:100%")
    title = tag("div", tag("b", tag("bdi", result.recording)))
    return tag("div", title, table if rows else section("No text was answered."), tail, style=CARD)


def punctuation_text(result: Punctuation) -> str:
    """The texts as they are now, the first of them."""
    texts = result.texts["after"]
    shown = [_line(f"  {'' if pd.isna(text) else text}") for text in texts.head(FIRST_LINES)]
    more = [f"  … and {len(texts) - FIRST_LINES:,} more, in .texts"] if len(texts) > FIRST_LINES else []
    return "\n".join(
        [_line(f"{result.recording} · {len(texts):,} text{'' if len(texts) == 1 else 's'}"), *shown, *more]
    )


def summary_html(result: Summary) -> Markup:
    """Each kind of summary under its title, and those that were not made."""
    summary = result.summary
    parts: list[object] = [tag("div", tag("b", tag("bdi", result.recording)))]
    for kind in summary["kind"].dropna().unique():
        rows = summary[(summary["kind"] == kind).fillna(value=False) & summary["text"].notna()]
        parts.append(section(_title(kind), *(_part(row) for row in rows.head(MOST_TEXTS).to_dict("records"))))
    parts.append(not_made_html(result.not_made))
    if summary.empty and result.not_made.empty:
        parts.append(section("There is no summary."))
    return tag("div", *parts, style=CARD)


def summary_text(result: Summary) -> str:
    """The summaries, and those that were not made, in some lines."""
    lines = [result.recording]
    for kind, rows in result.summary.dropna(subset=["kind", "text"]).groupby("kind", sort=False):
        lines.append(f"  {_title(kind)}:")
        lines += [f"    {text}" for text in rows["text"].head(FIRST_LINES)]
        if (more := len(rows) - FIRST_LINES) > 0:
            lines.append(f"    … and {more:,} more, in .summary")
    for row in result.not_made.to_dict("records"):
        lines.append(f"  {_title(row['kind'])}: not made. {'' if pd.isna(row['reason']) else row['reason']}")
    return "\n".join(map(_line, lines))


def _part(row: dict[Any, Any]) -> Markup:
    """One part: when and who, as far as that is known, and what it says."""
    known = [] if pd.isna(row["start"]) else [clock(row["start"])]
    known += [] if pd.isna(row["speaker"]) else [str(row["speaker"])]
    before = [tag("small", " ".join(known), style="opacity:0.6"), " "] if known else []
    return tag("div", *before, _cut(row["text"]), dir="auto")


def _title(kind: Any) -> str:
    return TITLES.get(str(kind), str(kind))


def _cut(text: Any) -> str:
    whole = "" if pd.isna(text) else str(text)
    return whole if len(whole) <= MOST_CHARACTERS else f"{whole[:MOST_CHARACTERS]} … (whole in the frame)"


def _line(text: str) -> str:
    whole = printable(text[: 2 * WIDTH])
    return whole if len(whole) <= WIDTH else f"{whole[: WIDTH - 2]} …"
