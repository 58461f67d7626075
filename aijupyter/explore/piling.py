"""Frames of many conversations, one below the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aijupyter.results.frames import (
    INSIGHTS,
    PHRASES,
    QUESTIONS,
    SCALES,
    SPEAKERS_WITH_INSIGHTS,
    SUMMARY,
    UTTERANCES_WITH_EMOTION,
    WORDS,
    Schema,
    column,
    scale,
)

SCHEMAS: Mapping[str, Schema] = {
    "utterances": UTTERANCES_WITH_EMOTION,
    "words": WORDS,
    "speakers": SPEAKERS_WITH_INSIGHTS,
    "insights": INSIGHTS,
    "questions": QUESTIONS,
    "key_phrases": PHRASES,
    "topics": PHRASES,
    "summary": SUMMARY,
}
"""The columns of each frame, whatever was asked: those of the operation that answers most."""

NUMBERED = {"utterances": "utterance"}
"""Frames whose rows have a number that others refer to."""

Part = tuple[str, str, pd.DataFrame]


def columns_of(name: str) -> tuple[str, ...]:
    """The columns that the frame called `name` has."""
    return ("job", "recording", *((NUMBERED[name],) if name in NUMBERED else ()), *SCHEMAS[name])


def pile(name: str, parts: Sequence[Part]) -> pd.DataFrame:
    """The frames called `name` of (job, recording, frame), one below the other, with all columns of their schema."""
    frames = [frame for _, _, frame in parts]
    counts = [len(frame) for frame in frames]
    columns: dict[str, Any] = {
        "job": _repeated((job for job, _, _ in parts), counts),
        "recording": _repeated((recording for _, recording, _ in parts), counts),
    }
    if number := NUMBERED.get(name):
        places = [np.arange(count, dtype="int64") for count in counts]
        columns[number] = np.concatenate(places) if places else np.zeros(0, dtype="int64")
    for heading, dtype in SCHEMAS[name].items():
        columns[heading] = _piled(heading, dtype, frames)
    return pd.DataFrame(columns)


def _repeated(values: Iterable[str], counts: Sequence[int]) -> Any:
    return column("string", list(values)).repeat(counts)


def _piled(heading: str, dtype: str, frames: Sequence[pd.DataFrame]) -> Any:
    pieces = [
        frame[heading] if heading in frame else pd.Series(column(dtype, [None] * len(frame)))
        for frame in frames
        if len(frame)
    ]
    if not pieces:
        return column(dtype, [])
    if dtype in SCALES:
        pieces = _on_one_scale(dtype, pieces)
    return pd.concat(pieces, ignore_index=True).array


def _on_one_scale(name: str, pieces: list[pd.Series[Any]]) -> list[pd.Series[Any]]:
    """Answers with values that others do not know have scales of their own."""
    if len({piece.dtype for piece in pieces}) == 1:
        return pieces
    found = frozenset().union(*(piece.cat.categories for piece in pieces))
    return [piece.astype(scale(name, found)) for piece in pieces]
