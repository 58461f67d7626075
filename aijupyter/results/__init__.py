"""Answers as frames: no input, no output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aijupyter.envelope import Envelope
from aijupyter.models import JobRecord, Operation
from aijupyter.results.base import Result
from aijupyter.results.conversation import Conversation
from aijupyter.results.diarization import Diarization
from aijupyter.results.emotions import Emotions
from aijupyter.results.identification import Identification
from aijupyter.results.interaction import Interaction
from aijupyter.results.punctuation import Punctuation
from aijupyter.results.summary import Summary
from aijupyter.results.transcript import Transcript

_KINDS: dict[Operation, type[Result]] = {
    Operation.TRANSCRIBE: Transcript,
    Operation.DIARIZE: Diarization,
    Operation.IDENTIFY: Identification,
    Operation.EMOTIONS: Emotions,
    Operation.PUNCTUATE: Punctuation,
    Operation.SUMMARIZE: Summary,
    Operation.ANALYZE: Interaction,
}


def read_result(
    record: JobRecord,
    envelope: Envelope,
    *,
    audio: Path | None = None,
    keep: Callable[[Mapping[str, str | None]], object] | None = None,
) -> Result:
    """The result of a job that succeeded, as the class that knows its operation; for `audio` and `keep` see there."""
    kind = _KINDS.get(record.operation, Result)
    return kind(
        envelope.raw,
        operation=record.operation,
        recording=record.recording,
        job_id=record.id,
        key=record.key,
        options=record.options,
        names=record.names,
        audio=audio,
        keep=keep,
    )


__all__ = [
    "Conversation",
    "Diarization",
    "Emotions",
    "Identification",
    "Interaction",
    "Punctuation",
    "Result",
    "Summary",
    "Transcript",
    "read_result",
]
