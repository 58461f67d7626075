"""Names that a person gives to speakers: what a result does with them, by itself."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aijupyter.errors import LedgerError, MediaNotFoundError, OptionError
from aijupyter.models import Operation
from aijupyter.results import Interaction, Result, Transcript
from aijupyter.results.base import NAME_CHARACTERS

ABOUT: dict[str, Any] = {"recording": "call.wav", "job_id": "p-1", "key": "k-1"}

CALL = {
    "utteranceInsights": [
        {"speakerId": "1", "start": 0.0, "end": 6.0, "text": "How are you?", "insights": []},
        {
            "speakerId": "2",
            "start": 6.0,
            "end": 8.0,
            "text": "Fine.",
            "wordTimings": [{"word": "Fine.", "speakerId": "9"}],
            "insights": [{"name": "Emotion", "value": "Joy", "confidence": 0.5}],
        },
        {"enrollmentId": "jane", "start": 8.0, "end": 10.0, "text": "So am I, thanks.", "insights": []},
        {"start": 10.0, "end": 11.0, "text": "(noise)", "insights": []},
    ],
    "speakerInsights": {
        "insights": [
            {"name": "Energy", "values": [{"speakerId": "1", "value": 90}, {"speakerId": "2", "value": 50}]},
            {
                "name": "Pace",
                "values": [
                    {"speakerId": "1", "value": "slow", "wpm": 100},
                    {"speakerId": "2", "value": "fast", "wpm": 180},
                ],
            },
            {
                "name": "TalkToListenRatio",
                "values": [{"speakerId": "1", "value": "58:42"}, {"speakerId": "2", "value": "20:80"}],
            },
            {
                "name": "QuestionsAsked",
                "values": [
                    {"speakerId": "1", "value": 1, "questions": [{"text": "How are you?", "start": 0.0}]},
                    {"speakerId": "2", "value": 2, "questions": [{"text": "And you?", "start": 7.0}]},
                ],
            },
            {"name": "Laughter", "values": [{"speakerId": "7", "value": "often"}]},
        ]
    },
    "conversationalInsights": [{"name": "Tasks", "values": [{"speakerId": "8", "value": "call back"}]}],
}
TALK = {
    "utterances": [
        {"speakerId": "0", "start": 0.0, "end": 3.0, "text": "Hello there."},
        {"speakerId": "1", "start": 3.0, "end": 4.0, "text": "Hi."},
        {"speakerId": "2", "start": 4.0, "end": 8.0, "text": "And bye you all."},
    ]
}


def interaction(response: Any = CALL, **more: Any) -> Interaction:
    """The result of an analysis that answers so."""
    return Interaction({"response": response}, operation=Operation.ANALYZE, **ABOUT, **more)


def transcript(response: Any = TALK, **more: Any) -> Transcript:
    """The result of a transcription that answers so."""
    return Transcript({"response": response}, operation=Operation.TRANSCRIBE, **ABOUT, **more)


def test_labels_in_order_of_appearance() -> None:
    """Of utterances, then of words and insights that name others; no matter what they are called."""
    result = interaction()
    assert tuple(result.labels) == ("1", "2", "jane", "9", "7", "8")
    result.name_speakers({"2": "Bob"})
    assert tuple(result.labels) == ("1", "2", "jane", "9", "7", "8")
    assert tuple(transcript({"words": [{"word": "a.", "speakerId": 5}]}).labels) == ("5",)
    assert not transcript({}).labels


def test_every_frame_has_the_names() -> None:
    """For their labels, everywhere; who was not named keeps the label, and who is nobody stays so."""
    result = interaction()
    result.name_speakers({"1": "Ann", "2": "Bob", "9": "Carl", "7": "Dora"})
    assert result.names == {"1": "Ann", "2": "Bob", "9": "Carl", "7": "Dora"}
    assert result.utterances["speaker"].fillna("-").tolist() == ["Ann", "Bob", "jane", "-"]
    assert result.words["speaker"].tolist() == ["Carl"]
    assert result.speakers["speaker"].tolist() == ["Ann", "Bob", "jane", "Dora"]
    assert set(result.insights["speaker"].dropna()) == {"Ann", "Bob", "Dora", "8"}
    assert result.questions["speaker"].tolist() == ["Ann", "Bob"]
    told = transcript()
    told.name_speakers({"0": "Ann", "2": "Bob"})
    assert told.utterances["speaker"].tolist() == ["Ann", "1", "Bob"]
    assert told.speakers["speaker"].tolist() == ["Ann", "1", "Bob"]
    for frame in (result.utterances, result.words, result.speakers, result.insights, told.utterances):
        assert frame["speaker"].dtype == "string"


def test_words_have_the_name_of_their_utterances_speaker() -> None:
    """Where they name none themselves, and where only words know who speaks."""
    timed = {"utterances": [{"speakerId": "0", "wordTimings": [{"word": "a"}, {"word": "b"}]}]}
    result = transcript(timed)
    result.name_speakers({"0": "Ann"})
    assert result.words["speaker"].tolist() == ["Ann", "Ann"]
    result = transcript({"words": [{"word": "a.", "speakerId": "0"}, {"word": "b.", "speakerId": "1"}]})
    result.name_speakers({"1": "Bob"})
    assert result.words["speaker"].tolist() == ["0", "Bob"]


def test_two_labels_of_one_name_are_one_speaker() -> None:
    """With the sums of what was counted, and the means of what was measured, weighted by their talk."""
    result = interaction()
    result.name_speakers({"1": "Ann", "2": "Ann"})
    assert result.speakers["speaker"].tolist() == ["Ann", "jane", "7"]
    assert result.speakers.iloc[0].to_dict() == {
        "speaker": "Ann",
        "utterances": 2,
        "words": 4,
        "talk_seconds": 8.0,
        "talk_ratio": 78.0,
        "pace": "slow",
        "pace_wpm": pytest.approx(120.0),
        "energy": pytest.approx(80.0),
        "questions": 3,
    }
    told = transcript()
    told.name_speakers({"0": "Ann", "2": "Ann"})
    assert told.speakers.to_dict("list") == {
        "speaker": ["Ann", "1"],
        "utterances": [2, 1],
        "words": [6, 1],
        "talk_seconds": [7.0, 1.0],
        "talk_ratio": [87.5, 12.5],
    }


def test_what_one_of_them_lacks_is_the_others() -> None:
    """One who is known by an insight alone adds nothing that he does not have, and no error."""
    result = interaction()
    result.name_speakers({"7": "Ann", "2": "Ann", "jane": "Ann"})
    ann = result.speakers.set_index("speaker").loc["Ann"]
    assert (ann["utterances"], ann["pace"], ann["pace_wpm"], ann["energy"], ann["questions"]) == (2, "fast", 180, 50, 2)
    nobody = interaction({"speakerInsights": {"insights": [{"name": "X", "values": [{"speakerId": n} for n in "ab"]}]}})
    nobody.name_speakers({"a": "Ann", "b": "Ann"})
    assert nobody.speakers["speaker"].tolist() == ["Ann"]
    assert nobody.speakers.drop(columns="speaker").isna().all(axis=None)


def test_a_name_may_be_another_label() -> None:
    """Then the two are one; names that are swapped are swapped once."""
    result = transcript()
    result.name_speakers({"0": "1"})
    assert result.speakers["speaker"].tolist() == ["1", "2"]
    result.name_speakers({"1": "0"})
    assert result.utterances["speaker"].tolist() == ["1", "0", "2"]


def test_names_are_given_by_label_or_by_name() -> None:
    """A name that is there may be changed; None and nothing take it back; others stay."""
    result = transcript()
    result.name_speakers({"0": "Agent", "1": "Agent"})
    result.name_speakers({"2": "Customer"})
    result.name_speakers({"Agent": "Ann"})
    assert result.names == {"0": "Ann", "1": "Ann", "2": "Customer"}
    result.name_speakers({"1": None, "Customer": "  "})
    assert result.names == {"0": "Ann"}
    result.name_speakers({"0": "0"})
    assert result.names == {}
    assert result.utterances["speaker"].tolist() == ["0", "1", "2"]
    result.name_speakers({0: "Number"})  # type: ignore[dict-item]  # as people write it
    assert result.names == {"0": "Number"}


def test_someone_who_is_not_there() -> None:
    """It is said who is, nothing is changed, and nothing of a mixed call either."""
    result = transcript()
    result.name_speakers({"0": "Ann"})
    with pytest.raises(OptionError, match="Nobody here is called 'Zoe'") as caught:
        result.name_speakers({"1": "Bob", "Zoe": "X"})
    assert "'Ann', '1', '2'" in caught.value.mend
    assert result.names == {"0": "Ann"}


@pytest.mark.parametrize(
    "nobody",
    [transcript({}), transcript({"words": [{"word": "a."}]}), Result({}, operation=Operation.EMOTIONS, **ABOUT)],
)
def test_an_answer_without_speakers(nobody: Result) -> None:
    """There is nobody to name, which is said; no name at all is no error."""
    with pytest.raises(OptionError, match="nobody to name"):
        nobody.name_speakers({"0": "Ann"})
    nobody.name_speakers({})
    assert nobody.names == {}


def test_a_thousand_speakers_with_endless_labels() -> None:
    """The error stays readable."""
    items = [{"speakerId": f"{number}" * 10_000, "text": "x"} for number in range(1000)]
    with pytest.raises(OptionError) as caught:
        transcript({"utterances": items}).name_speakers({"nobody" * 10_000: "Ann"})
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Ann \n Lee\t", "Ann Lee"),
        ("\u202eevil\u2066\u2069", "evil"),
        ("a\0b\x1b[31mred\x7f", "ab[31mred"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("x" * 10_000, "x" * NAME_CHARACTERS),
        ("half \ud83d", "half ?"),
        ("\u200b\u2060", None),
        ("", None),
        ("\u0639\u0644\u06cc\u200c\u0631", "\u0639\u0644\u06cc\u200c\u0631"),
        ("👩\u200d🔧 Zoë", "👩\u200d🔧 Zoë"),
        (5, "5"),
    ],
    ids=["spaces", "bidi", "control", "markup", "long", "surrogate", "invisible", "empty", "joiner", "emoji", "number"],
)
def test_odd_names(given: Any, kept: str | None) -> None:
    """A name is one line of text that can be seen, and does not turn the text around it; markup is text."""
    result = transcript()
    result.name_speakers({"0": given})
    assert result.names.get("0") == kept
    assert result.utterances.loc[0, "speaker"] == (kept or "0")
    assert transcript(names={"0": given}).names == result.names


def test_odd_labels() -> None:
    """A provider's label is what it is, and can be named all the same."""
    labels = ["", "\u202e", "<b>", "half \ud83d", "a\0b", 7, True]
    result = transcript({"utterances": [{"speakerId": label, "text": "x"} for label in labels]})
    result.name_speakers({label: f"P{place}" for place, label in enumerate(result.labels)})
    assert result.utterances["speaker"].tolist() == [f"P{place}" for place in range(len(labels))]


def test_frames_are_kept_until_somebody_is_named() -> None:
    """The same frame each time; a new one after names changed, with nothing of the old; none where they did not."""
    result = interaction()
    before = result.utterances
    assert result.utterances is before
    result.name_speakers({"1": "Ann"})
    assert result.utterances is not before
    assert before["speaker"][0] == "1"
    after = result.utterances
    result.name_speakers({"1": "Ann"})
    assert result.utterances is after


def test_watchers_are_told_of_names_and_audio(tmp_path: Path) -> None:
    """Once for each change, none for no change, and one that fails harms nobody."""
    result, told = transcript(), []

    def fails() -> None:
        raise ValueError

    stop_failing = result.watch(fails)
    stop = result.watch(lambda: told.append(result.names))
    result.name_speakers({"0": "Ann"})
    result.name_speakers({"0": "Ann"})
    result.take_names({"0": "Ann"})
    assert told == [{"0": "Ann"}]
    result.take_names({"0": "Bob"})
    (tmp_path / "a.wav").touch()
    result.audio = str(tmp_path / "a.wav")
    assert len(told) == 3
    assert result.audio == tmp_path / "a.wav"
    (tmp_path / "a.wav").unlink()
    assert result.audio is None
    stop()
    stop()
    stop_failing()
    result.name_speakers({"0": "Carl"})
    assert len(told) == 3


def test_audio_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A path that was mistyped is told at once, and what was there before stays."""
    result = transcript()
    (tmp_path / "a.wav").touch()
    result.audio = tmp_path / "a.wav"
    with pytest.raises(MediaNotFoundError, match=r"no file .*b\.wav"):
        result.audio = tmp_path / "b.wav"
    assert result.audio == tmp_path / "a.wav"


def test_names_are_kept_before_they_are_shown() -> None:
    """What cannot be kept is not shown either; whoever keeps them gets what is to change."""
    given: list[Mapping[str, str | None]] = []
    result = transcript(names={"1": "Bob"}, keep=given.append)
    result.name_speakers({"0": " Ann ", "Bob": None})
    assert given == [{"0": "Ann", "1": None}]
    assert result.names == {"0": "Ann"}

    def refuse(_: object) -> None:
        raise LedgerError("No room.", "Make some.")

    result = transcript(keep=refuse)
    with pytest.raises(LedgerError):
        result.name_speakers({"0": "Ann"})
    assert result.names == {}
    assert result.utterances["speaker"][0] == "0"


def test_a_frame_that_is_made_while_names_are_given() -> None:
    """It is not kept for those who ask later, however many threads ask and name at once."""
    result = interaction()
    errors: list[BaseException] = []
    named = threading.Event()

    def ask() -> None:
        try:
            while not named.is_set():
                frame = result.utterances
                assert frame["speaker"][0] in {"1", *(f"P{number}" for number in range(100))}
                assert len(result.speakers) >= 3
        except BaseException as error:  # noqa: BLE001  # the test shows it
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(100):
        result.take_names({"1": f"P{number}"})
        assert result.utterances["speaker"][0] == f"P{number}"
    named.set()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda result: pickle.loads(pickle.dumps(result))])
def test_a_copy_is_by_itself(how: Any) -> None:
    """It has the names of its time, and those that it gets are nobody else's; so results may go to other processes."""
    given: list[object] = []
    result = interaction(keep=given.append)
    result.name_speakers({"1": "Ann"})
    assert not result.utterances.empty
    other = how(result)
    other.name_speakers({"Ann": "Bob"})
    assert (result.names, other.names) == ({"1": "Ann"}, {"1": "Bob"})
    assert other.utterances["speaker"][0] == "Bob"
    assert result.utterances["speaker"][0] == "Ann"
    assert len(given) == 1
    pd.testing.assert_frame_equal(other.questions[["text"]], result.questions[["text"]])
