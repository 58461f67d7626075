"""Conversations that are made up, for tests of what is made of them."""

from __future__ import annotations

from typing import Any

from aijupyter.models import Operation
from aijupyter.results import Interaction, Transcript

HOSTILE = (
    "<script>window.HIT=1</script><img src=x onerror='window.HIT=2'>\u202e\"*_`|\n\n=1+1\n--> ](javascript:x) &amp;"
)

LINES = (
    ("0", 0.5, 4.0, "Good morning, how can I help you?", "Joy"),
    ("1", 4.5, 12.0, "I want a refund. This is the worst lamp that I have ever had, and it is broken.", "Anger"),
    ("0", 12.5, 15.0, "I am sorry. I will send the refund today.", "Sadness"),
    ("1", 15.5, 17.0, "Thank you.", "Trust"),
)
Line = tuple[str | None, float, float, str, str | None]


def utterances(lines: tuple[Line, ...] = LINES) -> list[dict[str, Any]]:
    """Lines as the API writes them, their words with times of the same length."""
    return [utterance(*line) for line in lines]


def utterance(speaker: str | None, start: float, end: float, text: str, emotion: str | None) -> dict[str, Any]:
    """One line."""
    words = text.split()
    step = (end - start) / max(1, len(words))
    timed = [
        {"word": word, "start": start + place * step, "end": start + (place + 1) * step, "confidence": 0.9}
        for place, word in enumerate(words)
    ]
    felt = [] if emotion is None else [{"name": "Emotion", "value": emotion, "confidence": 0.7}]
    said = {"start": start, "end": end, "text": text, "confidence": 0.9, "wordTimings": timed, "insights": felt}
    return said if speaker is None else {**said, "speakerId": speaker}


def analysis(lines: tuple[Line, ...] = LINES) -> dict[str, Any]:
    """An answer of `analyze`."""
    asked = [{"text": "How can I help you?", "start": 1.5, "end": 4.0}]
    return {
        "utteranceInsights": utterances(lines),
        "speakerInsights": {
            "insights": [
                {"name": "Pace", "values": [{"speakerId": "0", "value": "medium", "wpm": 160.0}]},
                {"name": "QuestionsAsked", "values": [{"speakerId": "0", "value": 1, "questions": asked}]},
            ]
        },
        "conversationalInsights": [
            {"name": "KeyPhrases", "values": [{"value": "refund", "start": 5.0, "end": 6.0, "confidence": 0.8}]},
            {"name": "Topics", "values": [{"value": "lamp", "start": 6.0, "end": 7.0, "confidence": 0.8}]},
            {"name": "ExtractiveSummary", "values": [{"value": "I want a refund.", "start": 4.5, "end": 6.0}]},
        ],
    }


def interaction(
    recording: str = "call.mp3", lines: tuple[Line, ...] = LINES, *, job: str = "", response: Any = None
) -> Interaction:
    """What `analyze` gives."""
    raw = {"status": "Success", "response": analysis(lines) if response is None else response}
    return Interaction(raw, operation=Operation.ANALYZE, recording=recording, job_id=job or f"job of {recording}")


def transcript(recording: str = "talk.wav", lines: tuple[Line, ...] = LINES, *, job: str = "") -> Transcript:
    """What `transcribe` gives."""
    raw = {"status": "Success", "response": {"utterances": utterances(lines)}}
    return Transcript(raw, operation=Operation.TRANSCRIBE, recording=recording, job_id=job or f"job of {recording}")
