"""Summaries of a conversation that was given as text."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

import pandas as pd

from aijupyter.results.base import Result, framed
from aijupyter.results.frames import NOT_MADE, SUMMARY_OF_SPEAKERS, frame, listed, speaker_of, text
from aijupyter.results.insights import SUMMARIES, not_made, summary_rows, values_of

KINDS = {
    "Extractive": SUMMARIES[:1],
    "AbstractiveShort": SUMMARIES[1:2],
    "AbstractiveLong": SUMMARIES[2:],
    "AbstractiveAll": SUMMARIES[1:],
    "All": SUMMARIES,
}
"""What each type of summary that can be asked for consists of."""


class Summary(Result):
    """The answer of `summarize`."""

    @framed
    def summary(self) -> pd.DataFrame:
        """One row for each part of a summary: kind, text, start, end, confidence, group, speaker.

        `kind` is ExtractiveSummary (sentences of the conversation itself), AbstractiveSummaryShort or
        AbstractiveSummaryLong, in this order, and then whatever else the answer holds. What was asked for and has no
        rows is in `not_made`.
        """
        values = [(_kind(name), value) for name, value in values_of(self._entries)]
        kinds = list(dict.fromkeys([*SUMMARIES, *(kind for kind, _ in values)]))
        return frame(SUMMARY_OF_SPEAKERS, summary_rows(values, kinds), names=self._names)

    @framed
    def not_made(self) -> pd.DataFrame:
        """One row for each kind that was asked for and was not made: kind, reason (where the answer says)."""
        asked = KINDS.get(str(self.options.get("summaryType") or "Extractive"), ())
        named = [{**entry, "name": _kind(text(entry.get("name")) or "")} for entry in self._entries]
        return frame(NOT_MADE, not_made(asked, named))

    @property
    def text(self) -> str:
        """The summary in one piece: the short abstractive one where there is one, else the long one, else the sentences
        of the conversation itself; "" where none was made.
        """
        for kind in (*SUMMARIES[1:], SUMMARIES[0]):
            said = self.summary.loc[(self.summary["kind"] == kind).fillna(value=False), "text"].dropna()
            if len(said):
                return " ".join(said)
        return ""

    @cached_property
    def labels(self) -> Collection[str]:
        """The speakers that the parts name."""
        named = (text(speaker_of(value)) for _, value in values_of(self._entries))
        return tuple(dict.fromkeys(label for label in named if label is not None))

    @cached_property
    def _entries(self) -> list[dict[str, Any]]:
        return listed(self.response, "summaries")


def _kind(name: str) -> str:
    """A kind by the name that analyses give it, also where it is called by the type that was asked for."""
    kinds = KINDS.get(name, ())
    return kinds[0] if len(kinds) == 1 else name
