"""Conversations of any length, made up: what `analyze` could answer about them."""

from __future__ import annotations

import random
from typing import Any

from aijupyter.models import Operation
from aijupyter.results import Interaction

EMOTIONS = ("Neutral", "Joy", "Trust", "Sadness", "Anger", "Surprise")
SPEAKERS = ("0", "1", "2")


def make_interaction(minutes: float, seed: int = 1) -> Interaction:
    """A conversation of three, with words of their own times, emotions, questions, phrases and a summary."""
    draw = random.Random(seed)
    utterances, questions, clock = [], [], 0.0
    while clock < 60 * minutes:
        speaker, begin, timings = draw.choice(SPEAKERS), clock, []
        for _ in range(draw.randint(3, 30)):
            end = clock + draw.uniform(0.14, 0.53)
            word = "".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 8)))
            timings.append({"word": word, "start": round(clock, 2), "end": round(end, 2), "confidence": draw.random()})
            clock = end
        text = " ".join(str(timing["word"]) for timing in timings)
        place = {"start": round(begin, 2), "end": round(clock, 2)}
        feeling = {"name": "Emotion", "value": draw.choice(EMOTIONS), "confidence": round(draw.random(), 2)}
        utterances.append({**place, "speakerId": speaker, "text": text, "wordTimings": timings, "insights": [feeling]})
        if draw.random() < 0.05:
            questions.append({"text": f"{text}?", **place})
        clock += draw.uniform(0.1, 0.5)
    found = draw.sample(utterances, min(40, len(utterances)))
    phrases = [{"value": u["text"][:20], "start": u["start"], "end": u["end"], "confidence": 0.8} for u in found]
    each = [
        {"name": "Pace", "values": [{"speakerId": s, "value": "medium", "wpm": 150.0} for s in SPEAKERS]},
        {"name": "QuestionsAsked", "values": [{"speakerId": "0", "value": len(questions), "questions": questions}]},
    ]
    response: dict[str, Any] = {
        "utteranceInsights": utterances,
        "speakerInsights": {"speakerCount": len(SPEAKERS), "insights": each},
        "conversationalInsights": [
            {"name": "KeyPhrases", "values": phrases},
            {"name": "Topics", "values": phrases[:10]},
            {"name": "ExtractiveSummary", "values": [{**p, "sentence": p["value"]} for p in phrases[:3]]},
        ],
    }
    raw = {"status": "Success", "response": response}
    return Interaction(raw, operation=Operation.ANALYZE, recording=f"{minutes:g} minutes.mp3", job_id="made-up")
