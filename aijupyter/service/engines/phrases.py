"""Key phrases, and the topics that they form together."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from yake import KeywordExtractor

from aijupyter.service.engines.turns import Utterance, sentences
from aijupyter.service.engines.words import Word, bare

MOST_PHRASES = 12
MOST_TOPICS = 5

TOPIC_LINK = 0.5
"""Phrases that share a word, or this share of the sentences they occur in, are of one topic."""

LEAST_CONFIDENCE = 0.1

CHATTER = frozenset(
    {
        *("ah", "alright"),
        *("bit", "bye", "call", "called", "calling", "day", "goodbye", "hello", "help", "hey", "hi", "hmm", "huh"),
        *("kind", "let", "lot", "ma'am", "madam", "minute", "moment", "mr", "mrs", "ms", "morning", "afternoon"),
        *("evening", "name", "number", "oh", "ok", "okay", "please", "question", "right", "sir", "sorry", "sure"),
        *("speaking", "thank", "thanks", "thing", "things", "time", "uh", "um", "welcome", "wow", "yeah", "yes", "yep"),
        *("the", "a", "an", "my", "your", "his", "her", "our", "their", "this", "that", "and", "or", "to"),
        *("is", "are", "was", "were", "be", "it", "i", "you", "we", "they"),
    }
)
"""Words that carry a conversation along and say nothing of what it is about."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """An expression that matters, where it was said: seconds of one mention, or of a topic's first to last."""

    value: str
    start: float
    end: float
    confidence: float


def key_phrases(utterances: Sequence[Utterance], most: int = MOST_PHRASES) -> list[Phrase]:
    """The key phrases, most telling first, each with the time of its first mention.

    YAKE (Campos et al., "YAKE! Keyword extraction from single documents using multiple local features", Information
    Sciences 509, 2020) on the whole text; its score s, the lower the better, becomes a confidence of exp(-2 s). Longer
    phrases are preferred to their parts. Small talk, repetitions and single words said only once are left out.
    """
    text = "\n".join(_closed(utterance.text) for utterance in utterances)
    words = [(stem(bare(word.text)), word) for utterance in utterances for word in utterance.words]
    found: list[Phrase] = []
    taken: list[frozenset[str]] = []
    for value, score in _candidates(text, 6 * most):
        tokens = [bare(token) for token in value.split()]
        stems = frozenset(map(stem, tokens))
        mentions = list(_mentions(words, [stem(token) for token in tokens]))
        if (
            len(stems) < len(tokens)
            or CHATTER & set(tokens)
            or any(_near(stems, other) for other in taken)
            or math.exp(-2.0 * score) < LEAST_CONFIDENCE
            or len(mentions) < (2 if len(tokens) == 1 else 1)
        ):
            continue
        taken.append(stems)
        found.append(Phrase(value, mentions[0][0].start, mentions[0][-1].end, math.exp(-2.0 * score)))
        if len(found) == most:
            break
    return sorted(found, key=lambda phrase: -phrase.confidence)


def topics(utterances: Sequence[Utterance], phrases: Sequence[Phrase], most: int = MOST_TOPICS) -> list[Phrase]:
    """The key phrases grouped: those that share a word or mostly occur in the same sentences are one topic.

    A topic is called by its most telling phrase, and lasts from its first mention to its last. Topics with more
    mentions come first.
    """
    told = [{stem(bare(word.text)) for word in s} for utterance in utterances for s in sentences(utterance.words)]
    spans = [(s[0].start, s[-1].end) for utterance in utterances for s in sentences(utterance.words)]
    stems = [frozenset(stem(bare(token)) for token in phrase.value.split()) for phrase in phrases]
    places = [frozenset(n for n, said in enumerate(told) if wanted <= said) for wanted in stems]
    groups: list[list[int]] = []
    for number in range(len(phrases)):
        linked = next((g for g in groups if any(_of_one_topic(stems, places, number, other) for other in g)), None)
        if linked is None:
            groups.append([number])
        else:
            linked.append(number)
    found = []
    for group in groups:
        mentions = sorted(frozenset().union(*(places[number] for number in group)))
        best = phrases[group[0]]
        start = min([best.start, *(spans[n][0] for n in mentions)])
        end = max([best.end, *(spans[n][1] for n in mentions)])
        found.append((len(mentions), Phrase(best.value, start, end, best.confidence)))
    found.sort(key=lambda pair: (-pair[0], -pair[1].confidence))
    return [topic for _, topic in found[:most]]


def stem(word: str) -> str:
    """An English noun's singular, roughly: enough to see that scarves and scarf are one."""
    for plural, singular in (("ies", "y"), ("ves", "f"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if word.endswith(plural) and len(word) > len(plural) + 1:
            return word[: -len(plural)] + singular
    return word[:-1] if re.search(r"[^su]s$", word) and len(word) > 3 else word  # noqa: PLR2004


def _candidates(text: str, most: int) -> list[tuple[str, float]]:
    """YAKE's phrases with their scores, best first after the long ones have been brought forward."""
    if not text.strip():
        return []
    found = [
        (str(value), float(score)) for value, score in KeywordExtractor(lan="en", n=3, top=most).extract_keywords(text)
    ]
    return sorted(found, key=lambda pair: pair[1] / len(pair[0].split()) ** 1.5)


def _closed(text: str) -> str:
    # so that no phrase runs on into the next speaker's words
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _near(stems: frozenset[str], other: frozenset[str]) -> bool:
    """Whether one phrase is part of the other, or both are two words of three alike."""
    return len(stems & other) / min(len(stems), len(other)) > TOPIC_LINK


def _mentions(words: Sequence[tuple[str, Word]], stems: Sequence[str]) -> Iterator[list[Word]]:
    size = len(stems)
    for first in range(len(words) - size + 1):
        if all(words[first + offset][0] == wanted for offset, wanted in enumerate(stems)):
            yield [word for _, word in words[first : first + size]]


def _of_one_topic(stems: Sequence[frozenset[str]], places: Sequence[frozenset[int]], one: int, other: int) -> bool:
    if stems[one] & stems[other]:
        return True
    either = places[one] | places[other]
    return bool(either) and len(places[one] & places[other]) / len(either) >= TOPIC_LINK
