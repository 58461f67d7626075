"""`ai.conversation`: all that is known of a recording as one conversation, with as few questions as that takes."""

from __future__ import annotations

import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from aijupyter.api.operations import ENCODINGS, check_choice, check_speaker_ids, check_type
from aijupyter.errors import MediaError
from aijupyter.jobs.job import Job
from aijupyter.jobs.joint import Joint
from aijupyter.media import MediaSource, digest, is_url, open_local
from aijupyter.models import UNDER_WAY, JobRecord, JobState, Operation, Recording, Selection
from aijupyter.options import named_options
from aijupyter.protocols import Ledger
from aijupyter.session.parts import Parts
from aijupyter.session.rows import is_row, opened
from aijupyter.session.verbs import Verbs, content_mark

if TYPE_CHECKING:
    from aijupyter.results import Interaction

T = TypeVar("T")

MOST_LOOKED_AT = 200
"""So many of the newest questions about a recording are looked through."""
GOOD = frozenset({JobState.SUCCEEDED, *UNDER_WAY})
"""The states in which a job has an answer, or is about to."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a conversation is made of: jobs that there are, and operations that are to be asked still."""

    use: tuple[JobRecord, ...] = ()
    ask: tuple[Operation, ...] = ()
    speaker_ids: tuple[str, ...] = ()


def plan(found: Sequence[JobRecord], speaker_ids: Sequence[str] = ()) -> Plan:
    """The fewest questions that give words, speakers and emotions, and tell who of `speaker_ids` speaks.

    `found` are jobs about the same recording, the newest first. What is there is used where asking for what is missing
    takes one question or none; otherwise one analysis has all of it.
    """
    ids = tuple(speaker_ids)
    words = [record for record in found if record.operation in {Operation.ANALYZE, Operation.TRANSCRIBE}]
    plans = [_around(record, found, ids) for record in words]
    best = min(plans, key=lambda one: len(one.ask), default=None)
    if best is None or len(best.ask) > 1:
        return Plan(_first(found, Operation.IDENTIFY) if not ids else (), (Operation.ANALYZE,), ids)
    return best


def _around(words: JobRecord, found: Sequence[JobRecord], ids: tuple[str, ...]) -> Plan:
    """What is to be added to words that there are."""
    use, ask = [words], []
    named = not ids or _looks_for(words, ids)
    if not _tells_speakers_apart(words):
        turns = [record for record in found if record.operation is Operation.DIARIZE]
        fitting = [record for record in turns if _looks_for(record, ids)] or turns
        use += fitting[:1]
        ask += [] if fitting else [Operation.DIARIZE]
        named = not ids or not fitting or _looks_for(fitting[0], ids)
    if not _tells_emotions(words):
        felt = _first(found, Operation.EMOTIONS)
        use += felt
        ask += [] if felt else [Operation.EMOTIONS]
    heard = [record for record in found if record.operation is Operation.IDENTIFY and _looks_for(record, ids)]
    use += heard[:1]
    ask += [] if named or heard else [Operation.IDENTIFY]
    return Plan(tuple(use), tuple(ask), ids)


def _first(found: Sequence[JobRecord], operation: Operation) -> tuple[JobRecord, ...]:
    return tuple(record for record in found if record.operation is operation)[:1]


def _looks_for(record: JobRecord, ids: Sequence[str]) -> bool:
    return set(ids) <= set(record.options.get("speakerIds") or ())


def _tells_speakers_apart(words: JobRecord) -> bool:
    return words.operation is Operation.ANALYZE or bool(words.options.get("enableSpeakerDiarization"))


def _tells_emotions(words: JobRecord) -> bool:
    return bool({"All", "Emotion"} & set(words.options.get("insights") or ()))


class Joining(Verbs):
    """Conversations out of several answers."""

    @abstractmethod
    def job(self, job_id: str) -> Job[Any]:
        """Pick a job up again."""

    @property
    @abstractmethod
    def _open_parts(self) -> Parts:
        """The open session's parts. Raises SessionClosedError."""

    @property
    @abstractmethod
    def _ledger(self) -> Ledger:
        """The open ledger."""

    @abstractmethod
    def _call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run in the background and wait."""

    @named_options
    def conversation(
        self,
        media: MediaSource,
        *,
        speaker_ids: Sequence[str] | None = None,
        encoding: str | None = None,
        fresh: bool = False,
    ) -> Joint[Interaction]:
        """A recording as one conversation: what is said, by whom, and how. Returns at once, with what is awaited.

        What the ledger holds of the same content is used, done or under way, whatever options it was asked with: a
        transcript, a diarization, emotions, an identification, an analysis. Only what is missing is asked; where that
        is more than one analysis, that is asked instead. `speaker_ids` are enrolled speakers to be recognised. `fresh`
        asks for one analysis, whatever there is. Raises OptionError, MediaError or LedgerError at once.
        """
        check_speaker_ids(speaker_ids)
        check_choice("encoding", encoding, ENCODINGS)
        check_type("fresh", fresh, bool, "True or False")
        media = _read(media)
        found = [] if fresh else self._asked_about(media, encoding)
        plan_ = plan(found, speaker_ids or ())
        jobs = [self.job(record.key) for record in plan_.use]
        jobs += [self._ask_for(operation, media, plan_, encoding, fresh=fresh) for operation in plan_.ask]
        return Joint(jobs, _joined)

    def _ask_for(
        self, operation: Operation, media: MediaSource, plan_: Plan, encoding: str | None, *, fresh: bool
    ) -> Job[Any]:
        ids = {} if operation is Operation.EMOTIONS or not plan_.speaker_ids else {"speaker_ids": plan_.speaker_ids}
        job: Job[Any] = getattr(self, operation.value)(media, **ids, encoding=encoding, fresh=fresh)
        return job

    def _asked_about(self, media: MediaSource, encoding: str | None) -> list[JobRecord]:
        """What was asked about the same content and has an answer or waits for one, the newest first."""
        parts = self._open_parts
        mark = content_mark(_digest(media, encoding), parts.server.name)
        listed = self._call(self._ledger.jobs, Selection(states=GOOD, alike=mark, limit=MOST_LOOKED_AT))
        records = [self._call(self._ledger.find, job.key) for job in listed]
        there = [record for record in records if record is not None and (record.state.final or parts.serves(record))]
        return sorted(there, key=lambda record: not record.state.final)  # what is answered before what is not


def _read(media: MediaSource) -> MediaSource:
    """A file object's bytes, for it may be asked about more than once."""
    if not hasattr(media, "read") or is_row(media):
        return media
    content = cast("BinaryIO", media).read()
    if not isinstance(content, bytes):
        raise MediaError("The file object gives text.", "Open it in binary: open(path, 'rb').")
    return content


def _digest(media: MediaSource, encoding: str | None) -> str:
    """As `media.digest` of what the media opens as. Raises MediaError."""
    if isinstance(media, bytes | bytearray | memoryview):
        return hashlib.sha256(media).hexdigest()
    media, name = opened(media)
    if isinstance(media, str) and is_url(media):
        return digest(Recording(name or "", "", "", url=media))
    return digest(open_local(media, spool=Path(os.devnull), encoding=encoding))


def _joined(results: Sequence[Any]) -> Any:
    """The conversation that the results make; an analysis that needs no other is one by itself."""
    from aijupyter.results.conversation import join  # noqa: PLC0415  # pandas is loaded when first needed

    by: Mapping[Operation, Any] = {result.operation: result for result in results}
    words = by.get(Operation.ANALYZE) or by[Operation.TRANSCRIBE]
    if len(results) == 1 and words.operation is Operation.ANALYZE:
        return words
    return join(
        words,
        speakers=by.get(Operation.DIARIZE),
        emotions=by.get(Operation.EMOTIONS),
        identification=by.get(Operation.IDENTIFY),
    )
