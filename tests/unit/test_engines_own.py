"""An engine that somebody else brings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aijupyter.errors import ServiceError
from aijupyter.models import AnalysisTask, Operation
from aijupyter.service.finding import find_engine

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "engines.md"


def test_the_documents_example_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of docs/engines.md is found as module:attribute, loads, and answers."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "engine_of_the_document.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    engine = find_engine("engine_of_the_document:SizeEngine", "any")
    told: list[str] = []
    engine.load(told.append)
    (tmp_path / "five").write_bytes(b"12345")
    answer = engine.analyze(AnalysisTask(Operation.TRANSCRIBE, str(tmp_path / "five")), lambda _: None)
    assert answer == {"transcript": "5 bytes", "confidence": 1.0, "words": []}
    assert told == ["Nothing to load."]
    with pytest.raises(ServiceError):
        engine.voice_print("five")
