"""What the words of a recording can be joined with: other answers about the same recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from aijupyter.results.conversation import Conversation
    from aijupyter.results.diarization import Diarization
    from aijupyter.results.emotions import Emotions
    from aijupyter.results.identification import Identification
    from aijupyter.results.transcript import Transcript


class Joinable:
    """Joins by time. Each gives a new result, and leaves this one as it is. See docs/operations.md for the rules."""

    def with_speakers(self, speakers: Diarization | Transcript) -> Conversation:
        """The same words, said by the speakers of another answer: a diarization, an identification, a transcript.

        A word is said by whoever speaks longest while it lasts; an utterance whose words are said by several is cut
        between them.
        """
        from aijupyter.results.conversation import join  # noqa: PLC0415  # joining is not for every result

        return join(self._words, speakers=speakers)

    def with_emotions(self, emotions: Emotions) -> Conversation:
        """The same utterances, each with the emotion that is heard longest while it lasts."""
        from aijupyter.results.conversation import join  # noqa: PLC0415  # joining is not for every result

        return join(self._words, emotions=emotions)

    def with_names(self, identification: Identification) -> Conversation:
        """The same utterances, their speakers called by the enrolled speakers whose voices they are."""
        from aijupyter.results.conversation import join  # noqa: PLC0415  # joining is not for every result

        return join(self._words, identification=identification)

    @property
    def _words(self) -> Transcript:
        return cast("Transcript", self)
