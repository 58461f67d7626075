"""Speech to text: what was said, by whom, when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, repeat
from typing import Any

import pandas as pd

from aijupyter.results.base import Result
from aijupyter.results.frames import (
    SPEAKERS,
    UTTERANCES,
    WORDS,
    any_names_speaker,
    column,
    duration,
    frame,
    member,
    number,
    objects,
    positions,
    speaker_of,
    speakers_of,
    text,
)

Items = list[dict[str, Any]]

SENTENCE_ENDS = (".", "?", "!")


class Transcript(Result):
    """The answer of `transcribe`."""

    @property
    def text(self) -> str:
        """All that was said."""
        transcript = text(member(self.response, "transcript"))
        if transcript is not None:
            return transcript
        return " ".join(said for item in self._utterance_items if (said := text(item.get("text"))))

    @property
    def confidence(self) -> float | None:
        """How sure the engine is of the whole, 0 to 1; None where it does not say."""
        return number(member(self.response, "confidence"))

    @cached_property
    def utterances(self) -> pd.DataFrame:
        """One row for each utterance: start, end, speaker, text, confidence.

        An answer without speakers has no utterances of its own; its sentences are shown then, cut at their punctuation,
        with the speaker missing.
        """
        items = self._utterance_items
        return frame(UTTERANCES, items, index="utterance", columns={"speaker": column("string", speakers_of(items))})

    @cached_property
    def words(self) -> pd.DataFrame:
        """One row for each word: utterance (the row of `utterances`), word, start, end, speaker, confidence.

        Where the answer does not say which utterance a word belongs to, that is missing.
        """
        items = self._utterance_items
        timed = [objects(item.get("wordTimings")) for item in items]
        words = list(chain.from_iterable(timed))
        if not words:
            words = objects(member(self.response, "words"))
            return frame(WORDS, words, columns={"speaker": column("string", speakers_of(words))})
        counts = [len(group) for group in timed]
        columns = {"utterance": positions(counts), "speaker": _word_speakers(items, words, counts)}
        return frame(WORDS, words, columns=columns)

    @cached_property
    def speakers(self) -> pd.DataFrame:
        """One row for each speaker in order of appearance: speaker, utterances, words, talk_seconds, talk_ratio.

        `talk_ratio` is the speaker's percentage of all talk.
        """
        return frame(SPEAKERS, speaker_rows(self._utterance_items))

    @cached_property
    def _utterance_items(self) -> Items:
        utterances = objects(member(self.response, "utterances"))
        return utterances or list(_sentences(objects(member(self.response, "words"))))


def speaker_rows(items: Items) -> Items:
    """What can be counted of each speaker, as rows of SPEAKERS."""
    rows: dict[Any, dict[str, Any]] = defaultdict(lambda: {"utterances": 0, "words": 0, "talk_seconds": 0.0})
    for item in items:
        speaker = text(speaker_of(item))
        if speaker is None:
            continue
        row = rows[speaker]
        row["speaker"] = speaker
        row["utterances"] += 1
        row["words"] += len(objects(item.get("wordTimings"))) or len((text(item.get("text")) or "").split())
        row["talk_seconds"] += duration(item.get("start"), item.get("end"))
    whole = sum(row["talk_seconds"] for row in rows.values())
    return [{**row, "talk_ratio": 100 * row["talk_seconds"] / whole if whole else None} for row in rows.values()]


def _word_speakers(items: Items, words: Items, counts: list[int]) -> Any:
    """A word is its utterance's speaker's unless it names its own."""
    speakers = speakers_of(items)
    if not any_names_speaker(words):
        return column("string", speakers).repeat(counts)
    spoken = chain.from_iterable(map(repeat, speakers, counts))
    return column("string", [its if own is None else own for own, its in zip(speakers_of(words), spoken, strict=True)])


def _sentences(words: Items) -> Iterator[dict[str, Any]]:
    sentence: Items = []
    for word in words:
        sentence.append(word)
        if (text(word.get("word")) or "").rstrip().endswith(SENTENCE_ENDS):
            yield _sentence(sentence)
            sentence = []
    if sentence:
        yield _sentence(sentence)


def _sentence(words: Items) -> dict[str, Any]:
    confidences = [confidence for word in words if (confidence := number(word.get("confidence"))) is not None]
    return {
        "start": words[0].get("start"),
        "end": words[-1].get("end"),
        "text": " ".join(said.strip() for word in words if (said := text(word.get("word")))),
        "confidence": sum(confidences) / len(confidences) if confidences else None,
        "wordTimings": words,
    }
