"""Saved notebooks in a browser, with no kernel behind them and no network: everything is there to read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab import CHROMIUM_FLAGS, running_lab
from nbconvert import HTMLExporter
from playwright.sync_api import Page, sync_playwright
from saved_notebook import ENDLESS, HERE, RIGHT_TO_LEFT, START, make_recording, run_against_a_double, watched
from until import until


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """A notebook that shows everything, run once with nobody watching."""
    return run_against_a_double(tmp_path_factory.mktemp("saved"))[0]


@pytest.fixture
def offline() -> Iterator[Page]:
    """A page of a browser that reaches nothing but files."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1100, "height": 1400})
        page.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
        yield page
        browser.close()


def check_conversations(page: Page) -> None:
    """What a person sees of a conversation: who, what, when, how; hostile words are words; nothing is too wide."""
    calls = page.get_by_text("mostly joy").first
    calls.wait_for()
    shown = page.locator("body").inner_text()
    for said in ("Good morning, how can I help?", "My back wheel wobbles.", "Speaker 0", "Customer", "50% of the talk"):
        assert said in shown
    for said in ("back wheel", "How can I help?", RIGHT_TO_LEFT, "<script>", "onerror=", ENDLESS[:200], "Sadness"):
        assert said in shown
    spans = page.locator("div[style*='position:absolute'][style*='height:100%'], div[style*='position: absolute']")
    drawn = [box for box in (span.bounding_box() for span in spans.all()) if box and box["width"] > 3]
    assert len(drawn) >= 6, "the lanes of the speakers"
    assert page.title() != "run"


@pytest.mark.parametrize("seen", [False, True], ids=["headless", "saved by JupyterLab with widgets"])
def test_nbconvert_shows_the_conversation_offline(
    notebook: nbformat.NotebookNode, offline: Page, tmp_path: Path, seen: bool
) -> None:
    """The exported page, opened without kernel and network, shows every conversation, job, batch, frame and error."""
    exported, _ = HTMLExporter().from_notebook_node(watched(notebook) if seen else notebook)
    (tmp_path / "saved.html").write_text(exported, encoding="utf-8")
    offline.goto((tmp_path / "saved.html").as_uri(), wait_until="domcontentloaded")
    check_conversations(offline)
    shown = offline.locator("body").inner_text()
    assert "There is no file nowhere.wav." in shown
    assert "2 of 2" in shown
    assert offline.locator("table.dataframe").count() >= 2
    figures = offline.locator("img[src^='data:image/svg'], .jp-RenderedSVG svg, .output_svg svg")
    assert figures.count() == 2
    assert all(box and box["width"] > 200 for box in (figure.bounding_box() for figure in figures.all()))
    cards = offline.locator("div[style*='max-width:860px']")
    widths = [
        (card.evaluate("card => card.scrollWidth"), card.evaluate("card => card.clientWidth")) for card in cards.all()
    ]
    assert len(widths) >= 4
    assert all(scroll <= client for scroll, client in widths), "a word without end makes no card wider"


def test_a_colleagues_notebook_in_jupyterlab(notebook: nbformat.NotebookNode, tmp_path: Path) -> None:
    """Lab trusts nothing of it and sanitizes its HTML; in its dark theme the conversation is all there."""
    folder, home = tmp_path / "notebooks", tmp_path / "home"
    folder.mkdir()
    settings = home / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": "JupyterLab Dark"}))
    nbformat.write(watched(notebook), folder / "colleague.ipynb")
    with running_lab(folder, home) as lab:
        lab.open("colleague.ipynb")
        check_conversations(lab.page)
        assert "model not found" not in lab.page.locator("body").inner_text()
        assert lab.page.locator("body").get_attribute("data-jp-theme-light") == "false"
        assert lab.errors == []


def test_the_authors_own_notebook_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live while its kernel runs, also after the page is loaded anew; later, without that kernel, still to be read."""
    folder, home = tmp_path / "notebooks", tmp_path / "home"
    folder.mkdir()
    make_recording(folder)
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    cells = [
        START,
        "job = ai.analyze('call.wav')\ncall = await job\ncall.name_speakers({'1': 'Customer'})\ncall",
        "job",
    ]
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        ),
        folder / "own.ipynb",
    )
    live = "document.querySelectorAll('.jp-OutputArea-output .aij').length"
    with running_lab(folder, home) as lab:
        lab.open("own.ipynb")
        lab.run_all()
        lab.wait_until_run()
        lab.page.wait_for_function(f"() => {live} >= 3", timeout=30_000)
        assert lab.page.locator(".jp-OutputArea-output [aria-label='Transcript']").count() >= 1
        lab.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        until(lambda: "Good morning" in (folder / "own.ipynb").read_text(encoding="utf-8"))
        lab.page.reload(wait_until="domcontentloaded")
        lab.page.wait_for_function(f"() => {live} >= 3", timeout=60_000)
        lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
        lab.open("own.ipynb")
        check_conversations(lab.page)
        assert "model not found" not in lab.page.locator("body").inner_text()
        assert lab.page.evaluate(f"() => {live}") == 0
        assert lab.errors == []
    saved = nbformat.read(folder / "own.ipynb", as_version=4)
    kinds = {kind for cell in saved.cells for output in cell.outputs for kind in output.get("data", {})}
    assert kinds == {"text/plain", "text/html"}
