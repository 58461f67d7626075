"""The emotion of an utterance, from its words alone.

Indicative at best: no emotion model small enough to ship was found, so this joins VADER's sentiment (Hutto & Gilbert,
"VADER: A parsimonious rule-based model for sentiment analysis of social media text", ICWSM 2014) with everyday cues for
the contract's nine labels. It hears no voice, and knows no irony. Its confidence stays modest for that reason.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

NEUTRAL = "Neutral"
HIGHEST_CONFIDENCE = 0.8

_CLEAR = 0.5
"""VADER's compound score (-1 to 1) from which sentiment alone, without a cue, is called an emotion."""

_NEGATIVE = frozenset({"Anger", "Disgust", "Fear", "Sadness"})
_POSITIVE = frozenset({"Joy", "Trust", "Anticipation"})

_CUES: dict[str, str] = {
    "Anger": r"angry|furious|unacceptable|ridiculous|outrageous|fed up|how dare|annoy\w*|frustrat\w*|sick of|"
    r"tired of|complain\w*|not good enough|third time|waste of",
    "Disgust": r"disgust\w*|gross|nasty|revolting|sickening|filthy|awful smell",
    "Fear": r"afraid|scared|worr(?:y|ied|ying)|nervous|anxious|concerned|frighten\w*|not (?:\S+ )?sure what",
    "Joy": r"thank you|thanks|great|wonderful|happy|glad|love|lovely|excellent|delighted|perfect|awesome|fantastic|"
    r"brilliant|pleased|enjoy\w*|good news",
    "Sadness": r"sad|so sorry|very sorry|sorry to hear|"
    r"disappoint\w*|upset|unhappy|unfortunately|miss(?:ed)? (?:you|it|her|him)|"
    r"heartbroken|broke|broken|ruined",
    "Surprise": r"wow|surpris\w*|"
    r"oh my|no way|can't believe|cannot believe|unbelievable|didn't expect|unexpected\w*|really\?",
    "Anticipation": r"looking forward|can't wait|cannot wait|hope\w*|hoping|excited|will be there soon|see you",
    "Trust": r"of course|absolutely|"
    r"certainly|you're (?:very )?welcome|happy to help|glad to help|let me (?:see|help|check)|"
    r"rest assured|promise|trust|i understand|don't worry|no problem|we will make it right",
}


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {label: re.compile(rf"\b(?:{cues})(?!\w)", re.IGNORECASE) for label, cues in _CUES.items()}


@cache
def _sentiment() -> Any:
    return SentimentIntensityAnalyzer()


def emotion(text: str) -> tuple[str, float]:
    """One of the contract's nine labels for an utterance, and how sure that is, 0 to HIGHEST_CONFIDENCE.

    A cue counts less where the sentiment of the whole utterance points the other way; sentiment without any cue is Joy
    or Sadness only when it is clear, and Neutral otherwise.
    """
    compound = float(_sentiment().polarity_scores(text)["compound"])
    scores = {label: _agreement(label, compound) * len(p.findall(text)) for label, p in _patterns().items()}
    label = max(scores, key=lambda name: scores[name])
    if scores[label] >= 1.0 or (scores[label] > 0 and abs(compound) < _CLEAR):
        return label, min(HIGHEST_CONFIDENCE, 0.4 + 0.1 * scores[label] + 0.2 * abs(compound))
    if abs(compound) >= _CLEAR:
        return ("Joy" if compound > 0 else "Sadness"), 0.3 + 0.2 * abs(compound)
    return NEUTRAL, min(HIGHEST_CONFIDENCE, 0.7 - 0.4 * abs(compound))


def _agreement(label: str, compound: float) -> float:
    opposed = (label in _NEGATIVE and compound > _CLEAR) or (label in _POSITIVE and compound < -_CLEAR / 2)
    return 0.5 if opposed else 1.0
