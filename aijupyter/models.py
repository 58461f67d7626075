"""The frozen values that the parts of the house hand to one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
    """The provider refused it, or ended it with errors."""
    EXPIRED = "expired"
    """The provider no longer knows it."""

    @property
    def final(self) -> bool:
        """Whether nothing can change the state any more."""
        return self in _FINAL


_FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.EXPIRED})


@dataclass(frozen=True, slots=True)
class AnalysisTask:
    """What an engine of the embedded service is asked: an operation on an audio file.

    `options` is the request's body as it came over the wire (camelCase names, e.g. `enableSpeakerDiarization`),
    without the media fields.
    """

    operation: Operation
    audio: str
    options: Mapping[str, Any] = field(default_factory=dict)
