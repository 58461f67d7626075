"""The notebooks in JupyterLab, as a newcomer sees them: Run All, then look, listen, search, and name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab import Lab, running_lab
from playwright.sync_api import Locator, expect

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

NAMING = (
    "%load_ext aijupyter\nimport aijupyter\nai = aijupyter.connect()",
    "call = await ai.transcribe(aijupyter.samples()[0])\ncall",
    "print(list(call.speakers['speaker']))",
)

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of all notebooks, and one of the tests' own."""
    folder = tmp_path_factory.mktemp("notebooks")
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in NAMING])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, folder / "naming.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab on them, with a ledger that they share."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIJUPYTER_LEDGER", str(home / "ledger.db"))
        patch.setenv("AIJUPYTER_STORE", str(home / "service.db"))
        with running_lab(folder, home) as running:
            yield running


def run(lab: Lab, notebook: str) -> Locator:
    """Open a notebook and run all of it; its cells."""
    lab.open(notebook)
    lab.run_all()
    lab.wait_until_run()
    return lab.page.locator(".jp-Notebook")


def shown(lab: Lab, kind: str, place: int = 0) -> Locator:
    """A view of ours, scrolled to, for Lab draws only what is near."""
    view = lab.page.locator(f'[data-aij="{kind}"]').nth(place)
    view.wait_for(state="attached", timeout=60_000)
    view.scroll_into_view_if_needed()
    return view


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_without_a_complaint(lab: Lab, path: Path) -> None:
    """Each notebook runs to its end: no traceback in it, no error on the page's console."""
    lab.errors.clear()
    cells = run(lab, path.name)
    assert "Traceback" not in cells.inner_text()
    assert cells.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
    assert lab.errors == []


def test_the_quickstart_is_seen_heard_and_searched(lab: Lab) -> None:
    """The job's card becomes the conversation, a line is heard by a click, a search goes where the word is said."""
    cells = run(lab, "01-quickstart.ipynb")
    card = shown(lab, "job")
    expect(card).to_have_attribute("data-state", "succeeded")
    player = shown(lab, "player")
    expect(player).to_have_attribute("data-drawn", "true", timeout=30_000)
    assert cells.locator("table.dataframe").count() >= 3
    assert cells.locator(".vega-embed, .jp-RenderedVegaCommon5").count() >= 1

    line = player.locator(".aij-line").nth(2)
    line.click()
    lab.page.wait_for_function(
        "() => document.querySelector('[data-aij=\"player\"]').dataset.time > 10", timeout=30_000
    )
    lab.page.keyboard.press("Space")
    player.get_by_role("searchbox").fill("birthday")
    expect(player.get_by_role("status").filter(has_text="1 of 1")).to_be_visible()
    player.get_by_role("searchbox").press("Enter")
    lab.page.wait_for_function(
        "() => document.querySelector('[data-aij=\"player\"]').dataset.time > 30", timeout=30_000
    )


def test_a_speaker_named_in_the_player_stays_named(lab: Lab) -> None:
    """Named by the pencil, restarted, found again: the name is in the player and in the frames."""
    run(lab, "naming.ipynb")
    player = shown(lab, "player")
    player.get_by_role("button", name="Rename Speaker 1").first.click()
    lab.page.keyboard.type("Customer")
    lab.page.keyboard.press("Enter")
    expect(player.locator(".aij-rename")).to_have_count(0, timeout=30_000)
    lab.restart()
    lab.run_all()
    lab.page.wait_for_timeout(1000)
    lab.wait_until_run()
    expect(lab.page.locator(".jp-OutputArea-output").last).to_have_text("['0', 'Customer']", timeout=60_000)
    expect(shown(lab, "player").locator(".aij-line").nth(1)).to_contain_text("Customer")
