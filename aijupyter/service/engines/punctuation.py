"""Sentence ends, question marks, a few commas and capitals for bare English words, by rules.

No model small enough to ship came up. The rules look at each gap between two words: how much what follows looks like
the beginning of a sentence, and whether what stands before could be a whole one. Names, and commas inside a sentence,
are mostly left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from aijupyter.service.engines import grammar
from aijupyter.service.engines.questions import is_question
from aijupyter.service.engines.words import bare

_ENDED = re.compile(r"(?<=[.?!…])\s+|(?<=[.?!…][\"')\u201d\u2019])\s+")
_ENOUGH = 1.0
"""The score of a gap from which a sentence ends there."""

_GREETING, _QUESTION, _CLAUSE = 3.0, 2.5, 1.8
"""How much greetings, questions, and a pronoun with a verb look like a beginning."""

_ADVERBS = frozenset({"just", "really", "never", "always", "only", "already", "still", "also", "all"})
_OPINIONS = frozenset({"think", "guess", "suppose", "believe", "hope"})
_CONTRACTED = frozenset({"m", "s", "re", "ll", "ve", "d"})
_LONGEST = 40
"""Words after which any likely beginning is taken for one."""


def punctuated(text: str) -> str:
    """A text whose sentences begin with a capital and end with a mark.

    What has sentence marks of its own keeps them; there only capitals, and the mark at its very end, are added.
    """
    text = text.strip()
    if re.search(r"[.?!…](?:\s|[\"')\u201d\u2019]|$)", text):
        return " ".join(_capitalized(_closed(sentence)) for sentence in _ENDED.split(text) if sentence)
    return " ".join(_capitalized(_closed(_with_commas(words))) for words in sentences(text.split()))


def sentences(words: Sequence[str]) -> Iterator[list[str]]:
    """Bare words, cut where sentences end."""
    plain = [bare(word) for word in words]
    start = 0
    for place in range(1, len(words)):
        if _score(plain[start:place], plain[place : place + 4]) >= _ENOUGH:
            yield list(words[start:place])
            start = place
    if start < len(words):
        yield list(words[start:])


def _score(before: Sequence[str], after: Sequence[str]) -> float:
    """How likely a sentence that began with `before` ends there, where `after` follows; _ENOUGH is likely."""
    opening = _opening(after)
    if opening <= 0 or _goes_on(before, after, opening):
        return -1.0
    return opening - _lack(before) - _bond(before, after, opening) + (0.5 if len(before) > _LONGEST else 0.0)


def _opening(after: Sequence[str]) -> float:
    """How much the words look like the beginning of a sentence, 0 to 3."""
    one, two, three, four = [*after, "", "", "", ""][:4]
    stem = one.partition("'")[0]
    if one in grammar.HAILS or f"{one} {two}" in grammar.PHRASES:
        return _GREETING
    if one in grammar.AUXILIARIES:
        return _inversion(one, two)
    if stem in grammar.QUESTION_WORDS:
        acts = one == "what" and (_acts(two) or _acts(three) or four in grammar.AUXILIARIES)
        asks = acts or "'" in one or two in grammar.AUXILIARIES or three in grammar.AUXILIARIES
        if one == "which" and two in grammar.AUXILIARIES and three not in grammar.SUBJECTS:
            asks = False  # "my birthday, which is tonight"
        return _QUESTION if asks or f"{one} {two}" in {"what about", "how about", "why not"} else 0.0
    if one in grammar.LEADS:
        rest = _opening(after[1:])
        likely = rest >= _QUESTION or (rest >= _CLAUSE and one not in {"and", "but"})
        return 1.5 if likely and two != "that" else 0.0
    return _statement(after)


def _statement(after: Sequence[str]) -> float:
    """How much the words look like a subject and its verb, an answer, or a wish."""
    one, two, three, four = [*after, "", "", "", ""][:4]
    inverts = two in grammar.AUXILIARIES and three in grammar.PRONOUNS
    if (one in {"you", "it"} and (inverts or two.partition("'")[0] in grammar.PRONOUNS)) or (
        one == "i" and two in _OPINIONS and three in grammar.HAILS | {""}
    ):
        return 0.0  # "help you. Do you", "help you. I've", "a lamp, I think"
    if "'" in one and one.partition("'")[0] in grammar.PRONOUNS | {"that", "there", "let", "here"}:
        return 2.0
    if one in grammar.PRONOUNS | grammar.POINTERS and (_is_verb(two) or (one in grammar.PRONOUNS and two in _ADVERBS)):
        return _CLAUSE
    named = one in grammar.DETERMINERS - {"that", "this"} and two not in grammar.QUESTION_WORDS
    if named and (_is_verb(three) or (_is_verb(four) and three not in grammar.PRONOUNS)):
        return 1.3
    if one in grammar.ANSWERS or one == "no" or (one == "please" and two in grammar.VERBS):
        return 1.4
    return 1.3 if one in grammar.PRONOUNS - {"you", "it"} else 0.0


def _inversion(one: str, two: str) -> float:
    """A question's auxiliary and its subject, which must agree. "have it" and "is the" are mostly none."""
    if (
        one in grammar.SINGULAR and two in {"i", "we", "you", "they"} - ({"i"} if one.startswith("was") else set())
    ) or (one in grammar.PLURAL and two in {"he", "she", "it"}):
        return 0.0
    if two in grammar.PRONOUNS | {"there", "anyone", "anybody", "anything", "everyone", "everybody"}:
        return 0.0 if one in {"have", "had"} and two == "it" else _QUESTION
    if one in {"have", "has", "had", "do"} or two not in grammar.SUBJECTS:
        return 0.0
    if one in {"is", "are", "was", "were", "am"}:
        return 0.9 if two in {"the", "a", "an"} else 1.2
    return _QUESTION


def _goes_on(before: Sequence[str], after: Sequence[str], opening: float) -> bool:
    """Whether the sentence surely does not end here."""
    last, one = before[-1], after[0]
    asking = len(before) > 1 and before[-2] in grammar.AUXILIARIES and last in grammar.SUBJECTS  # "is that okay"
    if (one == "well" and last == "as") or (
        one in grammar.ANSWERS and (asking or grammar.LINKING & set(before[-1 if one in grammar.HAILS else -2 :]))
    ):
        return True
    if one in grammar.AUXILIARIES and last in grammar.AUXILIARIES | grammar.SUBJECTS:
        is_object = last in {"that", "this", "it", "you", "her", "there"} and after[1] in grammar.PRONOUNS
        return not (is_object and any(_is_verb(word) for word in before[:-1]))
    if last in grammar.LEADS and opening < _QUESTION and (len(before) == 1 or before[-2] in grammar.LEADS):
        return True
    if len(before) == 1 and last in grammar.COMMA_AFTER:
        return opening < _QUESTION or " ".join(after[:2]) in {
            "let me",
            "thank you",
            "of course",
        }  # "Yes, I do." is one sentence, "Okay. Could you come?" two
    if " ".join(before) in grammar.PHRASES:
        return one in {"and", "but", "you", "for"} or opening < 1.2  # noqa: PLR2004
    return last in grammar.UNFINISHED and not (opening >= _QUESTION and last in grammar.CAN_END)


def _lack(before: Sequence[str]) -> float:
    """What `before` lacks to be a whole sentence: 0 for nothing."""
    if " ".join(before) in grammar.PHRASES or (before[0] in grammar.ANSWERS | {"no"} and len(before) <= 3):  # noqa: PLR2004
        return 0.0
    verbs = sum(_is_verb(word) for word in before)
    if before[0] in grammar.JOINS and verbs < 2:  # noqa: PLR2004
        return 2.0
    if before[-1] in grammar.AUXILIARIES:
        asked = any(word in grammar.AUXILIARIES for word in before[:-2])  # "what did he do"
        return 0.0 if asked or (len(before) > 1 and before[-2] in grammar.SUBJECTS) else 2.0
    return 0.0 if verbs else 0.6


def _bond(before: Sequence[str], after: Sequence[str], opening: float) -> float:
    """What ties the two together: a clause that is part of the one before, or a question's own verb."""
    last, one = before[-1], after[0]
    if one in grammar.AUXILIARIES:
        asked = any(word.partition("'")[0] in grammar.QUESTION_WORDS for word in before[-4:])
        return 3.0 if asked and not any(_is_verb(word) for word in before[-3:]) else 0.0
    if one in grammar.QUESTION_WORDS and opening >= _QUESTION and any(word in grammar.PRONOUNS for word in after[2:4]):
        return 0.0  # "why did you" is no indirect question
    if " ".join(before) in grammar.STANDING or " ".join(before[-3:]) in grammar.STANDING:
        return 0.0
    if last in grammar.TAKES_CLAUSE or (last == "one" and before[-2:-1] in (["the"], ["that"])):
        return 2.0
    if one in grammar.DETERMINERS and (
        (_is_verb(last) and before[-2:-1] and before[-2] not in grammar.LINKING) or last in grammar.QUESTION_WORDS
    ):
        return 0.2 if after[2:3] and after[2] in grammar.AUXILIARIES else 1.5
    return 0.0


def _acts(word: str) -> bool:
    return word in grammar.VERBS and word.endswith("s")


def _is_verb(word: str) -> bool:
    stem, _, rest = word.partition("'")
    return (
        word in grammar.AUXILIARIES
        or word in grammar.VERBS
        or (rest in _CONTRACTED and stem in grammar.SUBJECTS | grammar.QUESTION_WORDS | {"here"})
        or (word.endswith("ed") and len(word) > 4)  # noqa: PLR2004
    )


def _with_commas(words: Sequence[str]) -> str:
    """The words of a sentence with a comma after an opening word, and before a `but` far enough in."""
    written = list(words)
    plain = [bare(word) for word in words]
    if len(words) > 2 and (plain[0] in grammar.HAILS or plain[0] == "no"):  # noqa: PLR2004
        written[0] += ","
    for place in range(3, len(words) - 1):
        if plain[place] == "but":
            written[place - 1] += ","
    return " ".join(written)


def _closed(sentence: str) -> str:
    """A sentence with a mark at its end: a question mark where it opens as questions do."""
    if re.search(r"[.?!…][\"')\u201d\u2019]*$", sentence):
        return sentence
    sentence = sentence.rstrip(" ,;:-")
    return sentence + ("?" if is_question(sentence) else ".")


def _capitalized(sentence: str) -> str:
    """Capitals for the first word, I, days, months, titles, and who introduces himself by name."""
    written = sentence.split(" ")
    plain = [bare(word) for word in written]
    for place, word in enumerate(plain):
        named = " ".join(plain[max(0, place - 3) : place]) == "my name is"
        titled = place > 0 and plain[place - 1] in {"mr", "mrs", "ms", "dr"}
        own = word.partition("'")[0] == "i" or word in grammar.DAYS | grammar.MONTHS | {"mr", "mrs", "ms", "dr"}
        if place == 0 or named or titled or own:
            written[place] = _upper(written[place])
    return " ".join(written)


def _upper(word: str) -> str:
    first = next((n for n, letter in enumerate(word) if letter.isalnum()), 0)
    return word[:first] + word[first : first + 1].upper() + word[first + 1 :]
