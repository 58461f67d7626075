"""A conversation in one row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aijupyter.results.frames import SCALES, Schema, column
from aijupyter.results.interaction import Interaction
from aijupyter.results.transcript import Transcript

BEFORE_NEITHER, AFTER_NEITHER = "Neutral", "Anticipation"
"""Between these, both of them included, emotions are neither unpleasant nor pleasant."""

NAMES_OF_SUMMARIES = {
    "ExtractiveSummary": "In their words",
    "AbstractiveSummaryShort": "In short",
    "AbstractiveSummaryLong": "Summary",
}

FACTS: Schema = {
    "duration": "float64",
    "utterances": "Int64",
    "words": "Int64",
    "speakers": "Int64",
    "questions": "Int64",
    "confidence": "float64",
    "top_speaker": "string",
    "top_share": "float64",
    "balance": "float64",
    "silence": "float64",
    "emotion": "emotion",
    "unpleasant": "float64",
    "pleasant": "float64",
}


RECORDING_COLUMNS = ("job", "recording", "operation", "asked", *FACTS)


def recordings_frame(members: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each (job, recording), of what `facts` says of it, and when it was asked (`asked`, in UTC)."""
    asked = pd.to_datetime(pd.Series([row.get("asked") for row in rows], dtype="object"), utc=True)
    return pd.DataFrame(
        {
            "job": column("string", [job for job, _ in members]),
            "recording": column("string", [recording for _, recording in members]),
            "operation": column("string", [row["operation"] for row in rows]),
            "asked": asked.dt.as_unit("us").array,
            **{name: column(dtype, [row.get(name) for row in rows]) for name, dtype in FACTS.items()},
        }
    )


def facts(result: Transcript) -> dict[str, Any]:
    """What can be said of a conversation in numbers. See `Corpus.recordings`."""
    utterances, speakers = result.utterances, result.speakers
    duration = _last(utterances["end"], result.words["end"])
    row: dict[str, Any] = {
        "operation": result.operation.value,
        "duration": duration,
        "utterances": len(utterances),
        "words": len(result.words),
        "speakers": len(speakers),
        "confidence": _known(utterances["confidence"].mean()),
        "silence": _silence(utterances, duration),
        **_balance(speakers),
    }
    if isinstance(result, Interaction):
        row |= {"questions": len(result.questions), **_feelings(utterances)}
    return row


def _last(*ends: pd.Series[float]) -> float | None:
    return _known(max((end.max() for end in ends if end.notna().any()), default=math.nan))


def _known(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _balance(speakers: pd.DataFrame) -> dict[str, Any]:
    talk = speakers["talk_seconds"].fillna(0.0).to_numpy(dtype=float)
    if not talk.sum():
        return {}
    shares = talk / talk.sum()
    most = int(shares.argmax())
    heard = shares[shares > 0]
    entropy = abs(float((heard * np.log(heard)).sum()))
    return {
        "top_speaker": speakers["speaker"].iloc[most],
        "top_share": 100 * float(shares[most]),
        "balance": entropy / math.log(len(talk)) if len(talk) > 1 else 0.0,
    }


def _silence(utterances: pd.DataFrame, duration: float | None) -> float | None:
    """Overlapping talk counts once."""
    if not duration:
        return None
    spoken, until = 0.0, 0.0
    for start, end in sorted(utterances[["start", "end"]].dropna().itertuples(index=False, name=None)):
        spoken += max(0.0, end - max(start, until))
        until = max(until, end)
    return 100 * max(0.0, 1 - spoken / duration)


def seconds_of(utterances: pd.DataFrame) -> pd.Series[float]:
    """How long each utterance is, never negative; 0 where that is not known."""
    return (utterances["end"] - utterances["start"]).clip(lower=0).fillna(0.0)


def side_of(emotion: str) -> int:
    """-1 for an unpleasant emotion, 1 for a pleasant one, 0 for what is neither or not on the scale."""
    order = SCALES["emotion"]
    if emotion not in order:
        return 0
    place = order.index(emotion)
    return (place > order.index(AFTER_NEITHER)) - (place < order.index(BEFORE_NEITHER))


def _feelings(utterances: pd.DataFrame) -> dict[str, Any]:
    felt = seconds_of(utterances).groupby(utterances["emotion"], observed=True).sum()
    whole = float(felt.sum())
    if not whole:
        return {}
    sides = pd.Series([side_of(str(emotion)) for emotion in felt.index], index=felt.index)
    return {
        "emotion": str(felt.idxmax()),
        "unpleasant": 100 * float(felt[sides < 0].sum()) / whole,
        "pleasant": 100 * float(felt[sides > 0].sum()) / whole,
    }
