"""What the contract says an answer looks like, operation by operation, as checks that raise."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from aijupyter.models import Operation

EMOTIONS = {"Anger", "Excitement", "Frustration", "Joy", "Sadness", "Neutral"}
FEELINGS = {"Anger", "Anticipation", "Disgust", "Fear", "Joy", "Sadness", "Surprise", "Trust", "Neutral"}
OF_SPEAKERS = {"Energy", "Pace", "TalkToListenRatio", "QuestionsAsked"}
OF_ALL = {"KeyPhrases", "Topics", "ExtractiveSummary", "AbstractiveSummaryLong", "AbstractiveSummaryShort"}

Kinds = Mapping[str, type | tuple[type, ...]]
NUMBER = (int, float)


def check(operation: Operation, response: Any) -> None:
    """Raise AssertionError where a response is not one that the contract knows."""
    json.dumps(response, allow_nan=False)
    _CHECKS[operation](response)


def fields(item: Any, required: Kinds, optional: Kinds | None = None) -> None:
    """An object that has the required members, and of the optional ones none of another type."""
    assert isinstance(item, dict)
    for name, kind in required.items():
        assert isinstance(item[name], kind), (name, item)
        assert not isinstance(item[name], bool)
    for name, kind in (optional or {}).items():
        assert name not in item or isinstance(item[name], kind), (name, item)


def timed(items: Iterable[Any], required: Kinds, optional: Kinds | None = None) -> None:
    """Such objects, each with a start and a later end, in seconds."""
    for item in items:
        fields(item, {"start": NUMBER, "end": NUMBER, **required}, optional)
        assert 0 <= item["start"] <= item["end"] < math.inf


def words(items: Iterable[Any]) -> None:
    """Words with their times."""
    timed(items, {"word": str}, {"confidence": NUMBER, "speakerId": str})


def utterances(items: Iterable[Any]) -> None:
    """Utterances with their text and words."""
    items = list(items)
    timed(items, {"text": str}, {"confidence": NUMBER, "speakerId": str, "wordTimings": list})
    for item in items:
        words(item.get("wordTimings", ()))


def transcription(response: Any) -> None:
    """Speech to text."""
    fields(
        response, {"transcript": str, "confidence": NUMBER, "words": list}, {"speakerCount": int, "utterances": list}
    )
    assert ("speakerCount" in response) == ("utterances" in response)
    words(response["words"])
    utterances(response.get("utterances", ()))


def segments(response: Any) -> None:
    """Speaker diarization and identification: utterances without their text."""
    fields(response, {"utterances": list}, {"speakerCount": int})
    timed(response["utterances"], {"speakerId": str}, {"confidence": NUMBER})
    assert all("text" not in item for item in response["utterances"])


def diarization(response: Any) -> None:
    """Speaker diarization: as many speakers as it says."""
    segments(response)
    assert response["speakerCount"] == len({item["speakerId"] for item in response["utterances"]})


def emotions(response: Any) -> None:
    """Emotion recognition: a bare list."""
    assert isinstance(response, list)
    timed(response, {"emotion": str}, {"confidence": NUMBER})
    assert {item["emotion"] for item in response} <= EMOTIONS


def texts(response: Any) -> None:
    """Punctuation."""
    fields(response, {"texts": list})
    assert all(isinstance(text, str) for text in response["texts"])


def summaries(response: Any) -> None:
    """Summary."""
    fields(response, {"summaries": list})
    for summary in response["summaries"]:
        fields(summary, {"name": str, "values": list})
        for value in summary["values"]:
            fields(value, {"value": str}, {"start": NUMBER, "end": NUMBER, "speakerId": str, "confidence": NUMBER})


def interaction(response: Any) -> None:
    """Interaction analytics."""
    fields(response, {"utteranceInsights": list, "speakerInsights": dict, "conversationalInsights": list})
    utterances(response["utteranceInsights"])
    for unit in response["utteranceInsights"]:
        for insight in unit["insights"]:
            fields(insight, {"name": str, "value": str}, {"confidence": NUMBER})
            assert insight["name"] != "Emotion" or insight["value"] in FEELINGS
    fields(response["speakerInsights"], {"speakerCount": int, "insights": list})
    for insight in response["speakerInsights"]["insights"]:
        assert insight["name"] in OF_SPEAKERS
        for value in insight["values"]:
            _of_speaker(insight["name"], value)
    for insight in response["conversationalInsights"]:
        assert insight["name"] in OF_ALL
        text = {"sentence": str} if insight["name"] == "ExtractiveSummary" else {"value": str}
        timed(insight["values"], text, {"confidence": NUMBER, "groupId": str})


def _of_speaker(name: str, value: Any) -> None:
    fields(value, {"speakerId": str})
    if name == "Pace":
        fields(value, {"wpm": NUMBER})
        assert value["value"] in {"slow", "medium", "fast"}
    elif name == "TalkToListenRatio":
        assert sum(map(int, value["value"].split(":"))) == 100
    elif name == "QuestionsAsked":
        assert value["value"] == len(value["questions"])
        timed(value["questions"], {"text": str})
    else:
        fields(value, {"value": NUMBER})


_CHECKS = {
    Operation.TRANSCRIBE: transcription,
    Operation.DIARIZE: diarization,
    Operation.IDENTIFY: segments,
    Operation.EMOTIONS: emotions,
    Operation.PUNCTUATE: texts,
    Operation.SUMMARIZE: summaries,
    Operation.ANALYZE: interaction,
}
