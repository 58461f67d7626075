"""The contract's result objects, from what was heard. Times in seconds; every number finite, with three decimals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from aijupyter.service.engines.turns import Utterance
from aijupyter.service.engines.words import Word, bare


def number(value: float) -> float:
    """A float that JSON can carry, with three decimals."""
    return round(float(value), 3) if math.isfinite(value) else 0.0


def word_timing(word: Word, speaker: str | None) -> dict[str, Any]:
    """{word, start, end, confidence, speakerId?}."""
    timing: dict[str, Any] = {
        "word": word.text,
        "start": number(word.start),
        "end": number(word.end),
        "confidence": number(word.confidence),
    }
    return timing if speaker is None else {**timing, "speakerId": speaker}


def utterance(said: Utterance) -> dict[str, Any]:
    """{start, end, text, confidence, speakerId?, wordTimings}."""
    result: dict[str, Any] = {
        "start": number(said.start),
        "end": number(said.end),
        "text": said.text,
        "confidence": number(said.confidence),
    }
    if said.speaker is not None:
        result["speakerId"] = said.speaker
    return {**result, "wordTimings": [word_timing(word, said.speaker) for word in said.words]}


def segment(span: tuple[float, float], speaker: str, confidence: float | None) -> dict[str, Any]:
    """{start, end, speakerId, confidence?}: an utterance without its text."""
    found = {"start": number(span[0]), "end": number(span[1]), "speakerId": speaker}
    return found if confidence is None else {**found, "confidence": number(confidence)}


def transcription(said: Sequence[Utterance], *, diarized: bool) -> dict[str, Any]:
    """{transcript, confidence, words} and, where speakers were told apart, speakerCount and utterances."""
    words = [word for u in said for word in u.words]
    result: dict[str, Any] = {
        "transcript": " ".join(word.text for word in words),
        "confidence": number(sum(word.confidence for word in words) / len(words)) if words else 0.0,
        "words": [word_timing(word, u.speaker) for u in said for word in u.words],
    }
    if not diarized:
        return result
    return {**result, "speakerCount": len({u.speaker for u in said}), "utterances": [utterance(u) for u in said]}


def unpunctuated(said: Sequence[Utterance]) -> list[Utterance]:
    """The utterances in bare lower-case words; what is nothing but punctuation goes."""
    result = []
    for u in said:
        words = tuple(
            Word(text, word.start, word.end, word.confidence) for word in u.words if (text := bare(word.text))
        )
        if words:
            result.append(Utterance(words, u.speaker, u.channel))
    return result
