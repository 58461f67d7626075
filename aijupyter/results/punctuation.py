"""Punctuation: texts with marks and capitals."""

from __future__ import annotations

from itertools import zip_longest

import pandas as pd

from aijupyter.results.base import Result, framed
from aijupyter.results.frames import PUNCTUATED, frame, member, text


class Punctuation(Result):
    """The answer of `punctuate`."""

    @framed
    def texts(self) -> pd.DataFrame:
        """One row for each text, in their order: before (as it was given), after (as it was answered)."""
        pairs = zip_longest(self._list(self.options.get("texts")), self._list(self._answer))
        return frame(PUNCTUATED, ({"before": before, "after": after} for before, after in pairs), index="text")

    @property
    def text(self) -> str:
        """All of it, a paragraph for each text."""
        return "\n\n".join(said for given in self._list(self._answer) if (said := text(given)))

    @property
    def _answer(self) -> object:
        return self.response if isinstance(self.response, list) else member(self.response, "texts")

    @staticmethod
    def _list(given: object) -> list[object]:
        return list(given) if isinstance(given, list | tuple) else []
