"""Speech to text: what was said, by whom, when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain, repeat
from typing import Any

import pandas as pd

from aijupyter.results.base import Result, framed
from aijupyter.results.explorable import Explorable
from aijupyter.results.frames import (
    SPEAKERS,
    UTTERANCES,
    WORDS,
    any_names_speaker,
    column,
    frame,
    member,
    number,
    objects,
    positions,
    renamed,
    speakers_of,
    text,
)
from aijupyter.results.joinable import Joinable
from aijupyter.results.speakers import by_name, speaker_rows

Items = list[dict[str, Any]]

SENTENCE_ENDS = (".", "?", "!")


class Transcript(Explorable, Joinable, Result):
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
    def labels(self) -> Collection[str]:
        """The speakers as the answer calls them, in order of appearance: in utterances, then in words and insights."""
        return tuple(dict.fromkeys(label for speaker in self._speakers() if (label := text(speaker)) is not None))

    @framed
    def utterances(self) -> pd.DataFrame:
        """One row for each utterance: start, end, speaker, text, confidence.

        An answer without speakers has no utterances of its own; its sentences are shown then, cut at their punctuation,
        with the speaker missing.
        """
        items = self._utterance_items
        columns = {"speaker": column("string", speakers_of(items))}
        return frame(UTTERANCES, items, index="utterance", columns=columns, names=self._names)

    @framed
    def words(self) -> pd.DataFrame:
        """One row for each word: utterance (the row of `utterances`), word, start, end, speaker, confidence.

        Where the answer does not say which utterance a word belongs to, that is missing.
        """
        names, items = self._names, self._utterance_items
        words, counts = self._word_items
        if not counts:
            columns = {"speaker": column("string", speakers_of(words))}
            return frame(WORDS, words, columns=columns, names=names)
        columns = {"utterance": positions(counts), "speaker": _word_speakers(items, words, counts, names)}
        return frame(WORDS, words, columns=columns)

    @framed
    def speakers(self) -> pd.DataFrame:
        """One row for each speaker in order of appearance: speaker, utterances, words, talk_seconds, talk_ratio.

        `talk_ratio` is the speaker's percentage of all talk.
        """
        return frame(SPEAKERS, by_name(speaker_rows(self._utterance_items), self._names))

    def _speakers(self) -> Iterable[Any]:
        """Whoever is named as a speaker, as often as that is."""
        words, _ = self._word_items
        return chain(speakers_of(self._utterance_items), speakers_of(words) if any_names_speaker(words) else ())

    @cached_property
    def _word_items(self) -> tuple[Items, list[int]]:
        """The words, and how many of them each utterance has; no counts where that is not known."""
        timed = [objects(item.get("wordTimings")) for item in self._utterance_items]
        words = list(chain.from_iterable(timed))
        return (words, [len(group) for group in timed]) if words else (objects(member(self.response, "words")), [])

    @cached_property
    def _utterance_items(self) -> Items:
        utterances = objects(member(self.response, "utterances"))
        return utterances or list(_sentences(objects(member(self.response, "words"))))


def _word_speakers(items: Items, words: Items, counts: list[int], names: Mapping[str, str]) -> Any:
    """A word is its utterance's speaker's unless it names its own."""
    speakers = speakers_of(items)
    if not any_names_speaker(words):
        said_by = column("string", speakers)
        return (renamed(said_by, names) if names else said_by).repeat(counts)
    spoken = chain.from_iterable(map(repeat, speakers, counts))
    own = [its if own is None else own for own, its in zip(speakers_of(words), spoken, strict=True)]
    return renamed(column("string", own), names) if names else column("string", own)


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
