"""Make the pictures of the documents: `python tests/browser/make_screenshots.py`. Needs Chromium and the models.

The notebooks run in a real JupyterLab on the embedded service, with a ledger of their own; what is photographed is what
a person sees there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from lab import Lab, running_lab
from playwright.sync_api import Locator

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
WIDTH = 1180
THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
HEARD = "() => document.querySelector('[data-aij=\"player\"]').dataset.time > 16"


def open_wide(lab: Lab, notebook: str) -> None:
    """Open a notebook without the file browser beside it, and run all of it."""
    lab.open(notebook)
    if lab.page.locator("#jp-left-stack").is_visible():
        lab.page.keyboard.press("Control+b")
    lab.run_all()


def view(lab: Lab, kind: str, place: int = 0) -> Locator:
    """A view of ours, drawn and in sight."""
    found = lab.page.locator(f'[data-aij="{kind}"]').nth(place)
    found.wait_for(state="attached", timeout=120_000)
    found.scroll_into_view_if_needed()
    return found


def rest(lab: Lab) -> None:
    """Let the layout come to rest, with the mouse out of the way."""
    lab.page.mouse.move(5, 5)
    lab.page.wait_for_timeout(1500)


def shoot(target: Locator, name: str) -> None:
    """Photograph an element."""
    target.screenshot(path=str(IMAGES / f"{name}.png"))


def quickstart(lab: Lab) -> None:
    """The notebook as it is after Run All, from its first question on."""
    open_wide(lab, "01-quickstart.ipynb")
    lab.wait_until_run()
    player = view(lab, "player")
    player.locator(".aij-line").first.wait_for()
    lab.page.evaluate(
        "() => { const cells = document.querySelectorAll('.jp-Cell'); cells[3].scrollIntoView({ block: 'start' }); }"
    )
    rest(lab)
    shoot(lab.page.locator(".jp-Notebook"), "quickstart")
    figure = lab.page.locator(".jp-RenderedVegaCommon5").first
    figure.scroll_into_view_if_needed()
    rest(lab)
    shoot(figure, "timeline")


def player(lab: Lab) -> None:
    """The player while it plays, in the light and in the dark."""
    open_wide(lab, "04-speakers.ipynb")
    lab.wait_until_run()
    shown = view(lab, "player")
    for theme, name in (("JupyterLab Light", "player"), ("JupyterLab Dark", "player-dark")):
        lab.page.evaluate(THEME, theme)
        shown.get_by_role("searchbox").fill("bicycle" if name == "player" else "")
        shown.locator(".aij-line").nth(3).click()
        lab.page.wait_for_function(HEARD, timeout=30_000)
        lab.page.keyboard.press("Space")
        rest(lab)
        shoot(shown, name)
    lab.page.evaluate(THEME, "JupyterLab Light")


def batch(lab: Lab) -> None:
    """A batch under way, and the list of all jobs."""
    open_wide(lab, "02-many-recordings.ipynb")
    shown = view(lab, "batch")
    lab.page.wait_for_function(
        "() => /[2-4] of 5/.test(document.querySelector('[data-aij=\"batch\"]').innerText)", timeout=120_000
    )
    shown.get_by_text("its jobs").click()
    rest(lab)
    shoot(shown, "batch")
    lab.wait_until_run()
    jobs = view(lab, "jobs")
    rest(lab)
    shoot(jobs, "jobs")


def figures(lab: Lab) -> None:
    """What many conversations look like side by side."""
    open_wide(lab, "03-explore-insights.ipynb")
    lab.wait_until_run()
    for place, name in enumerate(("talk-ratio", "emotions")):
        figure = lab.page.locator(".jp-RenderedVegaCommon5").nth(place)
        figure.scroll_into_view_if_needed()
        rest(lab)
        shoot(figure, name)


def panel(lab: Lab) -> None:
    """The panel, filled in."""
    open_wide(lab, "panel.ipynb")
    form = lab.page.get_by_role("form", name="Ask about recordings")
    form.wait_for(timeout=60_000)
    form.get_by_role("textbox").first.fill("calls/*.mp3")
    form.get_by_text("Analyze").first.click()
    form.get_by_text("The same as code").click()
    rest(lab)
    shoot(form, "panel")


PICTURES: tuple[Callable[[Lab], None], ...] = (quickstart, batch, player, figures, panel)


def make_folder(folder: Path) -> None:
    """The notebooks, a notebook for the panel, and recordings to choose."""
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, folder)
    (folder / "calls").mkdir()
    for recording in (ROOT / "aijupyter" / "samples").glob("*.mp3"):
        shutil.copy(recording, folder / "calls")
    cell = nbformat.v4.new_code_cell("%load_ext aijupyter\nimport aijupyter\nai = aijupyter.connect()\nai.panel()")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, folder / "panel.ipynb")


def main() -> None:
    """Run what is to be seen, and photograph it."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place) / "notebooks", Path(place) / "home"
        folder.mkdir()
        make_folder(folder)
        os.environ["AIJUPYTER_LEDGER"] = str(home / "ledger.db")
        with running_lab(folder, home, width=WIDTH, height=1500) as lab:
            for picture in PICTURES:
                picture(lab)


if __name__ == "__main__":
    main()
