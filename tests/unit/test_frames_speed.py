"""The fast way into frames and the lenient one agree, whatever the answer holds."""

from __future__ import annotations

import random
from typing import Any

import pandas as pd
import pytest

from aijupyter.models import Operation
from aijupyter.results import Interaction, Transcript
from aijupyter.results.frames import (
    MOST_WHOLE,
    SCALES,
    UTTERANCES_WITH_EMOTION,
    WORDS,
    Schema,
    column,
    number,
    objects,
    scale,
    speaker_of,
    text,
)

CLEAN: dict[str, list[Any]] = {
    "string": ["a word", "", "Grüß", "你好", "🙂", None],
    "float64": [0.0, 1.5, -2.25, 3, 10**17, -(2**80), -1e30, 1e308, float("inf"), float("-inf"), float("nan"), None],
    "emotion": ["Joy", "Anger", "Neutral", "Frustration", "Wonder", "anger", "", None],
    "Int64": [0, 1, -7, 2.5, 3.5, 2**53 + 1, 2**63, -(2**63), 1e300, float("nan"), float("inf"), None],
}
ODD: list[Any] = [
    True,
    False,
    "1.5",
    " 2 ",
    "nan",
    "inf",
    "x",
    "",
    10**400,
    [],
    [1],
    {},
    {"a": 1},
    "half \ud83d",
    7,
    0.5,
]


def leniently(dtype: str, values: list[Any]) -> pd.Series[Any]:
    """A column made value by value, by the rules of `text` and `number` alone."""
    if dtype == "string":
        return pd.Series([text(value) for value in values], dtype="string")
    if dtype in SCALES:
        said = [text(value) for value in values]
        return pd.Series(pd.Categorical(said, dtype=scale(dtype, frozenset(said) - {None})))
    numbers = pd.Series([number(value) for value in values], dtype="float64")
    return numbers if dtype == "float64" else numbers.where(numbers.abs() < MOST_WHOLE).round().astype("Int64")


def poured(schema: Schema, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A frame made so."""
    return pd.DataFrame({name: leniently(dtype, [row.get(name) for row in rows]) for name, dtype in schema.items()})


@pytest.mark.parametrize("odd", [0.0, 0.02, 0.5], ids=["clean", "one in fifty odd", "half odd"])
@pytest.mark.parametrize("dtype", CLEAN)
def test_columns(dtype: str, odd: float) -> None:
    """Any column, from no value to many, clean or not."""
    draw = random.Random(f"{dtype} {odd}")
    for size in (0, 1, 2, 5, 60):
        for _ in range(40):
            values = [draw.choice(ODD if draw.random() < odd else CLEAN[dtype]) for _ in range(size)]
            pd.testing.assert_series_equal(pd.Series(column(dtype, values)), leniently(dtype, values))


def some_item(draw: random.Random, names: list[str], odd: float) -> Any:
    """An object of the wire with some of these fields, or now and then something else."""
    if draw.random() < odd / 4:
        return draw.choice(ODD)
    item: dict[str, Any] = {}
    for name in names:
        if draw.random() < 0.8:
            clean = CLEAN["string" if name in {"text", "word", "speakerId", "enrollmentId", "value"} else "float64"]
            item[name] = draw.choice(ODD if draw.random() < odd else clean)
    return item


def some_utterance(draw: random.Random, odd: float) -> Any:
    """An utterance with words and emotions, more or less as they should be."""
    names = draw.choice([["speakerId"], ["enrollmentId"], ["speakerId", "enrollmentId"], []])
    item = some_item(draw, [*names, "start", "end", "text", "confidence"], odd)
    if isinstance(item, dict):
        own = draw.choice([[], [], ["speakerId"], ["enrollmentId"], ["speaker", "utterance"]])
        word = ["word", "start", "end", "confidence", *own]
        item["wordTimings"] = [some_item(draw, word, odd) for _ in range(draw.randrange(5))]
        insights = [some_item(draw, ["value", "confidence"], odd) for _ in range(draw.randrange(3))]
        item["insights"] = [{**one, "name": "Emotion"} if isinstance(one, dict) else one for one in insights]
    return item


def spoken_words(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of words, one by one."""
    return [
        {
            **word,
            "utterance": position,
            "speaker": speaker_of(item) if speaker_of(word) is None else speaker_of(word),
        }
        for position, item in enumerate(items)
        for word in objects(item.get("wordTimings"))
    ]


def felt(item: dict[str, Any]) -> dict[str, Any]:
    """An utterance's row with its first emotion."""
    emotions = [one for one in objects(item.get("insights")) if one.get("name") == "Emotion"]
    row = {**item, "speaker": speaker_of(item)}
    if emotions:
        row |= {"emotion": emotions[0].get("value"), "emotion_confidence": emotions[0].get("confidence")}
    return row


@pytest.mark.parametrize("odd", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(30))
def test_answers(seed: int, odd: float) -> None:
    """Words and utterances are those that row by row come out."""
    draw = random.Random(f"{seed} {odd}")
    utterances = [some_utterance(draw, odd) for _ in range(draw.randrange(8))]
    raw = {"response": {"utterances": utterances, "utteranceInsights": utterances}}
    about: dict[str, Any] = {"recording": "call.wav", "job_id": "j"}
    items = objects(utterances)
    words = Transcript(raw, operation=Operation.TRANSCRIBE, **about).words
    lines = Interaction(raw, operation=Operation.ANALYZE, **about).utterances
    pd.testing.assert_frame_equal(words, poured(WORDS, spoken_words(items)))
    pd.testing.assert_frame_equal(lines, poured(UTTERANCES_WITH_EMOTION, list(map(felt, items))), check_names=False)
