"""The seven asynchronous operations as typed requests, checked before they are sent, and the job status call.

Each request class holds an operation's options in Python's names; `body` writes them in the API's. Options left None
are not sent, so that the provider's defaults hold.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar
from urllib.parse import quote

from aijupyter.api.budget import Priority
from aijupyter.api.transport import Attempt, Body, Transport
from aijupyter.api.wire import Reply
from aijupyter.envelope import read_job_id
from aijupyter.errors import OptionError, UnexpectedAnswerError
from aijupyter.models import Operation

ENCODINGS = ("Mpeg", "Mp4", "Wav", "Webm", "Webp", "Aac", "Avi", "Ogg")
LANGUAGES = ("en-US",)
AUDIO_TYPES = ("CallCenter", "Meeting", "EarningsCalls", "Interview", "PressConference", "Voicemail")
SUMMARY_TYPES = ("Extractive", "AbstractiveLong", "AbstractiveShort", "AbstractiveAll", "All")
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
SPEAKER_ID = re.compile(r"[a-zA-Z0-9_]+")


@dataclass(frozen=True, slots=True)
class Media:
    """How the provider gets a recording: a URI that it fetches, or the file itself in base64."""

    encoding: str
    content_uri: str | None = None
    content: str | None = None

    def wire(self) -> dict[str, str]:
        """The media fields of a body. Raises OptionError unless exactly one way is given."""
        check_choice("encoding", self.encoding, ENCODINGS)
        if (self.content_uri is None) == (self.content is None):
            raise OptionError("A recording is given by its URI or by its content.", "Give exactly one of the two.")
        way = {"contentUri": self.content_uri} if self.content_uri is not None else {"content": self.content or ""}
        return {**way, "encoding": self.encoding}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What all operations share."""

    operation: ClassVar[Operation]
    path: ClassVar[str]

    def options(self) -> dict[str, Any]:
        """The options that are set, in the API's names."""
        return {
            wire_name(f.name): _wire(getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) is not None
        }


@dataclass(frozen=True, kw_only=True)
class AudioRequest(Request):
    """What the operations on audio share. `language` is one of LANGUAGES, `audio_type` one of AUDIO_TYPES."""

    language_code: str = "en-US"
    source: str | None = None
    audio_type: str | None = None

    def __post_init__(self) -> None:
        check_choice("language_code", self.language_code, LANGUAGES)
        check_choice("audio_type", self.audio_type, AUDIO_TYPES)
        check_type("source", self.source, str, "a text")

    def body(self, media: Media) -> dict[str, Any]:
        """The request's body."""
        return {**media.wire(), **self.options()}


@dataclass(frozen=True, kw_only=True)
class DiarizeRequest(AudioRequest):
    """Who speaks when. `speaker_ids` are enrolled speakers, all of whom must exist."""

    operation = Operation.DIARIZE
    path = "/ai/audio/v1/async/speaker-diarize"

    separate_speaker_per_channel: bool | None = None
    speaker_count: int | None = None
    speaker_ids: Sequence[str] | None = None
    enable_voice_activity_detection: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_type("separate_speaker_per_channel", self.separate_speaker_per_channel, bool, "True or False")
        check_type("enable_voice_activity_detection", self.enable_voice_activity_detection, bool, "True or False")
        check_type("speaker_count", self.speaker_count, int, "a whole number")
        if self.speaker_count is not None and (isinstance(self.speaker_count, bool) or self.speaker_count < 1):
            raise OptionError(
                f"speaker_count is {self.speaker_count!r}.",
                "Give how many people speak, at least 1, or leave it out to have them counted.",
                option="speaker_count",
            )
        check_speaker_ids(self.speaker_ids)


@dataclass(frozen=True, kw_only=True)
class TranscribeRequest(DiarizeRequest):
    """Speech to text. `speech_contexts` are phrases to listen for."""

    operation = Operation.TRANSCRIBE
    path = "/ai/audio/v1/async/speech-to-text"

    enable_punctuation: bool | None = None
    enable_speaker_diarization: bool | None = None
    speech_contexts: Sequence[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_type("enable_punctuation", self.enable_punctuation, bool, "True or False")
        check_type("enable_speaker_diarization", self.enable_speaker_diarization, bool, "True or False")
        check_texts("speech_contexts", self.speech_contexts)

    def options(self) -> dict[str, Any]:
        """The options that are set, in the API's names."""
        return _with_contexts(super().options())


@dataclass(frozen=True, kw_only=True)
class IdentifyRequest(AudioRequest):
    """Which of the enrolled speakers speaks when."""

    operation = Operation.IDENTIFY
    path = "/ai/audio/v1/async/speaker-identify"

    speaker_ids: Sequence[str]
    enable_voice_activity_detection: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_type("enable_voice_activity_detection", self.enable_voice_activity_detection, bool, "True or False")
        check_speaker_ids(self.speaker_ids)
        if not self.speaker_ids:
            raise OptionError(
                "No speaker_ids are given.", "Name the enrolled speakers to look for.", option="speaker_ids"
            )


@dataclass(frozen=True, kw_only=True)
class EmotionsRequest(AudioRequest):
    """How it is said."""

    operation = Operation.EMOTIONS
    path = "/ai/audio/v1/async/recognize-emotion"


@dataclass(frozen=True, kw_only=True)
class AnalyzeRequest(DiarizeRequest):
    """Interaction analytics. `insights` are of INSIGHTS; `All` is all of them."""

    operation = Operation.ANALYZE
    path = "/ai/insights/v1/async/analyze-interaction"

    insights: Sequence[str] = ("All",)
    speech_contexts: Sequence[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_texts("insights", self.insights)
        check_texts("speech_contexts", self.speech_contexts)
        if not self.insights:
            raise OptionError("No insights are asked for.", f"Choose from {', '.join(INSIGHTS)}.", option="insights")
        for insight in self.insights:
            check_choice("insights", insight, INSIGHTS)

    def options(self) -> dict[str, Any]:
        """The options that are set, in the API's names."""
        return _with_contexts(super().options())


@dataclass(frozen=True, kw_only=True)
class PunctuateRequest(Request):
    """Punctuation for bare `texts`."""

    operation = Operation.PUNCTUATE
    path = "/ai/text/v1/async/punctuate"

    texts: Sequence[str]

    def __post_init__(self) -> None:
        check_texts("texts", self.texts)
        if not self.texts:
            raise OptionError("No texts are given.", "Give a list of one or more.", option="texts")

    def body(self) -> dict[str, Any]:
        """The request's body."""
        return self.options()


@dataclass(frozen=True, kw_only=True)
class SummarizeRequest(Request):
    """A summary of `utterances`, each `{"text", "speakerId"?, "start"?, "end"?}` with times in seconds."""

    operation = Operation.SUMMARIZE
    path = "/ai/text/v1/async/summarize"

    utterances: Sequence[Mapping[str, Any]]
    summary_type: str | None = None

    def __post_init__(self) -> None:
        check_choice("summary_type", self.summary_type, SUMMARY_TYPES)
        given = self.utterances if isinstance(self.utterances, list | tuple) else ()
        if not given or not all(isinstance(u, Mapping) and isinstance(u.get("text"), str) for u in given):
            raise OptionError(
                "The utterances are not a list of mappings with a text.",
                'Give for example [{"text": "Hello.", "speakerId": "1", "start": 0.0, "end": 1.2}].',
                option="utterances",
            )

    def body(self) -> dict[str, Any]:
        """The request's body."""
        return self.options()


PATHS: Mapping[Operation, str] = {
    request.operation: request.path
    for request in (
        TranscribeRequest,
        DiarizeRequest,
        IdentifyRequest,
        EmotionsRequest,
        PunctuateRequest,
        SummarizeRequest,
        AnalyzeRequest,
    )
}
"""Where each operation is asked."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a 202 says."""

    job_id: str
    request_id: str | None


async def submit(
    transport: Transport,
    path: str,
    body: Body,
    *,
    webhook: str,
    good_for: float = 0.0,
    attempt: Attempt | None = None,
) -> Accepted:
    """Send an asynchronous request whose answer is to go to `webhook`.

    Takes and raises what Transport.request does, and UnexpectedAnswerError for an acceptance that names no job.
    """
    reply = await transport.request(
        "POST", path, params={"webhook": webhook}, body=body, good_for=good_for, attempt=attempt
    )
    job_id = read_job_id(reply.object())
    if job_id is None:
        raise UnexpectedAnswerError(
            f"POST {path} was accepted ({reply.status}) without a jobId.",
            "The answer can still come by its delivery.",
            status=reply.status,
            request_id=reply.request_id,
        )
    return Accepted(job_id, reply.request_id)


async def job_status(transport: Transport, job_id: str, *, priority: Priority = Priority.POLL) -> Reply:
    """The job's envelope, as the status call answers it. As a poll it goes behind all submissions.

    Raises NotFoundError for a job that is no longer known, and RateLimitedError instead of asking again.
    """
    path = f"/ai/status/v1/jobs/{quote(job_id, safe='')}"
    return await transport.request("GET", path, patient=False, priority=priority)


def wire_name(name: str) -> str:
    """`speaker_count` as `speakerCount`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def check_choice(option: str, value: Any, choices: Collection[str]) -> None:
    """Raise OptionError unless `value` is one of `choices`, or None."""
    if value is not None and value not in choices:
        raise OptionError(f"{option} is {value!r}.", f"It must be one of {', '.join(choices)}.", option=option)


def check_type(option: str, value: Any, kind: type, words: str) -> None:
    """Raise OptionError unless `value` is of `kind`, which `words` name, or None."""
    if value is not None and not isinstance(value, kind):
        raise OptionError(f"{option} is {value!r}.", f"It must be {words}.", option=option)


def check_texts(option: str, value: Any) -> None:
    """Raise OptionError unless `value` is a list or tuple of texts, or None."""
    if value is None:
        return
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise OptionError(
            f"{option} is {value!r}.", f"It must be a list of texts, such as {option}=['...'].", option=option
        )


def check_speaker_ids(value: Any) -> None:
    """Raise OptionError unless `value` is a list of well-formed speaker ids, or None."""
    check_texts("speaker_ids", value)
    for speaker_id in value or ():
        if not SPEAKER_ID.fullmatch(speaker_id):
            raise OptionError(
                f"{speaker_id!r} is no speaker id.", "Use letters, digits and underscores only.", option="speaker_ids"
            )


def _with_contexts(options: dict[str, Any]) -> dict[str, Any]:
    phrases = options.pop("speechContexts", None)
    return options if phrases is None else {**options, "speechContexts": [{"phrases": phrases}]}


def _wire(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
