"""Answers as frames: the documented columns and dtypes, whatever the answer looks like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from aijupyter.envelope import Envelope, Outcome
from aijupyter.models import JobRecord, JobState, Operation
from aijupyter.results import (
    Diarization,
    Emotions,
    Identification,
    Interaction,
    Punctuation,
    Result,
    Summary,
    Transcript,
    read_result,
)
from aijupyter.results.listing import job_frame
from aijupyter.results.many import stacked

TEXT, FLOAT, WHOLE, SCALE = "string", "float64", "Int64", "category"
UTTERANCES = {"start": FLOAT, "end": FLOAT, "speaker": TEXT, "text": TEXT, "confidence": FLOAT}
WORDS = {"utterance": WHOLE, "word": TEXT, "start": FLOAT, "end": FLOAT, "speaker": TEXT, "confidence": FLOAT}
SPEAKERS = {"speaker": TEXT, "utterances": WHOLE, "words": WHOLE, "talk_seconds": FLOAT, "talk_ratio": FLOAT}
PHRASES = {"value": TEXT, "start": FLOAT, "end": FLOAT, "confidence": FLOAT}
TRANSCRIPT_SCHEMAS = {"utterances": UTTERANCES, "words": WORDS, "speakers": SPEAKERS}
INTERACTION_SCHEMAS = {
    "utterances": {**UTTERANCES, "emotion": SCALE, "emotion_confidence": FLOAT},
    "words": WORDS,
    "speakers": {**SPEAKERS, "pace": SCALE, "pace_wpm": FLOAT, "energy": FLOAT, "questions": WHOLE},
    "insights": {
        "level": SCALE,
        "name": TEXT,
        "utterance": WHOLE,
        "speaker": TEXT,
        "value": TEXT,
        "number": FLOAT,
        "start": FLOAT,
        "end": FLOAT,
        "confidence": FLOAT,
    },
    "questions": {"speaker": TEXT, "text": TEXT, "start": FLOAT, "end": FLOAT},
    "key_phrases": PHRASES,
    "topics": PHRASES,
    "summary": {"kind": TEXT, "text": TEXT, "start": FLOAT, "end": FLOAT, "confidence": FLOAT, "group": TEXT},
}

DIARIZED = {
    "transcript": "Hello there. Hi. And bye.",
    "confidence": 0.87,
    "speakerCount": 2,
    "utterances": [
        {
            "speakerId": "1",
            "start": 0.5,
            "end": 2.5,
            "text": "Hello there.",
            "confidence": 0.9,
            "wordTimings": [
                {"word": "Hello", "start": 0.5, "end": 1.0, "confidence": 0.95},
                {"word": "there.", "start": 1.0, "end": 2.5, "speakerId": "9"},
            ],
        },
        {"enrollmentId": "JaneDoe", "start": 3, "end": 4, "text": "Hi."},
        {"speakerId": "1", "start": 4, "end": 5.0, "text": "And bye.", "confidence": 0.8},
    ],
}
ANALYZED = {
    "utteranceInsights": [
        {
            "speakerId": "1",
            "start": 0.0,
            "end": 6.0,
            "text": "How are you?",
            "confidence": 0.9,
            "insights": [{"name": "Emotion", "value": "Joy", "confidence": 0.7}, {"name": "Mood", "value": "sunny"}],
        },
        {"speakerId": "2", "start": 6.0, "end": 8.0, "text": "Fine.", "insights": []},
    ],
    "speakerInsights": {
        "speakerCount": 2,
        "insights": [
            {"name": "Energy", "values": [{"speakerId": "1", "value": 93.1}, {"speakerId": "2", "value": 88}]},
            {"name": "Pace", "values": [{"speakerId": "1", "value": "fast", "wpm": 190.5}]},
            {"name": "TalkToListenRatio", "values": [{"speakerId": "1", "value": "58:42"}]},
            {
                "name": "QuestionsAsked",
                "values": [
                    {
                        "speakerId": "1",
                        "value": 2,
                        "questions": [
                            {"text": "And you?", "start": 9.0, "end": 9.5},
                            {"text": "How are you?", "start": 0.0, "end": 6.0},
                        ],
                    }
                ],
            },
            {"name": "Laughter", "values": [{"enrollmentId": "3", "value": "often"}]},
        ],
    },
    "conversationalInsights": [
        {"name": "KeyPhrases", "values": [{"value": "well-being", "start": 1.0, "end": 2.0, "confidence": 0.6}]},
        {"name": "Topics", "values": [{"value": "health", "start": 0.0, "end": 8.0, "confidence": 0.5}]},
        {"name": "ExtractiveSummary", "values": [{"sentence": "Fine.", "start": 6.0, "end": 8.0}]},
        {"name": "AbstractiveSummaryLong", "values": [{"value": "They are fine.", "groupId": "g1", "confidence": 0.4}]},
        {"name": "Tasks", "values": [{"value": "call back", "start": 7.0}]},
    ],
}
NONSENSE: list[Any] = [
    None,
    7,
    "text",
    [],
    [1, 2],
    {},
    {"utterances": None, "words": 3, "transcript": ["x"], "confidence": "high"},
    {"utterances": [None, 3, {}, {"start": "soon", "end": {}, "text": 5, "speakerId": ["x"], "wordTimings": 3}]},
    {"utterances": [{"start": 10**400, "end": 1e308}, {"start": -1e308, "end": 1e308, "text": "x", "speakerId": 1}]},
    {"utterances": [{"start": 10**400, "end": 1e308, "text": True, "confidence": "nan", "wordTimings": [{}, None]}]},
    {"words": [{"word": None}, {"word": 3}, {"start": "1.5", "word": "a."}]},
    {"utteranceInsights": {"a": 1}, "speakerInsights": [], "conversationalInsights": "none"},
    {"utteranceInsights": [{"insights": [{"name": {"a": 1}, "value": []}, 3]}, {"insights": {"name": "Emotion"}}]},
    {"speakerInsights": {"insights": [{"name": "QuestionsAsked", "values": [{"speakerId": 1, "value": 1e300}]}]}},
    {"speakerInsights": {"insights": [{"name": "QuestionsAsked", "values": [{"questions": [3, {}]}, 5]}, {"name": 1}]}},
    {"speakerInsights": {"insights": [{"name": "Pace", "values": {"speakerId": "1"}}, None]}},
    {"speakerInsights": {"insights": [{"name": "TalkToListenRatio", "values": [{"speakerId": "1", "value": {}}]}]}},
    {"conversationalInsights": [{"name": "Topics", "values": [{"value": {"deep": 1}, "start": "x"}, "text"]}]},
    {"conversationalInsights": [{"values": [{"value": "nameless"}]}, {"name": "Topics"}]},
]


def transcript(response: Any) -> Transcript:
    """The result of a transcription that answers so."""
    raw = {"status": "Success", "response": response}
    return Transcript(raw, operation=Operation.TRANSCRIBE, recording="call.wav", job_id="j")


def interaction(response: Any) -> Interaction:
    """The result of an analysis that answers so."""
    raw = {"status": "Success", "response": response}
    return Interaction(raw, operation=Operation.ANALYZE, recording="call.wav", job_id="j")


def schema(frame: pd.DataFrame) -> dict[str, str]:
    """A frame's columns and dtypes, in order."""
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows, with None for what is missing."""
    return [{k: None if pd.isna(v) else v for k, v in row.items()} for row in frame.to_dict("records")]


@pytest.mark.parametrize("response", [DIARIZED, ANALYZED, *NONSENSE], ids=lambda value: str(value)[:60])
def test_schemas_hold_for_every_answer(response: Any) -> None:
    """Every frame has its documented columns and dtypes in their order, for full, empty and senseless answers."""
    told, learned = transcript(response), interaction(response)
    assert {name: list(schema(getattr(told, name)).items()) for name in TRANSCRIPT_SCHEMAS} == {
        name: list(columns.items()) for name, columns in TRANSCRIPT_SCHEMAS.items()
    }
    assert {name: list(schema(getattr(learned, name)).items()) for name in INTERACTION_SCHEMAS} == {
        name: list(columns.items()) for name, columns in INTERACTION_SCHEMAS.items()
    }
    assert isinstance(told.text, str)
    assert told.response is response


def test_a_transcript_with_speakers() -> None:
    """Utterances, with either name of the speaker's id."""
    result = transcript(DIARIZED)
    assert result.text == "Hello there. Hi. And bye."
    assert result.confidence == 0.87
    assert result.utterances.index.name == "utterance"
    assert rows(result.utterances) == [
        {"start": 0.5, "end": 2.5, "speaker": "1", "text": "Hello there.", "confidence": 0.9},
        {"start": 3.0, "end": 4.0, "speaker": "JaneDoe", "text": "Hi.", "confidence": None},
        {"start": 4.0, "end": 5.0, "speaker": "1", "text": "And bye.", "confidence": 0.8},
    ]


def test_words_know_their_utterance_and_speaker() -> None:
    """A word has its utterance's speaker unless it names its own."""
    assert rows(transcript(DIARIZED).words) == [
        {"utterance": 0, "word": "Hello", "start": 0.5, "end": 1.0, "speaker": "1", "confidence": 0.95},
        {"utterance": 0, "word": "there.", "start": 1.0, "end": 2.5, "speaker": "9", "confidence": None},
    ]


def test_talk_ratios_are_counted() -> None:
    """Speakers in order of appearance, with their share of all talk in percent."""
    assert rows(transcript(DIARIZED).speakers) == [
        {"speaker": "1", "utterances": 2, "words": 4, "talk_seconds": 3.0, "talk_ratio": 75.0},
        {"speaker": "JaneDoe", "utterances": 1, "words": 1, "talk_seconds": 1.0, "talk_ratio": 25.0},
    ]


def test_nobody_has_a_share_of_no_talk() -> None:
    """Without times the share is missing, and ends before starts take no time away."""
    result = transcript({"utterances": [{"speakerId": 1, "text": "a b"}, {"speakerId": 1, "start": 5, "end": 2}]})
    assert rows(result.speakers) == [
        {"speaker": "1", "utterances": 2, "words": 2, "talk_seconds": 0.0, "talk_ratio": None}
    ]


def test_sentences_stand_in_for_utterances() -> None:
    """An answer without speakers is cut at its punctuation; the rest without a full stop is a sentence too."""
    said = [("Hello", 0.0, 0.4, 0.8), ("there.", 0.4, 0.9, 0.6), ("Ready?", 1.0, 1.5, None), ("Well", 2.0, 2.5, 1.0)]
    words = [{"word": w, "start": s, "end": e, **({"confidence": c} if c else {})} for w, s, e, c in said]
    result = transcript({"words": words, "transcript": "Hello there. Ready? Well"})
    assert rows(result.utterances) == [
        {"start": 0.0, "end": 0.9, "speaker": None, "text": "Hello there.", "confidence": pytest.approx(0.7)},
        {"start": 1.0, "end": 1.5, "speaker": None, "text": "Ready?", "confidence": None},
        {"start": 2.0, "end": 2.5, "speaker": None, "text": "Well", "confidence": 1.0},
    ]
    assert list(result.words["utterance"]) == [0, 0, 1, 2]
    assert result.speakers.empty


def test_the_text_is_put_together_where_it_is_missing() -> None:
    """Without a transcript the utterances' texts are the text."""
    assert transcript({"utterances": [{"text": "Hi."}, {"text": None}, {"text": "Bye."}]}).text == "Hi. Bye."


def test_an_interactions_utterances() -> None:
    """The emotion stands beside the line, and is missing where none was found."""
    frame = interaction(ANALYZED).utterances
    assert rows(frame[["text", "emotion", "emotion_confidence"]]) == [
        {"text": "How are you?", "emotion": "Joy", "emotion_confidence": 0.7},
        {"text": "Fine.", "emotion": None, "emotion_confidence": None},
    ]


def test_an_interactions_speakers() -> None:
    """Counts and insights in one row; a speaker known by an insight alone has a row too; "58:42" wins over counting."""
    frame = interaction(ANALYZED).speakers.set_index("speaker")
    assert list(frame.index) == ["1", "2", "3"]
    assert frame.loc["1"].to_dict() == {
        "utterances": 1,
        "words": 3,
        "talk_seconds": 6.0,
        "talk_ratio": 58.0,
        "pace": "fast",
        "pace_wpm": 190.5,
        "energy": 93.1,
        "questions": 2,
    }
    assert frame.loc["2", "talk_ratio"] == 25.0
    assert frame.loc["2", "energy"] == 88.0
    assert pd.isna(frame.loc["3", "utterances"])


def test_questions_in_the_order_of_time() -> None:
    """Each question with who asked it."""
    assert rows(interaction(ANALYZED).questions) == [
        {"speaker": "1", "text": "How are you?", "start": 0.0, "end": 6.0},
        {"speaker": "1", "text": "And you?", "start": 9.0, "end": 9.5},
    ]


def test_phrases_topics_and_summaries() -> None:
    """The conversation's insights by their kinds; a summary's words may be called value or sentence."""
    result = interaction(ANALYZED)
    assert rows(result.key_phrases) == [{"value": "well-being", "start": 1.0, "end": 2.0, "confidence": 0.6}]
    assert rows(result.topics) == [{"value": "health", "start": 0.0, "end": 8.0, "confidence": 0.5}]
    none = {"start": None, "end": None}
    assert rows(result.summary) == [
        {"kind": "ExtractiveSummary", "text": "Fine.", "start": 6.0, "end": 8.0, "confidence": None, "group": None},
        {"kind": "AbstractiveSummaryLong", "text": "They are fine.", **none, "confidence": 0.4, "group": "g1"},
    ]


def test_unknown_insights_survive() -> None:
    """Names that nobody knows yet are rows of `insights` on every level, and stay in raw."""
    result = interaction(ANALYZED)
    unknown = result.insights[result.insights["name"].isin(["Mood", "Laughter", "Tasks"])]
    kept = ["level", "name", "utterance", "speaker", "value", "start"]
    assert rows(unknown[kept]) == [
        dict(zip(kept, ("utterance", "Mood", 0, "1", "sunny", 0.0), strict=True)),
        dict(zip(kept, ("speaker", "Laughter", None, "3", "often", None), strict=True)),
        dict(zip(kept, ("conversation", "Tasks", None, None, "call back", 7.0), strict=True)),
    ]
    assert result.raw["response"] is ANALYZED


def test_every_insight_is_in_insights() -> None:
    """The long frame leaves none out, and has numbers as numbers beside their texts."""
    insights = interaction(ANALYZED).insights
    assert list(insights["level"].value_counts()) == [6, 5, 2]
    energy = insights[insights["name"] == "Energy"]
    assert list(energy["value"]) == ["93.1", "88"]
    assert list(energy["number"]) == [93.1, 88.0]
    assert insights[insights["name"] == "Pace"]["number"].isna().all()


def test_half_an_emoji() -> None:
    """JSON can hold half of a surrogate pair: the frames show the rest of the line all the same."""
    result = transcript({"utterances": [{"speakerId": "1", "text": "good \ud83d day"}]})
    assert result.utterances.loc[0, "text"].startswith("good")


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (Operation.TRANSCRIBE, Transcript),
        (Operation.DIARIZE, Diarization),
        (Operation.IDENTIFY, Identification),
        (Operation.EMOTIONS, Emotions),
        (Operation.PUNCTUATE, Punctuation),
        (Operation.SUMMARIZE, Summary),
        (Operation.ANALYZE, Interaction),
    ],
)
def test_results_are_of_their_operation(operation: Operation, kind: type[Result]) -> None:
    """Each operation's answer becomes the class that knows it."""
    raw = {"status": "Success", "response": []}
    result = read_result(a_record(operation=operation, job_id="p-1"), Envelope(Outcome.SUCCESS, "p-1", None, raw))
    assert type(result) is kind
    assert (result.recording, result.job_id, result.raw) == ("call.wav", "p-1", raw)


LISTING = {
    "id": TEXT,
    "operation": SCALE,
    "recording": TEXT,
    "state": SCALE,
    **dict.fromkeys(["created", "ended"], "datetime64[us, UTC]"),
    "seconds": FLOAT,
    "key": TEXT,
}
CREATED = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def a_record(**fields: Any) -> JobRecord:
    """A job of the ledger."""
    defaults: dict[str, Any] = {
        "key": "k-1",
        "path": "p",
        "server": "s",
        "operation": Operation.TRANSCRIBE,
        "recording": "call.wav",
        "options": {},
        "state": JobState.WRITTEN,
        "created": CREATED,
    }
    return JobRecord(**{**defaults, **fields})


@pytest.mark.parametrize(
    "records",
    [
        [],
        [a_record()],
        [a_record(ended=CREATED + timedelta(seconds=1.25)), a_record()],
        [a_record(), a_record(created=CREATED + timedelta(microseconds=1))],
    ],
    ids=["none", "under way", "mixed", "microseconds"],
)
def test_the_listings_schema(records: list[JobRecord]) -> None:
    """The jobs' frame has the same columns and dtypes whatever it lists."""
    assert list(schema(job_frame(records)).items()) == list(LISTING.items())


def test_the_listing() -> None:
    """One row for each job, in the given order, with how long it took."""
    done = a_record(key="k-2", job_id="p-2", state=JobState.SUCCEEDED, ended=CREATED + timedelta(seconds=1.25))
    frame = job_frame([done, a_record(recording="other.wav")])
    assert list(frame["id"]) == ["p-2", "k-1"]
    assert list(frame["recording"]) == ["call.wav", "other.wav"]
    assert list(frame["state"]) == ["succeeded", "written"]
    assert list(frame["operation"]) == ["transcribe", "transcribe"]
    assert frame.loc[0, "created"] == pd.Timestamp(CREATED)
    assert frame.loc[0, "seconds"] == 1.25
    assert pd.isna(frame.loc[1, "ended"])
    assert pd.isna(frame.loc[1, "seconds"])
    assert list(frame["key"]) == ["k-2", "k-1"]


EMOTIONS = ["Anger", "Disgust", "Fear", "Sadness", "Neutral", "Surprise", "Anticipation", "Trust", "Joy"]


def felt(*emotions: Any) -> Interaction:
    """A conversation with these emotions, a line each."""
    lines = [
        {"start": float(n), "end": n + 1.0, "insights": [{"name": "Emotion", "value": emotion}]}
        for n, emotion in enumerate(emotions)
    ]
    return interaction({"utteranceInsights": lines})


def test_emotions_are_on_a_scale() -> None:
    """From the most unpleasant to the most pleasant: to sort, to compare, to count, to group by."""
    frame = felt("Joy", "Anger", None, "Neutral", "Joy").utterances
    assert frame["emotion"].cat.ordered
    assert frame["emotion"].cat.categories.tolist() == EMOTIONS
    assert frame.sort_values("emotion")["emotion"].dropna().tolist() == ["Anger", "Neutral", "Joy", "Joy"]
    assert (frame["emotion"] > "Neutral").tolist() == [True, False, False, False, True]
    assert (frame["emotion"] == "Joy").sum() == 2
    assert (frame["emotion"].min(), frame["emotion"].max()) == ("Anger", "Joy")
    assert frame["emotion"].value_counts()["Joy"] == 2
    lasting = frame.groupby("emotion", observed=True)["end"].count()
    assert lasting.to_dict() == {"Anger": 1, "Neutral": 1, "Joy": 2}
    assert lasting.index.tolist() == ["Anger", "Neutral", "Joy"]
    assert frame["emotion"].str.upper().tolist()[:2] == ["JOY", "ANGER"]
    assert interaction({}).utterances["emotion"].cat.categories.tolist() == EMOTIONS


def test_emotions_of_other_lists() -> None:
    """Those of the provider's other list are in their place where they are met; those of no list come last."""
    frame = felt("Frustration", "Wonder", "Joy", "Awe", "Excited", "anger", 7).utterances
    assert frame["emotion"].tolist() == ["Frustration", "Wonder", "Joy", "Awe", "Excited", "anger", "7"]
    order = frame["emotion"].cat.categories.tolist()
    assert order == [
        "Anger", "Disgust", "Fear", "Frustration", "Sadness", "Neutral", "Surprise", "Anticipation", "Trust",
        "Excited", "Joy", "7", "Awe", "Wonder", "anger",
    ]  # fmt: skip
    assert (frame["emotion"] >= "Joy").tolist() == [False, True, True, True, False, True, True]


def test_pace_and_level_are_on_scales() -> None:
    """Slow before medium before fast; utterance before speaker before conversation."""
    result = interaction(ANALYZED)
    assert result.speakers["pace"].cat.categories.tolist() == ["slow", "medium", "fast"]
    assert (result.speakers["pace"] > "medium").tolist() == [True, False, False]
    levels = ["utterance", "speaker", "conversation"]
    assert result.insights["level"].cat.categories.tolist() == levels
    counts = result.insights.groupby("level", observed=True).size()
    assert list(counts.items()) == [("utterance", 2), ("speaker", 6), ("conversation", 5)]
    unknown = {"insights": [{"name": "Pace", "values": [{"speakerId": 1, "value": "brisk"}]}]}
    assert interaction({"speakerInsights": unknown}).speakers["pace"].tolist() == ["brisk"]


def test_many_results_are_on_one_scale() -> None:
    """Whatever each of them has; what a result does not know is missing; the rest of the dtypes stay."""
    results = [felt("Joy", "Awe"), felt("Frustration"), felt(), transcript(DIARIZED)]
    frame = stacked(((f"j{n}", "call.wav", result) for n, result in enumerate(results)), "utterances")
    assert frame["emotion"].cat.ordered
    assert frame["emotion"].cat.categories.tolist() == [*EMOTIONS[:3], "Frustration", *EMOTIONS[3:], "Awe"]
    assert frame["emotion"].dropna().tolist() == ["Joy", "Awe", "Frustration"]
    assert frame["job"].tolist() == ["j0", "j0", "j1", "j3", "j3", "j3"]
    joined = frame.groupby(["job", "emotion"], observed=True).size()
    assert joined.index.tolist() == [("j0", "Joy"), ("j0", "Awe"), ("j1", "Frustration")]
    speakers = stacked(
        (("j", "call.wav", result) for result in (transcript(DIARIZED), interaction(ANALYZED))), "speakers"
    )
    assert schema(speakers) == {"job": TEXT, "recording": TEXT, **INTERACTION_SCHEMAS["speakers"]}
    assert schema(frame) == {"job": TEXT, "recording": TEXT, "utterance": "int64", **INTERACTION_SCHEMAS["utterances"]}
    alike = stacked((("j", "call.wav", felt("Joy")) for _ in range(2)), "utterances")
    assert alike["emotion"].cat.categories.tolist() == EMOTIONS


def test_stacked_frames_are_joined() -> None:
    """Words with the emotion of their lines, by job and utterance."""
    spoken = {"insights": [{"name": "Emotion", "value": "Joy"}], "wordTimings": [{"word": "a"}, {"word": "b"}]}
    results = [("j1", "a.wav", interaction({"utteranceInsights": [spoken]})), ("j2", "b.wav", felt("Fear"))]
    words, lines = stacked(results, "words"), stacked(results, "utterances")
    joined = words.merge(lines[["job", "utterance", "emotion"]], on=["job", "utterance"])
    assert joined[["word", "emotion"]].to_numpy().tolist() == [["a", "Joy"], ["b", "Joy"]]
    assert joined["emotion"].cat.ordered
