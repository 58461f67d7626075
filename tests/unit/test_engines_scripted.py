"""The engine that answers from a script."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from shapes import check

from aijupyter.errors import ServiceError
from aijupyter.models import AnalysisTask, Operation, VoicePrint
from aijupyter.service.engines.scripted import CRASHED, NOTE, ScriptedEngine
from aijupyter.service.finding import find_engine

ROOT = Path(__file__).resolve().parents[2]
PRINT = VoicePrint((1.0, 0.0), 20.0, 20.0)


def ask(operation: Operation, engine: ScriptedEngine | None = None, **options: Any) -> Any:
    """The answer."""
    voices = options.pop("voices", {})
    return (engine or ScriptedEngine()).analyze(AnalysisTask(operation, "", options, voices), lambda _: None)


def written(tmp_path: Path, **script: Any) -> ScriptedEngine:
    """An engine with a script of its own."""
    file = tmp_path / "script.json"
    file.write_text(json.dumps(script))
    return ScriptedEngine(model=str(file))


@pytest.mark.parametrize("operation", list(Operation))
def test_every_operation_is_answered_and_says_that_it_is_scripted(operation: Operation) -> None:
    """As the contract writes it, with a note; a bare list has that in each entry."""
    answer = ask(operation, texts=["hello"], utterances=[{"text": "Hello."}])
    check(operation, answer)
    entries = answer if isinstance(answer, list) else [answer]
    assert entries
    assert all(entry["note"] == NOTE for entry in entries)


def test_its_name_is_an_entry_point() -> None:
    """`--engine scripted` finds it, with the model that the service is given by default."""
    assert isinstance(find_engine("scripted", "tiny.en"), ScriptedEngine)


def test_speakers() -> None:
    """Numbers while nobody is enrolled; an enrolled one by the id, the others unknown where that was asked."""
    assert [u["speakerId"] for u in ask(Operation.DIARIZE)["utterances"]] == ["0", "1", "0", "1"]
    voices = {"Ana": PRINT}
    found = ask(Operation.IDENTIFY, voices=voices)["utterances"]
    assert [u["speakerId"] for u in found] == ["Ana", "UserNotIdentified"] * 2
    assert [u["speakerId"] for u in ask(Operation.DIARIZE, voices=voices)["utterances"]] == ["Ana", "1"] * 2


def test_only_the_insights_that_were_asked_for() -> None:
    """As of any engine."""
    answer = ask(Operation.ANALYZE, insights=["Pace", "AbstractiveSummaryShort"])
    assert [entry["name"] for entry in answer["speakerInsights"]["insights"]] == ["Pace"]
    assert [entry["name"] for entry in answer["conversationalInsights"]] == ["AbstractiveSummaryShort"]
    assert all(unit["insights"] == [] for unit in answer["utteranceInsights"])


def test_a_script_of_ones_own(tmp_path: Path) -> None:
    """Its turns, with their own times, and words spread over them."""
    engine = written(tmp_path, turns=[{"speaker": "Zoe", "text": "One two", "start": 1.0, "end": 2.0}])
    answer = ask(Operation.TRANSCRIBE, engine, enableSpeakerDiarization=True)
    assert answer["transcript"] == "One two"
    assert [(word["word"], word["start"], word["end"]) for word in answer["words"]] == [
        ("One", 1.0, 1.5),
        ("two", 1.5, 2.0),
    ]


def test_slow_and_failing_requests(tmp_path: Path) -> None:
    """By the request's `source`: one takes its time, one fails with the script's words, the rest is at once."""
    engine = written(tmp_path, sources={"slow": {"slow": 0.2}, "bad": {"fail": "The disk is full."}})
    started = time.monotonic()
    ask(Operation.TRANSCRIBE, engine)
    assert time.monotonic() - started < 0.2
    ask(Operation.TRANSCRIBE, engine, source="slow")
    assert time.monotonic() - started >= 0.2
    with pytest.raises(ServiceError, match="disk is full"):
        ask(Operation.TRANSCRIBE, engine, source="bad")


def test_a_crash_ends_the_process(tmp_path: Path) -> None:
    """At once, with a status of its own, in an interpreter that has none of the local extra's packages loaded."""
    written(tmp_path, sources={"crash": {"crash": True}})
    script = (
        "import sys\n"
        "from aijupyter.models import AnalysisTask, Operation\n"
        "from aijupyter.service.engines.scripted import ScriptedEngine\n"
        f"engine = ScriptedEngine(model={str(tmp_path / 'script.json')!r})\n"
        "assert not {'numpy', 'av', 'faster_whisper'} & set(sys.modules)\n"
        "engine.analyze(AnalysisTask(Operation.ANALYZE, '', {'source': 'crash'}), lambda _: None)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, timeout=30)
    assert done.returncode == CRASHED


@pytest.mark.parametrize("content", ["{", "[]", '{"turns": [{"speaker": "x"}]}', '{"turns": 5}'])
def test_a_script_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    """The error names the file."""
    file = tmp_path / "broken.json"
    file.write_text(content)
    with pytest.raises(ServiceError, match=r"broken\.json"):
        ScriptedEngine(model=str(file))


def test_voice_prints_add_up() -> None:
    """Each recording adds its seconds."""
    engine = ScriptedEngine()
    once = engine.voice_print("a.wav")
    twice = engine.voice_print("b.wav", once)
    assert (once.speech_seconds, twice.speech_seconds) == (20.0, 40.0)
    assert once.vector == twice.vector
