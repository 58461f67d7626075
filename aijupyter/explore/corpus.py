"""Corpus: many conversations as one, to explore: frames, figures, SQL, files."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from aijupyter.errors import JobNotFoundError, OptionError
from aijupyter.explore.overview import RECORDING_COLUMNS, facts, recordings_frame
from aijupyter.explore.piling import SCHEMAS, columns_of, pile
from aijupyter.jobs import Job
from aijupyter.models import JobState, Operation
from aijupyter.results.base import Result
from aijupyter.results.transcript import Transcript

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from aijupyter.explore.figures_of_many import CorpusFigures

CONVERSATIONS = frozenset({Operation.TRANSCRIBE, Operation.ANALYZE})
TABLES = ("recordings", *SCHEMAS)
COLUMNS = {"recordings": RECORDING_COLUMNS, **{name: columns_of(name) for name in SCHEMAS}}
ID_COLUMNS = ("key", "id", "job")
COPIES = int(pd.__version__.partition(".")[0]) < 3  # noqa: PLR2004  # from pandas 3 on a change copies

Find = Callable[[str], Job[Any] | None]


@dataclass(frozen=True, slots=True)
class Member:
    """A conversation of a corpus; `read` gives its result, anew each time. `asked` is in UTC, None if not known."""

    job: str
    key: str
    recording: str
    operation: Operation
    asked: datetime | None
    read: Callable[[], Result]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A job that is no conversation, and why not."""

    job: str
    recording: str
    reason: str


class Corpus:
    """Many conversations as one. `ai.corpus(...)` makes it.

    Each frame begins with the columns `job` (the id) and `recording`, which join them; what an operation does not
    answer is missing. A frame is made when it is first asked for, from one result after the other, and kept; results
    are not. So a speaker that is named later has that name in the next corpus. A recording that was asked about twice
    is there twice: see `latest`.
    """

    def __init__(self, members: Iterable[Member], left_out: Iterable[LeftOut] = ()) -> None:
        self._members = {member.job: member for member in members}
        self._left_out = list(left_out)
        self._frames: dict[str, pd.DataFrame] = {}

    def __len__(self) -> int:
        """How many conversations there are."""
        return len(self._members)

    def __iter__(self) -> Iterator[Transcript]:
        """The results, one after the other."""
        return (result for _, result in self._results())

    def __getitem__(self, job_id: str) -> Transcript:
        """The result of a job, by its id or key. Raises JobNotFoundError for one that is not in the corpus."""
        found = (member for member in self._members.values() if job_id in {member.job, member.key})
        member = next(found, None)
        if member is None:
            raise JobNotFoundError(
                f"The corpus holds no job {job_id!r}.", "corpus.recordings lists those it holds.", job_id=str(job_id)
            )
        return _conversation(member)

    def __contains__(self, job_id: object) -> bool:
        return any(job_id in {member.job, member.key} for member in self._members.values())

    @property
    def left_out(self) -> pd.DataFrame:
        """What was given and is no conversation, one row for each: job, recording, reason."""
        columns = ("job", "recording", "reason")
        return pd.DataFrame(
            {name: pd.array([getattr(one, name) for one in self._left_out], dtype="string") for name in columns}
        )

    @property
    def recordings(self) -> pd.DataFrame:
        """One row for each conversation.

        job, recording, operation, asked (UTC), duration (seconds, to the end of the last line), utterances, words,
        speakers, questions (counts), confidence (the mean of its lines), top_speaker (who talks most), top_share (of
        all talk, in percent), balance (0 where one talks alone, 1 where all talk as long as each other: the entropy of
        the shares of talk, over the greatest that it can be), silence (percent of the duration in which nobody talks),
        emotion (the one felt longest), unpleasant (from Anger to Sadness) and pleasant (from Trust to Joy), both in
        percent of the talk.
        """
        return self.frame("recordings")

    @property
    def utterances(self) -> pd.DataFrame:
        """The utterances of all: job, recording, utterance (its number there), and their own columns."""
        return self.frame("utterances")

    @property
    def words(self) -> pd.DataFrame:
        """The words of all."""
        return self.frame("words")

    @property
    def speakers(self) -> pd.DataFrame:
        """The speakers of each. One who was given a name bears it in every recording: `groupby("speaker")`."""
        return self.frame("speakers")

    @property
    def insights(self) -> pd.DataFrame:
        """The insights of all."""
        return self.frame("insights")

    @property
    def questions(self) -> pd.DataFrame:
        """The questions that were asked."""
        return self.frame("questions")

    @property
    def key_phrases(self) -> pd.DataFrame:
        """The key phrases of all."""
        return self.frame("key_phrases")

    @property
    def topics(self) -> pd.DataFrame:
        """The topics of all."""
        return self.frame("topics")

    @property
    def summary(self) -> pd.DataFrame:
        """The summaries of all."""
        return self.frame("summary")

    def frame(self, name: str) -> pd.DataFrame:
        """A frame by its name, such as `frame("words")`. Raises OptionError for no such frame."""
        return self.frames(name)[name]

    def frames(self, *names: str) -> dict[str, pd.DataFrame]:
        """Several frames, all of them without `names`, made in one pass over the results."""
        wanted = names or TABLES
        for name in wanted:
            if name not in TABLES:
                raise OptionError(f"There is no frame {name!r}.", f"There are {', '.join(TABLES)}.", option="frame")
        missing = [name for name in wanted if name not in self._frames]
        if missing:
            self._make(missing)
        return {name: self._frames[name].copy(deep=COPIES) for name in wanted}

    def search(self, text: str, *, regex: bool = False, case: bool = False) -> pd.DataFrame:
        """The utterances that hold a text: job, recording, utterance, start, end, speaker, text.

        The text is taken as it is and whatever its case, unless `regex` or `case`. Raises OptionError for a bad
        expression.
        """
        utterances = self.utterances
        try:
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # of groups, which do no harm here
                found = utterances["text"].str.contains(text, regex=regex, case=case).fillna(value=False)
        except (re.error, ValueError) as error:  # pyarrow's are ValueErrors
            raise OptionError(
                f"{text!r} is no regular expression: {error}.", "Mend it, or search without regex=True.", option="text"
            ) from None
        columns = ["job", "recording", "utterance", "start", "end", "speaker", "text"]
        return utterances.loc[found.astype(bool), columns].reset_index(drop=True)

    def sql(self, query: str, parameters: Sequence[object] | Mapping[str, object] | None = None) -> pd.DataFrame:
        """Ask in SQL (DuckDB's) over the frames as tables: `corpus.sql("select * from speakers where words > 100")`.

        The tables are recordings, utterances, words, speakers, insights, questions, key_phrases, topics and summary;
        those that the query names are made. `parameters` take the places of `?` or `$name`. The query reaches nothing
        else: no files, no network, no variables. Raises OptionError, with DuckDB's words.
        """
        from aijupyter.explore.querying import ask  # noqa: PLC0415  # DuckDB is an extra

        return ask(query, parameters, self.frames, COLUMNS)

    def latest(self) -> Corpus:
        """The corpus with only the newest job of each recording (by its name) and operation."""
        newest: dict[tuple[str, Operation], Member] = {}
        for member in sorted(
            self._members.values(), key=lambda member: member.asked.timestamp() if member.asked else 0
        ):
            newest[member.recording, member.operation] = member
        return self._only({member.job for member in newest.values()}, "there is a newer job of this recording")

    def head(self, count: int = 5) -> Corpus:
        """The corpus with only its first conversations."""
        return self._only(set(list(self._members)[:count]))

    def has(self, name: str) -> bool:
        """Whether a frame was made already, so that asking for it takes no time."""
        return name in self._frames

    def _only(self, kept: set[str], why_not: str = "") -> Corpus:
        members = self._members.values()
        gone = (member for member in members if why_not and member.job not in kept)
        others = (LeftOut(member.job, member.recording, why_not) for member in gone)
        corpus = Corpus((member for member in members if member.job in kept), [*self._left_out, *others])
        for name, frame in self._frames.items():
            corpus._frames[name] = frame[frame["job"].isin(kept)].reset_index(drop=True)
        return corpus

    @property
    def plot(self) -> CorpusFigures:
        """Figures of the whole: `corpus.plot.talk_ratio()`, `.timeline()`, `.emotions()`, `.pace()`."""
        from aijupyter.explore.figures_of_many import CorpusFigures  # noqa: PLC0415  # figures are not for every corpus

        return CorpusFigures(self)

    def to_parquet(self, folder: str | PathLike[str]) -> list[Path]:
        """Write each frame to a file in a folder (`utterances.parquet`, ...), with its dtypes. The files."""
        from aijupyter.explore.exports import write_frames  # noqa: PLC0415  # not for every corpus

        return write_frames(self.frames(), folder, "parquet")

    def to_csv(self, folder: str | PathLike[str], *, safe: bool = True) -> list[Path]:
        """Write each frame to a file in a folder (`utterances.csv`, ...). The files. For `safe` see a result's."""
        from aijupyter.explore.exports import write_frames  # noqa: PLC0415  # not for every corpus

        return write_frames(self.frames(), folder, "csv", safe=safe)

    def to_markdown(self, folder: str | PathLike[str]) -> list[Path]:
        """Write each conversation to a document of its own, named after the recording. The files."""
        return self._write(folder, "md", Transcript.to_markdown)

    def to_srt(self, folder: str | PathLike[str]) -> list[Path]:
        """Write the subtitles of each conversation, named after the recording. The files."""
        return self._write(folder, "srt", Transcript.to_srt)

    def to_vtt(self, folder: str | PathLike[str]) -> list[Path]:
        """Write the WebVTT subtitles of each conversation, named after the recording. The files."""
        return self._write(folder, "vtt", Transcript.to_vtt)

    def _write(
        self, folder: str | PathLike[str], ending: str, text_of: Callable[[Transcript], str | None]
    ) -> list[Path]:
        from aijupyter.explore.exports import write_texts  # noqa: PLC0415  # not for every corpus

        texts = ((member.recording, text_of(result) or "") for member, result in self._results())
        return write_texts(texts, folder, ending)

    def _results(self) -> Iterator[tuple[Member, Transcript]]:
        for member in list(self._members.values()):
            try:
                result = _conversation(member)
            except JobNotFoundError:
                del self._members[member.job]
                self._left_out.append(LeftOut(member.job, member.recording, "it was forgotten"))
            else:
                yield member, result

    def _make(self, names: Sequence[str]) -> None:
        parts: dict[str, list[tuple[str, str, pd.DataFrame]]] = {name: [] for name in names}
        rows: list[dict[str, Any]] = []
        for member, result in self._results():
            for name in names:
                if name == "recordings":
                    rows.append({"asked": member.asked, **facts(result)})
                elif isinstance(found := getattr(result, name, None), pd.DataFrame):
                    parts[name].append((member.job, member.recording, found))
        for name in names:
            if name == "recordings":
                members = [(member.job, member.recording) for member in self._members.values()]
                self._frames[name] = recordings_frame(members, rows)
            else:
                self._frames[name] = pile(name, parts[name])

    def __repr__(self) -> str:
        left = f", {len(self._left_out)} left out" if self._left_out else ""
        return f"<Corpus of {len(self)} conversation{'' if len(self) == 1 else 's'}{left}>"


def gather(of: pd.DataFrame | Iterable[Job[Any] | Result | str] | Job[Any] | Result | str, find: Find) -> Corpus:
    """The corpus of a batch, jobs, results, ids, or of a frame with a column `key`, `id` or `job`.

    `find` gives a handle on a job that keeps no answer. Raises JobNotFoundError for an id that was given and is not
    known; a row of a frame is left out then. Raises OptionError for what is none of these.
    """
    members: list[Member] = []
    left_out: list[LeftOut] = []
    for one in _given(of, find):
        (members if isinstance(one, Member) else left_out).append(one)  # type: ignore[arg-type]  # each its own
    return Corpus(members, left_out)


def _given(of: Any, find: Find) -> Iterator[Member | LeftOut]:
    if isinstance(of, pd.DataFrame):
        yield from _of_rows(of, find)
        return
    if isinstance(of, Job | Result | str):
        of = [of]
    if not isinstance(of, Iterable):
        raise _no_corpus(of)
    for one in of:
        if isinstance(one, Result):
            yield _of_result(one)
        elif isinstance(one, Job):
            yield _of_job(one, find)
        elif isinstance(one, str):
            yield _of_id(one, find)
        else:
            raise _no_corpus(one)


def _no_corpus(of: object) -> OptionError:
    return OptionError(
        f"A {type(of).__name__} is nothing that a corpus is made of.",
        "Give a batch, jobs, results, ids, or rows of ai.jobs().",
        option="of",
    )


def _of_rows(rows: pd.DataFrame, find: Find) -> Iterator[Member | LeftOut]:
    column = next((name for name in ID_COLUMNS if name in rows), None)
    if column is None:
        raise OptionError(
            "The frame does not say which jobs it is about.", f"It needs a column {', '.join(ID_COLUMNS)}.", option="of"
        )
    ended = {state.value for state in JobState if state.final} - {JobState.SUCCEEDED.value}
    for row in rows.drop_duplicates(column).to_dict("records"):
        job_id, recording = str(row[column]), str(row.get("recording", ""))
        if row.get("state") in ended:
            yield LeftOut(str(row.get("id", job_id)), recording, f"it is {row['state']}")
            continue
        job = find(job_id)
        yield LeftOut(job_id, recording, "the ledger does not hold it") if job is None else _of_handle(job, find)


def _of_id(job_id: str, find: Find) -> Member | LeftOut:
    job = find(job_id)
    if job is None:
        raise JobNotFoundError(f"The ledger holds no job {job_id!r}.", "ai.jobs() lists those it holds.", job_id=job_id)
    return _of_handle(job, find)


def _of_job(job: Job[Any], find: Find) -> Member | LeftOut:
    """A person's handle keeps its answer once that is read, so handles of our own are used."""
    if job.state is not JobState.SUCCEEDED:
        return _of_handle(job, find)
    ours = find(job.key)
    return LeftOut(job.id, job.recording, "it was forgotten") if ours is None else _of_handle(ours, find)


def _of_handle(job: Job[Any], find: Find) -> Member | LeftOut:
    if job.state is not JobState.SUCCEEDED:
        why = f": {job.error.problem}" if job.error else ""
        return LeftOut(job.id, job.recording, f"it is {job.state}{why}")
    if job.operation not in CONVERSATIONS:
        return LeftOut(job.id, job.recording, f"{job.operation} gives no conversation")
    return Member(job.id, job.key, job.recording, job.operation, job.created, partial(_read, job.key, find))


def _read(key: str, find: Find) -> Result:
    """The result by a handle of that moment, which knows the names that were given since."""
    job = find(key)
    if job is None:
        raise JobNotFoundError(f"Job {key} was forgotten.", "Ask again.", job_id=key)
    result: Result = job.result(0)
    return result


def _of_result(result: Result) -> Member | LeftOut:
    name = result.job_id or result.key or f"result-{id(result)}"
    if not isinstance(result, Transcript):
        return LeftOut(name, result.recording, f"{result.operation} gives no conversation")
    return Member(name, result.key, result.recording, result.operation, None, lambda: result)


def _conversation(member: Member) -> Transcript:
    result = member.read()
    assert isinstance(result, Transcript)  # noqa: S101  # by its operation
    return result
