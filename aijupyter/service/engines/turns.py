"""Words into stretches, sentences, and each speaker's utterances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aijupyter.service.engines.words import Word

PAUSE = 0.3
"""Seconds of silence at which another voice may take over."""

UTTERANCE_PAUSE = 1.0
UTTERANCE_SECONDS = 15.0
"""An utterance ends at a pause this long, or at the sentence end after it has become this long."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Consecutive words of one speaker. `speaker` is None where speakers were not told apart.

    `channel` is the track that it was heard on.
    """

    words: tuple[Word, ...]
    speaker: str | None = None
    channel: int = 0

    @property
    def start(self) -> float:
        """Seconds."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """Seconds."""
        return self.words[-1].end

    @property
    def text(self) -> str:
        """The words as written."""
        return " ".join(word.text for word in self.words)

    @property
    def confidence(self) -> float:
        """The mean of the words' confidence, 0 to 1."""
        return sum(word.confidence for word in self.words) / len(self.words)


Stretch = tuple[Word, ...]


def stretches(words: Sequence[Word], pause: float = PAUSE) -> list[Stretch]:
    """The words cut at pauses of `pause` seconds and at the ends of sentences."""
    return _cut(words, lambda before, after: after.start - before.end >= pause or before.ends_sentence)


def sentences(words: Sequence[Word]) -> list[Stretch]:
    """The words cut at the ends of sentences."""
    return _cut(words, lambda before, _: before.ends_sentence)


def utterances(words: Sequence[Word], speaker_of: Sequence[str] | None = None, channel: int = 0) -> list[Utterance]:
    """The words as utterances: cut where the speaker changes, at long pauses, and at a sentence end when long."""
    found: list[Utterance] = []
    current: list[Word] = []
    for number, word in enumerate(words):
        if current and (
            (speaker_of is not None and speaker_of[number] != speaker_of[number - 1])
            or word.start - current[-1].end >= UTTERANCE_PAUSE
            or (current[-1].ends_sentence and current[-1].end - current[0].start >= UTTERANCE_SECONDS)
        ):
            found.append(Utterance(tuple(current), speaker_of[number - 1] if speaker_of else None, channel))
            current = []
        current.append(word)
    if current:
        found.append(Utterance(tuple(current), speaker_of[-1] if speaker_of else None, channel))
    return found


def _cut(words: Sequence[Word], between: Callable[[Word, Word], bool]) -> list[Stretch]:
    pieces: list[list[Word]] = []
    for number, word in enumerate(words):
        if number == 0 or between(words[number - 1], word):
            pieces.append([])
        pieces[-1].append(word)
    return [tuple(piece) for piece in pieces]
