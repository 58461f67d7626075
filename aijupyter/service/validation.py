"""What a request must look like. Pure: a request's parts go in, every fault found comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence
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
SUMMARY_TYPES = ("Extractive", "AbstractiveLong", "AbstractiveShort", "AbstractiveAll", "All")
SPEAKERS_LIMIT = 100
PHRASES_LIMIT = 1000
TEXTS_LIMIT = 1000
UTTERANCES_LIMIT = 20_000
TEXT_CHARACTERS = 100_000
PAGE_LIMIT = 1000
"""The service's own limits, for the contract names none."""

FLAG_WORDS = "It should be true or false"
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
    return None if isinstance(value, bool) else FLAG_WORDS


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


def speaker_id(value: Any) -> str | None:
    """A speaker's id."""
    right = isinstance(value, str) and _SPEAKER_ID.fullmatch(value)
    return None if right else "It should be a speaker id of letters, digits and underscores"


def speaker_ids(enrolled: Container[str], *, least: int = 0) -> Check:
    """A list of at least so many speakers, all of them enrolled."""

    def check(value: Any) -> str | None:
        if not isinstance(value, list) or any(speaker_id(name) for name in value):
            return "It should be a list of speaker ids, each of letters, digits and underscores"
        if len(value) < least:
            return "It should name at least one enrolled speaker"
        if len(value) > SPEAKERS_LIMIT:
            return f"It should name at most {SPEAKERS_LIMIT} speakers"
        unknown = [name for name in value if name not in enrolled]
        return f"Not enrolled: {', '.join(unknown)}" if unknown else None

    return check


def speech_contexts(value: Any) -> str | None:
    """A list of `{phrases: [str]}`."""
    right = isinstance(value, list) and all(
        isinstance(context, dict)
        and isinstance(context.get("phrases"), list)
        and all(isinstance(phrase, str) for phrase in context["phrases"])
        for context in value
    )
    if not right:
        return 'It should be a list of {"phrases": [text, ...]}'
    phrases = [phrase for context in value for phrase in context["phrases"]]
    return _too_much(phrases, PHRASES_LIMIT, "phrases")


def texts(value: Any) -> str | None:
    """A list of texts, at least one."""
    if not isinstance(value, list) or not value or not all(isinstance(entry, str) for entry in value):
        return "It should be a list of texts that is not empty"
    return _too_much(value, TEXTS_LIMIT, "texts")


def utterances(value: Any) -> str | None:
    """A list of `{text, speakerId?, start?, end?}` with times in seconds, at least one."""
    if not isinstance(value, list) or not value or not all(_is_utterance(entry) for entry in value):
        return 'It should be a list of {"text": text, "speakerId"?: text, "start"?: seconds, "end"?: seconds}'
    return _too_much([entry["text"] for entry in value], UTTERANCES_LIMIT, "utterances")


_AUDIO: Mapping[str, Check] = {"source": text, "audioType": one_of(*AUDIO_TYPES)}
_DIARIZE: Mapping[str, Check] = {
    **_AUDIO,
    "separateSpeakerPerChannel": flag,
    "speakerCount": speaker_count,
    "enableVoiceActivityDetection": flag,
}
_OPTIONAL: Mapping[Operation, Mapping[str, Check]] = {
    Operation.TRANSCRIBE: {
        **_DIARIZE,
        "enablePunctuation": flag,
        "enableSpeakerDiarization": flag,
        "speechContexts": speech_contexts,
    },
    Operation.DIARIZE: _DIARIZE,
    Operation.IDENTIFY: {**_AUDIO, "enableVoiceActivityDetection": flag},
    Operation.EMOTIONS: _AUDIO,
    Operation.ANALYZE: {**_DIARIZE, "insights": some_of(*INSIGHTS), "speechContexts": speech_contexts},
    Operation.PUNCTUATE: {},
    Operation.SUMMARIZE: {"summaryType": one_of(*SUMMARY_TYPES)},
}
_SAMPLE: Mapping[str, Check] = {"encoding": one_of(*ENCODINGS)}
_MEDIA: Mapping[str, Check] = {**_SAMPLE, "languageCode": one_of(*LANGUAGES)}
_REQUIRED: Mapping[Operation, Mapping[str, Check]] = {
    Operation.PUNCTUATE: {"texts": texts},
    Operation.SUMMARIZE: {"utterances": utterances},
}
ON_TEXTS = frozenset(_REQUIRED)
"""The operations that take no recording."""
_NAMES_SPEAKERS = frozenset({Operation.TRANSCRIBE, Operation.DIARIZE, Operation.IDENTIFY, Operation.ANALYZE})
_OLD_NAMES = {"enrollmentId": "speakerId", "enrollmentIds": "speakerIds"}


def read_body(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """The body in the newer names, without what is null, and the faults of one that says a thing twice, differently."""
    body = {name: value for name, value in given.items() if value is not None and name not in _OLD_NAMES}
    faults = []
    for old, new in _OLD_NAMES.items():
        value = given.get(old)
        if value is not None and body.setdefault(new, value) != value:
            faults.append(invalid(new, f"It should not differ from {old}, its older name"))
    if isinstance(body.get("utterances"), list):
        body["utterances"] = [_in_new_names(utterance) for utterance in body["utterances"]]
    return body, faults


def request_faults(
    operation: Operation, webhook: str | None, body: Mapping[str, Any], enrolled: Container[str] = ()
) -> list[Fault]:
    """Everything that is wrong with a request for `operation`. Fields that the contract does not name are let pass."""
    faults = _checked("webhook", webhook, web_address)
    if operation not in ON_TEXTS:
        faults += _media_faults(body)
    for name, check in _REQUIRED.get(operation, _MEDIA).items():
        faults += _checked(name, body.get(name), check)
    optional = dict(_OPTIONAL[operation])
    if operation in _NAMES_SPEAKERS:
        optional["speakerIds"] = speaker_ids(enrolled, least=operation is Operation.IDENTIFY)
    if operation is Operation.IDENTIFY and "speakerIds" not in body:
        faults.append(invalid("speakerIds", "It should name at least one enrolled speaker"))
    return faults + _optional_faults(body, optional)


def sample_faults(body: Mapping[str, Any], *, named: bool) -> list[Fault]:
    """Everything that is wrong with a sample of a voice; `named` where it must say whose."""
    faults = _checked("speakerId", body.get("speakerId"), speaker_id) if named else []
    faults += _checked("content", body.get("content"), text)
    for name, check in _SAMPLE.items():
        faults += _checked(name, body.get(name), check)
    return faults + _optional_faults(body, {"languageCode": one_of(*LANGUAGES)})


def page_faults(query: Mapping[str, str]) -> list[Fault]:
    """Everything that is wrong with a list's `partial`, `perPage` and `page`."""
    faults = [] if query.get("partial", "true").lower() in {"true", "false"} else [invalid("partial", FLAG_WORDS)]
    for name, most in (("perPage", PAGE_LIMIT), ("page", 10**6)):
        value = query.get(name, "1")
        if not (value.isascii() and value.isdigit() and len(value) < 8 and 1 <= int(value) <= most):  # noqa: PLR2004
            faults.append(invalid(name, f"It should be an integer from 1 to {most}"))
    return faults


def _checked(name: str, value: Any, check: Check) -> list[Fault]:
    expected = check(value)
    return [] if expected is None else [invalid(name, expected)]


def _optional_faults(body: Mapping[str, Any], checks: Mapping[str, Check]) -> list[Fault]:
    faults = (_checked(name, body[name], check) for name, check in checks.items() if body.get(name) is not None)
    return [fault for found in faults for fault in found]


def _media_faults(body: Mapping[str, Any]) -> list[Fault]:
    given = [name for name in ("contentUri", "content") if body.get(name) is not None]
    if len(given) != 1:
        return [invalid("contentUri", "Exactly one of contentUri and content should be given")]
    check = web_address if given == ["contentUri"] else text
    return _checked(given[0], body[given[0]], check)


def _in_new_names(utterance: Any) -> Any:
    if not isinstance(utterance, dict):
        return utterance
    return {_OLD_NAMES.get(name, name): value for name, value in utterance.items() if value is not None}


def _is_utterance(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return False
    speaker = value.get("speakerId")
    times = [value[name] for name in ("start", "end") if value.get(name) is not None]
    return (speaker is None or isinstance(speaker, str)) and all(_is_time(time) for time in times)


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _too_much(entries: Sequence[str], most: int, name: str) -> str | None:
    if len(entries) > most:
        return f"It should hold at most {most} {name}"
    if any(len(entry) > TEXT_CHARACTERS for entry in entries):
        return f"Each text should have at most {TEXT_CHARACTERS} characters"
    return None
