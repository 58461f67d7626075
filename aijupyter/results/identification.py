"""Speaker identification: which of the enrolled speakers speaks when."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pandas as pd

from aijupyter.results.base import framed
from aijupyter.results.diarization import Diarization
from aijupyter.results.frames import IDENTIFIED_TURNS, column, frame, listed, speaker_of, speakers_of, text

NOT_IDENTIFIED = "UserNotIdentified"
"""What the API calls a voice that is none of the speakers it was to look for."""
UNKNOWN = "unknown"
"""What we call it: a label like others, which can be given a name."""


class Identification(Diarization):
    """The answer of `identify`. Who is none of the speakers that were looked for has the label `UNKNOWN`."""

    @framed
    def utterances(self) -> pd.DataFrame:
        """One row for each stretch of speech: start, end, speaker, identified, score.

        `speaker` is the id of an enrolled one, or `"unknown"`; `identified` tells them apart whatever names were given.
        `score` is the answer's confidence, which is no probability: the greater the surer, and 35 was seen.
        """
        items = self._utterance_items
        columns = {
            "speaker": column("string", speakers_of(items)),
            "identified": column("boolean", [item["identified"] for item in items]),
            "score": column("float64", [item.get("confidence") for item in items]),
        }
        return frame(IDENTIFIED_TURNS, items, index="utterance", columns=columns, names=self._names)

    @cached_property
    def _utterance_items(self) -> list[dict[str, Any]]:
        return [_labelled(item) for item in listed(self.response, "utterances", "segments")]


def _labelled(item: dict[str, Any]) -> dict[str, Any]:
    speaker = text(speaker_of(item))
    known = speaker is not None and speaker.casefold() != NOT_IDENTIFIED.casefold()
    return {**item, "speakerId": speaker if known else UNKNOWN, "identified": known}
