"""Bare words get their sentences back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from scoring import f1

from aijupyter.models import AnalysisTask, Operation
from aijupyter.service.engines.local import LocalEngine
from aijupyter.service.engines.punctuation import punctuated

sys.path.append(str(Path(__file__).parents[1] / "recordings"))

import scripts


@pytest.mark.parametrize(
    ("bare", "expected"),
    [
        ("how can i help you", "How can I help you?"),
        ("my name is daniel i am calling about my order", "My name is Daniel. I am calling about my order."),
        ("yes i do it is number five", "Yes, I do. It is number five."),
        ("i think we can be happy with that", "I think we can be happy with that."),
        ("we will send it on friday is that okay", "We will send it on Friday. Is that okay?"),
        ("it is already. Marked, i think", "It is already. Marked, I think."),
        ("", ""),
        ("  ", ""),
        ("ok", "Ok."),
        ("42", "42."),
    ],
)
def test_sentences(bare: str, expected: str) -> None:
    """Ends, question marks and capitals; marks that are there stay."""
    assert punctuated(bare) == expected


def ends(text: str) -> set[int]:
    """The words that end a sentence, by number."""
    return {number for number, word in enumerate(text.split()) if word[-1] in ".?!"}


@pytest.mark.parametrize(
    ("names", "least"),
    [(tuple(scripts.SAMPLE_CALLS), 0.9), (("MISSED_FLIGHT", "TEAM_MEETING", "GARDEN_PARTY"), 0.8)],
    ids=["known", "new"],
)
def test_sentence_ends_of_whole_conversations(names: tuple[str, ...], least: float) -> None:
    """F1 over conversations without marks or turns: those the rules were written with, and those they were not."""
    hits = found = wanted = 0
    for name in names:
        turns = scripts.SAMPLE_CALLS[name] if name in scripts.SAMPLE_CALLS else getattr(scripts, name)
        truth = " ".join(text for _, text in turns)
        bare = " ".join(word.strip(".,?!").lower() for word in truth.split())
        made = punctuated(bare)
        assert [word.strip(".,?!").lower() for word in made.split()] == bare.split()
        hits, found, wanted = hits + len(ends(truth) & ends(made)), found + len(ends(made)), wanted + len(ends(truth))
    assert f1(hits, found, wanted) > least


def test_the_operation() -> None:
    """Each text of the request gets its own, in their order, without any model."""
    task = AnalysisTask(Operation.PUNCTUATE, "", {"texts": ["good morning how are you", "", "i am fine"]})
    assert LocalEngine().analyze(task, lambda _: None) == {"texts": ["Good morning. How are you?", "", "I am fine."]}
