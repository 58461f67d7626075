"""What can be asked, as typed methods."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aijupyter.api import operations
from aijupyter.jobs.job import Job
from aijupyter.media import MediaSource
from aijupyter.options import named_options

if TYPE_CHECKING:
    from aijupyter.results import Interaction, Transcript


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a recording. `encoding` is the API's word for the file's format, worked out where None."""

    request: operations.AudioRequest
    encoding: str | None
    fresh: bool

    def __post_init__(self) -> None:
        operations.check_choice("encoding", self.encoding, operations.ENCODINGS)
        operations.check_type("fresh", self.fresh, bool, "True or False")

    def fingerprint(self, content: str, server: str) -> str:
        """The same for the same question. `content` is the recording's digest, `server` the name of the API."""
        question = [self.request.operation.value, self.request.options(), content, server, self.encoding]
        return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


class Verbs(ABC):
    """The operations on a recording. Each returns at once, with a job."""

    @abstractmethod
    def _ask(self, question: Question, media: MediaSource) -> Job[Any]:
        """Start a job, or find the one that exists."""

    @named_options
    def transcribe(
        self,
        media: MediaSource,
        *,
        enable_speaker_diarization: bool = True,
        enable_punctuation: bool | None = None,
        speaker_count: int | None = None,
        speaker_ids: Sequence[str] | None = None,
        separate_speaker_per_channel: bool | None = None,
        enable_voice_activity_detection: bool | None = None,
        speech_contexts: Sequence[str] | None = None,
        language_code: str = "en-US",
        audio_type: str | None = None,
        source: str | None = None,
        encoding: str | None = None,
        fresh: bool = False,
    ) -> Job[Transcript]:
        """Speech to text, with the speakers told apart.

        `media` is a path, a URL, bytes, a binary file object or a row of `ai.recordings()`. `speaker_count`
        is how many people speak, counted when left out; `speech_contexts` are phrases to listen for; `audio_type` and
        `encoding` are the API's own words, the latter worked out from the file. The same question about the same
        content finds the job that exists, running or done, also one of another kernel; `fresh` asks again. Raises
        OptionError, MediaError or LedgerError at once; all else is on the job.
        """
        request = operations.TranscribeRequest(
            enable_speaker_diarization=enable_speaker_diarization,
            enable_punctuation=enable_punctuation,
            speaker_count=speaker_count,
            speaker_ids=speaker_ids,
            separate_speaker_per_channel=separate_speaker_per_channel,
            enable_voice_activity_detection=enable_voice_activity_detection,
            speech_contexts=speech_contexts,
            language_code=language_code,
            audio_type=audio_type,
            source=source,
        )
        return self._ask(Question(request, encoding, fresh), media)

    @named_options
    def analyze(
        self,
        media: MediaSource,
        *,
        insights: Sequence[str] = ("All",),
        speaker_count: int | None = None,
        speaker_ids: Sequence[str] | None = None,
        separate_speaker_per_channel: bool | None = None,
        enable_voice_activity_detection: bool | None = None,
        speech_contexts: Sequence[str] | None = None,
        language_code: str = "en-US",
        audio_type: str | None = None,
        source: str | None = None,
        encoding: str | None = None,
        fresh: bool = False,
    ) -> Job[Interaction]:
        """Interaction analytics: the conversation with emotions, talk-to-listen, pace, questions, key phrases, summary.

        `insights` are names of the API's, such as `["KeyPhrases", "Topics"]`. For the rest see `transcribe`.
        """
        request = operations.AnalyzeRequest(
            insights=insights,
            speaker_count=speaker_count,
            speaker_ids=speaker_ids,
            separate_speaker_per_channel=separate_speaker_per_channel,
            enable_voice_activity_detection=enable_voice_activity_detection,
            speech_contexts=speech_contexts,
            language_code=language_code,
            audio_type=audio_type,
            source=source,
        )
        return self._ask(Question(request, encoding, fresh), media)


VERBS = tuple(name for name in vars(Verbs) if not name.startswith("_"))
"""The names of all operations on a recording."""
