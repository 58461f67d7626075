"""Emotion recognition: the contract's six labels for each utterance, from its words and from how it sounds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from aijupyter.service.engines.audio import Track
from aijupyter.service.engines.emotions import HIGHEST_CONFIDENCE, NEUTRAL, emotion
from aijupyter.service.engines.prosody import arousals
from aijupyter.service.engines.responses import number
from aijupyter.service.engines.turns import Utterance

AGITATED = 0.8
"""Arousal (see prosody) from which the voice tells joy from excitement, and disappointment from anger."""

VOICE_COUNTS = 0.1
"""What a voice that agrees adds to the confidence, and one that disagrees takes away."""

_OF_WORDS = {
    "Anger": "Anger",
    "Disgust": "Anger",
    "Joy": "Joy",
    "Trust": NEUTRAL,
    "Anticipation": "Excitement",
    "Surprise": "Excitement",
    "Sadness": "Sadness",
    "Fear": "Frustration",
}
"""What the nine labels of the analysis are among the six of emotion recognition."""

_LIVELY = {"Joy": "Excitement", "Sadness": "Frustration", "Frustration": "Anger"}
_FRUSTRATION = (
    r"frustrat\w*|annoy\w*|still (?:not|no|isn't|doesn't|haven't|hasn't|waiting)|again and again|keeps? \w+ing|"
    r"third time|twice|fed up|tired of|sick of|what(?:'s| is) wrong with|why (?:can't|won't|doesn't|don't|isn't)|"
    r"nobody|no one|waste of|not working|does not work|doesn't work|over and over|been waiting|cannot get|can't get"
)


@cache
def _frustration() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_FRUSTRATION})(?!\w)", re.IGNORECASE)


def moods(tracks: Sequence[Track], said: Sequence[Utterance]) -> list[dict[str, Any]]:
    """{start, end, emotion, confidence} for each utterance.

    The confidence is a score of 0 to 1 for how clear the signs are and whether words and voice agree. It is no
    probability: benchmarks/quality.py prints how often the label is right.
    """
    return [
        {"start": number(u.start), "end": number(u.end), "emotion": label, "confidence": number(sure)}
        for u, arousal in zip(said, arousals(tracks, said), strict=True)
        for label, sure in [mood(u.text, arousal)]
    ]


def mood(text: str, arousal: float = 0.0) -> tuple[str, float]:
    """One of Anger, Excitement, Frustration, Joy, Sadness, Neutral, and the score of 0 to HIGHEST_CONFIDENCE.

    Words decide between glad, bad and neither; the voice's arousal (0 is usual) only between the calm and the agitated
    of a kind.
    """
    read, sure = emotion(text)
    label = _OF_WORDS.get(read, NEUTRAL)
    if label in {"Sadness", "Anger", NEUTRAL} and _frustration().search(text) and not (label == "Anger" and sure > 0.6):  # noqa: PLR2004
        label, sure = "Frustration", max(0.4, sure - 0.1)
    if arousal >= AGITATED and label in _LIVELY:
        return _LIVELY[label], sure
    agrees = (arousal >= 0) == (label in {"Anger", "Excitement", "Frustration"})
    sure += VOICE_COUNTS * min(1.0, abs(arousal)) * (1 if agrees else -1)
    return label, min(HIGHEST_CONFIDENCE, max(0.05, sure))
