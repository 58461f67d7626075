"""The schemas that all results share, and how answers of any shape are poured into them.

Times and durations are in seconds from the start of the recording, float64. Texts are of pandas' `string` dtype. What
is on a scale (SCALES) is an ordered categorical. What an answer leaves out, or writes as another type, is missing (NaN
or NA); a frame always has all of its columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

MOST = 1e30
"""Numbers from here on are missing: what is computed with them, such as milliseconds or sums, would not be finite."""

MOST_WHOLE = 2.0**63
"""Numbers from here on are of no whole column: they are missing there."""

Row = Mapping[str, Any]
Schema = Mapping[str, str]
Columns = Mapping[str, Any]

_OBJECTS = frozenset({dict})
_PLAIN_NUMBERS = frozenset({float, int, type(None)})
_PLAIN_TEXTS = frozenset({str, type(None)})

SCALES: Mapping[str, tuple[str, ...]] = {
    "emotion": (
        "Anger", "Disgust", "Fear", "Frustration", "Sadness", "Sad", "Neutral",
        "Surprise", "Anticipation", "Trust", "Excitement", "Excited", "Happy", "Joy",
    ),
    "pace": ("slow", "medium", "fast"),
    "level": ("utterance", "speaker", "conversation"),
    "quality": ("Poor", "Average", "Good", "High"),
}  # fmt: skip
"""The values of some columns in their order: emotions from the most unpleasant to the most pleasant."""

_SELDOM = frozenset({"Frustration", "Sad", "Excitement", "Excited", "Happy"})
"""Emotions that the analysis of conversations does not know: on the scale where an answer has them all the same."""

UTTERANCES: Schema = {
    "start": "float64",
    "end": "float64",
    "speaker": "string",
    "text": "string",
    "confidence": "float64",
}
UTTERANCES_WITH_EMOTION: Schema = {**UTTERANCES, "emotion": "emotion", "emotion_confidence": "float64"}
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
    "pace": "pace",
    "pace_wpm": "float64",
    "energy": "float64",
    "questions": "Int64",
}
INSIGHTS: Schema = {
    "level": "level",
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
TURNS: Schema = {"start": "float64", "end": "float64", "speaker": "string", "confidence": "float64"}
IDENTIFIED_TURNS: Schema = {
    "start": "float64",
    "end": "float64",
    "speaker": "string",
    "identified": "boolean",
    "score": "float64",
}
TALK: Schema = {"speaker": "string", "utterances": "Int64", "talk_seconds": "float64", "talk_ratio": "float64"}
EMOTIONS: Schema = {"start": "float64", "end": "float64", "emotion": "emotion", "confidence": "float64"}
FELT: Schema = {"emotion": "emotion", "segments": "Int64", "seconds": "float64", "share": "float64"}
PUNCTUATED: Schema = {"before": "string", "after": "string"}
SUMMARY_OF_SPEAKERS: Schema = {**SUMMARY, "speaker": "string"}
NOT_MADE: Schema = {"kind": "string", "reason": "string"}
VOICES: Schema = {
    "speaker": "string",
    "complete": "boolean",
    "quality": "quality",
    "speech_seconds": "float64",
    "enrolled_seconds": "float64",
}


def frame(
    schema: Schema,
    rows: Iterable[Row],
    *,
    index: str | None = None,
    columns: Columns | None = None,
    names: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """A DataFrame of just the schema's columns and dtypes, one row for each of `rows`.

    `columns` are those that are not to be looked up in the rows, as `column` makes them and as long as the rows.
    `names` take the place of labels in the column `speaker`.
    """
    kept = list(rows)
    poured = dict(columns or {})
    for name, dtype in schema.items():
        if name not in poured:
            poured[name] = column(dtype, [row.get(name) for row in kept])
    if names:
        poured["speaker"] = renamed(poured["speaker"], names)
    return pd.DataFrame({name: poured[name] for name in schema}, index=pd.RangeIndex(len(kept), name=index))


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, leaving out whatever is none; [] where there is no list."""
    if not isinstance(value, list):
        return []
    if _OBJECTS.issuperset(map(type, value)):
        return value
    return [item for item in value if isinstance(item, dict)]


def listed(value: Any, *names: str) -> list[dict[str, Any]]:
    """The objects of an answer that is a list, or that holds one under one of the names; [] where there is neither."""
    lists = (value, *(member(value, name) for name in names))
    return objects(next((one for one in lists if isinstance(one, list)), None))


def member(value: Any, name: str) -> Any:
    """A field of an object; None where there is no object or no field."""
    return value.get(name) if isinstance(value, dict) else None


def speaker_of(item: Mapping[str, Any]) -> Any:
    """Earlier versions of the API write `enrollmentId` for `speakerId`."""
    speaker = item.get("speakerId")
    return item.get("enrollmentId") if speaker is None else speaker


def speakers_of(items: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The speakers of many utterances or words, None where they name none."""
    speakers = [item.get("speakerId") for item in items]
    if None in speakers:
        return [item.get("enrollmentId") if own is None else own for own, item in zip(speakers, items, strict=True)]
    return speakers


def any_names_speaker(items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether `speakers_of` would find any, known sooner."""
    return bool([True for item in items if "speakerId" in item or "enrollmentId" in item])


def number(value: Any) -> float | None:
    """A number, also from text; None for anything else, for what is not finite, and from MOST on."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if abs(read) < MOST else None  # NaN is not


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


@lru_cache
def scale(name: str, found: frozenset[str] = frozenset()) -> pd.CategoricalDtype:
    """The ordered categories of a column in SCALES where it holds what was `found`.

    Values that nobody knows come after the others, in the order of the alphabet.
    """
    order = SCALES[name]
    known = [value for value in order if value not in _SELDOM or value in found]
    return pd.CategoricalDtype([*known, *sorted(found.difference(order))], ordered=True)


def column(dtype: str, values: Sequence[Any]) -> Any:
    """A column of one of the dtypes that the schemas know, or on one of the SCALES, as an array.

    Clean columns, where every value is of the type expected or missing, are made at once. The rest go value by value,
    through `number` and `text`, with the same outcome.
    """
    if dtype == "string":
        return pd.array(values if _is_clean_text(values) else [text(value) for value in values], dtype="string")
    if dtype in SCALES:
        return _on_scale(dtype, values if _is_clean_text(values) else [text(value) for value in values])
    if dtype == "boolean":
        return pd.array([value if isinstance(value, bool) else None for value in values], dtype="boolean")
    numbers = _clean_numbers(values)
    if numbers is None:
        numbers = np.array([number(value) for value in values], dtype="float64")
    return numbers if dtype == "float64" else _whole(numbers)


def renamed(speakers: Any, names: Mapping[str, str]) -> Any:
    """A column of labels with names in their place, where they have any."""
    places, labels = pd.factorize(speakers)
    return pd.array([names.get(label, label) for label in labels], dtype="string").take(places, allow_fill=True)


def positions(counts: Sequence[int]) -> Any:
    """An Int64 column that says to which of the groups, counted from 0, each of the members of all groups belongs."""
    places = np.repeat(np.arange(len(counts), dtype="int64"), counts)
    return pd.arrays.IntegerArray(places, np.zeros(len(places), dtype=bool))


def _on_scale(name: str, values: Sequence[str | None]) -> pd.Categorical:
    dtype = scale(name, frozenset(value for value in values if value is not None))
    places = {value: place for place, value in enumerate(dtype.categories)}
    return pd.Categorical.from_codes([places.get(value, -1) for value in values], dtype=dtype)


def _is_clean_text(values: Sequence[Any]) -> bool:
    if not _PLAIN_TEXTS.issuperset(map(type, values)):
        return False
    try:
        "".join(filter(None, values)).encode()
    except UnicodeEncodeError:
        return False
    return True


def _clean_numbers(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if not _PLAIN_NUMBERS.issuperset(map(type, values)):
        return None
    try:
        numbers = np.array(values, dtype="float64")
    except OverflowError:
        return None
    numbers[~(np.abs(numbers) < MOST)] = np.nan
    return numbers


def _whole(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    fit = np.abs(numbers) < MOST_WHOLE  # NaN does not
    return pd.arrays.IntegerArray(np.where(fit, numbers, 0.0).round().astype("int64"), ~fit)
