"""An extractive summary: the sentences that the others are most about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aijupyter.service.engines.phrases import CHATTER, stem
from aijupyter.service.engines.turns import Stretch, Utterance, sentences
from aijupyter.service.engines.words import bare

SHORTEST = 5
"""Words; shorter sentences ("Oh, thank you.") are never part of a summary."""

SHARE = 0.15
FEWEST, MOST = 1, 6
MOST_RANKED = 2000
DAMPING = 0.85

SAME = 0.7
"""Cosine from which two sentences say the same."""

_STOP = frozenset(
    {
        *("a", "about", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can"),
        *("could", "did", "do", "does", "for", "from", "get", "got", "had", "has", "have", "he", "her", "here", "him"),
        *("his", "how", "i", "i'm", "if", "in", "is", "it", "it's", "just", "like", "me", "my", "no", "not", "now"),
        *("of", "oh", "okay", "on", "one", "or", "our", "out", "she", "so", "some", "than", "that", "that's", "the"),
        *("their", "them", "then", "there", "these", "they", "this", "to", "too", "up", "us", "very", "was", "we"),
        *("well", "were", "what", "when", "where", "which", "who", "will", "with", "would", "yes", "you", "your"),
    }
)


def extractive_summary(utterances: Sequence[Utterance]) -> list[Utterance]:
    """About one sentence in seven, at most six, in the order in which they were said.

    TextRank (Mihalcea & Tarau, "TextRank: Bringing order into text", EMNLP 2004) over the cosine of TF-IDF vectors;
    sentences that say more weigh more, questions less, and one much like one already chosen is passed over.
    """
    candidates = _spread(
        [
            Utterance(sentence, said.speaker, said.channel)
            for said in utterances
            for sentence in sentences(said.words)
            if len(sentence) >= SHORTEST
        ]
    )
    if not candidates:
        return []
    similarity = _similarity([_terms(said.words) for said in candidates])
    ranks = [rank * _weight(said.words) for rank, said in zip(text_rank(similarity), candidates, strict=True)]
    wanted = min(MOST, max(FEWEST, round(SHARE * len(candidates))))
    chosen: list[int] = []
    for number in sorted(range(len(candidates)), key=lambda n: -ranks[n]):
        if all(similarity[number, other] < SAME for other in chosen):
            chosen.append(number)
        if len(chosen) == wanted:
            break
    return [candidates[number] for number in sorted(chosen)]


def _spread(candidates: list[Utterance]) -> list[Utterance]:
    """At most MOST_RANKED of them, the longer ones, in their order: the cost grows with the square."""
    if len(candidates) <= MOST_RANKED:
        return candidates
    longest = sorted(range(len(candidates)), key=lambda n: -len(candidates[n].words))[:MOST_RANKED]
    return [candidates[n] for n in sorted(longest)]


def text_rank(similarity: NDArray[np.float64], rounds: int = 60) -> NDArray[np.float64]:
    """The stationary weights of sentences, shape (n,), summing to 1, from their similarities, shape (n, n)."""
    count = len(similarity)
    links = similarity * (1.0 - np.eye(count))
    totals = links.sum(axis=1, keepdims=True)
    # a sentence like no other passes its weight to all alike
    transition = np.where(totals > 0, links / np.where(totals > 0, totals, 1.0), 1.0 / count)
    ranks = np.full(count, 1.0 / count)
    for _ in range(rounds):
        ranks = (1.0 - DAMPING) / count + DAMPING * (ranks @ transition)
    return np.asarray(ranks)


def _weight(sentence: Stretch) -> float:
    question = sentence[-1].text.endswith("?")
    return math.log(1 + len(_terms(sentence))) * (0.5 if question else 1.0)


def _terms(sentence: Stretch) -> Counter[str]:
    words = (bare(word.text) for word in sentence)
    return Counter(stem(word) for word in words if word and word not in _STOP | CHATTER)


def _similarity(documents: Sequence[Counter[str]]) -> NDArray[np.float64]:
    spread = Counter(term for document in documents for term in document)
    column = {term: number for number, term in enumerate(spread)}
    vectors = np.zeros((len(documents), max(1, len(column))))
    for row, document in enumerate(documents):
        for term, count in document.items():
            vectors[row, column[term]] = count * (math.log((1 + len(documents)) / (1 + spread[term])) + 1.0)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths > 0, lengths, 1.0)
    return np.asarray(vectors @ vectors.T)
