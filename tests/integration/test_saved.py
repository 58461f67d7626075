"""Notebooks run headless and saved: they show everything, and tell no secret."""

from __future__ import annotations

import nbformat
import pytest
from nbconvert import HTMLExporter
from saved_notebook import CELLS, run_against_a_double, watched


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[nbformat.NotebookNode, list[str]]:
    """A notebook that shows everything, run once with nobody watching, and the secrets of its sessions."""
    notebook, secrets = run_against_a_double(tmp_path_factory.mktemp("saved"))
    assert len(set(secrets)) > 12
    return notebook, secrets


def outputs(notebook: nbformat.NotebookNode, cell: str) -> list[nbformat.NotebookNode]:
    """What a cell put out, found by how its source begins."""
    return next(each.outputs for each in notebook.cells if each.source.startswith(cell))


def test_a_saved_notebook_shows_everything_and_tells_nothing(
    saved: tuple[nbformat.NotebookNode, list[str]],
) -> None:
    """Every form of every thing, in the notebook and in its HTML, and none of the secrets nor an address that lives."""
    notebook, secrets = saved
    exported = [HTMLExporter().from_notebook_node(each)[0] for each in (notebook, watched(notebook))]
    for text in (nbformat.writes(notebook), *exported):
        assert [secret for secret in secrets if secret in text] == []
    for html in exported:
        assert "<img src=x" not in html
        assert "<script>document.title" not in html
        for said in ("Good morning, how can I help?", "Customer", "mostly", "back wheel", "MediaNotFoundError"):
            assert said in html
    failed = {output.ename for cell in notebook.cells for output in cell.outputs if output.output_type == "error"}
    assert failed == {"MediaUnreachableError", "MediaNotFoundError", "JobTimeoutError"}


def test_headless_runs_make_no_widgets(saved: tuple[nbformat.NotebookNode, list[str]]) -> None:
    """Nobody could use them: nbconvert would leave them blank without the network, and their state would be kept."""
    notebook, _ = saved
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        for output in cell.outputs:
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), cell.source


def test_things_have_a_text_and_an_html_form(saved: tuple[nbformat.NotebookNode, list[str]]) -> None:
    """A console and a page show the conversation, a job with its answer, a batch and a session each in its own way."""
    notebook, _ = saved
    for cell in ("call = await job", "job = ai.analyze", "await batch", "ai.jobs()", "account = aijupyter"):
        data = outputs(notebook, cell)[-1].data
        assert {"text/plain", "text/html"} <= set(data), cell
    text = outputs(notebook, "call = await job")[-1].data["text/plain"]
    assert "call.wav" in text.splitlines()[0]
    assert "Speaker 0: Good morning, how can I help?" in text
    assert "\x1b" not in text
    assert "Customer: My back wheel wobbles." in outputs(notebook, "call.name_speakers")[-1].data["text/plain"]


def test_an_error_is_one_block(saved: tuple[nbformat.NotebookNode, list[str]]) -> None:
    """What is wrong, what to do, the line of the cell and how to see more; none of our own frames."""
    notebook, _ = saved
    (error,) = outputs(notebook, "ai.transcribe('nowhere.wav')")
    number = CELLS.index("ai.transcribe('nowhere.wav')") + 1
    assert "nowhere.wav" in error.traceback[0]
    assert f"Cell In[{number}], line 1: ai.transcribe('nowhere.wav')" in error.traceback[-2]
    assert "%aijupyter traceback" in error.traceback[-1]
    assert len(error.traceback) <= 5
    assert "session.py" not in "\n".join(error.traceback)
