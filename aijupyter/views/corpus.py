"""A corpus at a glance: how much there is, and its first conversations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from aijupyter.explore.corpus import Corpus
from aijupyter.explore.drawing import shown
from aijupyter.palette import clock, emotion_colour
from aijupyter.views.forms import Bundle, bundle
from aijupyter.views.html import CARD, QUIET, Markup, bar, tag

MOST_ROWS = 20
MOST_READ = 100
MOST_CHARACTERS = 60
NAME = "padding:2px 14px 2px 0;border:0;text-align:left;background:none;min-width:180px"
CELL = "padding:2px 14px 2px 0;border:0;text-align:left;background:none;white-space:nowrap"
NUMBER = "padding:2px 14px 2px 0;border:0;text-align:right;background:none;white-space:nowrap"
UNPLEASANT, ACCENT = "#d64550", "#3b7dd8"

Row = dict[Any, Any]


def corpus_bundle(corpus: Corpus, **_kinds: object) -> Bundle:
    """The corpus as text and as static HTML. Of a large one only what is shown is read, unless all of it was."""
    all_of_it = corpus.has("recordings") or len(corpus) <= MOST_READ
    recordings = (corpus if all_of_it else corpus.head(MOST_ROWS)).recordings
    return bundle(corpus_text(corpus, recordings), corpus_html(corpus, recordings))


def corpus_text(corpus: Corpus, recordings: pd.DataFrame) -> str:
    """A line for the whole, one for each conversation, and one for what is left."""
    lines = [" · ".join(_facts(corpus, recordings))]
    for row in recordings.head(MOST_ROWS).to_dict("records"):
        cells = (_name(row), _operation(row), clock(row["duration"]), *_counts(row), _feeling(row))
        lines.append("  " + "  ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip())
    return "\n".join([*lines, *_rest(corpus, recordings)])


WIDTHS = ("<32.32", "<10.10", ">8", ">8", ">3", "<12.12")


def corpus_html(corpus: Corpus, recordings: pd.DataFrame) -> str:
    """A card with the counts and a table of the first conversations."""
    head = tag("div", tag("b", _counted(len(corpus), "conversation")), " ", _quiet(corpus, recordings))
    if not len(recordings):
        return tag("div", head, *_tail(corpus, recordings), style=CARD)
    felt = bool(recordings["unpleasant"].notna().any())
    titles = ["recording", "", "length", "words", "speakers", "who talks most", *(["felt most"] if felt else [])]
    titles += ["unpleasant"] if felt else []
    heading = tag(
        "tr", *(tag("th", title, style=_style(title) + ";" + QUIET) for title in titles), style="background:none"
    )
    rows = [_row(row, felt=felt) for row in recordings.head(MOST_ROWS).to_dict("records")]
    table = tag(
        "table",
        heading,
        *rows,
        style="border-collapse:collapse;border:0;margin:8px 0 0;font-size:13px",
    )
    box = tag("div", table, style="overflow-x:auto", tabindex="0", role="region", aria_label="Conversations")
    return tag("div", head, box, *_tail(corpus, recordings), style=CARD)


def _row(row: Row, *, felt: bool) -> Markup:
    words, speakers = _counts(row)
    cells = [
        tag("td", tag("b", _name(row), title=shown(row["recording"], 300)), style=NAME),
        tag("td", _operation(row), style=f"{CELL};{QUIET}"),
        tag("td", clock(row["duration"]), style=NUMBER),
        tag("td", words, style=NUMBER),
        tag("td", speakers, style=NUMBER),
        tag("td", *_talk(row), style=CELL),
    ]
    if felt:
        dot = f"color:{emotion_colour(_feeling(row))}"
        said = [tag("span", "● ", style=dot), _feeling(row)] if _feeling(row) else []
        cells.append(tag("td", *said, style=CELL))
        cells.append(tag("td", *_share(row["unpleasant"], UNPLEASANT), style=CELL))
    return tag("tr", *cells, style="background:none")


def _talk(row: Row) -> Iterator[object]:
    yield from _share(row["top_share"], ACCENT)
    if not pd.isna(row["top_speaker"]):
        name = shown(row["top_speaker"], 24)
        yield f" Speaker {name}" if name.isdecimal() else f" {name}"


def _share(percent: Any, colour: str) -> Iterator[object]:
    if not pd.isna(percent):
        yield bar(percent / 100, colour, "60px")
        yield f" {percent:.0f}%"


def _style(title: str) -> str:
    return NUMBER if title in {"length", "words", "speakers"} else CELL


def _quiet(corpus: Corpus, recordings: pd.DataFrame) -> Markup:
    return tag("span", " · ".join(_facts(corpus, recordings)[1:]), style=QUIET)


def _facts(corpus: Corpus, recordings: pd.DataFrame) -> list[str]:
    facts = [_counted(len(corpus), "conversation")]
    if len(recordings) == len(corpus) > 0:
        facts += [clock(recordings["duration"].sum()), _counted(int(recordings["words"].sum()), "word")]
        names = recordings["recording"].nunique()
        facts += [_counted(names, "recording")] if names != len(recordings) else []
    left = len(corpus.left_out)
    return [*facts, f"{left:,} left out: corpus.left_out"] if left else facts


def _tail(corpus: Corpus, recordings: pd.DataFrame) -> Iterator[Markup]:
    for line in _rest(corpus, recordings):
        yield tag("div", line, style=QUIET)


def _rest(corpus: Corpus, recordings: pd.DataFrame) -> list[str]:
    more = len(corpus) - min(MOST_ROWS, len(recordings))
    return [f"… and {more:,} more, in .recordings"] if more > 0 else []


def _name(row: Row) -> str:
    return shown(row["recording"], MOST_CHARACTERS) or "?"


def _operation(row: Row) -> str:
    return shown(row["operation"], 20)


def _counts(row: Row) -> tuple[str, str]:
    return f"{int(row['words']):,}", str(row["speakers"])


def _feeling(row: Row) -> str:
    return "" if pd.isna(row["emotion"]) else shown(row["emotion"], 20)


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"
