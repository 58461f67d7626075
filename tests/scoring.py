"""How far what was heard is from what was said: in words, in speakers' time, and in sentences."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np

ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
ORDINALS = {"1st": "first", "2nd": "second", "3rd": "third", "5th": "fifth", "9th": "ninth"}
GRID = 0.01
ALIKE = 0.65


def spoken(text: str) -> list[str]:
    """A text as it is spoken: words in lower case, numbers up to 9,999 in words, money and percents too."""
    text = text.lower().replace("\u2019", "'").replace("-", " ")
    for written, words in ORDINALS.items():
        text = re.sub(rf"\b{written}\b", words, text)
    text = re.sub(r"\$([\d,]+)", r"\1 dollars", text).replace("%", " percent ")
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"\d+", lambda digits: f" {_number(int(digits.group()))} ", text)
    return re.sub(r"[^a-z' ]", " ", text).split()


def _number(value: int) -> str:
    if value < 20:
        return ONES[value]
    if value < 100:
        return f"{TENS[value // 10 - 2]} {ONES[value % 10] if value % 10 else ''}"
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if size <= value < 10_000:
            return f"{_number(value // size)} {name} {_number(value % size) if value % size else ''}"
    return " ".join(ONES[int(digit)] for digit in str(value))


def word_errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """The Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for n, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], n
        for m, other in enumerate(heard, 1):
            diagonal, row[m] = row[m], min(row[m] + 1, row[m - 1] + 1, diagonal + (word != other))
    return row[-1]


def word_error_rate(reference: Sequence[str], heard: Sequence[str]) -> float:
    """The word errors as a share of the reference's length."""
    return word_errors(reference, heard) / len(reference)


def on_grid(turns: Sequence[dict[str, Any]], name: str, seconds: float) -> np.ndarray:
    """Who speaks at each hundredth of a second, "" for nobody; `name` is the turns' key for it."""
    who = np.full(int(seconds / GRID) + 1, "", dtype=object)
    for turn in turns:
        who[int(turn["start"] / GRID) : int(turn["end"] / GRID)] = turn[name]
    return who


def speaker_time_error(truth: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> float:
    """The share of commonly spoken time given to the wrong speaker, under the best matching of names."""
    seconds = max(turn["end"] for turn in [*truth, *found])
    right, heard = on_grid(truth, "speaker", seconds), on_grid(found, "speakerId", seconds)
    both = (right != "") & (heard != "")
    names, labels = sorted(set(right[both])), sorted(set(heard[both]))
    labels += [None] * (len(names) - len(labels))
    together = {(n, one): int(((right == n) & (heard == one) & both).sum()) for n in names for one in labels}
    best = max(
        sum(together[pair] for pair in zip(names, order, strict=True))
        for order in itertools.permutations(labels, len(names))
    )
    return 1 - best / int(both.sum())


def sentences(text: str) -> list[str]:
    """A punctuated text, cut after its sentence marks."""
    return [sentence for sentence in re.split(r"(?<=[.?!])\s+", text.strip()) if sentence]


def sentence_ends(truth: str, heard: str) -> tuple[int, int, int]:
    """Of a text and what was heard of it: sentence ends in both, in what was heard, and in the truth.

    Words are aligned first; an end counts where the word before it is the same in both.
    """
    sides = []
    for text in (truth, heard):
        pairs = [
            (word, n + 1 == len(parts) and written[-1] in ".?!")
            for written in text.split()
            for parts in [spoken(written)]
            for n, word in enumerate(parts)
        ]
        sides.append(([word for word, _ in pairs], [ends for _, ends in pairs]))
    (true_words, true_ends), (words, ends) = sides
    blocks = SequenceMatcher(None, true_words, words, autojunk=False).get_matching_blocks()
    hits = sum(true_ends[block.a + n] and ends[block.b + n] for block in blocks for n in range(block.size))
    return hits, sum(ends), sum(true_ends)


def matched(wanted: Sequence[str], found: Sequence[str]) -> int:
    """How many of the wanted sentences were found, word for word or nearly so, each found one counted once."""
    left = [spoken(text) for text in found]
    hits = 0
    for text in wanted:
        words = spoken(text)
        likeness = [SequenceMatcher(None, words, other, autojunk=False).ratio() for other in left]
        if likeness and max(likeness) >= ALIKE:
            left.pop(likeness.index(max(likeness)))
            hits += 1
    return hits


def f1(hits: int, found: int, wanted: int) -> float:
    """The harmonic mean of precision and recall."""
    return 2 * hits / (found + wanted) if found + wanted else 1.0
