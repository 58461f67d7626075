"""Answers of each operation as frames: both shapes of the API, its two lists of emotions, and what is left out."""

from __future__ import annotations

from typing import Any, TypeVar

import pandas as pd
import pytest
from double_answers import AUDIO, EARLIER, LATER, TEXT

from aijupyter.envelope import parse_envelope
from aijupyter.models import JobRecord, JobState, Operation, now
from aijupyter.results import (
    Diarization,
    Emotions,
    Identification,
    Interaction,
    Punctuation,
    Result,
    Summary,
    read_result,
)
from aijupyter.results.many import stacked

ResultT = TypeVar("ResultT", bound=Result)

STRING, FLOAT, WHOLE, YES = "string", "float64", "Int64", "boolean"
SHAPES = pytest.mark.parametrize("answers", [LATER, EARLIER], ids=["later", "earlier"])


def read(kind: type[ResultT], operation: Operation, response: Any, **options: Any) -> ResultT:
    """The result of an answer without a jobId, as some deliveries are."""
    import json  # noqa: PLC0415

    envelope = parse_envelope(json.dumps({"status": "Success", "response": response}))
    record = JobRecord("k", "p", "s", operation, "call.wav", options, JobState.SUCCEEDED, now())
    result = read_result(record, envelope)
    assert isinstance(result, kind)
    return result


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    """The columns and their dtypes; an ordered category is `scale`."""
    return {
        str(name): "scale" if isinstance(kind, pd.CategoricalDtype) and kind.ordered else str(kind)
        for name, kind in frame.dtypes.items()
    }


@SHAPES
def test_a_diarization(answers: dict[str, Any]) -> None:
    """Who speaks when, and how long in all; speakers can be named, and what is unknown stays in raw."""
    heard = read(Diarization, Operation.DIARIZE, answers[AUDIO + "speaker-diarize"])
    assert heard.utterances.to_dict("list") == {
        "start": [0.0, 0.9],
        "end": [0.8, 2.0],
        "speaker": ["0", "1"],
        "confidence": [0.9, 0.8],
    }
    assert heard.utterances.index.name == "utterance"
    assert heard.speakers["talk_ratio"].round(1).tolist() == [42.1, 57.9]
    assert (list(heard.labels), heard.speaker_count) == (["0", "1"], 2)
    heard.name_speakers({"1": "Ann"})
    assert heard.utterances["speaker"].tolist() == heard.speakers["speaker"].tolist() == ["0", "Ann"]
    assert "'somethingNew': True" in str(heard.raw)


@SHAPES
def test_an_identification(answers: dict[str, Any]) -> None:
    """A stranger is a speaker with a label, who can be named; scores are what they are."""
    heard = read(Identification, Operation.IDENTIFY, answers[AUDIO + "speaker-identify"])
    assert heard.utterances["speaker"].tolist() == ["ann", "unknown"]
    assert heard.utterances["identified"].tolist() == [True, False]
    assert heard.utterances["score"].tolist() == [35.4, 1.2]
    heard.name_speakers({"unknown": "Caller"})
    assert heard.utterances["speaker"].tolist() == ["ann", "Caller"]
    assert heard.utterances["identified"].tolist() == [True, False]
    assert heard.speakers["utterances"].tolist() == [1, 1]


@SHAPES
def test_emotions(answers: dict[str, Any]) -> None:
    """Segments on the scale, and how long each emotion was heard."""
    heard = read(Emotions, Operation.EMOTIONS, answers[AUDIO + "recognize-emotion"])
    assert heard.segments["emotion"].tolist() == ["Neutral", "Excited"]
    assert (heard.segments["emotion"] > "Sadness").all()
    assert heard.shares.to_dict("list") == {
        "emotion": ["Neutral", "Excited"],
        "segments": [1, 1],
        "seconds": [0.8, 1.2],
        "share": [pytest.approx(40.0), pytest.approx(60.0)],
    }


def test_both_lists_of_emotions_are_in_order() -> None:
    """Excited and Excitement, Happy and Joy, Sad and Sadness; a stranger to both comes last."""
    names = ["Excitement", "Excited", "Happy", "Joy", "Sad", "Sadness", "Frustration", "Neutral", "Bored"]
    heard = read(
        Emotions, Operation.EMOTIONS, [{"start": n, "end": n + 1, "emotion": name} for n, name in enumerate(names)]
    )
    ordered = [name for name in heard.segments["emotion"].cat.categories if name in names]
    assert ordered == [
        "Frustration", "Sadness", "Sad", "Neutral", "Excitement", "Excited", "Happy", "Joy", "Bored",
    ]  # fmt: skip
    assert heard.segments["confidence"].isna().all()


def test_punctuation() -> None:
    """Each text beside what it was; an answer of another length is not hidden."""
    said = read(Punctuation, Operation.PUNCTUATE, {"texts": ["Hi.", "Bye."]}, texts=["hi", "bye"])
    assert said.texts.to_dict("list") == {"before": ["hi", "bye"], "after": ["Hi.", "Bye."]}
    assert said.text == "Hi.\n\nBye."
    short = read(Punctuation, Operation.PUNCTUATE, ["Hi."], texts=["hi", "bye"])
    assert short.texts["after"].isna().tolist() == [False, True]


@SHAPES
def test_a_summary(answers: dict[str, Any]) -> None:
    """Its parts by kind; one that was asked for and not made is told, with the answer's own reason."""
    said = read(Summary, Operation.SUMMARIZE, answers[TEXT + "summarize"], summaryType="All")
    assert said.summary["kind"].tolist() == ["ExtractiveSummary", "AbstractiveSummaryShort"]
    assert said.summary["text"].tolist() == ["Good morning.", "A greeting."]
    assert said.summary["speaker"].tolist() == ["0", pd.NA]
    assert said.not_made.to_dict("records") == [
        {"kind": "AbstractiveSummaryLong", "reason": "No abstractive summary was made: none is set."}
    ]
    assert said.text == "A greeting."


def test_a_summary_that_says_nothing_of_what_was_asked() -> None:
    """What is silently missing is told all the same; kinds by the names of types are those kinds."""
    given = {"summaries": [{"name": "Extractive", "values": [{"sentence": "Yes."}]}, {"name": "New", "values": [{}]}]}
    said = read(Summary, Operation.SUMMARIZE, given, summaryType="AbstractiveAll")
    assert said.summary["kind"].tolist() == ["ExtractiveSummary", "New"]
    assert said.not_made["kind"].tolist() == ["AbstractiveSummaryShort", "AbstractiveSummaryLong"]
    assert said.not_made["reason"].isna().all()
    assert said.text == "Yes."


def test_tasks_titles_and_summaries_of_an_interaction() -> None:
    """They have frames of their own, in either shape; a summary that was not made is told."""
    values = {"Tasks": "Send it.", "Titles": "A call", "AbstractiveSummaryShort": "Short."}
    given = [{"name": name, "values": [{"sentence": text, "start": 1.0}]} for name, text in values.items()]
    note = {"name": "AbstractiveSummaryLong", "values": [], "note": "No endpoint."}
    call = read(
        Interaction,
        Operation.ANALYZE,
        {"utteranceInsights": [], "conversationalInsights": [*given, note]},
        insights=["AbstractiveSummaryLong", "AbstractiveSummaryShort", "Tasks"],
    )
    assert call.tasks["value"].tolist() == ["Send it."]
    assert call.titles["value"].tolist() == ["A call"]
    assert call.summary["text"].tolist() == ["Short."]
    assert call.not_made.to_dict("records") == [{"kind": "AbstractiveSummaryLong", "reason": "No endpoint."}]
    assert call.to_csv(frame="tasks") == "value,start,end,confidence\nSend it.,1.0,,\n"


EMPTY = [
    (
        Diarization,
        Operation.DIARIZE,
        "utterances",
        {"start": FLOAT, "end": FLOAT, "speaker": STRING, "confidence": FLOAT},
    ),
    (
        Diarization,
        Operation.DIARIZE,
        "speakers",
        {"speaker": STRING, "utterances": WHOLE, "talk_seconds": FLOAT, "talk_ratio": FLOAT},
    ),
    (
        Identification,
        Operation.IDENTIFY,
        "utterances",
        {"start": FLOAT, "end": FLOAT, "speaker": STRING, "identified": YES, "score": FLOAT},
    ),
    (Emotions, Operation.EMOTIONS, "segments", {"start": FLOAT, "end": FLOAT, "emotion": "scale", "confidence": FLOAT}),
    (Emotions, Operation.EMOTIONS, "shares", {"emotion": "scale", "segments": WHOLE, "seconds": FLOAT, "share": FLOAT}),
    (Punctuation, Operation.PUNCTUATE, "texts", {"before": STRING, "after": STRING}),
    (
        Summary,
        Operation.SUMMARIZE,
        "summary",
        {
            "kind": STRING, "text": STRING, "start": FLOAT, "end": FLOAT, "confidence": FLOAT, "group": STRING,
            "speaker": STRING,
        },
    ),
    (Summary, Operation.SUMMARIZE, "not_made", {"kind": STRING, "reason": STRING}),
    (Interaction, Operation.ANALYZE, "tasks", {"value": STRING, "start": FLOAT, "end": FLOAT, "confidence": FLOAT}),
    (Interaction, Operation.ANALYZE, "not_made", {"kind": STRING, "reason": STRING}),
]  # fmt: skip


@pytest.mark.parametrize("response", [{}, [], {"utterances": None, "summaries": "x", "texts": 3}, [None, 1, "x"]])
@pytest.mark.parametrize(("kind", "operation", "name", "columns"), EMPTY)
def test_empty_answers_have_all_columns(
    kind: type[Result], operation: Operation, name: str, columns: dict[str, str], response: Any
) -> None:
    """With their dtypes, whatever the answer holds instead."""
    frame = getattr(read(kind, operation, response), name)
    assert dtypes(frame) == columns
    assert len(frame) == {
        "not_made": kind is Summary,
        "texts": 3 if isinstance(response, list) and response else 0,
    }.get(name, 0)


@pytest.mark.parametrize(("kind", "operation", "name", "columns"), EMPTY)
def test_full_answers_have_the_same_dtypes(
    kind: type[Result], operation: Operation, name: str, columns: dict[str, str]
) -> None:
    """One schema, whatever comes."""
    paths = {
        Operation.DIARIZE: AUDIO + "speaker-diarize",
        Operation.IDENTIFY: AUDIO + "speaker-identify",
        Operation.EMOTIONS: AUDIO + "recognize-emotion",
        Operation.SUMMARIZE: TEXT + "summarize",
    }
    response = LATER[paths[operation]] if operation in paths else {"texts": ["Hi."]}
    assert dtypes(getattr(read(kind, operation, response), name)) == columns


def test_frames_of_many() -> None:
    """Those of a batch stand below one another, on one scale."""
    one = read(Emotions, Operation.EMOTIONS, [{"start": 0, "end": 1, "emotion": "Happy"}])
    two = read(Emotions, Operation.EMOTIONS, [{"start": 0, "end": 1, "emotion": "Sad"}])
    piled = stacked([("a", "a.wav", one), ("b", "b.wav", two)], "segments")
    assert dtypes(piled)["emotion"] == "scale"
    assert piled.sort_values("emotion")["job"].tolist() == ["b", "a"]
