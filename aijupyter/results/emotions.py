"""Emotion recognition: how it is said, and when."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pandas as pd

from aijupyter.results.base import Result, framed
from aijupyter.results.frames import EMOTIONS, FELT, column, frame, listed


class Emotions(Result):
    """The answer of `emotions`."""

    @framed
    def segments(self) -> pd.DataFrame:
        """One row for each stretch of one emotion: start, end, emotion, confidence."""
        items = self._items
        return frame(EMOTIONS, items, index="segment", columns={"emotion": column("emotion", self._felt)})

    @framed
    def shares(self) -> pd.DataFrame:
        """One row for each emotion that was heard, in their order: emotion, segments, seconds, share (percent)."""
        segments = self.segments
        lasted = (segments["end"] - segments["start"]).clip(lower=0.0).fillna(0.0)
        felt = lasted.groupby(segments["emotion"], observed=True).agg(["size", "sum"])
        whole = float(felt["sum"].sum())
        columns = {
            "emotion": column("emotion", [str(name) for name in felt.index]),
            "segments": felt["size"].astype("Int64").array,
            "seconds": felt["sum"].to_numpy(dtype="float64"),
            "share": (felt["sum"] * (100 / whole) if whole else felt["sum"] * float("nan")).to_numpy(dtype="float64"),
        }
        return frame(FELT, [{}] * len(felt), columns=columns)

    @property
    def _felt(self) -> list[Any]:
        """The emotion of each segment, as the answer writes it."""
        return [item.get("value") if item.get("emotion") is None else item["emotion"] for item in self._items]

    @cached_property
    def _items(self) -> list[dict[str, Any]]:
        return listed(self.response, "emotions", "utterances", "segments", "values")
