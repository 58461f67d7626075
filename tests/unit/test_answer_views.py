"""How answers without a conversation are shown: lanes in the player, cards for texts; all of it escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_answers import read
from test_joining import HELLO, diarization, emotions, identification, transcript, turn
from test_views import HOSTILE, Reader

from aijupyter import widget
from aijupyter.errors import OptionError
from aijupyter.models import Operation
from aijupyter.results import Emotions, Interaction, Punctuation, Result, Summary
from aijupyter.views.answer import answer_bundle, answer_html, answer_text, conversation_of
from aijupyter.views.forms import WIDGET
from aijupyter.views.payload import payload
from aijupyter.views.player import Player


def shown(result: Result) -> tuple[str, str]:
    """What a person reads of it, as HTML and as text."""
    return Reader(answer_html(result)).text, answer_text(result)


def test_who_speaks_when() -> None:
    """Lanes for the speakers, by the names that they are given; no word is said of words."""
    turns = diarization(turn("0", 0.0, 4.0), turn("1", 4.0, 10.0))
    turns.name_speakers({"1": "Ann"})
    for form in shown(turns):
        assert "Speaker 0" in form
        assert "Ann" in form
        assert "60% of the talk" in form
        assert "word" not in form
    assert "0:04 to 0:10" in shown(turns)[0]
    turns.name_speakers({"0": "Bob"})
    assert "Bob" in shown(turns)[0]


def test_who_is_known() -> None:
    """The enrolled by their ids, others as unknown; a score is no confidence."""
    known = identification(turn("ann", 0, 1, confidence=35.4), turn("UserNotIdentified", 1, 2, confidence=0.5))
    assert "unknown" in shown(known)[0]
    heard = conversation_of(known)
    assert heard is not None
    assert heard.utterances["confidence"].isna().all()


def test_how_it_is_said() -> None:
    """The feelings over time, with nobody to say whose."""
    felt = emotions(("Neutral", 0, 6, 0.5), ("Happy", 6, 10, 0.8))
    html, text = shown(felt)
    assert "Felt: " in html
    assert "Happy 40%" in html
    assert "mostly neutral, some happy" in text
    assert payload(conversation_of(felt))["facts"]["emotions"] == ["Neutral", "Happy"]  # type: ignore[arg-type]


def test_one_player_that_follows(wav: Path) -> None:
    """The player of what has no words is one, has the recording's sound, and names speakers in the result."""
    turns = diarization(turn("0", 0.0, 4.0), audio=wav)
    player = widget(turns)
    assert isinstance(player, Player)
    assert widget(turns) is player
    assert player.audible
    assert player._rename({"0": "Ann"}) == {"ok": True}
    assert turns.utterances["speaker"].tolist() == ["Ann"]
    assert player.names == {"0": "Ann"}
    assert WIDGET in answer_bundle(turns)[0]
    player.close()


def test_a_joined_conversation_is_shown_like_any(wav: Path) -> None:
    """Speakers, words and feelings, in the player too."""
    call = transcript(HELLO, audio=wav).with_speakers(diarization(turn("a", 0, 2), turn("b", 2, 4)))
    call = call.with_emotions(emotions(("Joy", 0, 2, 0.9)))
    html, _ = shown(call)
    assert "Hello there." in html
    assert "Joy" in html
    assert widget(call).facts["labels"] == ["a", "b"]
    widget(call).close()


def test_before_and_after() -> None:
    """Texts side by side; what is beyond the first hundred is in the frame."""
    many = [f"text {n}" for n in range(130)]
    said = read(Punctuation, Operation.PUNCTUATE, {"texts": [f"Text {n}." for n in range(130)]}, texts=many)
    html, text = shown(said)
    assert "text 99Text 99." in html
    assert "30 more" in html
    assert "Text 100." not in html
    assert "Text 11." in text
    assert "118 more" in text
    with pytest.raises(OptionError, match="no live view"):
        widget(said)


def test_summaries_and_what_was_not_made() -> None:
    """Each under its title; a summary that is missing is said to be, with the reason."""
    given = {
        "summaries": [
            {"name": "AbstractiveSummaryShort", "values": [{"value": "Short.", "start": 61.0, "speakerId": "Ann"}]},
            {"name": "AbstractiveSummaryLong", "values": [], "note": "No endpoint is set."},
        ]
    }
    for form in shown(read(Summary, Operation.SUMMARIZE, given, summaryType="All")):
        assert "In short" in form
        assert "Short." in form
        assert "Summary: not made. No endpoint is set." in form
        assert "In their words: not made." in form


def test_an_interaction_says_what_was_not_made() -> None:
    """In its saved form and in the player."""
    given = {"utteranceInsights": [], "conversationalInsights": []}
    call = read(Interaction, Operation.ANALYZE, given, insights=["AbstractiveSummaryShort"])
    assert "In short: not made." in Reader(answer_html(call)).text
    assert payload(call)["facts"]["notMade"] == [{"kind": "AbstractiveSummaryShort", "reason": None}]


@pytest.mark.parametrize(
    "result",
    [
        diarization(turn(HOSTILE, 0, 1)),
        identification(turn(HOSTILE, 0, 1)),
        emotions((HOSTILE, 0, 1, 0.5)),
        read(Punctuation, Operation.PUNCTUATE, {"texts": [HOSTILE]}, texts=[HOSTILE]),
        read(
            Summary,
            Operation.SUMMARIZE,
            {"summaries": [{"name": HOSTILE, "values": [{"value": HOSTILE, "speakerId": HOSTILE}]}]},
        ),
        read(Summary, Operation.SUMMARIZE, {"summaries": [{"name": f"Summary{HOSTILE}", "note": HOSTILE}]}),
        read(Emotions, Operation.EMOTIONS, {"nothing": HOSTILE}),
        Result({}, operation=Operation.SUMMARIZE, recording=HOSTILE, job_id="1"),
    ],
    ids=lambda result: type(result).__name__,
)
def test_what_a_provider_writes_is_only_text(result: Result) -> None:
    """No element, no attribute and no style of theirs, in any of the forms (`Reader` would raise)."""
    html, text = shown(result)
    assert "alert" in html or isinstance(result, Emotions)
    assert all(line.isprintable() for line in text.splitlines())


def test_empty_answers_are_shown() -> None:
    """As what they are, in words."""
    nothing: list[Any] = [diarization(), identification(), emotions()]
    assert all("No speech was heard." in shown(result)[0] for result in nothing)
    assert "No text was answered." in shown(read(Punctuation, Operation.PUNCTUATE, {}))[0]
