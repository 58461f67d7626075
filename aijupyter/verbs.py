"""What can be asked, as typed methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aijupyter.api import operations
from aijupyter.jobs import Job
from aijupyter.media import MediaSource
from aijupyter.options import named_options

if TYPE_CHECKING:
    from aijupyter.results import Interaction, Transcript


class Verbs(ABC):
    """The operations on a recording. Each returns at once, with a job."""

    @abstractmethod
    def _ask(self, request: operations.AudioRequest, media: MediaSource, encoding: str | None) -> Job[Any]:
        """Start a job."""

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
    ) -> Job[Transcript]:
        """Speech to text, with the speakers told apart.

        `media` is a path, a URL, bytes or a binary file object. `speaker_count` is how many people speak, counted when
        left out; `speech_contexts` are phrases to listen for; `audio_type` and `encoding` are the API's own words, the
        latter worked out from the file. Raises OptionError or MediaError at once; all else is on the job.
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
        return self._ask(request, media, encoding)

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
        return self._ask(request, media, encoding)
