"""The player in JupyterLab, with a real kernel and a real recording."""

from __future__ import annotations

import json
from pathlib import Path

from lab import running_lab
from playwright.sync_api import expect

import aijupyter

SAMPLE = Path(aijupyter.__file__).parent / "samples" / "two-voices.mp3"
SHOW = f"""
%load_ext aijupyter
import json
from pathlib import Path
from aijupyter.models import Operation
from aijupyter.results import Transcript

path = Path({str(SAMPLE)!r})
turns = json.loads(path.with_suffix(".json").read_text())["turns"]
said = [{{**turn, "speakerId": turn["speaker"], "confidence": 0.9}} for turn in turns]
raw = {{"response": {{"utterances": said}}}}
call = Transcript(raw, operation=Operation.TRANSCRIBE, recording=path.name, job_id="1", audio=path)
call
"""
WAIT = """
import asyncio

for _ in range(600):
    if call.names:
        break
    await asyncio.sleep(0.1)
print("heard:", call.utterances["speaker"].iloc[0])
"""
COMMAND = """([command, place]) => {
  window.jupyterapp.shell.currentWidget.content.activeCellIndex = place;
  return window.jupyterapp.commands.execute(`notebook:${command}`);
}"""
LISTEN = """
window.played = new Set();
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () { window.played.add(this); return play.call(this); };
"""
HEARD = "(count) => [...window.played].filter((sound) => !sound.paused).length === count"
CELLS = "window.jupyterapp.shell.currentWidget.content.model.cells.length"


def notebook(folder: Path, *sources: str) -> str:
    """A notebook of code cells, by its name."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell{place}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": text,
        }
        for place, text in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "player.ipynb").write_text(json.dumps(whole))
    return "player.ipynb"


def test_a_call_is_seen_heard_and_named(tmp_path: Path) -> None:
    """A clicked line plays, dd deletes no cell, and a name given while a cell awaits is in the frames."""
    folder, home = tmp_path / "notebooks", tmp_path / "home"
    folder.mkdir()
    with running_lab(folder, home) as lab:
        page = lab.page
        lab.open(notebook(folder, SHOW, WAIT))
        lab.run_all()
        player = page.locator('[data-aij="player"][data-drawn="true"]')
        player.wait_for(timeout=60_000)
        player.locator(".aij-line").nth(2).click()
        page.wait_for_function(
            "() => document.querySelector('[data-aij=\"player\"]').dataset.time > 15.6", timeout=30_000
        )
        page.keyboard.press("Space")
        expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()
        for place in (".aij-play", ".aij-track", ".aij-pencil", ".aij-transcript"):
            player.locator(place).first.focus()
            for key in ("d", "d"):
                page.keyboard.press(key)
        assert page.evaluate(CELLS) == 2
        player.get_by_role("button", name="Rename agent").click()
        page.keyboard.type("Daniel")
        page.keyboard.press("Enter")
        expect(player.locator(".aij-rename")).to_have_count(0, timeout=30_000)
        lab.wait_until_run()
        expect(page.locator(".jp-OutputArea-output").last).to_contain_text("heard: Daniel")
        assert "Daniel" in player.locator(".aij-line").first.inner_text()
        assert page.evaluate(CELLS) == 2
        assert lab.errors == []


def test_a_player_goes_with_its_output(tmp_path: Path) -> None:
    """It is alive where its cell is moved to, silent once its output is gone, and says that its kernel is."""
    folder, home = tmp_path / "notebooks", tmp_path / "home"
    folder.mkdir()
    with running_lab(folder, home) as lab:
        page = lab.page
        page.add_init_script(LISTEN)
        lab.open(notebook(folder, SHOW, "print('another cell')"))
        lab.run_all()
        players = page.locator('[data-aij="player"][data-drawn="true"]')

        def hear() -> None:
            expect(players).to_have_count(1, timeout=60_000)
            players.get_by_role("button", name="Play", exact=True).click()
            page.wait_for_function(HEARD, arg=1, timeout=30_000)

        players.wait_for(timeout=60_000)
        for command, place in (("move-cell-down", 0), ("move-cell-up", 1), ("run-cell", 0), ("delete-cell", 0)):
            hear()
            page.evaluate(COMMAND, [command, place])
            page.wait_for_function(HEARD, arg=0, timeout=30_000)
        page.evaluate(COMMAND, ["undo-cell-action", 0])
        expect(players).to_have_count(1, timeout=60_000)
        lab.restart()
        players.locator(".aij-pencil").first.click()
        page.keyboard.type("Daniel")
        page.keyboard.press("Enter")
        expect(players.get_by_role("alert")).to_contain_text("Run the cell again.", timeout=10_000)
        players.get_by_role("button", name="Cancel").click()
        players.get_by_role("button", name="Play", exact=True).click()
        expect(players.locator(".aij-status")).to_contain_text("The kernel is gone.", timeout=10_000)
        assert lab.errors == []
