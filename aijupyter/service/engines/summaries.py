"""Summaries as the contract writes them: extractive ones made here, abstractive ones by a chat endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aijupyter.errors import ServiceError
from aijupyter.service.engines import punctuation
from aijupyter.service.engines.chat import NONE_SET, Chat, Line, long_summary, short_summary
from aijupyter.service.engines.responses import number
from aijupyter.service.engines.summary import extractive_summary
from aijupyter.service.engines.turns import Utterance
from aijupyter.service.engines.words import Word

Endpoint = Callable[[], Chat | None]
"""Gives the chat endpoint, or None where none is set; may raise ServiceError where it is set wrongly."""

EXTRACTIVE = "ExtractiveSummary"
ABSTRACTIVE: Mapping[str, Callable[[Chat, Sequence[Line]], list[dict[str, Any]]]] = {
    "AbstractiveSummaryLong": long_summary,
    "AbstractiveSummaryShort": short_summary,
}

_KINDS = {
    "Extractive": (EXTRACTIVE,),
    "AbstractiveLong": ("AbstractiveSummaryLong",),
    "AbstractiveShort": ("AbstractiveSummaryShort",),
    "AbstractiveAll": tuple(ABSTRACTIVE),
    "All": (EXTRACTIVE, *ABSTRACTIVE),
}
_NOTHING_SAID = "No summary was made: nothing was said."


def summarized(options: Mapping[str, Any], chat: Endpoint) -> dict[str, Any]:
    """The response to a summary: {summaries: [{name, values, note?}]}, of the kinds that `summaryType` asks for.

    Without a chat endpoint an abstractive summary has no values, and a `note` that says that none was made. Raises
    ServiceError where the endpoint is set wrongly or gives none.
    """
    lines = lines_from(options)
    return {
        "summaries": [
            {"name": EXTRACTIVE, "values": _extracts(lines)} if kind == EXTRACTIVE else _abstract(kind, lines, chat)
            for kind in _KINDS[str(options.get("summaryType") or "Extractive")]
        ]
    }


def abstractive(kind: str, lines: Sequence[Line], chat: Endpoint) -> dict[str, Any]:
    """{name, values, note?}: the summary of that kind, or no values, and a note that says why there are none.

    It never raises, for the rest of an analysis must not be lost to an endpoint that is down.
    """
    try:
        return _abstract(kind, lines, chat)
    except ServiceError as error:
        return {"name": kind, "values": [], "note": f"No abstractive summary was made. {error.problem}"}


def _abstract(kind: str, lines: Sequence[Line], chat: Endpoint) -> dict[str, Any]:
    if not any(line.text.strip() for line in lines):
        return {"name": kind, "values": [], "note": _NOTHING_SAID}
    endpoint = chat()
    if endpoint is None:
        return {"name": kind, "values": [], "note": NONE_SET}
    values = ABSTRACTIVE[kind](endpoint, lines)
    rounded = [{n: number(v) if isinstance(v, float) else v for n, v in value.items()} for value in values]
    return {"name": kind, "values": rounded}


def lines_of(utterances: Sequence[Utterance]) -> list[Line]:
    """Utterances that were heard, to summarize."""
    return [Line(said.text, said.speaker, said.start, said.end) for said in utterances]


def lines_from(options: Mapping[str, Any]) -> list[Line]:
    """The `utterances` of a request: [{text, speakerId?, start?, end?}]. Earlier versions write enrollmentId."""
    return [
        Line(
            str(given.get("text") or ""),
            given.get("speakerId", given.get("enrollmentId")),
            _seconds(given.get("start")),
            _seconds(given.get("end")),
        )
        for given in options.get("utterances") or []
    ]


def _extracts(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The telling sentences: {value, start?, end?, speakerId?}; times are of the sentence's share of its utterance."""
    said = [_utterance(line, place) for place, line in enumerate(lines) if line.text.strip()]
    found = []
    for sentence in extractive_summary(said):
        line = lines[sentence.channel]
        value: dict[str, Any] = {"value": sentence.text}
        if line.start is not None and line.end is not None:
            value |= {"start": number(sentence.start), "end": number(sentence.end)}
        found.append(value if line.speaker is None else {**value, "speakerId": line.speaker})
    return found


def _utterance(line: Line, place: int) -> Utterance:
    """A line as an utterance whose words share its time alike; its channel is the line's place."""
    text = line.text if any(mark in line.text for mark in ".?!") else punctuation.punctuated(line.text)
    words = text.split()
    start = line.start or 0.0
    step = max(0.0, (line.end or start) - start) / len(words)
    timed = (Word(word, start + n * step, start + (n + 1) * step, 1.0) for n, word in enumerate(words))
    return Utterance(tuple(timed), line.speaker, place)


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
