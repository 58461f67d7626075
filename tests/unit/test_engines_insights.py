"""What is read out of a conversation, on words made up for the purpose."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from aijupyter.service.engines.audio import Track
from aijupyter.service.engines.emotions import HIGHEST_CONFIDENCE, emotion
from aijupyter.service.engines.insights import interaction
from aijupyter.service.engines.phrases import key_phrases, stem, topics
from aijupyter.service.engines.questions import is_question, questions
from aijupyter.service.engines.responses import number, transcription, unpunctuated
from aijupyter.service.engines.speaking import energy, pace, percentages, talk_to_listen
from aijupyter.service.engines.summary import extractive_summary, text_rank
from aijupyter.service.engines.turns import Utterance
from aijupyter.service.engines.words import Word

EMOTIONS = {"Anger", "Anticipation", "Disgust", "Fear", "Joy", "Sadness", "Surprise", "Trust", "Neutral"}

CALL = (
    ("0", "Thank you for calling Harbor Bicycles. How can I help you?"),
    ("1", "I ordered a blue bicycle from Harbor Bicycles, and the front wheel of the blue bicycle is broken."),
    ("0", "I am so sorry to hear that. Do you have the order number?"),
    ("1", "It is on the invoice. The front wheel arrived broken and I am very disappointed."),
    ("0", "We will send you a new front wheel tomorrow."),
    ("1", "That is wonderful, thank you so much!"),
)


def conversation(turns: tuple[tuple[str, str], ...] = CALL) -> list[Utterance]:
    """The turns as utterances, each word 0.3 s long, half a second between turns."""
    now, found = 0.0, []
    for speaker, text in turns:
        words = []
        for word in text.split():
            words.append(Word(word, now, now + 0.3, 0.9))
            now += 0.3
        found.append(Utterance(tuple(words), speaker))
        now += 0.5
    return found


def numbers(value: Any) -> Iterator[float]:
    """Every number in an answer, however deep."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, (int, float)):
        yield float(value)


class TestPercentages:
    """Shares of the talk add up."""

    @pytest.mark.parametrize(
        ("seconds", "shares"),
        [
            ({"0": 1.0, "1": 1.0, "2": 1.0}, {"0": 34, "1": 33, "2": 33}),
            ({"0": 58.4, "1": 41.6}, {"0": 58, "1": 42}),
            ({"0": 5.0}, {"0": 100}),
            ({"0": 0.995, "1": 0.005}, {"0": 100, "1": 0}),
            ({"0": 0.0}, {}),
            ({}, {}),
        ],
    )
    def test_largest_remainder(self, seconds: dict[str, float], shares: dict[str, int]) -> None:
        """Whole percents that sum to 100, the largest remainders rounded up."""
        assert percentages(seconds) == shares

    def test_seven_alike(self) -> None:
        """Even sevenths sum to 100."""
        assert sum(percentages({str(n): 1.0 for n in range(7)}).values()) == 100

    def test_talk_to_listen_is_text(self) -> None:
        """The ratio is the contract's: one's own share, and the others'."""
        turns = (("0", "one two three"), ("1", "one"))
        assert talk_to_listen(conversation(turns)) == {"0": "75:25", "1": "25:75"}


class TestSpeaking:
    """Pace and energy."""

    def test_pace(self) -> None:
        """Words of 0.3 s make 200 a minute, which is medium; nobody speaks at 0, which is slow."""
        measured = pace(conversation())
        assert measured.words_per_minute == pytest.approx(200)
        assert measured.value == "medium"
        assert pace([]).value == "slow"

    def test_energy_follows_the_level(self) -> None:
        """Ten times the amplitude is 20 dB, 40 points of 100; silence is 0."""
        tone = np.sin(np.arange(160_000)).astype(np.float32)
        spoken = conversation((("0", "a b c d e"),))
        loud, quiet = energy([Track.of(tone * 0.1)], spoken), energy([Track.of(tone * 0.01)], spoken)
        assert loud - quiet == pytest.approx(40, abs=0.5)
        assert energy([Track.of(np.zeros(160_000, dtype=np.float32))], spoken) == 0.0
        assert energy([Track.of(tone)], []) == 0.0


class TestQuestions:
    """Precision first."""

    @pytest.mark.parametrize(
        "text",
        [
            "Is that close by?",
            "Okay, what is your name sir",
            "Do you have it with you",
            "May I have your name, please.",
            "What color did you want",
            "So how much is it?",
            "What's the difference there.",
            "How about Monday",
            "And where do you live",
            "Are pets allowed in the house.",
            "Which lights are on right now.",
            "Who was responsible for them.",
            "What happens if it rains.",
        ],
    )
    def test_questions(self, text: str) -> None:
        """A question mark, or an opening that only questions have."""
        assert is_question(text)

    @pytest.mark.parametrize(
        "text",
        [
            "Okay, what I will do is send it back.",
            "Have a nice day.",
            "When I called, nobody answered.",
            "I wonder if it is late.",
            "What a lovely day!",
            "Do it now.",
            "How nice of you.",
            "That is what you said.",
            "Which is why I called.",
            "Will do, thank you.",
            "Has been a long day.",
            "",
        ],
    )
    def test_statements(self, text: str) -> None:
        """Statements that merely start or look like questions."""
        assert not is_question(text)

    def test_who_asked_and_when(self) -> None:
        """Each question has its speaker and the times of its own words."""
        asked = questions(conversation())
        assert [(q.speaker, q.text) for q in asked] == [
            ("0", "How can I help you?"),
            ("0", "Do you have the order number?"),
        ]
        assert asked[0].start == pytest.approx(6 * 0.3)


class TestEmotion:
    """Indicative, and modest about it."""

    @pytest.mark.parametrize(
        ("text", "label"),
        [
            ("Oh, that would be wonderful. Thank you so much!", "Joy"),
            ("This is unacceptable and ridiculous, I am furious.", "Anger"),
            ("I am very disappointed.", "Sadness"),
            ("I am worried that it will not arrive in time.", "Fear"),
            ("Wow, I can't believe it!", "Surprise"),
            ("Absolutely, let me check that for you.", "Trust"),
            ("I am looking forward to it.", "Anticipation"),
            ("The number is twenty five.", "Neutral"),
            ("", "Neutral"),
        ],
    )
    def test_plain_cases(self, text: str, label: str) -> None:
        """What any reader would say, it says, and never too surely."""
        value, confidence = emotion(text)
        assert value == label
        assert value in EMOTIONS
        assert 0 < confidence <= HIGHEST_CONFIDENCE


class TestText:
    """Key phrases, topics and the summary."""

    def test_key_phrases_name_what_it_is_about(self) -> None:
        """The things that are talked about are found, with the time of a mention, and small talk is not."""
        found = {phrase.value.lower(): phrase for phrase in key_phrases(conversation())}
        assert "front wheel" in found
        assert "blue bicycle" in found
        assert not any("thank" in value for value in found)
        assert all(0 < p.confidence <= 1 and p.end > p.start for p in found.values())

    def test_topics_join_phrases(self) -> None:
        """No two topics share a word, and there are no more topics than phrases."""
        said = conversation()
        phrases = key_phrases(said)
        values = [topic.value for topic in topics(said, phrases)]
        assert 0 < len(values) <= len(phrases)
        stems = [frozenset(stem(word.lower()) for word in value.split()) for value in values]
        assert all(not (a & b) for n, a in enumerate(stems) for b in stems[:n])

    @pytest.mark.parametrize(
        ("word", "singular"), [("scarves", "scarf"), ("boxes", "box"), ("bus", "bus"), ("wheels", "wheel")]
    )
    def test_stem(self, word: str, singular: str) -> None:
        """Plurals and singulars are one word."""
        assert stem(word) == stem(singular)

    def test_summary_keeps_sentences_and_their_order(self) -> None:
        """A summary is of sentences that were said, in their order."""
        said = conversation()
        chosen = extractive_summary(said)
        text = " ".join(u.text for u in said)
        assert chosen
        assert all(sentence.text in text for sentence in chosen)
        assert [s.start for s in chosen] == sorted(s.start for s in chosen)

    def test_text_rank_prefers_the_middle(self) -> None:
        """A sentence that others are like ranks above one that is like none, and all weights sum to 1."""
        ranks = text_rank(np.array([[1.0, 0.5, 0.5, 0], [0.5, 1, 0, 0], [0.5, 0, 1, 0], [0, 0, 0, 1.0]]))
        assert ranks.argmax() == 0
        assert ranks.argmin() == 3
        assert ranks.sum() == pytest.approx(1)


class TestResponses:
    """The contract's objects."""

    def test_silence_is_a_valid_answer(self) -> None:
        """No words make an empty transcript, and empty lists under every insight, and no division by nothing."""
        answer = interaction([Track()], [], {"insights": ["All"]})
        assert answer["utteranceInsights"] == []
        assert answer["speakerInsights"]["speakerCount"] == 0
        lists = [*answer["speakerInsights"]["insights"], *answer["conversationalInsights"]]
        assert all(insight["values"] == [] for insight in lists)
        silent = {"transcript": "", "confidence": 0.0, "words": [], "speakerCount": 0, "utterances": []}
        assert transcription([], diarized=True) == silent

    def test_every_insight_and_only_finite_numbers(self) -> None:
        """All gives every insight of the contract; the answer is JSON of finite numbers with three decimals."""
        answer = interaction([Track.of(np.ones(16_000 * 30, dtype=np.float32))], conversation(), {"insights": ["All"]})
        json.dumps(answer, allow_nan=False)
        assert all(math.isfinite(n) and round(n, 3) == n for n in numbers(answer))
        names = {i["name"] for i in [*answer["speakerInsights"]["insights"], *answer["conversationalInsights"]]}
        assert names == {
            *("Energy", "Pace", "TalkToListenRatio", "QuestionsAsked", "KeyPhrases", "Topics"),
            *("ExtractiveSummary", "AbstractiveSummaryLong", "AbstractiveSummaryShort"),
        }
        assert all(unit["insights"][0]["value"] in EMOTIONS for unit in answer["utteranceInsights"])

    def test_only_what_was_asked_for(self) -> None:
        """Only the insights that are named are in the answer, and no abstractive summary is pretended."""
        track = Track.of(np.ones(16_000 * 30, dtype=np.float32))
        answer = interaction([track], conversation(), {"insights": ["Pace", "AbstractiveSummaryShort"]})
        assert [i["name"] for i in answer["speakerInsights"]["insights"]] == ["Pace"]
        (summary,) = answer["conversationalInsights"]
        assert (summary["name"], summary["values"]) == ("AbstractiveSummaryShort", [])
        assert "No abstractive summary was made" in summary["note"]
        assert all(unit["insights"] == [] for unit in answer["utteranceInsights"])

    def test_speakers_only_where_asked_for(self) -> None:
        """Without diarization there are no speakers in a transcription."""
        said = [Utterance(u.words) for u in conversation()]
        answer = transcription(said, diarized=False)
        assert set(answer) == {"transcript", "confidence", "words"}
        assert "speakerId" not in answer["words"][0]

    def test_unpunctuated(self) -> None:
        """Bare lower-case words, and nothing for what was only punctuation."""
        said = conversation((("0", "Well, - I don't know."),))
        assert [u.text for u in unpunctuated(said)] == ["well i don't know"]

    def test_numbers(self) -> None:
        """What JSON cannot carry becomes 0."""
        assert [number(x) for x in (1.23456, math.nan, math.inf, np.float32(0.5))] == [1.235, 0.0, 0.0, 0.5]
