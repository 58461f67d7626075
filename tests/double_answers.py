"""What the provider's double answers to each operation, from the contract: in the later shape and the earlier."""

from __future__ import annotations

from typing import Any

AUDIO, TEXT = "/ai/audio/v1/async/", "/ai/text/v1/async/"

WORDS = [
    {"word": "Good", "start": 0.1, "end": 0.3},
    {"word": "morning.", "start": 0.3, "end": 0.7},
    {"word": "Hello,", "start": 1.0, "end": 1.3},
    {"word": "Ann.", "start": 1.3, "end": 1.9},
]
PLAIN_TRANSCRIPT: dict[str, Any] = {
    "transcript": "Good morning. Hello, Ann.",
    "confidence": 0.93,
    "words": WORDS,
}
"""What speech to text answers without diarization."""

TURNS = [
    {"speakerId": "0", "start": 0.0, "end": 0.8, "confidence": 0.9},
    {"speakerId": "1", "start": 0.9, "end": 2.0, "confidence": 0.8, "somethingNew": True},
]
EMOTIONS = [
    {"start": 0.0, "end": 0.8, "emotion": "Neutral", "confidence": 0.6},
    {"start": 0.8, "end": 2.0, "emotion": "Excited", "confidence": 0.7},
]
IDENTIFIED = [
    {"speakerId": "ann", "start": 0.0, "end": 0.8, "confidence": 35.4},
    {"speakerId": "UserNotIdentified", "start": 0.9, "end": 2.0, "confidence": 1.2},
]
SUMMARIES = [
    {"name": "ExtractiveSummary", "values": [{"value": "Good morning.", "start": 0.1, "end": 0.7, "speakerId": "0"}]},
    {"name": "AbstractiveSummaryLong", "values": [], "note": "No abstractive summary was made: none is set."},
    {"name": "AbstractiveSummaryShort", "values": [{"value": "A greeting.", "confidence": 0.5}]},
]

LATER: dict[str, Any] = {
    AUDIO + "speaker-diarize": {"speakerCount": 2, "utterances": TURNS},
    AUDIO + "speaker-identify": {"utterances": IDENTIFIED},
    AUDIO + "recognize-emotion": EMOTIONS,
    TEXT + "summarize": {"summaries": SUMMARIES},
}


def _earlier(rows: list[dict[str, Any]], **names: str) -> list[dict[str, Any]]:
    return [{names.get(name, name): value for name, value in row.items()} for row in rows]


EARLIER: dict[str, Any] = {
    AUDIO + "speaker-diarize": _earlier(TURNS, speakerId="enrollmentId"),
    AUDIO + "speaker-identify": _earlier(IDENTIFIED, speakerId="enrollmentId"),
    AUDIO + "recognize-emotion": {"emotions": _earlier(EMOTIONS, emotion="value")},
    TEXT + "summarize": [
        {**entry, "values": _earlier(entry["values"], value="sentence", speakerId="enrollmentId")}
        for entry in SUMMARIES
    ],
}


def punctuated(body: dict[str, Any]) -> dict[str, Any]:
    """Each text with a capital and a full stop."""
    return {"texts": [f"{text[:1].upper()}{text[1:]}." for text in body["texts"]]}


def answer_to(path: str, body: dict[str, Any]) -> Any:
    """What the operation at a path answers; None where that is said elsewhere."""
    if path == TEXT + "punctuate":
        return punctuated(body)
    if path == AUDIO + "speech-to-text" and body.get("enableSpeakerDiarization") is False:
        return PLAIN_TRANSCRIPT
    return LATER.get(path)
