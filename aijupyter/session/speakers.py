"""The voices that the account knows: enrolled, listed, forgotten."""

from __future__ import annotations

import base64
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aijupyter.api import enrollments
from aijupyter.api.enrollments import Enrollment
from aijupyter.api.operations import ENCODINGS, check_choice, check_speaker_ids
from aijupyter.api.transport import Transport
from aijupyter.errors import ConflictError, GoneError, MediaError, NotFoundError, ProviderError
from aijupyter.media import MediaSource, is_url, open_local, shown_url
from aijupyter.session.rows import is_row, name_of

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

MOST_SAMPLE_BYTES = 32 * 1024 * 1024
"""A sample is sent within the request; 12 to 30 seconds of speech are best."""


class Speakers(ABC):
    """The account's enrolled speakers. All of this blocks, and waits for its turn in the account's budget."""

    @property
    @abstractmethod
    def _transport(self) -> Transport:
        """The way to the API."""

    @abstractmethod
    def _call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run in the background and wait."""

    def enroll(
        self, speaker_id: str, media: MediaSource, *, encoding: str | None = None, language_code: str = "en-US"
    ) -> Enrollment:
        """Make a voice known, by a recording in which nobody else speaks.

        `speaker_id` is of letters, digits and underscores. `media` is a path, bytes or a binary file object, best of 12
        to 30 seconds of speech. What is returned says whether that was enough (`complete`), else how much is missing
        (`missing_seconds`), which `add_audio` adds. `encoding` is worked out from the file.

        Raises OptionError, MediaError, ConflictError for an id that is enrolled already, and what else the API answers.
        """
        check_speaker_ids([speaker_id])
        sample = _sample(media, encoding)
        try:
            return self._call(_enroll, self._transport, speaker_id, *sample, language_code)
        except ConflictError as error:
            raise _told(
                ConflictError,
                error,
                f"There is a speaker {speaker_id} already.",
                f"Add to it: ai.add_audio({speaker_id!r}, ...); or forget it first: ai.forget_speaker({speaker_id!r}).",
            ) from None

    def add_audio(
        self, speaker_id: str, media: MediaSource, *, encoding: str | None = None, language_code: str = "en-US"
    ) -> Enrollment:
        """Add a recording to an enrolled voice, and tell how it stands then. See `enroll`.

        Raises NotFoundError for a speaker that is not enrolled.
        """
        check_speaker_ids([speaker_id])
        sample = _sample(media, encoding)
        try:
            return self._call(_add_audio, self._transport, speaker_id, *sample, language_code)
        except (NotFoundError, GoneError) as error:
            raise _nobody(error, speaker_id, f"Enroll it first: ai.enroll({speaker_id!r}, ...).") from None

    def speakers(self, *, partial: bool = True) -> pd.DataFrame:
        """The enrolled speakers, one row for each: speaker, complete, quality, speech_seconds, enrolled_seconds.

        `quality` is an ordered category, Poor < Average < Good < High. With `partial=False` only those that are
        complete. The same frame, without rows, where there are none. One request for each hundred.
        """
        from aijupyter.results.listing import voice_frame  # noqa: PLC0415  # pandas is loaded when first needed

        return voice_frame(self._call(_speakers, self._transport, partial))

    def speaker(self, speaker_id: str) -> Enrollment:
        """How an enrolled speaker stands. Raises NotFoundError."""
        check_speaker_ids([speaker_id])
        try:
            return self._call(enrollments.speaker, self._transport, speaker_id)
        except (NotFoundError, GoneError) as error:
            raise _nobody(error, speaker_id, "ai.speakers() lists those that there are.") from None

    def forget_speaker(self, speaker_id: str) -> None:
        """Have the provider delete a voice. What it was heard in stays as it was answered.

        Raises NotFoundError for one that was never enrolled, GoneError for one that was deleted before.
        """
        check_speaker_ids([speaker_id])
        try:
            self._call(enrollments.forget, self._transport, speaker_id)
        except GoneError as error:
            problem = f"The speaker {speaker_id} was deleted before."
            raise _told(GoneError, error, problem, "There is nothing left to do.") from None
        except NotFoundError as error:
            raise _nobody(error, speaker_id, "ai.speakers() lists those that there are.") from None


async def _enroll(transport: Transport, speaker_id: str, content: str, encoding: str, language: str) -> Enrollment:
    return await enrollments.enroll(transport, speaker_id, content, encoding=encoding, language_code=language)


async def _add_audio(transport: Transport, speaker_id: str, content: str, encoding: str, language: str) -> Enrollment:
    return await enrollments.add_audio(transport, speaker_id, content, encoding=encoding, language_code=language)


async def _speakers(transport: Transport, partial: bool) -> list[Enrollment]:
    return await enrollments.speakers(transport, partial=partial)


def _sample(media: MediaSource, encoding: str | None) -> tuple[str, str]:
    """The sample in base64, and its encoding. Raises MediaError."""
    check_choice("encoding", encoding, ENCODINGS)
    if is_row(media) or is_url(media):
        name = name_of(media) if is_row(media) else shown_url(str(media))
        raise MediaError(f"A sample is sent as it is, and {name} is elsewhere.", "Download it and give its path.")
    with tempfile.TemporaryDirectory(prefix="aijupyter-") as folder:
        recording = open_local(media, spool=Path(folder), encoding=encoding)
        assert recording.path is not None  # noqa: S101  # a local one has a path
        try:
            size = recording.path.stat().st_size
            if size > MOST_SAMPLE_BYTES:
                problem = f"{recording.name} is larger than {MOST_SAMPLE_BYTES // 2**20} MiB."
                raise MediaError(problem, "Cut 12 to 30 seconds of speech out of it.", source=recording.name)
            content = base64.b64encode(recording.path.read_bytes()).decode()
        except OSError as error:
            if isinstance(error, MediaError):
                raise
            problem = f"{recording.name} cannot be read: {error}."
            raise MediaError(problem, "Check the file.", source=recording.name) from None
    return content, recording.encoding


def _nobody(error: ProviderError, speaker_id: str, mend: str) -> ProviderError:
    return _told(NotFoundError, error, f"There is no speaker {speaker_id}.", mend)


def _told(kind: type[ProviderError], error: ProviderError, problem: str, mend: str) -> ProviderError:
    """What the provider answered, in words that help."""
    return kind(problem, mend, status=error.status, faults=error.faults, request_id=error.request_id)
