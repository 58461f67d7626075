"""What can be asked, as typed methods: about a recording, and about texts."""

from __future__ import annotations

import hashlib
import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aijupyter.api import operations
from aijupyter.jobs.job import Job
from aijupyter.media import MediaSource, Texts
from aijupyter.options import named_options
from aijupyter.session.texts import Conversed, Said, lines_of, name_of_lines, name_of_texts, texts_of

if TYPE_CHECKING:
    from aijupyter.results import Diarization, Emotions, Identification, Interaction, Punctuation, Summary, Transcript


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `encoding` is the API's word for the format of a recording, worked out where None."""

    request: operations.AudioRequest | operations.PunctuateRequest | operations.SummarizeRequest
    encoding: str | None
    fresh: bool

    def __post_init__(self) -> None:
        operations.check_choice("encoding", self.encoding, operations.ENCODINGS)
        operations.check_type("fresh", self.fresh, bool, "True or False")

    def fingerprint(self, content: str, server: str) -> str:
        """The same for the same question. `content` is the recording's digest, `server` the name of the API.

        All questions about the same content begin alike: see `content_mark`.
        """
        question = [self.request.operation.value, self.request.options(), self.encoding]
        return content_mark(content, server) + _digest(question)[:MARK_CHARACTERS]


MARK_CHARACTERS = 32


def content_mark(content: str, server: str) -> str:
    """How the fingerprints of all questions begin that were asked of this server about the same content."""
    return _digest([content, server])[:MARK_CHARACTERS]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class Verbs(ABC):
    """The operations. Each returns at once, with a job."""

    @abstractmethod
    def _ask(self, question: Question, media: MediaSource | Texts) -> Job[Any]:
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

    @named_options
    def diarize(
        self,
        media: MediaSource,
        *,
        speaker_count: int | None = None,
        speaker_ids: Sequence[str] | None = None,
        separate_speaker_per_channel: bool | None = None,
        enable_voice_activity_detection: bool | None = None,
        language_code: str = "en-US",
        audio_type: str | None = None,
        source: str | None = None,
        encoding: str | None = None,
        fresh: bool = False,
    ) -> Job[Diarization]:
        """Speaker diarization: who speaks when, without the words.

        `speaker_count` is how many people speak, counted when left out. For the rest see `transcribe`.
        """
        request = operations.DiarizeRequest(
            speaker_count=speaker_count,
            speaker_ids=speaker_ids,
            separate_speaker_per_channel=separate_speaker_per_channel,
            enable_voice_activity_detection=enable_voice_activity_detection,
            language_code=language_code,
            audio_type=audio_type,
            source=source,
        )
        return self._ask(Question(request, encoding, fresh), media)

    @named_options
    def identify(
        self,
        media: MediaSource,
        *,
        speaker_ids: Sequence[str],
        enable_voice_activity_detection: bool | None = None,
        language_code: str = "en-US",
        audio_type: str | None = None,
        source: str | None = None,
        encoding: str | None = None,
        fresh: bool = False,
    ) -> Job[Identification]:
        """Speaker identification: which of the enrolled `speaker_ids` speaks when, and where somebody else does.

        Enroll voices with `ai.enroll`; `ai.speakers()` lists them. For the rest see `transcribe`.
        """
        request = operations.IdentifyRequest(
            speaker_ids=speaker_ids,
            enable_voice_activity_detection=enable_voice_activity_detection,
            language_code=language_code,
            audio_type=audio_type,
            source=source,
        )
        return self._ask(Question(request, encoding, fresh), media)

    @named_options
    def emotions(
        self,
        media: MediaSource,
        *,
        language_code: str = "en-US",
        audio_type: str | None = None,
        source: str | None = None,
        encoding: str | None = None,
        fresh: bool = False,
    ) -> Job[Emotions]:
        """Emotion recognition: how it is said, and when.

        For the options see `transcribe`.
        """
        request = operations.EmotionsRequest(language_code=language_code, audio_type=audio_type, source=source)
        return self._ask(Question(request, encoding, fresh), media)

    @named_options
    def punctuate(self, texts: Said, *, fresh: bool = False) -> Job[Punctuation]:
        """Punctuation: marks and capitals for bare texts.

        `texts` is a text, a list of texts, or a pandas Series of them; they are answered in their order. The same texts
        find the job that exists; `fresh` asks again. Raises OptionError or LedgerError at once.
        """
        given = texts_of(texts)
        request = operations.PunctuateRequest(texts=given)
        return self._ask(Question(request, None, fresh), Texts(name_of_texts(given)))

    @named_options
    def summarize(
        self, conversation: Conversed, *, summary_type: str | None = None, fresh: bool = False
    ) -> Job[Summary]:
        """Summary: what a conversation comes to, in sentences of its own or in new ones.

        `conversation` is a result with words (of `transcribe`, `analyze` or `conversation`), a frame of utterances
        with the columns text and, as far as they are known, speaker, start and end; a list of mappings with these
        names, a list of texts, or one text. Speakers go by the names that the frame shows.

        `summary_type` is `Extractive` (the provider's default), `AbstractiveLong`, `AbstractiveShort`,
        `AbstractiveAll` or `All`. For the rest see `punctuate`.
        """
        lines = lines_of(conversation)
        request = operations.SummarizeRequest(utterances=lines, summary_type=summary_type)
        return self._ask(Question(request, None, fresh), Texts(name_of_lines(conversation, lines)))


VERBS = tuple(name for name in vars(Verbs) if not name.startswith("_"))
"""The names of all operations."""

AUDIO_VERBS = tuple(name for name in VERBS if "media" in inspect.signature(getattr(Verbs, name)).parameters)
"""Those on a recording; the others are on texts."""
