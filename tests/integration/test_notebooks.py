"""The notebooks: each runs from its first cell to its last, and what is saved can be read without a kernel."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LIVE_URL = re.compile(r"https?://(127\.0\.0\.1|localhost|[\w-]+\.ngrok)[^\s\"'<]*")

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all notebooks, so that each recording is analysed once."""
    return tmp_path_factory.mktemp("ledger") / "ledger.db"


@pytest.fixture(autouse=True)
def _shared(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIJUPYTER_LEDGER", str(ledger))


@cache
def executed(path: Path) -> Any:
    """The notebook after a run of all its cells in a fresh kernel; each is run once for all tests."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600).execute()
    return notebook


def outputs(notebook: Any) -> list[Any]:
    """What its cells showed."""
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def shown(notebook: Any, form: str) -> str:
    """All outputs of a form such as text/html, one after the other."""
    return "\n".join(output["data"][form] for output in outputs(notebook) if form in output.get("data", {}))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path: Path) -> None:
    """Every notebook runs on the embedded service, and complains of nothing."""
    complaints = [
        output
        for output in outputs(executed(path))
        if output.output_type == "error" or (output.output_type == "stream" and output.name == "stderr")
    ]
    assert complaints == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_run_without_a_person_saves_what_can_be_read(path: Path) -> None:
    """No output is a widget that would need a kernel, and none holds an address where something runs."""
    notebook = executed(path)
    assert not any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs(notebook))
    assert LIVE_URL.search(nbformat.writes(notebook)) is None


def test_the_quickstart_shows_the_conversation() -> None:
    """Who opens the saved quickstart sees what was said, by whom, and the figure."""
    notebook = executed(ROOT / "notebooks" / "01-quickstart.ipynb")
    html = shown(notebook, "text/html")
    assert "Daniel (shop)" in html
    assert "Thank you, Laura" in html
    assert "<svg" in shown(notebook, "image/svg+xml")


def test_many_recordings_are_told_apart() -> None:
    """The batch's frame names all recordings, and asking again found the same jobs."""
    notebook = executed(ROOT / "notebooks" / "02-many-recordings.ipynb")
    assert all(name in shown(notebook, "text/html") for name in ("angry-refund.mp3", "happy-rider.mp3"))
    assert "True" in shown(notebook, "text/plain").splitlines()


def test_names_of_speakers_outlast_the_session() -> None:
    """The second session of the notebook on speakers finds the names that the first one kept."""
    notebook = executed(ROOT / "notebooks" / "04-speakers.ipynb")
    assert "{'0': 'Daniel', '1': 'Laura'}" in shown(notebook, "text/plain")
