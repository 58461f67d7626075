"""A conversation as it is saved: who spoke when and how, what came up, and every line, with no kernel and no network.

Sanitizers take away styles that are not inline, classes and scripts; JupyterLab's, for notebooks of other people, also
`gap`, `flex` and numbers such as `.5`. Without any style at all it still reads from top to bottom.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pandas as pd

from aijupyter.palette import SPEAKER_COLOURS, clock, emotion_colour
from aijupyter.results.interaction import Interaction
from aijupyter.results.transcript import Transcript
from aijupyter.views import glance
from aijupyter.views.forms import Bundle, bundle
from aijupyter.views.html import CARD, CHIP, QUIET, Markup, tag
from aijupyter.views.plain import conversation_text

MOST_LINES = 1200
MOST_CHARACTERS = 250_000
"""Of the lines that are kept: an hour of talk is about 50,000."""
MOST_CHIPS = 24
MOST_QUESTIONS = 12
MOST_SPEAKERS = 12

_LANE = "position:relative;height:12px;border-radius:3px;overflow:hidden;background:rgba(128,128,128,0.16)"
TITLES = {
    "AbstractiveSummaryShort": "In short",
    "AbstractiveSummaryLong": "Summary",
    "ExtractiveSummary": "In their words",
}


def conversation_bundle(result: Transcript, **_kinds: object) -> Bundle:
    """The conversation in every form; the player where widgets are."""
    return bundle(conversation_text(result), conversation_html(result), lambda: _player(result))


def _player(result: Transcript) -> Any:
    from aijupyter.views.player import player_of  # noqa: PLC0415  # nobody may be there to look at a widget

    return player_of(result)


def conversation_html(result: Transcript) -> str:
    """A self-contained card for a transcript or an interaction."""
    colours = _colours(result)
    parts: list[object] = [_head(result)]
    if isinstance(result, Interaction):
        parts.append(_summary(result, "AbstractiveSummaryShort"))
    parts.append(_timeline(result, colours))
    if isinstance(result, Interaction):
        parts += [_questions(result, colours), _phrases("Topics", result.topics)]
        parts.append(_phrases("Key phrases", result.key_phrases))
        parts += [_summary(result, "AbstractiveSummaryLong"), _summary(result, "ExtractiveSummary")]
        parts.append(not_made_html(result.not_made))
    parts.append(_transcript(result, colours))
    return tag("div", *parts, style=CARD)


def _head(result: Transcript) -> Markup:
    name = tag("bdi", tag("b", result.recording), style="font-size:16px")
    return tag("div", name, " ", tag("span", " · ".join(glance.facts(result)), style=QUIET))


def _colours(result: Transcript) -> dict[Any, str]:
    return {
        speaker: SPEAKER_COLOURS[place % len(SPEAKER_COLOURS)]
        for place, speaker in enumerate(result.speakers["speaker"])
    }


def _name(result: Transcript, speaker: Any, colours: dict[Any, str]) -> Markup:
    name = glance.called(result, speaker)
    if not name:
        return Markup("")
    return tag("bdi", tag("b", name), style=f"color:{_colour(speaker, colours)}")


def _colour(speaker: Any, colours: dict[Any, str]) -> str:
    return "#808080" if pd.isna(speaker) else colours.get(speaker, "#808080")


def _timeline(result: Transcript, colours: dict[Any, str]) -> Markup:
    """A lane for each speaker, all on the same time, and below them what was felt."""
    spans, rows = glance.lanes(result), []
    if result.speakers.empty and not glance.moods(result):
        return Markup("")
    for speaker in result.speakers.head(MOST_SPEAKERS).to_dict("records"):
        who = speaker["speaker"]
        told = tag("span", " · ".join(glance.speaker_facts(result, speaker)), style=QUIET)
        rows.append(tag("div", _name(result, who, colours), " ", told, style="margin-top:6px"))
        if spans:
            rows.append(_lane(spans.get(who, []), _colour(who, colours)))
    if (more := len(result.speakers) - MOST_SPEAKERS) > 0:
        rows.append(tag("div", f"… and {more} more, in .speakers", style=QUIET))
    if spans or result.speakers.empty:
        rows += _moods_and_ticks(result)
    return tag("div", *rows, style="margin:8px 0")


def _lane(spans: list[glance.Span], colour: str) -> Markup:
    return tag("div", *(_span(span, colour) for span in spans), style=_LANE)


def _span(span: glance.Span, colour: str, title: str = "") -> Markup:
    start, end = span
    place = f"left:{start:.1f}%;width:{max(0.2, end - start):.1f}%"
    return tag(
        "div",
        style=f"position:absolute;{place};height:100%;background:{colour}",
        **({"title": title} if title else {}),
    )


def _moods_and_ticks(result: Transcript) -> list[Markup]:
    """A thin lane of feelings, the time, and what the feelings' colours are."""
    moods, shares, length = glance.moods(result), glance.feelings(result), glance.seconds(result)
    middle = tag("div", clock(length / 2), style="position:absolute;left:50%;top:0")
    last = tag("div", clock(length), style="position:absolute;right:0;top:0")
    ticks = tag("div", clock(0), middle, last, style=f"position:relative;{QUIET}")
    if not moods:
        return [ticks]
    drawn = [_span(span, emotion_colour(name), str(name)) for name, spans in moods.items() for span in spans]
    named = [
        tag("span", f"{name} {share:.0%}", style=f"color:{emotion_colour(name)};margin-right:10px")
        for name, share in shares.items()
        if name in moods
    ]
    thin = tag("div", *drawn, style=f"{_LANE.replace('12px', '5px')};margin-top:8px")
    return [thin, ticks, tag("div", "Felt: ", *named[:MOST_CHIPS], style="font-size:12px")]


def section(title: str, *content: object) -> Markup:
    """Something with a quiet title before it."""
    return tag("div", tag("span", f"{title} ", style=QUIET), *content, style="margin:6px 0")


def _phrases(title: str, phrases: pd.DataFrame) -> Markup:
    said = list(dict.fromkeys(phrases["value"].dropna()))[:MOST_CHIPS]
    return section(title, *(tag("bdi", value, style=CHIP) for value in said)) if said else Markup("")


def _summary(result: Interaction, kind: str) -> Markup:
    said = result.summary.loc[(result.summary["kind"] == kind).fillna(False), "text"].dropna()
    return section(TITLES[kind], tag("span", " ".join(said), dir="auto")) if len(said) else Markup("")


def not_made_html(kinds: pd.DataFrame) -> Markup:
    """The summaries that were asked for and were not made, and why."""
    rows = [
        tag("div", f"{TITLES.get(str(kind), str(kind))}: not made. {'' if pd.isna(why) else why}", style=QUIET)
        for kind, why in zip(kinds["kind"], kinds["reason"], strict=True)
    ]
    return tag("div", *rows, style="margin:6px 0") if rows else Markup("")


def _questions(result: Interaction, colours: dict[Any, str]) -> Markup:
    asked = result.questions
    if asked.empty:
        return Markup("")
    rows = [
        tag(
            "li", _name(result, row["speaker"], colours), " ", tag("bdi", row["text"]), " ",
            tag("span", clock(row["start"]), style=QUIET),
        )
        for row in asked.head(MOST_QUESTIONS).fillna({"text": ""}).to_dict("records")
    ]  # fmt: skip  # one question, one line
    if (more := len(asked) - MOST_QUESTIONS) > 0:
        rows.append(tag("li", f"… and {more} more, in .questions", style=QUIET))
    return section("Questions", tag("ul", *rows, style="margin:0;padding-left:20px"))


def _transcript(result: Transcript, colours: dict[Any, str]) -> Markup:
    utterances = result.utterances
    if utterances.empty:
        return section("No speech was heard.")
    kept = _within(utterances.head(MOST_LINES).to_dict("records"))
    turns = [_turn(result, list(lines), colours) for _, lines in groupby(kept, _speaker)]
    more = len(utterances) - len(kept)
    tail = f"… and {more} more line{'' if more == 1 else 's'}, in .utterances" if more > 0 else ""
    box = "max-height:420px;overflow-y:auto;margin-top:10px;border-top:1px solid rgba(128,128,128,0.25)"
    content = [*turns, *([tag("div", tail, style=QUIET)] if tail else [])]
    return tag("div", *content, style=box, tabindex="0", role="region", aria_label="Transcript")


def _speaker(line: dict[Any, Any]) -> str | None:
    return None if pd.isna(line["speaker"]) else str(line["speaker"])


def _within(lines: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    """As many lines as there is room for; one that is longer than all of it is cut."""
    kept: list[dict[Any, Any]] = []
    room = MOST_CHARACTERS
    for line in lines:
        text = "" if pd.isna(line["text"]) else str(line["text"])
        if len(text) > room:
            if not kept:
                kept.append({**line, "text": f"{text[:room]} … (whole in .utterances)"})
            break
        room -= len(text)
        kept.append({**line, "text": text})
    return kept


def _turn(result: Transcript, lines: list[dict[Any, Any]], colours: dict[Any, str]) -> Markup:
    """What one speaker said until another spoke. Few bytes for each line, for there are many."""
    who = lines[0]["speaker"]
    style = f"border-left:3px solid {_colour(who, colours)};padding-left:10px;margin:8px 0"
    return tag("div", _name(result, who, colours), *map(_line, lines), style=style)


def _line(line: dict[Any, Any]) -> Markup:
    return tag(
        "div",
        tag("small", _when(line), style="opacity:0.6"),
        " ",
        line["text"],
        *_felt(line),
        dir="auto",
    )


def _when(line: dict[Any, Any]) -> str:
    """When a line begins; of one without words, also when it ends."""
    return clock(line["start"]) if line["text"] else f"{clock(line['start'])} to {clock(line['end'])}"


def _felt(line: dict[Any, Any]) -> Iterator[object]:
    emotion = line.get("emotion")
    if emotion is not None and not pd.isna(emotion) and emotion != "Neutral":
        yield " "
        yield tag("small", emotion, style=f"color:{emotion_colour(emotion)}")
