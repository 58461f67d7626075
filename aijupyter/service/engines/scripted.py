"""An engine that answers from a script, for tests and for teaching: at once, always the same, and it says so.

A script is a JSON file, named by `model`, with any of

    {"turns": [{"speaker", "text", "start"?, "end"?, "emotion"?}],    who says what; times in seconds
     "summary": text,                                                 what abstractive summaries say
     "slow": seconds, "fail": message, "crash": true,                 what it does before it answers
     "sources": {source: {any of these}}}                             what is different for requests with this `source`

`source` is the contract's free text, so one service can be told, request by request, to be slow, to fail, or to end its
process. Without a file it plays a little conversation of its own.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from aijupyter.errors import ServiceError
from aijupyter.models import AnalysisTask, Operation, VoicePrint

NOTE = "Scripted: this answer was written beforehand. Nothing was listened to."
UNKNOWN = "UserNotIdentified"
CRASHED = 70
"""The status with which the process ends when the script says so."""

SECONDS_PER_WORD = 0.4
PAUSE = 0.5
ENROLLED_SECONDS = 20.0

Turn = dict[str, Any]
Script = Mapping[str, Any]

LITTLE_CONVERSATION: Script = {
    "turns": [
        {"speaker": "Ana", "text": "Good morning, this is Ana. How can I help you?", "emotion": "Joy"},
        {"speaker": "Ben", "text": "My lamp arrived broken. Can you send me a new one?", "emotion": "Sadness"},
        {"speaker": "Ana", "text": "I am sorry about that. A new lamp will leave today.", "emotion": "Trust"},
        {"speaker": "Ben", "text": "That is great. Thank you very much.", "emotion": "Joy"},
    ],
    "summary": "Ben's lamp arrived broken. Ana sends him a new one today.",
}

_MOODS = {"Anger": "Anger", "Sadness": "Sadness", "Joy": "Joy", "Surprise": "Excitement", "Disgust": "Anger"}


class ScriptedEngine:
    """Implements aijupyter.protocols.Engine for every operation, with no models and no packages beside our own.

    `model` is a script's file; a name that does not end in .json plays the little conversation. No audio is looked at.
    Speakers are "0", "1", ... as they first speak; one whose name in the script is an enrolled id of the task is called
    so. Answers carry `note`, in a list each entry does. Raises ServiceError where the script cannot be used.
    """

    operations = frozenset(Operation)

    def __init__(self, model: str = "", cache: Path | None = None) -> None:
        del cache  # there is nothing to keep
        self.model = model
        self._script = _read(Path(model)) if Path(model).suffix == ".json" else LITTLE_CONVERSATION

    def __repr__(self) -> str:
        return f"ScriptedEngine(model={self.model!r})"

    def load(self, report: Callable[[str], None]) -> None:
        """Nothing is loaded."""
        report(NOTE)

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> dict[str, Any] | list[Any]:
        """What the script says; see aijupyter.protocols.Engine. Raises ServiceError where it says to fail."""
        script = dict(self._script) | dict(self._script.get("sources", {}).get(task.options.get("source"), {}))
        _behave(script, report)
        turns = _named(_timed(script.get("turns", ())), task)
        response = _ANSWERS[task.operation](turns, task, script)
        report(1.0)
        return response

    def voice_print(self, audio: str, known: VoicePrint | None = None) -> VoicePrint:
        """One and the same voice, with 20 s more of speech each time."""
        del audio
        _behave(self._script, lambda _: None)
        seconds = ENROLLED_SECONDS + (known.speech_seconds if known else 0.0)
        return VoicePrint((1.0, 0.0), seconds, ENROLLED_SECONDS + (known.audio_seconds if known else 0.0))


def _read(file: Path) -> Script:
    try:
        script = json.loads(file.read_text(encoding="utf-8"))
        list(_timed(script.get("turns", ())))
        dict(script.get("sources", {}))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ServiceError(
            f"The script {file.name} cannot be used: {type(error).__name__}: {error}.",
            'Give a JSON file such as {"turns": [{"speaker": "Ana", "text": "Hello."}]}.',
        ) from error
    return dict(script)


def _behave(script: Script, report: Callable[[float], None]) -> None:
    """Be slow, fail, or end the process, as the script says."""
    seconds = float(script.get("slow", 0.0))
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        report(0.9 * (1.0 - left / seconds))
        time.sleep(min(left, 0.05))
    if script.get("crash"):
        os._exit(CRASHED)
    if script.get("fail"):
        raise ServiceError(f"{script['fail']}", "The script said so.")


def _timed(turns: Sequence[Turn]) -> Iterator[Turn]:
    """The turns with times: those given, else one after another at an even pace."""
    now = PAUSE
    for turn in turns:
        start = float(turn.get("start", now))
        end = float(turn.get("end", start + SECONDS_PER_WORD * len(turn["text"].split())))
        now = end + PAUSE
        yield {"emotion": "Neutral", **turn, "speaker": str(turn["speaker"]), "start": start, "end": end}


def _named(turns: Iterator[Turn], task: AnalysisTask) -> list[Turn]:
    """The turns with `speakerId`: the enrolled id, or a number in order of appearance."""
    found = list(turns)
    order = {name: str(n) for n, name in enumerate(dict.fromkeys(turn["speaker"] for turn in found))}
    return [{**turn, "speakerId": _label(turn["speaker"], order, task)} for turn in found]


def _label(speaker: str, order: Mapping[str, str], task: AnalysisTask) -> str:
    if speaker in task.voices:
        return speaker
    return UNKNOWN if task.operation is Operation.IDENTIFY else order[speaker]


def _segments(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    return [{name: turn[name] for name in ("start", "end", "speakerId")} | {"confidence": 1.0} for turn in turns]


def _words(turn: Turn) -> list[dict[str, Any]]:
    words = turn["text"].split()
    times = [round(turn["start"] + n * (turn["end"] - turn["start"]) / len(words), 3) for n in range(len(words) + 1)]
    return [
        {"word": word, "start": start, "end": end, "confidence": 1.0, "speakerId": turn["speakerId"]}
        for word, (start, end) in zip(words, pairwise(times), strict=True)
    ]


def _utterances(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    return [
        {**segment, "text": turn["text"], "wordTimings": _words(turn)}
        for segment, turn in zip(_segments(turns), turns, strict=True)
    ]


def _transcribe(turns: Sequence[Turn], task: AnalysisTask, _: Script) -> dict[str, Any]:
    transcript = {"transcript": " ".join(turn["text"] for turn in turns), "confidence": 1.0, "note": NOTE}
    words = [word for turn in turns for word in _words(turn)]
    if not task.options.get("enableSpeakerDiarization", False):
        return {**transcript, "words": [{n: v for n, v in word.items() if n != "speakerId"} for word in words]}
    return {**transcript, "words": words, "speakerCount": _count(turns), "utterances": _utterances(turns)}


def _diarize(turns: Sequence[Turn], _: AnalysisTask, __: Script) -> dict[str, Any]:
    return {"speakerCount": _count(turns), "utterances": _segments(turns), "note": NOTE}


def _identify(turns: Sequence[Turn], _: AnalysisTask, __: Script) -> dict[str, Any]:
    return {"utterances": _segments(turns), "note": NOTE}


def _emotions(turns: Sequence[Turn], _: AnalysisTask, __: Script) -> list[dict[str, Any]]:
    return [
        {
            "start": turn["start"],
            "end": turn["end"],
            "emotion": _MOODS.get(turn["emotion"], "Neutral"),
            "confidence": 1.0,
            "note": NOTE,
        }
        for turn in turns
    ]


def _punctuate(_: Sequence[Turn], task: AnalysisTask, __: Script) -> dict[str, Any]:
    texts = [str(text).strip() for text in task.options.get("texts", ())]
    return {"texts": [f"{text[:1].upper()}{text[1:]}." if text else "" for text in texts], "note": NOTE}


def _summarize(_: Sequence[Turn], task: AnalysisTask, script: Script) -> dict[str, Any]:
    kind = task.options.get("summaryType") or "Extractive"
    given = [str(said.get("text", "")) for said in task.options.get("utterances", ())]
    made = {"ExtractiveSummary": " ".join(given[:1])} if kind in {"Extractive", "All"} else {}
    for length in ("Long", "Short"):
        if kind in {f"Abstractive{length}", "AbstractiveAll", "All"}:
            made[f"AbstractiveSummary{length}"] = str(script.get("summary", ""))
    summaries = [{"name": name, "values": [{"value": text}] if text else []} for name, text in made.items()]
    return {"summaries": summaries, "note": NOTE}


def _analyze(turns: Sequence[Turn], task: AnalysisTask, script: Script) -> dict[str, Any]:
    asked = set(task.options.get("insights") or ["All"])

    def wanted(values: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{"name": n, "values": v} for n, v in values.items() if asked & {n, "All"}]

    return {
        "utteranceInsights": [
            {**said, "insights": wanted({"Emotion": None}) and [_felt(turn)]}
            for said, turn in zip(_utterances(turns), turns, strict=True)
        ],
        "speakerInsights": {"speakerCount": _count(turns), "insights": wanted(_of_speakers(turns))},
        "conversationalInsights": wanted(_of_all(turns, script)),
        "note": NOTE,
    }


def _felt(turn: Turn) -> dict[str, Any]:
    return {"name": "Emotion", "value": turn["emotion"], "confidence": 1.0}


def _of_speakers(turns: Sequence[Turn]) -> dict[str, list[dict[str, Any]]]:
    spoken = {
        name: [t for t in turns if t["speakerId"] == name] for name in dict.fromkeys(t["speakerId"] for t in turns)
    }
    seconds = {name: sum(t["end"] - t["start"] for t in own) for name, own in spoken.items()}
    total = sum(seconds.values()) or 1.0
    shares = {name: round(100 * own / total) for name, own in seconds.items()}
    asked = {name: [t for t in own if t["text"].rstrip().endswith("?")] for name, own in spoken.items()}
    return {
        "Energy": [{"speakerId": name, "value": 50.0} for name in spoken],
        "Pace": [{"speakerId": name, "value": "medium", "wpm": 60 / SECONDS_PER_WORD} for name in spoken],
        "TalkToListenRatio": [{"speakerId": name, "value": f"{share}:{100 - share}"} for name, share in shares.items()],
        "QuestionsAsked": [
            {
                "speakerId": name,
                "value": len(own),
                "questions": [{key: turn[key] for key in ("text", "start", "end")} for turn in own],
            }
            for name, own in asked.items()
        ],
    }


def _of_all(turns: Sequence[Turn], script: Script) -> dict[str, list[dict[str, Any]]]:
    """The insights of the whole: the longest word is the key phrase and the topic, the first turn the extract."""
    if not turns:
        return {name: [] for name in ("KeyPhrases", "Topics", "ExtractiveSummary")}
    span = {"start": turns[0]["start"], "end": turns[-1]["end"]}
    phrase = max((word.strip(".,?!") for turn in turns for word in turn["text"].split()), key=len)
    told = [{"value": script["summary"], **span}] if script.get("summary") else []
    return {
        "KeyPhrases": [{"value": phrase, **span, "confidence": 1.0}],
        "Topics": [{"value": phrase, **span, "confidence": 1.0}],
        "ExtractiveSummary": [{"sentence": turns[0]["text"], "start": turns[0]["start"], "end": turns[0]["end"]}],
        "AbstractiveSummaryLong": [{**value, "groupId": "0"} for value in told],
        "AbstractiveSummaryShort": told,
    }


def _count(turns: Sequence[Turn]) -> int:
    return len({turn["speakerId"] for turn in turns})


_ANSWERS: Mapping[Operation, Callable[[Sequence[Turn], AnalysisTask, Script], dict[str, Any] | list[Any]]] = {
    Operation.TRANSCRIBE: _transcribe,
    Operation.DIARIZE: _diarize,
    Operation.IDENTIFY: _identify,
    Operation.EMOTIONS: _emotions,
    Operation.PUNCTUATE: _punctuate,
    Operation.SUMMARIZE: _summarize,
    Operation.ANALYZE: _analyze,
}
