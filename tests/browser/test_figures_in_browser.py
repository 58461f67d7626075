"""Figures in JupyterLab: drawn by Lab itself, without the network, and hostile text in them does nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab import Lab, running_lab

TESTS = Path(__file__).parents[1]

START = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from calls import HOSTILE, analysis, interaction, transcript
from aijupyter.explore.corpus import gather
lines = ((HOSTILE, 0.5, 4.0, HOSTILE * 3, HOSTILE), ("1", 5.0, 9.0, "Well, that is all that I can say.", "Joy"))
bad = interaction(HOSTILE, response=analysis(lines))
corpus = gather([interaction(), transcript(), bad], None)
""".strip()
FIGURES = (
    "bad.plot.timeline()",
    "bad.plot.talk_ratio()",
    "bad.plot.emotions()",
    "bad.plot.pace()",
    "corpus.plot.timeline()",
    "corpus.plot.talk_ratio()",
    "corpus.plot.emotions()",
    "corpus.plot.emotions(over='time')",
    "corpus.plot.pace()",
    "bad.plot.timeline() & bad.plot.pace()",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A notebook with every figure, and the corpus itself."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    cells = ["%load_ext aijupyter", START, *FIGURES, "corpus"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, folder / "figures.ipynb")
    return folder


@pytest.fixture
def lab(folder: Path, tmp_path: Path) -> Iterator[Lab]:
    """A JupyterLab on it, tall enough for all cells."""
    home = tmp_path / "home"
    home.mkdir()
    with running_lab(folder, home, height=5200) as lab:
        yield lab


def test_figures_in_lab(lab: Lab, folder: Path) -> None:
    """Every figure is drawn; neither drawing nor pointing at it runs anything, asks the network, or complains."""
    page = lab.page
    complaints: list[str] = []
    fetched: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("request", lambda asked: fetched.append(asked.url))
    lab.open("figures.ipynb")
    lab.run_all()
    lab.wait_until_run()
    page.wait_for_function(f"document.querySelectorAll('.vega-embed canvas, .vega-embed svg').length >= {len(FIGURES)}")
    assert page.locator(".vega-embed").count() == len(FIGURES)
    assert page.locator(".jp-RenderedImage, .jp-RenderedSVG").count() == 0

    timeline = page.locator(".vega-embed").first
    box = timeline.locator("canvas, svg").first.bounding_box()
    assert box is not None
    tooltip = page.locator("#vg-tooltip-element.visible")
    for down in range(40, int(box["height"]), 6):
        page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + down)
        if tooltip.count():
            break
    said = tooltip.inner_text()
    assert "script" in said
    assert "window.HIT" in said
    assert timeline.locator(".vega-actions a").count() == 2, (
        "save as SVG and as PNG, and nothing that leaves this place"
    )

    assert page.evaluate("window.HIT") is None
    assert [
        url for url in fetched if not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))
    ] == []
    assert complaints == []
    assert lab.errors == []

    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = json.loads((folder / "figures.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in saved["cells"] for output in cell["outputs"]]
    assert sum("application/vnd.vegalite.v5+json" in output["data"] for output in outputs) == len(FIGURES)
    assert not any("text/html" in output["data"] for output in outputs[:-1])
