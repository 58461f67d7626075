"""A conversation as a Markdown document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from aijupyter.explore.overview import NAMES_OF_SUMMARIES, facts
from aijupyter.explore.subtitles import plain, speaker_name
from aijupyter.palette import clock

if TYPE_CHECKING:
    from aijupyter.results.transcript import Transcript

MOST_PHRASES = 24
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~!$^@:])")
_WWW = re.compile(r"(?i)\b(www)\.")
_LIST = re.compile(r"^(\d{1,9})([.)])|^([-+=])")


def to_markdown(result: Transcript) -> str:
    """Title, facts, summary, topics, questions and the lines by speaker, with their times.

    The text of others stands in it as text: what Markdown or HTML would take for more is escaped.
    """
    parts = [f"# {escaped(result.recording) or 'Conversation'}", _facts(result)]
    for title, body in (*_summary(result), *_phrases(result), *_questions(result)):
        parts += [f"## {title}", body]
    return "\n\n".join([*parts, "## Transcript", *_lines(result)]) + "\n"


def escaped(text: Any) -> str:
    """A text that is shown as it is, in one line."""
    line = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _WWW.sub(r"\1\\.", _SPECIAL.sub(r"\\\1", line))
    return _LIST.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", line)


def _facts(result: Transcript) -> str:
    known = facts(result)
    said = [f"**Duration** {clock(known['duration'])}", f"**Words** {known['words']:,}"]
    for speaker in result.speakers.to_dict("records"):
        share = "" if pd.isna(speaker["talk_ratio"]) else f" {speaker['talk_ratio']:.0f}%"
        said.append(f"**{_named(speaker['speaker'])}**{share}")
    return " · ".join(said)


def _named(speaker: Any) -> str:
    return escaped(speaker_name(speaker) or "Somebody")


def _summary(result: Transcript) -> Iterator[tuple[str, str]]:
    summary = getattr(result, "summary", None)
    if summary is None:
        return
    for kind, texts in summary.groupby("kind", sort=False)["text"]:
        said = [escaped(text) for text in texts.dropna()]
        if said:
            yield NAMES_OF_SUMMARIES.get(str(kind), escaped(kind)), " ".join(said)


def _phrases(result: Transcript) -> Iterator[tuple[str, str]]:
    for title, name in (("Topics", "topics"), ("Key phrases", "key_phrases")):
        phrases = getattr(result, name, None)
        said = [] if phrases is None else list(dict.fromkeys(escaped(one) for one in phrases["value"].dropna()))
        if said:
            yield title, ", ".join(said[:MOST_PHRASES])


def _questions(result: Transcript) -> Iterator[tuple[str, str]]:
    questions = getattr(result, "questions", None)
    if questions is None or questions.empty:
        return
    rows = zip(questions["speaker"], questions["text"], questions["start"], strict=True)
    yield "Questions", "\n".join(f"- {escaped(text)} ({_named(who)}, {clock(start)})" for who, text, start in rows)


def _lines(result: Transcript) -> Iterator[str]:
    """A paragraph for each turn: the lines that one speaker says in a row."""
    utterances = result.utterances
    turn: list[str] = []
    before, begun = None, None
    for who, text, start in zip(utterances["speaker"], utterances["text"], utterances["start"], strict=True):
        speaker = _named(who)
        if turn and speaker != before:
            yield _turn(before, begun, turn)
            turn = []
        if not turn:
            before, begun = speaker, start
        if said := escaped(text):
            turn.append(said)
    if turn:
        yield _turn(before, begun, turn)


def _turn(speaker: str | None, start: Any, said: list[str]) -> str:
    return f"**{speaker}** {clock(start)}\\\n{' '.join(said)}"
