"""Finds the questions in what was said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from aijupyter.service.engines import grammar
from aijupyter.service.engines.turns import Utterance, sentences
from aijupyter.service.engines.words import CLOSING_MARKS, bare

_FILLER = r"(?:(?:okay|ok|so|and|but|well|hey|oh|alright|all right|um|uh|now|hi|hello|sorry)[,.]? )*"
_AUXILIARY = (
    r"(?:do(?! (?:it|that|this|these|those)\b)|does|did|can|could|will|would|are|is|am|was|were|have|has|had|should|"
    r"shall|may|don't|doesn't|didn't|can't|couldn't|won't|wouldn't|aren't|isn't|wasn't|weren't|haven't|hasn't|shouldn't)"
)
_SUBJECT = r"(?:i|you|we|they|he|she|it|that|this|there|these|those|your|my|our|the|anyone|anybody|somebody|someone)"
_WH = r"(?:what|where|when|who|whom|whose|how|why|which)"
_OPENING = re.compile(
    rf"^{_FILLER}(?:"
    rf"{_AUXILIARY} {_SUBJECT}\b"  # did you, is that
    rf"|{_WH} (?:\w+ ){{0,2}}?{_AUXILIARY} {_SUBJECT}\b"  # what is your, how may I, what color did you
    rf"|{_WH}(?:'s|'re) (?:\w+)"  # what's the
    rf"|(?:how|what) about\b"
    rf"|why not\b"
    rf")",
    re.IGNORECASE,
)
_WITHOUT_MARK = 14
"""Words; a longer sentence without a question mark is a statement that merely starts like a question."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it was heard; `start` and `end` in seconds."""

    text: str
    start: float
    end: float
    speaker: str


def questions(utterances: Iterable[Utterance]) -> list[Question]:
    """The questions of all utterances, in order."""
    return [
        Question(text, sentence[0].start, sentence[-1].end, utterance.speaker or "")
        for utterance in utterances
        for sentence in sentences(utterance.words)
        if is_question(text := " ".join(word.text for word in sentence))
    ]


def is_question(sentence: str) -> bool:
    """Whether a sentence ends in a question mark or, short and with no mark at all, opens as English questions do.

    Recognisers end many a question with a full stop, which therefore says little; an exclamation mark says that it is
    none. Indirect questions ("I wonder if ...") are none either.
    """
    text = sentence.strip().rstrip(CLOSING_MARKS)
    if text.endswith("?"):
        return True
    if len(text.split()) > _WITHOUT_MARK or text.endswith("!"):
        return False
    return _OPENING.match(text) is not None or _asks([bare(word) for word in text.split()])


def _asks(words: list[str]) -> bool:
    """Whether bare words open as a question about a noun does: "are pets allowed", "which lights are on"."""
    while words and words[0] in grammar.HAILS | grammar.LEADS | {"sorry", "no"}:
        words = words[1:]
    one, two, *rest = [*words, "", ""]
    if len(rest) <= 2:  # noqa: PLR2004  # the two that were added, so three words at most
        return False
    if one in {"are", "were", "does", "did", "can", "could", "will", "would", "should", "has"}:
        return two not in grammar.VERBS | grammar.AUXILIARIES | grammar.ANSWERS | {"not", "a", "an", "the"}
    if one not in grammar.QUESTION_WORDS - {"when"} or two in grammar.SUBJECTS or (one == "which" and two == "is"):
        return False
    return any(word in grammar.AUXILIARIES for word in (two, *rest[:2])) or (
        one != "how" and any(word in grammar.VERBS and word.endswith("s") for word in (two, rest[0]))
    )
