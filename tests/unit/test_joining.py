"""Answers about one recording, joined by time: who says which word, how it is said, and who that is."""

from __future__ import annotations

import gc
import pickle
import time
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as some

from aijupyter.models import Operation
from aijupyter.results import Conversation, Diarization, Emotions, Identification, Transcript
from aijupyter.results.conversation import join
from aijupyter.results.overlaps import NEAR_SECONDS, Stretches

Row = dict[str, Any]


def word(said: str, start: float, end: float, **more: Any) -> Row:
    """A word."""
    return {"word": said, "start": start, "end": end, **more}


def turn(speaker: str, start: float, end: float, **more: Any) -> Row:
    """A stretch of one speaker's."""
    return {"speakerId": speaker, "start": start, "end": end, **more}


def transcript(*items: Row, **more: Any) -> Transcript:
    """Words without speakers, in utterances."""
    raw = {"status": "Success", "response": {"transcript": "all", "utterances": list(items)}}
    return Transcript(raw, operation=Operation.TRANSCRIBE, recording="call.wav", job_id="t", **more)


def diarization(*turns: Row, **more: Any) -> Diarization:
    """Who speaks when."""
    raw = {"response": {"utterances": list(turns)}}
    return Diarization(raw, operation=Operation.DIARIZE, recording="call.wav", job_id="d", **more)


def identification(*turns: Row) -> Identification:
    """Which enrolled speaker speaks when."""
    raw = {"response": {"utterances": list(turns)}}
    return Identification(raw, operation=Operation.IDENTIFY, recording="call.wav", job_id="i")


def emotions(*rows: tuple[str, float, float, float | None]) -> Emotions:
    """How it is said."""
    items = [{"emotion": name, "start": start, "end": end, "confidence": sure} for name, start, end, sure in rows]
    return Emotions({"response": items}, operation=Operation.EMOTIONS, recording="call.wav", job_id="e")


HELLO = {
    "start": 0.0,
    "end": 4.0,
    "text": "Hello there. Hi, Ann.",
    "confidence": 0.9,
    "wordTimings": [word("hello", 0, 1), word("there", 1, 2), word("hi", 2, 3), word("ann", 3, 4)],
}


def spoken(call: Conversation) -> list[tuple[Any, ...]]:
    """Who says what, from when to when."""
    return list(call.utterances[["speaker", "text", "start", "end"]].itertuples(index=False, name=None))


def test_an_utterance_of_several_is_cut_between_words() -> None:
    """Each piece has its own words, times and text, with the punctuation of the whole."""
    words = transcript(HELLO)
    call = words.with_speakers(diarization(turn("a", 0, 1.9), turn("b", 1.9, 4)))
    assert spoken(call) == [("a", "Hello there.", 0, 2), ("b", "Hi, Ann.", 2, 4)]
    assert call.words["speaker"].tolist() == ["a", "a", "b", "b"]
    assert call.speakers["words"].tolist() == [2, 2]
    assert call.text == "all"
    assert words.utterances["speaker"].isna().all(), "the transcript itself stays as it was"


def test_words_that_have_another_count_than_the_text() -> None:
    """Then the words themselves are the text of the pieces."""
    call = transcript({**HELLO, "text": "Hello!"}).with_speakers(diarization(turn("a", 0, 2), turn("b", 2, 4)))
    assert [said for _, said, *_ in spoken(call)] == ["hello there", "hi ann"]


def test_who_overlaps_longest_says_it() -> None:
    """A word under two voices is the longer one's; of equally long ones, the one's who spoke first in the recording."""
    call = transcript(HELLO).with_speakers(
        diarization(turn("a", 0, 0.3), turn("b", 0.3, 1), turn("b", 1, 2.5), turn("a", 1.0, 4))
    )
    assert call.words["speaker"].tolist() == ["b", "a", "a", "a"]


def test_words_in_gaps() -> None:
    """What is near a turn belongs to it; what is far goes with its neighbours; with nobody near, to nobody."""
    call = transcript(HELLO).with_speakers(diarization(turn("b", 2.1, 2.6)))
    assert call.words["speaker"].tolist() == ["b", "b", "b", "b"]
    assert spoken(call) == [("b", "Hello there. Hi, Ann.", 0, 4)]
    nobody = transcript(HELLO).with_speakers(diarization(turn("b", 4 + NEAR_SECONDS + 0.1, 9)))
    assert nobody.utterances["speaker"].isna().all()
    near = transcript(HELLO).with_speakers(diarization(turn("b", 4 + NEAR_SECONDS - 0.1, 9)))
    assert near.words["speaker"].tolist() == ["b"] * 4


def test_utterances_without_words_go_as_a_whole() -> None:
    """By their own times; what has no times has no speaker."""
    given_ = [{"start": 0, "end": 4, "text": "One."}, {"text": "Two."}, {"start": 5, "end": 5, "text": "Three."}]
    call = transcript(*given_).with_speakers(diarization(turn("a", 0, 1), turn("b", 1, 4), turn("a", 4.5, 6)))
    assert call.utterances["speaker"].astype(object).where(call.utterances["speaker"].notna(), None).tolist() == [
        "b", None, "a",
    ]  # fmt: skip


def test_words_name_no_other_speaker_any_more() -> None:
    """A transcript's own guesses give way, in either shape of the API."""
    own = {**HELLO, "enrollmentId": "old", "wordTimings": [word("hi", 0, 1, speakerId="x"), word("a", 1, 4)]}
    call = transcript(own).with_speakers(diarization(turn("a", 0, 4)))
    assert call.words["speaker"].tolist() == ["a", "a"]
    assert list(call.labels) == ["a"]


def test_emotions_of_utterances() -> None:
    """The one heard longest in all; its confidence is the mean over that time; none near is none."""
    felt = emotions(("Joy", 0, 1, 0.8), ("Anger", 1, 2.5, 0.6), ("Joy", 2.5, 3.5, 0.4), ("Sad", 20, 21, None))
    call = transcript(HELLO, {"start": 9, "end": 10, "text": "Far."}, {"start": 20, "end": 21, "text": "Oh."})
    joined = call.with_emotions(felt)
    assert joined.utterances["emotion"].astype(object).where(joined.utterances["emotion"].notna(), None).tolist() == [
        "Joy", None, "Sad",
    ]  # fmt: skip
    assert joined.utterances["emotion_confidence"].round(6).tolist()[0] == 0.6
    assert joined.utterances["emotion_confidence"].isna().tolist() == [False, True, True]
    assert not hasattr(call, "insights"), "the transcript itself stays as it was"


def test_names_of_enrolled_speakers() -> None:
    """A voice that is mostly one enrolled speaker's bears that name; one that is divided or unknown keeps its label."""
    words = transcript(*[{"start": n, "end": n + 1, "text": "x", "speakerId": s} for n, s in enumerate("0120")])
    who = identification(
        turn("ann", 0, 1), turn("UserNotIdentified", 1, 2), turn("ann", 2, 2.5), turn("bob", 2.5, 3), turn("ann", 3, 4)
    )
    call = words.with_names(who)
    assert call.utterances["speaker"].tolist() == ["ann", "1", "2", "ann"]
    call.name_speakers({"ann": "Ann Lee", "1": "Caller"})
    assert call.names == {"0": "Ann Lee", "1": "Caller"}
    assert words.names == {"0": "Ann Lee", "1": "Caller"}, "they are kept with the answer that tells speakers apart"
    call.name_speakers({"0": None})
    assert call.utterances["speaker"].tolist()[0] == "ann"


def test_all_at_once_is_one_after_the_other() -> None:
    """And what was joined stays readable in raw, by its operation."""
    words, turns = transcript(HELLO), diarization(turn("a", 0, 2), turn("b", 2, 4))
    felt, who = emotions(("Joy", 0, 4, 0.5)), identification(turn("ann", 0, 2), turn("UserNotIdentified", 2, 4))
    once = join(words, speakers=turns, emotions=felt, identification=who)
    stepwise = words.with_speakers(turns).with_emotions(felt).with_names(who)
    assert once.utterances.equals(stepwise.utterances)
    assert once.utterances["speaker"].tolist() == stepwise.speakers["speaker"].tolist() == ["ann", "b"]
    assert set(once.raw["joined"]) == set(stepwise.raw["joined"]) == {"transcribe", "diarize", "emotions", "identify"}
    assert once.raw["joined"]["diarize"] is turns.raw


def test_names_go_both_ways_and_hold_nothing() -> None:
    """A name given to the diarization shows in the conversation; a conversation nobody holds is gone."""
    turns = diarization(turn("a", 0, 4))
    call = transcript(HELLO).with_speakers(turns)
    turns.name_speakers({"a": "Ann"})
    assert call.utterances["speaker"].tolist() == ["Ann"]
    copy = pickle.loads(pickle.dumps(call))
    assert copy.utterances.equals(call.utterances)
    del call
    gc.collect()
    assert len(turns._watchers._callbacks) == 0


def test_empty_answers() -> None:
    """Nothing joined with nothing has all columns."""
    call = transcript().with_speakers(diarization()).with_emotions(emotions()).with_names(identification())
    assert list(call.utterances.columns) == [
        "start", "end", "speaker", "text", "confidence", "emotion", "emotion_confidence",
    ]  # fmt: skip
    assert call.utterances.empty
    alone = transcript(HELLO).with_speakers(diarization()).with_emotions(emotions())
    assert alone.utterances["speaker"].isna().all()
    assert alone.utterances["emotion"].isna().all()


TIMES = some.floats(0, 100, allow_nan=False).map(lambda value: round(value, 2))
TURNS = some.lists(some.tuples(some.sampled_from("abc"), TIMES, TIMES), max_size=12)
SPANS = some.lists(some.tuples(TIMES, TIMES), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(TURNS, SPANS)
def test_the_fast_way_is_the_plain_way(turns: list[tuple[str, float, float]], spans: list[tuple[float, float]]) -> None:
    """What is computed for all at once is what adding up overlaps one by one gives."""
    rows = [turn(who, min(one, two), max(one, two) + 0.01) for who, one, two in turns]
    stretches = Stretches.of(rows, [row["speakerId"] for row in rows])
    starts = np.array([min(span) for span in spans])
    ends = np.array([max(span) + 0.01 for span in spans])
    heard = stretches.heard(starts, ends)
    for start, end, place in zip(starts, ends, heard, strict=True):
        shared = {
            label: sum(
                max(0.0, min(end, row["end"]) - max(start, row["start"])) for row in rows if row["speakerId"] == label
            )
            for label in stretches.labels
        }
        most = max(shared.values(), default=0.0)
        if most > 1e-6:
            assert shared[stretches.labels[place]] >= most - 1e-6
        elif place >= 0:
            gaps = [max(row["start"] - end, start - row["end"]) for row in rows]
            nearest = min(gaps)
            assert nearest <= NEAR_SECONDS + 1e-6
            assert any(
                gap <= nearest + 1e-6 and row["speakerId"] == stretches.labels[place]
                for gap, row in zip(gaps, rows, strict=True)
            )


@settings(max_examples=60, deadline=None)
@given(TURNS)
def test_no_word_is_lost(turns: list[tuple[str, float, float]]) -> None:
    """Whoever speaks when: the same words in the same order, each in one utterance."""
    rows = [turn(who, min(one, two), max(one, two)) for who, one, two in turns]
    words = [word(f"w{n}", n, n + 0.8) for n in range(20)]
    items = [{"start": 5 * n, "end": 5 * n + 5, "text": "", "wordTimings": words[5 * n : 5 * n + 5]} for n in range(4)]
    call = transcript(*items).with_speakers(diarization(*rows))
    assert call.words["word"].tolist() == [one["word"] for one in words]
    assert (call.words["speaker"].isna() == call.utterances["speaker"].isna()[call.words["utterance"]].to_numpy()).all()


def test_three_hours_of_talk() -> None:
    """30,000 words, 5,000 turns that overlap, and one that spans all of them, well within two seconds."""
    items = [
        {
            "start": 3.6 * n,
            "end": 3.6 * n + 3.5,
            "text": " ".join(["w"] * 10),
            "wordTimings": [word("w", 3.6 * n + 0.35 * k, 3.6 * n + 0.35 * k + 0.3) for k in range(10)],
        }
        for n in range(3000)
    ]
    turns = [turn("all", 0, 10_800), *(turn(str(n % 6), 2.16 * n, 2.16 * n + 2.5) for n in range(5000))]
    felt = emotions(*[("Joy" if n % 2 else "Anger", 5.0 * n, 5.0 * n + 5, 0.5) for n in range(2160)])
    began = time.perf_counter()
    call = transcript(*items).with_speakers(diarization(*turns)).with_emotions(felt)
    took = time.perf_counter() - began
    assert len(call.words) == 30_000
    assert took < 2.0
