"""The description of a question's options: complete, and true to the methods that it describes."""

from __future__ import annotations

import inspect

import pytest

from aijupyter.api import operations
from aijupyter.errors import OptionError
from aijupyter.session.batches import question_of
from aijupyter.session.fields import Field, Kind, fields_of
from aijupyter.session.verbs import VERBS, Verbs


def field(verb: str, name: str) -> Field:
    """One option."""
    return next(field for field in fields_of(verb) if field.name == name)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_described(verb: str) -> None:
    """Whoever draws or parses options finds all of them, in the method's order, each with a name and a help."""
    parameters = inspect.signature(getattr(Verbs, verb)).parameters.values()
    assert [field.name for field in fields_of(verb)] == [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for described in fields_of(verb):
        assert described.label[0].isupper()
        assert described.help
        assert (described.kind in {Kind.CHOICE, Kind.CHOICES}) == bool(described.choices)
    assert any(described.common for described in fields_of(verb))


@pytest.mark.parametrize("verb", VERBS)
def test_defaults_are_accepted(verb: str) -> None:
    """What is described as the default can be asked as it is."""
    needed = {field.name: ["ann"] for field in fields_of(verb) if field.required}
    assert question_of(verb, {**{field.name: field.default for field in fields_of(verb)}, **needed})


def test_what_must_be_given() -> None:
    """Whom to look for has no default, and the error says so."""
    assert [(verb, field.name) for verb in VERBS for field in fields_of(verb) if field.required] == [
        ("identify", "speaker_ids")
    ]
    with pytest.raises(OptionError, match=r"identify needs speaker_ids\.\nGive it: speaker_ids="):
        question_of("identify", {})


def test_choices_are_the_apis() -> None:
    """What can be chosen is what the API takes."""
    assert field("analyze", "insights") == Field(
        "insights",
        Kind.CHOICES,
        ("All",),
        field("analyze", "insights").help,
        operations.INSIGHTS,
        "Insights",
        common=True,
    )
    for choice in field("analyze", "insights").choices:
        assert question_of("analyze", {"insights": [choice]})
    assert field("transcribe", "audio_type").choices == operations.AUDIO_TYPES
    assert field("transcribe", "speaker_count").kind is Kind.WHOLE
    assert field("transcribe", "enable_punctuation").kind is Kind.FLAG
    assert field("transcribe", "speech_contexts").kind is Kind.TEXTS
    assert field("transcribe", "source").kind is Kind.TEXT


def test_an_operation_that_is_not_there() -> None:
    """The error lists those that are."""
    with pytest.raises(OptionError, match="transcribe, analyze"):
        fields_of("paint")


@pytest.mark.parametrize(
    ("name", "value", "default"),
    [
        ("insights", ["All"], True),
        ("insights", ("All",), True),
        ("insights", [], True),
        ("insights", ["Topics"], False),
        ("speaker_count", None, True),
        ("speaker_count", 0, False),
        ("fresh", False, True),
        ("fresh", 0, False),  # no flag: the checks shall see it
        ("fresh", True, False),
        ("separate_speaker_per_channel", False, False),
        ("source", "", True),
        ("language_code", "en-US", True),
    ],
)
def test_what_says_no_more_than_the_default(name: str, value: object, default: bool) -> None:
    """Only what differs needs to be written down."""
    assert field("analyze", name).is_default(value) is default
