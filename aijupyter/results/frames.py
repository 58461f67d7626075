"""The schemas that all results share, and how answers of any shape are poured into them.

Times and durations are in seconds from the start of the recording, float64. Texts are of pandas' `string` dtype. What
an answer leaves out, or writes as another type, is missing (NaN or NA); a frame always has all of its columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

MOST_WHOLE = 2.0**63
"""Numbers from here on are of no whole column: they are missing there."""

Row = Mapping[str, Any]
Schema = Mapping[str, str]

UTTERANCES: Schema = {
    "start": "float64",
    "end": "float64",
    "speaker": "string",
    "text": "string",
    "confidence": "float64",
}
UTTERANCES_WITH_EMOTION: Schema = {**UTTERANCES, "emotion": "string", "emotion_confidence": "float64"}
WORDS: Schema = {
    "utterance": "Int64",
    "word": "string",
    "start": "float64",
    "end": "float64",
    "speaker": "string",
    "confidence": "float64",
}
SPEAKERS: Schema = {
    "speaker": "string",
    "utterances": "Int64",
    "words": "Int64",
    "talk_seconds": "float64",
    "talk_ratio": "float64",
}
SPEAKERS_WITH_INSIGHTS: Schema = {
    **SPEAKERS,
    "pace": "string",
    "pace_wpm": "float64",
    "energy": "float64",
    "questions": "Int64",
}
INSIGHTS: Schema = {
    "level": "string",
    "name": "string",
    "utterance": "Int64",
    "speaker": "string",
    "value": "string",
    "number": "float64",
    "start": "float64",
    "end": "float64",
    "confidence": "float64",
}
QUESTIONS: Schema = {"speaker": "string", "text": "string", "start": "float64", "end": "float64"}
PHRASES: Schema = {"value": "string", "start": "float64", "end": "float64", "confidence": "float64"}
SUMMARY: Schema = {
    "kind": "string",
    "text": "string",
    "start": "float64",
    "end": "float64",
    "confidence": "float64",
    "group": "string",
}


def frame(schema: Schema, rows: Iterable[Row], *, index: str | None = None) -> pd.DataFrame:
    """A DataFrame of just the schema's columns and dtypes, one row for each of `rows`."""
    kept = list(rows)
    columns = {name: _column(dtype, [row.get(name) for row in kept]) for name, dtype in schema.items()}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(kept), name=index))


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, leaving out whatever is none; [] where there is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def member(value: Any, name: str) -> Any:
    """A field of an object; None where there is no object or no field."""
    return value.get(name) if isinstance(value, dict) else None


def speaker_of(item: Mapping[str, Any]) -> Any:
    """Earlier versions of the API write `enrollmentId` for `speakerId`."""
    speaker = item.get("speakerId")
    return item.get("enrollmentId") if speaker is None else speaker


def number(value: Any) -> float | None:
    """A finite number, also from text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def text(value: Any) -> str | None:
    """A scalar as text; None for objects, lists and nothing."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair could not be shown or saved
    if isinstance(value, bool | int | float):
        return str(value)
    return None


def duration(start: Any, end: Any) -> float:
    """How long from `start` to `end`, never negative; 0 where either is missing."""
    first, last = number(start), number(end)
    return 0.0 if first is None or last is None else max(0.0, last - first)


def _column(dtype: str, values: Sequence[Any]) -> pd.Series[Any]:
    if dtype == "string":
        return pd.Series([text(value) for value in values], dtype="string")
    numbers = pd.Series([number(value) for value in values], dtype="float64")
    return numbers if dtype == "float64" else numbers.where(numbers.abs() < MOST_WHOLE).round().astype("Int64")
