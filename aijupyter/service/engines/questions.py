"""Finds the questions in what was said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from aijupyter.service.engines.turns import Utterance, sentences
from aijupyter.service.engines.words import CLOSING_MARKS

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
    return len(text.split()) <= _WITHOUT_MARK and not text.endswith("!") and _OPENING.match(text) is not None
