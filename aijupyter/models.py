"""The frozen values that the parts of the house hand to one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from aijupyter.envelope import Envelope


class Operation(StrEnum):
    """What can be asked about a recording or a text."""

    TRANSCRIBE = "transcribe"
    DIARIZE = "diarize"
    IDENTIFY = "identify"
    EMOTIONS = "emotions"
    PUNCTUATE = "punctuate"
    SUMMARIZE = "summarize"
    ANALYZE = "analyze"


class JobState(StrEnum):
    """Where a job is on its way."""

    WRITTEN = "written"
    """The intent is in the ledger; nothing has been sent."""
    SUBMITTED = "submitted"
    """The provider accepted it; the answer is awaited."""
    UNCONFIRMED = "unconfirmed"
    """The request left and no answer came. A delivery can still end the job."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It was refused, or the provider ended it with errors."""
    EXPIRED = "expired"
    """The provider no longer knows it."""

    @property
    def final(self) -> bool:
        """Whether the job has ended. Only an answer that comes after all can change that, where there was none."""
        return self in _FINAL


_FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.EXPIRED})


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as the ledger knows it. Times are in UTC.

    `key` is our own id, there before the provider gives its `job_id`. `path` is the unguessable last part of the
    job's delivery URL: a secret, kept out of the repr. `server` is the API that was asked. `options` is the request's
    body without the media. `error` describes what ended the job other than an answer (see `errors.dump_error`).
    """

    key: str
    path: str = field(repr=False)
    server: str
    operation: Operation
    recording: str
    options: Mapping[str, Any]
    state: JobState
    created: datetime
    job_id: str | None = None
    request_id: str | None = None
    submitted: datetime | None = None
    ended: datetime | None = None
    expires: datetime | None = None
    error: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """The id to show and to look up by: the provider's, or our key while there is none."""
        return self.job_id or self.key


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


class Verdict(StrEnum):
    """What became of a delivery."""

    ANSWERED = "answered"
    """It ended its job."""
    NOTED = "noted"
    """It is not final and changed nothing."""
    REPEATED = "repeated"
    """Its job had ended before; it is kept beside the first answer."""
    CONTRADICTED = "contradicted"
    """It names another job than the one its path belongs to, and changed nothing."""
    UNKNOWN = "unknown"
    """Its path is none of ours."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ledger's word that a delivery is written down, with the job as it is now (None where unknown)."""

    verdict: Verdict
    record: JobRecord | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """Something to analyse: a local file (`path`) or a URL that the provider can fetch (`url`), never both.

    `name` is for people, `content_type` for the wire, `encoding` one of the API's (`Mpeg`, `Wav`, ...). A `temporary`
    file was made by us and is deleted when its job ends. `stamp` tells whether the file has changed since.
    """

    name: str
    content_type: str
    encoding: str
    path: Path | None = None
    url: str | None = field(default=None, repr=False)
    temporary: bool = False
    stamp: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AnalysisTask:
    """What an engine of the embedded service is asked: an operation on an audio file.

    `options` is the request's body as it came over the wire (camelCase names, e.g. `enableSpeakerDiarization`),
    without the media fields.
    """

    operation: Operation
    audio: str
    options: Mapping[str, Any] = field(default_factory=dict)


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
