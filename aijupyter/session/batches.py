"""`ai.map`: one question about many recordings or texts, asked in the background."""

from __future__ import annotations

import os
import threading
import time
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aijupyter.errors import AIJupyterError, LedgerError, MediaError, OptionError, dump_error
from aijupyter.jobs.batch import Batch
from aijupyter.jobs.dispatch import patience
from aijupyter.jobs.job import Job
from aijupyter.logs import logger
from aijupyter.media import MediaSource, Texts
from aijupyter.models import ON_TEXTS, JobRecord, JobState, now
from aijupyter.session.rows import is_row, name_of, rows_of
from aijupyter.session.verbs import VERBS, Question, Verbs

if TYPE_CHECKING:
    import pandas as pd

log = logger(__name__)

COPIES_AHEAD = 64
"""So many recordings given as bytes wait as private copies before the next one is taken."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question that can be written down; `url` is its recording's with what the ledger does not keep, if any."""

    record: JobRecord
    url: str | None
    fresh: bool


class Batches(Verbs):
    """Questions about many recordings."""

    def map(
        self, operation: Callable[..., Job[Any]] | str, media: Iterable[Any] | pd.DataFrame, **options: Any
    ) -> Batch:
        """Ask the same about each recording; returns at once, with a Batch.

        `operation` is `ai.transcribe`, `ai.analyze` or such a name, `options` are those of that operation. `media` may
        be a generator, or a frame of `ai.recordings()`, whose rows are asked about; for `ai.punctuate` and
        `ai.summarize` it holds what each of them takes. All are asked about in the background, in order; those that
        were asked about before are found and not sent again. One that cannot be read becomes a failed job. Raises
        OptionError at once.
        """
        ask = asker_of(operation, options)
        many = rows_of(media)
        batch = Batch(lambda one: self._ask_one(ask, one), total=len(many) if isinstance(many, Sized) else None)
        threading.Thread(target=self._feed, args=(batch, ask, iter(many)), name="aijupyter-batch", daemon=True).start()
        return batch

    @abstractmethod
    def _prepare(self, question: Question, media: MediaSource | Texts) -> Prepared:
        """All that is to be written down of a question. Raises MediaError."""

    @abstractmethod
    def _submit(self, prepared: Prepared, *, keep: bool) -> Job[Any]:
        """Start a prepared job, or find the one that exists. Raises LedgerError, and may be tried again then."""

    @abstractmethod
    def _failed_job(self, record: JobRecord) -> Job[Any]:
        """The handle on a job that came to nothing before it could be written down."""

    def _feed(self, batch: Batch, ask: Asker, media: Iterator[Any]) -> None:
        """In a thread of its own: opening and hashing ten thousand recordings takes its time."""
        failure: AIJupyterError | None = None
        copies: list[Job[Any]] = []
        try:
            for one in media:
                job = None if batch.stopped else self._ask_one(ask, one, lambda: batch.stopped)
                if job is None:
                    break
                named = job.operation in ON_TEXTS or isinstance(one, str | os.PathLike) or is_row(one)
                batch.feed(one if named else None, job)
                if not named:
                    copies = _wait_for_room([*copies, job], batch)
        except AIJupyterError as error:
            failure = error
        except BaseException as error:  # noqa: BLE001  # of the caller's own iterable, in a thread where nobody would see it
            failure = AIJupyterError(
                f"The recordings could not be listed: {error!r}.", "Check what was given to map()."
            )
        batch.finish(failure)

    def _ask_one(self, ask: Asker, one: Any, stopped: Callable[[], bool] | None = None) -> Job[Any] | None:
        """One job. With `stopped` a ledger that cannot be written now is waited for; None where that came true."""
        try:
            prepared = self._prepare(*ask(one))
        except (MediaError, OptionError) as error:  # the options were found to be good
            return self._failed_job(_unread(ask(SAMPLE)[0], one, error))
        tries = 0
        while stopped is None or not stopped():
            try:
                return self._submit(prepared, keep=False)
            except LedgerError as error:
                if stopped is None:
                    raise
                about = {"event": "ledger.failed", "error": type(error).__name__}
                log.info("a batch waits for the ledger: %s", error, extra=about)
                time.sleep(patience(tries))
                tries += 1
        return None


Asker = Callable[[Any], tuple[Question, MediaSource | Texts]]
"""What is asked about one of many, and how it is to be opened. Raises OptionError."""

SAMPLE = "."
"""What every operation takes for something to ask about: a path, or a text."""


class _Recorder(Verbs):
    """Turns a call of a verb into the question that it would ask, with its options checked."""

    def _ask(self, question: Question, media: MediaSource | Texts) -> Any:
        return question, media


def question_of(operation: Callable[..., Job[Any]] | str, options: dict[str, Any]) -> Question:
    """The question that an operation with these options asks. Raises OptionError."""
    return asker_of(operation, options)(SAMPLE)[0]


def asker_of(operation: Callable[..., Job[Any]] | str, options: dict[str, Any]) -> Asker:
    """How an operation with these options asks about one thing after another. Raises OptionError for the options."""
    is_verb = isinstance(getattr(operation, "__self__", None), Verbs)
    name = operation if isinstance(operation, str) else getattr(operation, "__name__", "") if is_verb else ""
    verb = getattr(_Recorder(), name, None) if name in VERBS else None
    if verb is None:
        raise OptionError(
            f"{operation!r} is no operation.",
            f"Give one of {', '.join(f'ai.{verb}' for verb in VERBS)}.",
            option="operation",
        )
    ask: Asker = partial(verb, **options)
    ask(SAMPLE)
    return ask


def _wait_for_room(copies: list[Job[Any]], batch: Batch) -> list[Job[Any]]:
    """The copies that are still on the disk, once there is room for another."""
    while True:
        waiting = [job for job in copies if not job.done()]
        if len(waiting) < COPIES_AHEAD or batch.stopped:
            return waiting
        time.sleep(0.1)


def _unread(question: Question, one: Any, error: AIJupyterError) -> JobRecord:
    """A job that failed before it was asked. The ledger does not know it."""
    on_texts = question.request.operation in ON_TEXTS
    plain = isinstance(one, str | os.PathLike) and not on_texts
    name = Path(one).name if plain else name_of(one)
    moment = now()
    return JobRecord(
        key=str(uuid.uuid4()),
        path="",
        server="",
        operation=question.request.operation,
        recording=name.encode("utf-8", "replace").decode(),
        options={} if on_texts else question.request.options(),  # else with the sample among them
        state=JobState.FAILED,
        created=moment,
        ended=moment,
        error=dump_error(error),
    )
