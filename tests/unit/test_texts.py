"""What is asked about texts: from whatever holds them to what the API takes, and what such a job is called."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from calls import interaction

from aijupyter.errors import OptionError
from aijupyter.models import Operation
from aijupyter.session.batches import asker_of, question_of
from aijupyter.session.texts import lines_of, name_of_lines, name_of_texts, texts_of


@pytest.mark.parametrize("given", ["how are you", ["how are you"], ("how are you",), pd.Series(["how are you"])])
def test_texts(given: Any) -> None:
    """One, a list, a tuple, a column."""
    assert texts_of(given) == ["how are you"]


@pytest.mark.parametrize(
    "given", [[], b"bytes", 3, None, ["a", None], [1], {"text": "a"}, pd.DataFrame({"text": ["a"]})]
)
def test_what_holds_no_texts(given: Any) -> None:
    """The error names the option and says what to give."""
    with pytest.raises(OptionError, match="Give a text, a list of texts") as caught:
        texts_of(given)
    assert caught.value.option == "texts"


LINE = {"text": "Hello.", "speakerId": "1", "start": 0.5, "end": 1.0}


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ("Hello.", [{"text": "Hello."}]),
        (["Hello.", "  ", "Bye."], [{"text": "Hello."}, {"text": "Bye."}]),
        ([{"text": "Hello.", "speaker": 1, "start": "0.5", "end": 1}], [LINE]),
        ([{"text": "Hello.", "speakerId": "1", "start": 0.5, "end": 1.0, "other": object()}], [LINE]),
        ({"text": "Hello.", "speaker_id": "1", "start": 0.5, "end": 1.0}, [LINE]),
        (pd.DataFrame([{"text": "Hello.", "speaker": "1", "start": 0.5, "end": 1.0}]), [LINE]),
        (pd.DataFrame([{"text": "Hello.", "speaker": pd.NA, "start": float("nan")}]), [{"text": "Hello."}]),
        (pd.DataFrame({"text": pd.array(["Hello.", pd.NA], dtype="string")}), [{"text": "Hello."}]),
    ],
)
def test_lines(given: Any, lines: list[dict[str, Any]]) -> None:
    """Texts, mappings by either name, a frame with what is missing left out."""
    assert lines_of(given) == lines


def test_lines_of_a_result() -> None:
    """With the names that were given to its speakers, and called like its recording."""
    call = interaction("monday.wav")
    call.name_speakers({"0": "Agent"})
    lines = lines_of(call)
    assert lines[0] == {"text": "Good morning, how can I help you?", "speakerId": "Agent", "start": 0.5, "end": 4.0}
    assert len(lines) == len(call.utterances)
    assert name_of_lines(call, lines) == "monday.wav"


@pytest.mark.parametrize(
    "given",
    ["", [], [{"words": 1}], 3, None, b"x", pd.DataFrame({"said": ["a"]}), [3], [{"text": "a", "start": "soon"}]],
)
def test_what_holds_no_conversation(given: Any) -> None:
    """The error names the option."""
    with pytest.raises(OptionError) as caught:
        lines_of(given)
    assert caught.value.option == "conversation"


def test_names() -> None:
    """How the first text begins, on one line, and how many there are."""
    assert name_of_texts(["how  are\nyou"]) == "“how are you”"
    assert name_of_texts(["a" * 100, "b", "c"]) == f"“{'a' * 48}…” (and 2 more)"


def test_questions_about_texts() -> None:
    """The texts are the request's body; the same texts are the same question, other texts another."""
    ask = asker_of("summarize", {"summaryType": "All"})
    question, _ = ask(["Hello.", "Bye."])
    assert question.request.operation is Operation.SUMMARIZE
    assert question.request.options() == {
        "utterances": [{"text": "Hello."}, {"text": "Bye."}],
        "summaryType": "All",
    }
    again, other = ask(["Hello.", "Bye."])[0], ask(["Hello."])[0]
    assert question.fingerprint("", "s") == again.fingerprint("", "s") != other.fingerprint("", "s")


@pytest.mark.parametrize(
    ("verb", "options", "problem"),
    [
        ("summarize", {"summary_type": "Short"}, "summary_type is 'Short'"),
        ("punctuate", {"summary_type": "All"}, "punctuate has no option 'summary_type'"),
        ("identify", {"speaker_ids": ["a b"]}, "'a b' is no speaker id"),
        ("identify", {"speakerIds": []}, "No speaker_ids are given"),
        ("diarize", {"speaker_count": 0}, "speaker_count is 0"),
        ("emotions", {"audio_type": "call"}, "audio_type is 'call'"),
        ("emotions", {"speaker_count": 2}, "emotions has no option 'speaker_count'"),
    ],
)
def test_options_are_checked_before_anything_is_asked(verb: str, options: dict[str, Any], problem: str) -> None:
    """By the API's enumerations, under either name."""
    with pytest.raises(OptionError, match=problem):
        question_of(verb, options)


def test_the_apis_names_are_taken() -> None:
    """Both spellings are one question."""
    assert question_of("diarize", {"speakerCount": 2, "audioType": "Meeting"}) == question_of(
        "diarize", {"speaker_count": 2, "audio_type": "Meeting"}
    )
