"""Speaker diarization: who speaks when."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from aijupyter.results.base import Result, framed
from aijupyter.results.frames import TALK, TURNS, column, frame, listed, member, number, speakers_of, text
from aijupyter.results.speakers import by_name, speaker_rows

if TYPE_CHECKING:
    from aijupyter.explore.figures import ConversationFigures


class Diarization(Result):
    """The answer of `diarize`."""

    @property
    def speaker_count(self) -> int:
        """How many people speak: as the answer says, or as many as it tells apart."""
        told = number(member(self.response, "speakerCount"))
        return len(self.labels) if told is None or told < 0 else int(told)

    @cached_property
    def labels(self) -> Collection[str]:
        """The speakers as the answer calls them, in order of appearance."""
        told = map(text, speakers_of(self._utterance_items))
        return tuple(dict.fromkeys(label for label in told if label is not None))

    @framed
    def utterances(self) -> pd.DataFrame:
        """One row for each stretch of speech of one speaker: start, end, speaker, confidence."""
        items = self._utterance_items
        columns = {"speaker": column("string", speakers_of(items))}
        return frame(TURNS, items, index="utterance", columns=columns, names=self._names)

    @framed
    def speakers(self) -> pd.DataFrame:
        """One row for each speaker in order of appearance: speaker, utterances, talk_seconds, talk_ratio.

        `talk_ratio` is the speaker's percentage of all talk.
        """
        return frame(TALK, by_name(speaker_rows(self._utterance_items), self._names))

    @property
    def plot(self) -> ConversationFigures:
        """Ready figures: `.plot.timeline()`, `.plot.talk_ratio()`."""
        from aijupyter.explore.figures import ConversationFigures  # noqa: PLC0415  # figures are not for every result
        from aijupyter.results.conversation import without_words  # noqa: PLC0415  # nor is this

        return ConversationFigures(without_words(self))

    @cached_property
    def _utterance_items(self) -> list[dict[str, Any]]:
        return listed(self.response, "utterances", "segments")
