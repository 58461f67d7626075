"""Corpus: many conversations as one, whatever they were asked; SQL that sees nothing else."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from calls import HOSTILE, LINES, analysis, interaction, transcript
from double import ProviderDouble
from pandas.testing import assert_frame_equal

import aijupyter
from aijupyter.errors import ExtraMissingError, JobNotFoundError, OptionError
from aijupyter.explore.corpus import TABLES, Corpus, gather
from aijupyter.models import Operation
from aijupyter.results import Result, Transcript
from aijupyter.session import Session
from aijupyter.views.corpus import corpus_bundle

ROOT = Path(__file__).parents[2]


def of_results(*results: Transcript) -> Corpus:
    """A corpus of results that are held."""
    return gather(results, lambda _: None)


@pytest.fixture
def corpus() -> Corpus:
    """One call that was analyzed and one that was transcribed."""
    return of_results(interaction("call.mp3"), transcript("talk.wav"))


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double, which knows one conversation."""
    double.plan.response = lambda _content: {**analysis(), "utterances": analysis()["utteranceInsights"]}
    with aijupyter.connect(**double.credentials, poll_seconds=0.3) as session:
        yield session


@pytest.fixture
def paths(tmp_path: Path, wav: Path) -> list[Path]:
    """Three recordings, unlike each other."""
    made = [tmp_path / f"{name}.wav" for name in ("a", "b", "c")]
    for number, path in enumerate(made):
        path.write_bytes(wav.read_bytes()[:-1] + bytes([number]))
    return made


def test_what_was_not_asked_is_missing(corpus: Corpus) -> None:
    """Frames of analyzed and transcribed calls stand one below the other, ready to join, and keep their dtypes."""
    utterances = corpus.utterances
    assert list(utterances.columns[:3]) == ["job", "recording", "utterance"]
    assert utterances.groupby("recording", sort=False)["emotion"].count().to_dict() == {"call.mp3": 4, "talk.wav": 0}
    assert utterances["emotion"].min() == "Anger"
    assert str(utterances["speaker"].dtype) == "string"
    joined = corpus.words.merge(utterances, on=["job", "utterance"])
    assert len(joined) == len(corpus.words) == 72
    assert corpus.speakers["questions"].isna().tolist() == [False, True, True, True]
    assert corpus.insights["recording"].unique().tolist() == ["call.mp3"]
    assert corpus.speakers["questions"].dtype == "Int64"


def test_recordings_tell_a_conversation_in_a_row(corpus: Corpus) -> None:
    """How long, who talks most, how balanced, how it felt: as one would work out by hand."""
    call, talk = corpus.recordings.to_dict("records")
    assert (call["recording"], call["operation"], talk["operation"]) == ("call.mp3", "analyze", "transcribe")
    assert (call["duration"], call["utterances"], call["words"], call["speakers"]) == (17.0, 4, 36, 2)
    assert (call["questions"], pd.isna(talk["questions"])) == (1, True)
    assert (call["top_speaker"], call["top_share"]) == ("1", pytest.approx(100 * 9 / 15))
    assert call["balance"] == pytest.approx(0.97095, abs=1e-5)  # of shares of 0.6 and 0.4, in bits
    assert call["silence"] == pytest.approx(100 * 2 / 17)
    assert (call["emotion"], call["unpleasant"]) == ("Anger", pytest.approx(100 * 10 / 15))
    assert call["pleasant"] == pytest.approx(100 * 5 / 15)
    assert pd.isna(talk["emotion"])
    assert corpus.recordings["emotion"].dtype.ordered


def test_an_empty_corpus_has_all_its_columns() -> None:
    """Nothing to show is no reason to break the next cell."""
    empty, full = of_results(), of_results(interaction())
    for name in TABLES:
        assert list(empty.frame(name).columns) == list(full.frame(name).columns)
        assert len(empty.frame(name)) == 0
    assert empty.sql("select count(*) as n from words")["n"].tolist() == [0]
    assert "0 conversations" in corpus_bundle(empty)[0]["text/plain"]


def test_given_names_are_people_across_recordings() -> None:
    """One who was named in two calls is one in `groupby`."""
    first, second = interaction("a.mp3"), interaction("b.mp3")
    first.name_speakers({"0": "Jane"})
    second.name_speakers({"1": "Jane"})
    speakers = of_results(first, second).speakers
    assert speakers.groupby("speaker")["job"].nunique().to_dict() == {"0": 1, "1": 1, "Jane": 2}


def test_values_that_nobody_knows_stay_on_the_scale() -> None:
    """An emotion that only one answer has does not take the order from the others."""
    odd = interaction("odd.mp3", (("0", 0.0, 1.0, "Hm.", "Bewilderment"),))
    emotion = of_results(interaction(), odd).utterances["emotion"]
    assert emotion.dtype.ordered
    assert emotion.tolist() == ["Joy", "Anger", "Sadness", "Trust", "Bewilderment"]


def test_search_takes_text_as_it_is(corpus: Corpus) -> None:
    """Whatever the case, and a full stop is a full stop; expressions on request."""
    found = corpus.search("REFUND")
    assert list(found[["recording", "start"]].itertuples(index=False, name=None)) == [
        ("call.mp3", 4.5), ("call.mp3", 12.5), ("talk.wav", 4.5), ("talk.wav", 12.5),
    ]  # fmt: skip
    assert len(corpus.search("refund", case=True)) == 4
    assert len(corpus.search("REFUND", case=True)) == 0
    assert len(corpus.search("r.fund")) == 0
    assert len(corpus.search("r.fund", regex=True)) == 4
    with pytest.raises(OptionError, match="no regular expression"):
        corpus.search("(", regex=True)
    assert len(corpus.search("(")) == 0


def test_failed_jobs_are_left_out_and_say_why(ai: Session, paths: list[Path]) -> None:
    """A batch with failures is explored all the same."""
    batch = ai.map(ai.analyze, [*paths, "no-such-file.wav"], insights=["All"]).result(timeout=30)
    corpus = ai.corpus(batch)
    assert (len(corpus), corpus.left_out["recording"].tolist()) == (3, ["no-such-file.wav"])
    assert "failed" in corpus.left_out["reason"][0]
    assert "1 left out" in repr(corpus)
    other = Result({}, operation=Operation.TRANSCRIBE, recording="x.wav", job_id="x")
    assert "no conversation" in ai.corpus([other]).left_out["reason"][0]


def test_a_corpus_is_made_of_what_one_has(ai: Session, paths: list[Path]) -> None:
    """A batch, its jobs, its results, ids, rows of the ledger, and the whole ledger: the same conversations."""
    batch = ai.map("analyze", paths).result(timeout=30)
    jobs = list(batch)
    rows = ai.jobs()
    ways = (batch, jobs, [job.result() for job in jobs], [job.id for job in jobs], [job.key for job in jobs])
    expected = ai.corpus(batch).utterances
    for way in ways:
        assert_frame_equal(ai.corpus(way).utterances, expected)
    for table in (None, rows, rows[["key"]], rows[["id"]], rows.rename(columns={"id": "job"})[["job"]], batch.jobs()):
        assert sorted(ai.corpus(table).recordings["job"]) == sorted(job.id for job in jobs)
    assert len(ai.corpus(rows[rows["recording"] == "b.wav"])) == 1
    assert len(ai.corpus(jobs[0])) == len(ai.corpus(jobs[0].id)) == 1
    assert len(ai.corpus([jobs[0], jobs[0].result(), jobs[0].id])) == 1


def test_a_large_corpus_is_shown_at_once() -> None:
    """Only the conversations that are shown are read for it; all of them once somebody asked for all."""
    corpus = of_results(*(interaction(f"{number}.mp3") for number in range(150)))
    shown = corpus_bundle(corpus)[0]["text/plain"]
    assert shown.startswith("150 conversations\n")
    assert "and 130 more" in shown
    assert not corpus.has("recordings")
    assert len(corpus.recordings) == 150
    assert corpus_bundle(corpus)[0]["text/plain"].startswith("150 conversations · 42:30 · 5,400 words\n")
    assert [result.recording for result in corpus.head(2)] == ["0.mp3", "1.mp3"]


def test_what_is_no_conversation_is_refused(ai: Session) -> None:
    """An id that nobody knows, a frame of something else, a number: each says what was expected."""
    with pytest.raises(JobNotFoundError, match="no job 'nobody'"):
        ai.corpus(["nobody"])
    with pytest.raises(OptionError, match="key, id, job"):
        ai.corpus(pd.DataFrame({"x": [1]}))
    with pytest.raises(OptionError, match="int"):
        ai.corpus(3)  # type: ignore[arg-type]  # as a person might
    with pytest.raises(OptionError, match="no frame 'lines'"):
        ai.corpus([]).frame("lines")


def test_results_are_found_by_job(ai: Session, paths: list[Path]) -> None:
    """By id and by key; iteration gives all of them."""
    batch = ai.map("transcribe", paths).result(timeout=30)
    corpus = ai.corpus(batch)
    assert corpus[batch[1].id].recording == corpus[batch[1].key].recording == "b.wav"
    assert [result.recording for result in corpus] == ["a.wav", "b.wav", "c.wav"]
    assert batch[0].id in corpus
    with pytest.raises(JobNotFoundError, match=r"corpus\.recordings"):
        corpus["another"]


def test_answers_are_not_held(ai: Session, paths: list[Path]) -> None:
    """A thousand calls must not fill the memory: neither the corpus nor the jobs it was made of keep their answers."""
    jobs = [ai.transcribe(path) for path in paths]
    for job in jobs:
        assert job.result(timeout=30)
    ids = [job.id for job in jobs]
    del jobs, job
    gc.collect()
    corpus = ai.corpus(ids)
    assert len(corpus.utterances) == 3 * len(LINES)
    gc.collect()
    assert [one for one in gc.get_objects() if type(one) is Transcript and one.job_id in ids] == []


def test_a_forgotten_job_leaves_the_corpus(ai: Session, paths: list[Path]) -> None:
    """It is missing from the next frame, and the rest is there."""
    batch = ai.map("transcribe", paths).result(timeout=30)
    corpus = ai.corpus(batch)
    ai.forget(batch[0].id)
    assert corpus.utterances["recording"].unique().tolist() == ["b.wav", "c.wav"]
    assert corpus.left_out["reason"].tolist() == ["it was forgotten"]
    assert len(ai.corpus(list(batch))) == 2


def test_latest_keeps_the_newest_answer(ai: Session, paths: list[Path]) -> None:
    """A recording that was asked about again counts once for each operation."""
    old = ai.analyze(paths[0])
    old.result(timeout=30)
    new = ai.analyze(paths[0], fresh=True)
    told = ai.transcribe(paths[0])
    corpus = ai.corpus([new.key for job in (new, told) if job.result(timeout=30)] + [old.key, told.key])
    assert len(corpus.utterances) == 3 * len(LINES)
    latest = corpus.latest()
    assert set(latest.recordings["job"]) == {new.id, told.id}
    assert len(latest.utterances) == 2 * len(LINES)
    assert latest.left_out["job"].tolist() == [old.id]


# SQL


def test_sql_over_frames(corpus: Corpus) -> None:
    """Joins, groups, categories in their order, missing values: as frames with the dtypes that ours have."""
    answer = corpus.sql("select emotion, count(*) as n, sum(utterance) as s from utterances group by 1 order by 1")
    assert answer["emotion"].tolist()[:4] == ["Anger", "Sadness", "Trust", "Joy"]
    assert answer["emotion"].dtype.ordered
    assert (str(answer["n"].dtype), str(answer["s"].dtype)) == ("Int64", "Int64")
    assert answer["s"].tolist() == [1, 2, 3, 0, 6]
    joined = corpus.sql(
        "with late as (select * from UTTERANCES where start > $from) "
        "select l.recording, count(w.word) as words from late l join words w using (job, utterance) "
        "group by all order by 1",
        {"from": 12.0},
    )
    assert joined.to_dict("list") == {"recording": ["call.mp3", "talk.wav"], "words": [11, 11]}
    assert str(joined["recording"].dtype) == "string"
    assert corpus.sql("select speaker from speakers where job = ?", ["job of talk.wav"])["speaker"].tolist() == [
        "0",
        "1",
    ]
    assert corpus.sql("select asked, questions from recordings")["questions"].isna().tolist() == [False, True]
    assert set(corpus.sql("show tables")["name"]) == set(TABLES)
    assert "emotion" in corpus.sql("describe utterances")["column_name"].tolist()


def test_sql_makes_only_what_it_needs(corpus: Corpus) -> None:
    """The words of a thousand calls are not read to count their speakers, nor for a slip of the pen."""
    corpus.sql("select words from speakers")
    for query in ("selec words", "select * from df"):
        with pytest.raises(OptionError):
            corpus.sql(query)
    assert set(corpus._frames) == {"speakers"}


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('{file}')",
        "select * from '{file}'",
        "select * from read_csv('{file}')",
        "select * from glob('{folder}/*')",
        "select * from read_csv('http://127.0.0.1:1/x.csv')",
        "copy speakers to '{folder}/stolen.csv'",
        "export database '{folder}/stolen'",
        "attach '{folder}/stolen.db'",
        "install httpfs",
        "set enable_external_access = true",
        "set python_enable_replacements = true",
        "pragma enable_external_access = true",
        "select * from secret_frame",
        "select * from query('select * from secret_frame')",
    ],
)
def test_sql_reaches_nothing_else(corpus: Corpus, tmp_path: Path, query: str) -> None:
    """No file is read or written, nothing is fetched, no variable of the notebook is seen, no setting is changed."""
    secret_frame = pd.DataFrame({"secret": ["hunter2"]})
    file = tmp_path / "secret.csv"
    secret_frame.to_csv(file)
    with pytest.raises(OptionError) as caught:
        corpus.sql(query.format(file=file, folder=tmp_path))
    assert "hunter2" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir() if "stolen" in path.name) == []


def test_sql_errors_tell_what_there_is(corpus: Corpus) -> None:
    """DuckDB's words, and then the tables with their columns."""
    with pytest.raises(OptionError, match=r"(?s)\"feeling\" not found.*utterances: job, recording, .*emotion"):
        corpus.sql("select feeling from utterances")


def test_missing_packages_say_how_to_get_them(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without DuckDB, without Altair, without pyarrow."""
    for name in ("duckdb", "altair", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    for use in (lambda: corpus.sql("select 1"), corpus.plot.timeline, corpus["job of call.mp3"].to_parquet):
        with pytest.raises(ExtraMissingError, match=r"pip install 'aijupyter\[explore\]'"):
            use()


# As it is shown


def test_a_corpus_is_shown_as_a_table() -> None:
    """Counts, and the first twenty conversations; hostile names are text in it."""
    results = [interaction(f"{number:02} call.mp3") for number in range(24)]
    data, _ = corpus_bundle(of_results(interaction(HOSTILE), *results))
    assert set(data) == {"text/plain", "text/html"}
    for shown in data.values():
        assert "25 conversations" in shown
        assert "18 call.mp3" in shown
        assert "19 call.mp3" not in shown
        assert "and 5 more" in shown
    assert "<script" not in data["text/html"]
    assert "<img" not in data["text/html"]
    assert "\u202e" not in data["text/plain"]
    assert max(map(len, data["text/plain"].splitlines())) < 120


# The documentation


def test_the_documented_examples_work(
    double: ProviderDouble, tmp_path: Path, wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/explore.md from top to bottom, as a person would type it."""
    double.plan.response = lambda _content: analysis()
    (tmp_path / "calls").mkdir()
    for number, name in enumerate(("monday", "tuesday", "wednesday")):
        (tmp_path / "calls" / f"{name}.wav").write_bytes(wav.read_bytes()[:-1] + bytes([number]))
    names = {"server_url": "RC_SERVER_URL", "client_id": "RC_APP_CLIENT_ID", "client_secret": "RC_APP_CLIENT_SECRET"}
    for name, variable in {**names, "jwt": "RC_USER_JWT"}.items():
        monkeypatch.setenv(variable, double.credentials[name])
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "explore.md").read_text(encoding="utf-8"), re.DOTALL)
    notebook: dict[str, Any] = {}
    try:
        for block in blocks:
            exec(compile(block, "docs/explore.md", "exec"), notebook)
    finally:
        notebook["ai"].close()
    assert len(blocks) > 10
    assert (len(notebook["corpus"]), len(notebook["corpus_of_mondays"]), len(notebook["everything"])) == (3, 1, 3)
    assert len(notebook["unhappy"]) == 6
    files = {path.name for path in tmp_path.rglob("*.*") if path.is_file()}
    expected = {"timeline.svg", "timeline.html", "call.srt", "call.vtt", "call.md", "call.csv", "words.parquet"}
    assert expected | {"utterances.parquet", "summary.csv", "monday.md", "tuesday.srt", "wednesday.vtt"} <= files
