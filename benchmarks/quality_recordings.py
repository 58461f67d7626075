"""The recordings that quality.py measures on: conversations of known truth, in several voices and conditions."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "recordings")]

import make  # noqa: E402  # of the tests, which are no package
import scripts  # noqa: E402

MEDIA = ROOT.parent / "shared" / "media"
"""Where real recordings are, if anywhere."""

TWO = {
    "bicycle": (scripts.SERVICE_CALL, ("en-us+m3", "en-gb-x-rp+f2")),
    "flat": (scripts.FLAT_VIEWING, ("en-us+f2", "en-gb-x-rp+m4")),
    "internet": (scripts.SLOW_INTERNET, ("en-us+Hugo", "en-gb-x-rp+f2")),
    "flight": (scripts.MISSED_FLIGHT, ("en-us+f2", "en-us+Michael")),
}
THREE = {
    "meeting": (scripts.TEAM_MEETING, ("en-us+m3", "en-gb-x-rp+f2", "en-us+Hugo")),
    "party": (scripts.GARDEN_PARTY, ("en-us+f2", "en-us+Michael", "en-gb-x-rp+m4")),
    "meeting again": (scripts.TEAM_MEETING, ("en-us+m2", "en-gb-x-rp+f2", "en-us+travis")),
}
"""Of the voices that tiny.en hears with one word in ten wrong or less, alone. Voices of one conversation differ as
people do, while espeak-ng's variants of one voice (m1 and m3, f1 and f2) hardly do."""

CONDITIONS: dict[str, tuple[int, float | None]] = {
    "16 kHz": (16_000, None),
    "8 kHz": (8_000, None),
    "16 kHz, noise at 20 dB": (16_000, 20.0),
    "8 kHz, noise at 20 dB": (8_000, 20.0),
    "16 kHz, noise at 10 dB": (16_000, 10.0),
}
SPEEDS = (145, 138, 150)
"""Words per minute of a conversation's voices."""


@dataclass(frozen=True)
class Conversation:
    """A recording and its truth: turns of {start, end, speaker, text}, times in seconds; its voices' names."""

    name: str
    condition: str
    file: Path
    turns: list[dict[str, Any]]
    voices: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(turn["text"] for turn in self.turns)


def conversations(kinds: dict[str, Any], folder: Path, conditions: list[str]) -> Iterator[Conversation]:
    """Each conversation in each condition, as files in `folder`."""
    for name, (script, voices) in kinds.items():
        cast = dict(zip(dict.fromkeys(speaker for speaker, _ in script), voices, strict=True))
        speaking = {who: make.Voice(v, speed, 50) for (who, v), speed in zip(cast.items(), SPEEDS, strict=False)}
        samples, truth = make.conversation(script, speaking)
        for seed, condition in enumerate(conditions):
            file = folder / f"{name} {condition}.wav".replace(" ", "-")
            write(file, samples, condition, seed)
            yield Conversation(name, condition, file, truth["turns"], cast)


def write(file: Path, samples: NDArray[np.float32], condition: str = "16 kHz", seed: int = 1) -> Path:
    """The samples as a file, as they sound in that condition."""
    rate, decibels = CONDITIONS[condition]
    if decibels is not None:
        samples = make.with_noise(samples, decibels, seed)
    make.write_wav(file, np.clip(make.resampled(samples, rate) if rate != make.RATE else samples, -1, 1), rate)
    return file


def reading(folder: Path, voice: str) -> Path:
    """A voice's recording for its enrollment: half a minute that is in no conversation."""
    return write(folder / f"reading-{voice}.wav", make.spoken(scripts.READING, make.Voice(voice, 145, 50)))


def feelings(folder: Path, *, agitated: bool = False) -> Conversation:
    """The sentences of known feeling, each a turn; `agitated`, every second one faster, higher and louder."""
    parts, turns, now = [], [], 0.0
    for number, (feeling, text) in enumerate(scripts.FEELINGS):
        up = agitated and number % 2 == 1
        sound = make.spoken(text, make.Voice("en-us+m3", 175 if up else 140, 72 if up else 50))
        sound = sound * (1.4 if up else 0.7)
        end = now + len(sound) / make.RATE
        turns.append({"start": now, "end": end, "speaker": "0", "text": text, "feeling": feeling, "agitated": up})
        parts += [sound, np.zeros(int(1.2 * make.RATE), dtype=np.float32)]
        now = end + 1.2
    file = write(folder / f"feelings-{agitated}.wav", np.concatenate(parts))
    return Conversation("feelings", "16 kHz", file, turns)


def the_call(media: Path) -> tuple[Path, str, list[dict[str, Any]]] | None:
    """The real call: its file, the words of its first minute, and its turns; None where it is not there."""
    notes = media / "README.md"
    if not notes.is_file():
        return None
    text = " ".join(notes.read_text(encoding="utf-8").split())
    found = re.search(r'normalised: "([^"]+)"', text)
    turns = re.findall(r"([\d.]+)-([\d.]+) ([RAC])\b", text.partition("Turns")[2])
    assert found is not None
    return (
        media / "sample-calls.mp3",
        found.group(1),
        [{"start": float(start), "end": float(end), "speaker": who} for start, end, who in turns],
    )


def texts() -> dict[str, list[str]]:
    """Conversations as text, turn by turn: those that the punctuation's rules were written with, and the others."""
    known = {**scripts.SAMPLE_CALLS, "flat": scripts.FLAT_VIEWING, "internet": scripts.SLOW_INTERNET}
    return {f"known: {name}": [text for _, text in script] for name, script in known.items()} | {
        f"new: {name}": [text for _, text in script]
        for name, script in {
            "flight": scripts.MISSED_FLIGHT,
            "meeting": scripts.TEAM_MEETING,
            "party": scripts.GARDEN_PARTY,
        }.items()
    }


def shipped() -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """The samples that the package ships, with their turns."""
    for file in sorted((ROOT / "aijupyter" / "samples").glob("*.json")):
        yield file.with_suffix(".mp3"), json.loads(file.read_text(encoding="utf-8"))["turns"]
