"""An engine that answers from a script, in the contract's shapes; it runs inside a real service."""

from __future__ import annotations

import os
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aijupyter.errors import MediaError
from aijupyter.models import AnalysisTask, Operation, VoicePrint

GATE = "CONTRACT_GATE"
"""Names a file: until it is there, no analysis ends."""

SEGMENT = {"start": 0.0, "end": 1.5, "speakerId": "0", "confidence": 0.9}
PACE = {"speakerId": "0", "value": "medium", "wpm": 140}
WORD = {"word": "Hello.", "start": 0.0, "end": 0.5, "confidence": 0.9, "speakerId": "0"}
ANSWERS: dict[Operation, Callable[[AnalysisTask], Any]] = {
    Operation.TRANSCRIBE: lambda task: {
        "transcript": f"{Path(task.audio).stat().st_size} bytes",
        "confidence": 0.9,
        "words": [WORD],
        **({"speakerCount": 1, "utterances": [{**SEGMENT, "text": "Hello.", "wordTimings": [WORD]}]}
           if task.options.get("enableSpeakerDiarization") else {}),
    },
    Operation.DIARIZE: lambda _: {"speakerCount": 1, "utterances": [SEGMENT]},
    Operation.IDENTIFY: lambda task: {"utterances": [{**SEGMENT, "speakerId": min(task.voices), "confidence": 35.4}]},
    Operation.EMOTIONS: lambda _: [{"start": 0.0, "end": 1.5, "emotion": "Neutral", "confidence": 0.6}],
    Operation.PUNCTUATE: lambda task: {"texts": [f"{text.capitalize()}." for text in task.options["texts"]]},
    Operation.SUMMARIZE: lambda task: {
        "summaries": [{"name": "Extractive", "values": [{"value": task.options["utterances"][0]["text"]}]}]
    },
    Operation.ANALYZE: lambda _: {
        "utteranceInsights": [{**SEGMENT, "text": "Hello.", "insights": [{"name": "Emotion", "value": "Joy"}]}],
        "speakerInsights": {"speakerCount": 1, "insights": [{"name": "Pace", "values": [PACE]}]},
        "conversationalInsights": [{"name": "KeyPhrases", "values": [{"value": "hello", "start": 0.0, "end": 0.5}]}],
    },
}  # fmt: skip


class ContractEngine:
    """Looks whether there is a recording, waits for its gate where it has one, and answers from the script."""

    operations = frozenset(Operation)

    def __init__(self, model: str, cache: object) -> None:
        self.model = model

    def load(self, report: Callable[[str], None]) -> None:
        """Nothing to load."""

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> Any:
        """The script's answer."""
        if task.audio:
            _seconds(task.audio)
        gate = os.environ.get(GATE)
        while gate and not Path(gate).exists():
            time.sleep(0.01)
        report(1.0)
        return ANSWERS[task.operation](task)

    def voice_print(self, audio: str, known: VoicePrint | None = None) -> VoicePrint:
        """As many seconds of speech as there are of audio."""
        seconds = _seconds(audio)
        speech, whole = (known.speech_seconds, known.audio_seconds) if known else (0.0, 0.0)
        return VoicePrint((0.6, 0.8), speech + seconds, whole + seconds)


def _seconds(audio: str) -> float:
    try:
        with wave.open(audio) as file:
            return file.getnframes() / file.getframerate()
    except (wave.Error, EOFError) as error:
        raise MediaError("There is no audio in it.", "Send a recording.") from error
