"""Interaction analytics: a conversation, and what can be learned from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import Any

import pandas as pd

from aijupyter.results.base import framed
from aijupyter.results.frames import (
    INSIGHTS,
    NOT_MADE,
    PHRASES,
    QUESTIONS,
    SPEAKERS_WITH_INSIGHTS,
    SUMMARY,
    UTTERANCES_WITH_EMOTION,
    column,
    frame,
    member,
    number,
    objects,
    speaker_of,
    speakers_of,
    text,
)
from aijupyter.results.insights import SUMMARIES, Item, not_made, said, summary_rows, values_of
from aijupyter.results.speakers import by_name, speaker_rows
from aijupyter.results.transcript import Transcript


class Interaction(Transcript):
    """The answer of `analyze`."""

    @framed
    def utterances(self) -> pd.DataFrame:
        """One row for each utterance: start, end, speaker, text, confidence, emotion, emotion_confidence."""
        items = self._utterance_items
        emotions = [_emotion(item) for item in items]
        columns = {
            "speaker": column("string", speakers_of(items)),
            "emotion": column("emotion", [emotion.get("value") for emotion in emotions]),
            "emotion_confidence": column("float64", [emotion.get("confidence") for emotion in emotions]),
        }
        return frame(UTTERANCES_WITH_EMOTION, items, index="utterance", columns=columns, names=self._names)

    @framed
    def speakers(self) -> pd.DataFrame:
        """One row for each speaker.

        speaker, utterances, words, talk_seconds, talk_ratio (the talk of the answer's "58:42", in percent), pace (slow,
        medium or fast), pace_wpm (words per minute), energy, questions (a count).
        """
        rows = {row["speaker"]: row for row in speaker_rows(self._utterance_items)}
        for name, value in self._speaker_values():
            speaker = text(speaker_of(value))
            if speaker is not None:
                rows.setdefault(speaker, {"speaker": speaker}).update(_speaker_columns(name, value))
        return frame(SPEAKERS_WITH_INSIGHTS, by_name(rows.values(), self._names))

    @framed
    def insights(self) -> pd.DataFrame:
        """Every insight, one row for each value, whatever its name.

        level (utterance, speaker or conversation), name, utterance (the row of `utterances`), speaker, value (as text),
        number (the value where it is one), start, end, confidence.
        """
        return frame(INSIGHTS, self._insight_rows(), names=self._names)

    @framed
    def questions(self) -> pd.DataFrame:
        """One row for each question asked: speaker, text, start, end."""
        asked = (
            {**question, "speaker": speaker_of(value)}
            for name, value in self._speaker_values()
            if name == "QuestionsAsked"
            for question in objects(value.get("questions"))
        )
        return frame(QUESTIONS, sorted(asked, key=_start), names=self._names)

    @framed
    def key_phrases(self) -> pd.DataFrame:
        """One row for each key phrase: value, start, end, confidence."""
        return frame(PHRASES, self._conversation_values("KeyPhrases"))

    @framed
    def topics(self) -> pd.DataFrame:
        """One row for each topic: value, start, end, confidence."""
        return frame(PHRASES, self._conversation_values("Topics"))

    @framed
    def summary(self) -> pd.DataFrame:
        """One row for each part of a summary: kind, text, start, end, confidence, group.

        `kind` is ExtractiveSummary (sentences of the conversation itself), AbstractiveSummaryShort or
        AbstractiveSummaryLong. What was asked for and has no rows is in `not_made`.
        """
        return frame(SUMMARY, summary_rows(self._conversation_insights(), SUMMARIES))

    @framed
    def not_made(self) -> pd.DataFrame:
        """One row for each kind of summary that was asked for and not made: kind, reason (where the answer says)."""
        asked = self.options.get("insights") or ()
        kinds = [kind for kind in SUMMARIES if "All" in asked or kind in asked]
        return frame(NOT_MADE, not_made(kinds, objects(member(self.response, "conversationalInsights"))))

    @framed
    def tasks(self) -> pd.DataFrame:
        """One row for each task that was agreed on: value, start, end, confidence."""
        return frame(PHRASES, self._conversation_values("Tasks"))

    @framed
    def titles(self) -> pd.DataFrame:
        """One row for each title that the conversation could have: value, start, end, confidence."""
        return frame(PHRASES, self._conversation_values("Titles"))

    @cached_property
    def _utterance_items(self) -> list[Item]:
        return objects(member(self.response, "utteranceInsights"))

    def _speakers(self) -> Iterable[Any]:
        named = (speaker_of(value) for _, value in (*self._speaker_values(), *self._conversation_insights()))
        return chain(super()._speakers(), named)

    def _speaker_values(self) -> Iterator[tuple[str, Item]]:
        return values_of(member(member(self.response, "speakerInsights"), "insights"))

    def _conversation_values(self, wanted: str) -> list[Item]:
        found = (value for name, value in self._conversation_insights() if name == wanted)
        return [{**value, "value": said(value)} for value in found]

    def _conversation_insights(self) -> Iterator[tuple[str, Item]]:
        return values_of(member(self.response, "conversationalInsights"))

    def _insight_rows(self) -> Iterator[Item]:
        for position, utterance in enumerate(self._utterance_items):
            place = {"level": "utterance", "utterance": position, "speaker": speaker_of(utterance)}
            times = {"start": utterance.get("start"), "end": utterance.get("end")}
            for insight in objects(utterance.get("insights")):
                yield {**times, **_valued(insight), **place}
        for name, value in self._speaker_values():
            yield {**_valued(value), "level": "speaker", "name": name, "speaker": speaker_of(value)}
        for name, value in self._conversation_insights():
            yield {**_valued(value), "level": "conversation", "name": name, "speaker": speaker_of(value)}


def _valued(value: Item) -> Item:
    told = said(value)
    return {**value, "value": told, "number": number(told)}


def _start(item: Mapping[str, Any]) -> float:
    start = number(item.get("start"))
    return float("inf") if start is None else start


def _emotion(item: Item) -> Item:
    """The first emotion that was found in an utterance."""
    found = (insight for insight in objects(item.get("insights")) if insight.get("name") == "Emotion")
    return next(found, {"value": item.get("emotion"), "confidence": item.get("emotion_confidence")})


def _speaker_columns(name: str, value: Item) -> Item:
    """What an insight of a speaker adds to its row."""
    told = said(value)
    match name:
        case "TalkToListenRatio":
            talk = number((text(told) or "").partition(":")[0])
            return {} if talk is None else {"talk_ratio": talk}
        case "Pace":
            return {"pace": told, "pace_wpm": value.get("wpm")}
        case "Energy":
            return {"energy": told}
        case "QuestionsAsked":
            return {"questions": told}
        case _:
            return {}
