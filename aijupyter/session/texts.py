"""From whatever holds texts - a text, a list, a frame, a result - to what the operations on texts are asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from aijupyter.errors import OptionError
from aijupyter.telling import printable

Said = str | Iterable[str]
"""A text, or several: a list, a pandas Series."""
Conversed = Any
"""A result with utterances, a frame, mappings, or texts: see `lines_of`."""

BEGINNING = 48
"""So much of a text is in the name of its job."""
COLUMNS = {"text": ("text",), "speakerId": ("speaker", "speakerId", "speaker_id"), "start": ("start",), "end": ("end",)}
"""What the API takes of a line, and how frames and mappings call it."""

_MEND_TEXTS = "Give a text, a list of texts, or a column of a frame: frame['text']."
_MEND_LINES = "Give a result of ai.transcribe or ai.analyze, its .utterances, or a list such as [{'text': 'Hello.'}]."


def texts_of(given: Said) -> list[str]:
    """The texts that are to be punctuated, in their order. Raises OptionError."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, bytes | Mapping) or hasattr(given, "columns") or not isinstance(given, Iterable):
        raise OptionError(f"A {type(given).__name__} is no list of texts.", _MEND_TEXTS, option="texts")
    texts = list(given)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise OptionError(f"Item {place} of the texts is a {type(text).__name__}.", _MEND_TEXTS, option="texts")
    if not texts:
        raise OptionError("There are no texts.", _MEND_TEXTS, option="texts")
    return texts


def lines_of(given: Conversed) -> list[dict[str, Any]]:
    """The utterances of a conversation as the API takes them: {text, speakerId?, start?, end?}.

    `given` is a result with a frame `utterances`, such a frame, mappings, texts, or one text. A line without text is
    left out. Raises OptionError where there is none, and for what holds none.
    """
    lines = [line for row in _rows(given) if (line := _line(row))]
    if not lines:
        raise OptionError("There is nothing said to summarize.", _MEND_LINES, option="conversation")
    return lines


def name_of_texts(texts: list[str]) -> str:
    """What to call texts: how the first begins, and how many there are."""
    first = printable(" ".join(texts[0][: 4 * BEGINNING].split()))
    begun = first if len(first) <= BEGINNING else f"{first[:BEGINNING].rstrip()}…"
    more = f" (and {len(texts) - 1:,} more)" if len(texts) > 1 else ""
    return f"“{begun}”{more}"


def name_of_lines(given: Conversed, lines: list[dict[str, Any]]) -> str:
    """What to call a conversation: as its recording is called, where it has one."""
    recording = getattr(given, "recording", None)
    return recording if isinstance(recording, str) else name_of_texts([line["text"] for line in lines])


def _rows(given: Conversed) -> Iterable[Any]:
    if hasattr(given, "wait") and hasattr(given, "result"):
        raise OptionError(f"A {type(given).__name__} is no conversation yet.", "Await it: its result is one.")
    frame: Any = getattr(given, "utterances", given)
    if hasattr(frame, "columns") and hasattr(frame, "to_dict"):
        if "text" not in frame.columns:
            raise OptionError("The frame has no column 'text'.", _MEND_LINES, option="conversation")
        rows: list[Any] = frame.to_dict("records")
        return rows
    if isinstance(frame, str | Mapping):
        return [frame]
    if isinstance(frame, bytes) or not isinstance(frame, Iterable):
        raise OptionError(f"A {type(given).__name__} is no conversation.", _MEND_LINES, option="conversation")
    return frame


def _line(row: Any) -> dict[str, Any]:
    """A line as the API takes it; {} where it says nothing."""
    if isinstance(row, str):
        row = {"text": row}
    if not isinstance(row, Mapping):
        raise OptionError(f"A {type(row).__name__} is no line of a conversation.", _MEND_LINES, option="conversation")
    found = {name: next((row[key] for key in keys if _is_there(row.get(key))), None) for name, keys in COLUMNS.items()}
    if not isinstance(found["text"], str) or not found["text"].strip():
        return {}
    line: dict[str, Any] = {"text": found["text"]}
    if found["speakerId"] is not None:
        line["speakerId"] = str(found["speakerId"])
    for name in ("start", "end"):
        if found[name] is not None:
            line[name] = _seconds(name, found[name])
    return line


def _is_there(value: Any) -> bool:
    """Whether it is no None, NaN or pandas' NA."""
    return value is not None and type(value).__name__ != "NAType" and bool(value == value)  # noqa: PLR0124  # NaN is not


def _seconds(name: str, value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise OptionError(f"The {name} of a line is {value!r}.", "Times are in seconds.", option="conversation")
    return seconds
