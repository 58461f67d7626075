"""A conversation at a glance: who spoke and how, what came up, and every line."""

from __future__ import annotations

from typing import Any

import pandas as pd

from aijupyter.results.interaction import Interaction
from aijupyter.results.transcript import Transcript
from aijupyter.views.html import CARD, CHIP, QUIET, SPEAKER_COLOURS, Markup, bar, clock, join, tag

MOST_LINES = 400
MOST_CHIPS = 24
CELL = "padding:1px 12px 1px 0;border:0;text-align:left;background:none;vertical-align:top"


def conversation_html(result: Transcript) -> str:
    """A self-contained card for a transcript or an interaction."""
    colours = _colours(result)
    parts = [_head(result), _speakers(result, colours)]
    if isinstance(result, Interaction):
        parts += [_summary(result), _phrases("Topics", result.topics), _phrases("Key phrases", result.key_phrases)]
        parts.append(_questions(result, colours))
    parts.append(_lines(result, colours))
    return tag("div", *parts, style=CARD)


def _head(result: Transcript) -> Markup:
    utterances = result.utterances
    facts = [clock(utterances["end"].max()) if len(utterances) else "0:00", f"{len(result.words)} words"]
    if count := len(result.speakers):
        facts.append(f"{count} speaker{'s' if count > 1 else ''}")
    return join([tag("b", result.recording), " ", tag("span", " · ".join(facts), style=QUIET)])


def _colours(result: Transcript) -> dict[Any, str]:
    return {
        speaker: SPEAKER_COLOURS[place % len(SPEAKER_COLOURS)]
        for place, speaker in enumerate(result.speakers["speaker"])
    }


def _name(speaker: Any, colours: dict[Any, str]) -> Markup:
    if pd.isna(speaker):
        return Markup("")
    return tag("b", f"Speaker {speaker}", style=f"color:{colours.get(speaker, 'inherit')};white-space:nowrap")


def _speakers(result: Transcript, colours: dict[Any, str]) -> Markup:
    if result.speakers.empty:
        return Markup("")
    rows = []
    for speaker in result.speakers.to_dict("records"):
        ratio = speaker["talk_ratio"]
        share = 0.0 if pd.isna(ratio) else ratio / 100
        cells = (
            _name(speaker["speaker"], colours),
            bar(share, colours.get(speaker["speaker"], "gray")),
            ("" if pd.isna(ratio) else f"{share:.0%} of the talk, ") + clock(speaker["talk_seconds"]),
            _pace(speaker),
        )
        rows.append(tag("tr", *(tag("td", cell, style=CELL) for cell in cells), style="background:none"))
    return tag("table", *rows, style="border-collapse:collapse;border:0;margin:8px 0;font-size:13px")


def _pace(speaker: dict[Any, Any]) -> str:
    told = []
    if not pd.isna(speaker.get("pace_wpm")):
        told.append(f"{speaker['pace_wpm']:.0f} words a minute")
    if not pd.isna(speaker.get("pace")):
        told.append(str(speaker["pace"]))
    return ", ".join(told)


def _section(title: str, *content: object) -> Markup:
    return tag("div", tag("span", f"{title} ", style=QUIET), *content, style="margin:6px 0")


def _phrases(title: str, phrases: pd.DataFrame) -> Markup:
    said = list(dict.fromkeys(phrases["value"].dropna()))[:MOST_CHIPS]
    return _section(title, *(tag("span", value, style=CHIP) for value in said)) if said else Markup("")


def _summary(result: Interaction) -> Markup:
    if result.summary.empty:
        return Markup("")
    kinds = result.summary.groupby("kind", sort=False)["text"].agg(lambda texts: " ".join(texts.dropna()))
    return join(_section(_TITLES.get(str(kind), str(kind)), text) for kind, text in kinds.items())


_TITLES = {
    "ExtractiveSummary": "In their words",
    "AbstractiveSummaryShort": "In short",
    "AbstractiveSummaryLong": "Summary",
}


def _questions(result: Interaction, colours: dict[Any, str]) -> Markup:
    if result.questions.empty:
        return Markup("")
    asked = (
        tag("li", _name(row["speaker"], colours), f" {row['text']} ", tag("span", clock(row["start"]), style=QUIET))
        for row in result.questions.head(MOST_CHIPS).fillna({"text": ""}).to_dict("records")
    )
    return _section("Questions", tag("ul", *asked, style="margin:0;padding-left:20px"))


def _lines(result: Transcript, colours: dict[Any, str]) -> Markup:
    utterances = result.utterances
    if utterances.empty:
        return _section("No speech was heard.")
    rows = [_line(row, colours) for row in utterances.head(MOST_LINES).to_dict("records")]
    table = tag("table", *rows, style="border-collapse:collapse;border:0;font-size:14px;width:100%;table-layout:auto")
    more = len(utterances) - MOST_LINES
    tail = tag("div", f"… and {more} more lines, in .utterances", style=QUIET) if more > 0 else ""
    box = "max-height:380px;overflow-y:auto;margin-top:8px;border-top:1px solid rgba(128,128,128,.25);padding-top:6px"
    return tag("div", table, tail, style=box, tabindex="0", role="region", aria_label="Transcript")


def _line(row: dict[Any, Any], colours: dict[Any, str]) -> Markup:
    text = "" if pd.isna(row["text"]) else row["text"]
    emotion = row.get("emotion")
    felt = "" if emotion is None or pd.isna(emotion) or emotion == "Neutral" else tag("span", emotion, style=CHIP)
    cells = (
        tag("td", clock(row["start"]), style=f"{CELL};{QUIET};white-space:nowrap"),
        tag("td", _name(row["speaker"], colours), style=CELL),
        tag("td", text, " ", felt, style=f"{CELL};width:100%;white-space:pre-wrap"),
    )
    return tag("tr", *cells, style="background:none")
