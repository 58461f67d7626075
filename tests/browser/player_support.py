"""Conversations for the player's tests, and a player on a stage."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, expect
from stage import SILENT_SOUND, Stage

from aijupyter.models import Operation
from aijupyter.results import Interaction
from aijupyter.views.forms import STATIC, static
from aijupyter.views.payload import payload, people
from aijupyter.views.player import MODULES, STYLES

Answer = dict[str, Any]

TALK = [
    ("0", "Good morning, how can I help you?", "Joy"),
    ("1", "My café order for Señor Müller is late.", "Anger"),
    ("0", "I am sorry. What is the order number?", "Neutral"),
    ("1", "It is number twenty five.", "Neutral"),
    ("0", "I will send the order tomorrow.", "Trust"),
]
SECONDS = 5.0


def said(speaker: str, text: str, start: float, emotion: str = "Neutral", confidence: float = 0.9) -> Answer:
    """An utterance whose words are spoken one every half second."""
    words = [
        {"word": word, "start": start + place / 2, "end": start + place / 2 + 0.4, "confidence": confidence}
        for place, word in enumerate(text.split(" "))
    ]
    felt = [{"name": "Emotion", "value": emotion, "confidence": 0.8}]
    end = start + SECONDS - 0.5
    return {"speakerId": speaker, "text": text, "start": start, "end": end, "wordTimings": words, "insights": felt}


def call(lines: list[Answer], **more: Any) -> Interaction:
    """An analysis with something of everything."""
    asked = {"text": "What is the order number?", "start": 2 * SECONDS + 1.5, "end": 2 * SECONDS + 4}
    raw = {
        "response": {
            "utteranceInsights": lines,
            "speakerInsights": {
                "insights": [{"name": "QuestionsAsked", "values": [{"speakerId": "0", "questions": [asked]}]}]
            },
            "conversationalInsights": [
                {"name": "KeyPhrases", "values": [{"value": "order", "start": 6.0}]},
                {"name": "AbstractiveSummaryShort", "values": [{"value": "A late order is sent."}]},
                {"name": "Tasks", "values": [{"value": "I will send the order tomorrow.", "start": 4 * SECONDS}]},
            ],
        }
    }
    return Interaction(raw, operation=Operation.ANALYZE, recording="call.mp3", job_id="1", **more)


def short(**more: Any) -> Interaction:
    """The five lines of TALK."""
    lines = [said(who, text, SECONDS * place, felt) for place, (who, text, felt) in enumerate(TALK)]
    return call(lines, **more)


def long(turns: int = 1500) -> Interaction:
    """Hours of talk: 30,000 words and more."""
    text = " ".join(f"word{place}" for place in range(20))
    return call([said(str(turn % 2), f"Turn {turn}: {text}", 12.0 * turn) for turn in range(turns)])


class Player:
    """A player on a stage."""

    def __init__(self, on: Stage, result: Interaction, *, audible: bool = True) -> None:
        self.stage = on
        self.page = on.page
        peaks = bytes(range(256)) if audible else b""
        seconds = float(result.utterances["end"].max()) if audible else None
        state = {
            **payload(result),
            "names": result.names,
            "people": people(result),
            "audible": audible,
            "duration": seconds,
            "peaks": peaks,
        }
        sounding = {"player/audio.js": SILENT_SOUND, "player/pieces.js": ""}
        module = "\n".join(sounding.get(name, (STATIC / name).read_text()) for name in MODULES)
        on.show(state, module, static(*STYLES))
        self.root = self.page.locator('[data-aij="player"]')
        expect(self.root).to_have_attribute("data-drawn", "true")

    @property
    def time(self) -> float:
        """The position, in seconds."""
        return float(self.root.get_attribute("data-time") or "nan")

    def line(self, number: int) -> Locator:
        """A line of the transcript."""
        return self.root.locator(f'.aij-line[data-line="{number}"]').first

    def word(self, number: int, text: str) -> Locator:
        """A word of a line."""
        return self.line(number).locator(".aij-word", has_text=text).first

    def wait_for_time(self, seconds: float, within: float = 0.3) -> None:
        """Wait until the position is there."""
        self.page.wait_for_function(
            f"""() => Math.abs(document.querySelector('[data-aij="player"]').dataset.time - {seconds}) <= {within}"""
        )
