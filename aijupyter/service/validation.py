"""What a request must look like. Pure: a request's parts go in, every fault found comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from aijupyter.errors import Fault
from aijupyter.models import Operation
from aijupyter.service.answers import invalid

ENCODINGS = ("Mpeg", "Mp4", "Wav", "Webm", "Webp", "Aac", "Avi", "Ogg")
LANGUAGES = ("en-US",)
AUDIO_TYPES = ("CallCenter", "Meeting", "EarningsCalls", "Interview", "PressConference", "Voicemail")
INSIGHTS = (
    "All",
    "KeyPhrases",
    "Emotion",
    "AbstractiveSummaryLong",
    "AbstractiveSummaryShort",
    "ExtractiveSummary",
    "TalkToListenRatio",
    "Energy",
    "Pace",
    "QuestionsAsked",
    "Topics",
)
MEDIA_FIELDS = frozenset({"contentUri", "content"})

_SPEAKER_ID = re.compile(r"[a-zA-Z0-9_]+")

Check = Callable[[Any], str | None]
"""Looks at a value and says what was expected instead, or None where it is right."""


def web_address(value: Any) -> str | None:
    """An absolute http or https URI with a host."""
    expected = "It should be a valid uri"
    if not isinstance(value, str) or value != value.strip():
        return expected
    try:
        parts = urlsplit(value)
        _ = parts.port  # reading it is what checks it
    except ValueError:
        return expected
    return None if parts.scheme in {"http", "https"} and parts.hostname else expected


def text(value: Any) -> str | None:
    """Any text but the empty one."""
    return None if isinstance(value, str) and value else "It should be a text that is not empty"


def flag(value: Any) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else "It should be true or false"


def one_of(*names: str) -> Check:
    """One of the names, in their exact spelling."""

    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in names else f"It should be one of: {', '.join(names)}"

    return check


def some_of(*names: str) -> Check:
    """A list of at least one of the names."""

    def check(value: Any) -> str | None:
        right = isinstance(value, list) and value and all(isinstance(name, str) and name in names for name in value)
        return None if right else f"It should be a list of some of: {', '.join(names)}"

    return check


def speaker_count(value: Any) -> str | None:
    """How many speakers: at least 1, or -1 for unknown, as some of the provider's texts allow."""
    right = isinstance(value, int) and not isinstance(value, bool) and (value >= 1 or value == -1)
    return None if right else "It should be an integer of at least 1, or be left out when unknown"


def speaker_ids(value: Any) -> str | None:
    """A list of enrolled speakers. This service enrolls none yet, so only the empty list is right."""
    if not isinstance(value, list) or not all(isinstance(name, str) and _SPEAKER_ID.fullmatch(name) for name in value):
        return "It should be a list of speaker ids, each of letters, digits and underscores"
    if value:
        return f"Not enrolled: {', '.join(value)}. The embedded service enrolls no speakers yet"
    return None


def speech_contexts(value: Any) -> str | None:
    """A list of `{phrases: [str]}`."""
    right = isinstance(value, list) and all(
        isinstance(context, dict)
        and isinstance(context.get("phrases"), list)
        and all(isinstance(phrase, str) for phrase in context["phrases"])
        for context in value
    )
    return None if right else 'It should be a list of {"phrases": [text, ...]}'


_DIARIZE: Mapping[str, Check] = {
    "source": text,
    "audioType": one_of(*AUDIO_TYPES),
    "separateSpeakerPerChannel": flag,
    "speakerCount": speaker_count,
    "speakerIds": speaker_ids,
    "enableVoiceActivityDetection": flag,
}
_OPTIONAL: Mapping[Operation, Mapping[str, Check]] = {
    Operation.TRANSCRIBE: {
        **_DIARIZE,
        "enablePunctuation": flag,
        "enableSpeakerDiarization": flag,
        "speechContexts": speech_contexts,
    },
    Operation.ANALYZE: {**_DIARIZE, "insights": some_of(*INSIGHTS), "speechContexts": speech_contexts},
}
_REQUIRED: Mapping[str, Check] = {"encoding": one_of(*ENCODINGS), "languageCode": one_of(*LANGUAGES)}


def request_faults(operation: Operation, webhook: str | None, body: Mapping[str, Any]) -> list[Fault]:
    """Everything that is wrong with a request for `operation`. Fields that the contract does not name are let pass."""
    faults = _checked("webhook", webhook, web_address) + _media_faults(body)
    for name, check in _REQUIRED.items():
        faults += _checked(name, body.get(name), check)
    for name, check in _OPTIONAL[operation].items():
        if body.get(name) is not None:
            faults += _checked(name, body[name], check)
    return faults


def _checked(name: str, value: Any, check: Check) -> list[Fault]:
    expected = check(value)
    return [] if expected is None else [invalid(name, expected)]


def _media_faults(body: Mapping[str, Any]) -> list[Fault]:
    given = [name for name in ("contentUri", "content") if body.get(name) is not None]
    if len(given) != 1:
        return [invalid("contentUri", "Exactly one of contentUri and content should be given")]
    check = web_address if given == ["contentUri"] else text
    return _checked(given[0], body[given[0]], check)
