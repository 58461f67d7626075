"""The frozen values that the parts of the house hand to one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from aijupyter.envelope import Envelope
from aijupyter.errors import Fault, JobFailedError


class Operation(StrEnum):
    """What can be asked about a recording or a text."""

    TRANSCRIBE = "transcribe"
    DIARIZE = "diarize"
    IDENTIFY = "identify"
    EMOTIONS = "emotions"
    PUNCTUATE = "punctuate"
    SUMMARIZE = "summarize"
    ANALYZE = "analyze"


ON_TEXTS = frozenset({Operation.PUNCTUATE, Operation.SUMMARIZE})
"""The operations that are asked about texts. All others are asked about a recording."""


class JobState(StrEnum):
    """Where a job is on its way."""

    WRITTEN = "written"
    """The intent is in the ledger; nothing has been sent. It waits for its turn."""
    SENDING = "sending"
    """The request is leaving. Written down before it does, so that a crash cannot make it leave twice."""
    SUBMITTED = "submitted"
    """The provider accepted it; the answer is awaited."""
    RUNNING = "running"
    """The provider said that it works on it."""
    UNCONFIRMED = "unconfirmed"
    """The request left and no answer came. A delivery can still end the job."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It was refused, or the provider ended it with errors."""
    EXPIRED = "expired"
    """The provider no longer knows it."""
    CANCELLED = "cancelled"
    """A person gave it up before it was sent, or while nobody could say whether it was received."""

    @property
    def final(self) -> bool:
        """Whether the job has ended. Only an answer that comes after all can change that, where there was none."""
        return self in FINAL


FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED})
UNDER_WAY = frozenset({JobState.WRITTEN, JobState.SENDING, JobState.SUBMITTED, JobState.RUNNING})
"""The states in which a session has something to do for a job. An unconfirmed one is neither here nor final."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the ledger knows it. Times are in UTC.

    `key` is our own id, there before the provider gives its `job_id`. `path` is the unguessable last part of the
    job's delivery URL: a secret, kept out of the repr. `server` is the API that was asked, `account` tells apart the
    accounts that ask it. `options` is the request's body without the media; the texts
    that are asked about are among them. `media` is how to open the recording again
    (see `media.dump_recording`; None once the job has ended), `host` the machine whose file it is ("" for a URL).
    `fingerprint` is the same for the same question about the same content (None: never to be found by it). `owner` is
    the session that sends the job and asks for its status. `error` describes what ended the job other than a success
    (see `errors.dump_error`). `source` is how to open the person's own file, also after the end, dumped like `media`
    (None where the recording is no such file). `names` are those that a person gave to speakers, by the labels of the
    answer.
    """

    key: str
    path: str = field(repr=False)
    server: str
    operation: Operation
    recording: str
    options: Mapping[str, Any] = field(repr=False)
    state: JobState
    created: datetime
    account: str = ""
    media: str | None = field(default=None, repr=False)
    host: str = ""
    fingerprint: str | None = None
    owner: str | None = None
    job_id: str | None = None
    request_id: str | None = None
    submitted: datetime | None = None
    ended: datetime | None = None
    expires: datetime | None = None
    error: Mapping[str, Any] | None = None
    source: str | None = field(default=None, repr=False)
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id to show and to look up by: the provider's, or our key while there is none."""
        return self.job_id or self.key


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of a job's way: the state that it reached, when, and why, in a few words for a person."""

    at: datetime
    state: JobState
    cause: str


@dataclass(frozen=True, slots=True)
class Owner:
    """A session, as other sessions on the same ledger see it.

    It takes care of jobs that were asked of `server` with `account`; those whose recording is a file not yet sent,
    only on the `host` where that file is.
    """

    id: str
    server: str
    account: str
    host: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs to list: those that meet all that is given, the newest first. `text` is part of the recording's name,
    whatever its case; `alike` is how their fingerprints begin; `limit` is the most that are wanted.
    """

    states: frozenset[JobState] | None = None
    operation: Operation | None = None
    text: str | None = None
    since: datetime | None = None
    alike: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class JobSummary:
    """A job in a list: light, for a hundred thousand of them. Times are ISO 8601 in UTC, as the ledger writes them."""

    id: str
    key: str
    operation: str
    recording: str
    state: str
    created: str
    submitted: str | None
    ended: str | None


@dataclass(frozen=True, slots=True)
class Stray:
    """A well-formed delivery on a path of ours whose job cannot be told, kept for a person to look at.

    `reason` says why. `job_id` and `request_id` are what it claims, `job` is the key of the job to which its path
    belongs (None where that one was forgotten).
    """

    id: int
    received: datetime
    reason: str
    job_id: str | None
    request_id: str | None
    job: str | None
    body: bytes = field(repr=False)


class DeliverySource(StrEnum):
    """How an answer came."""

    WEBHOOK = "webhook"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An answer that came for the job whose delivery path is `path`, as it came (`body`) and as it was understood."""

    path: str = field(repr=False)
    envelope: Envelope
    body: bytes = field(repr=False)
    source: DeliverySource
    received: datetime
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class JobEntry:
    """All that a ledger holds of one job, for moving it to another: `deliveries` are (delivery, is the answer)."""

    record: JobRecord
    history: tuple[Transition, ...]
    deliveries: tuple[tuple[Delivery, bool], ...]


class Verdict(StrEnum):
    """What became of a delivery."""

    ANSWERED = "answered"
    """It ended its job."""
    NOTED = "noted"
    """It is not final: at most it says that its job is running."""
    REPEATED = "repeated"
    """Its job had ended before; it is kept beside the first answer."""
    HELD = "held"
    """Kept; the status call must say the same before it counts."""
    STRAYED = "strayed"
    """Its path is or was ours and its job cannot be told; it is kept among the strays."""
    UNKNOWN = "unknown"
    """Its path is none of ours."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ledger's word that a delivery is written down, with the job as it is now (None where it cannot be told).

    `confirmed` says of an answer of the status call whether a delivery that was held said the same (None: none was).
    """

    verdict: Verdict
    record: JobRecord | None = None
    confirmed: bool | None = None


FAULTS_KEPT = 100
FAULT_CHARACTERS = 2000
"""A job's error holds so many of the provider's errors, each text so long; the answer's body holds all."""


def failure(record: JobRecord, faults: Sequence[Fault]) -> JobFailedError:
    """The error of a job that its provider ended with errors, in the provider's words, up to `FAULTS_KEPT` of them."""
    faults = [_shortened(fault) for fault in faults[:FAULTS_KEPT]]
    said = _cut("; ".join(map(str, faults))) or "no reason given"
    return JobFailedError(
        f"Job {record.id} ({record.operation} {record.recording!r}) failed: {said}",
        "The whole answer is in job.raw.",
        job_id=record.id,
        faults=faults,
    )


def _shortened(fault: Fault) -> Fault:
    return Fault(_cut(fault.code), _cut(fault.message), None if fault.parameter is None else _cut(fault.parameter))


def _cut(text: str) -> str:
    return text if len(text) <= FAULT_CHARACTERS else f"{text[: FAULT_CHARACTERS - 3]}..."


@dataclass(frozen=True, slots=True)
class Recording:
    """Something to analyse: a local file (`path`) or a URL that the provider can fetch (`url`), never both; neither for
    texts, which travel among the question's options.

    `name` is for people, `content_type` for the wire, `encoding` one of the API's (`Mpeg`, `Wav`, ...; "" where it is
    still to be found out). A `temporary` file was made by us and is deleted when its job ends. `stamp` tells whether
    the file has changed since.
    """

    name: str
    content_type: str
    encoding: str
    path: Path | None = None
    url: str | None = field(default=None, repr=False)
    temporary: bool = False
    stamp: tuple[int, ...] = ()

    @property
    def in_options(self) -> bool:
        """Whether there is nothing to lend: texts."""
        return self.path is None and self.url is None


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A recording that the account's call log names; None for whatever it does not say, or says unreadably.

    `recording` is its id, `kind` whether it was made by itself (`Automatic`) or by a person (`OnDemand`), `uri` where
    it is (without a token it opens nothing). `started` is in UTC, `duration` in seconds. `session` is the call's
    telephonySessionId, `raw` its whole record. Who spoke with whom is nobody's business: the repr leaves it out.
    """

    recording: str | None
    kind: str | None
    uri: str | None
    session: str | None
    started: datetime | None
    duration: float | None
    direction: str | None
    from_number: str | None = field(repr=False)
    from_name: str | None = field(repr=False)
    to_number: str | None = field(repr=False)
    to_name: str | None = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class VoicePrint:
    """What is kept of an enrolled voice: a unit `vector`, and the seconds of speech, and of audio, behind it."""

    vector: tuple[float, ...] = field(repr=False)
    speech_seconds: float
    audio_seconds: float


@dataclass(frozen=True, slots=True)
class AnalysisTask:
    """What an engine of the embedded service is asked: an operation on an audio file, or on texts.

    `options` is the request's body as it came over the wire (camelCase names, e.g. `enableSpeakerDiarization`), without
    the media fields. `audio` is "" for an operation on texts, which are among the options. `voices` are the enrolled
    speakers that the request names, by their ids.
    """

    operation: Operation
    audio: str
    options: Mapping[str, Any] = field(default_factory=dict)
    voices: Mapping[str, VoicePrint] = field(default_factory=dict)


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
