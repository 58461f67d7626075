"""The panel in JupyterLab: a person asks about recordings without writing code, and takes the code along."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab import Lab, running_lab
from playwright.sync_api import Locator, expect

TESTS = Path(__file__).parents[1]
HOSTILE = "<img src=x onerror=window.hacked=1>"
BIG = 12_000_000
"""More than Jupyter's websocket takes in one message."""

START = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from double import ProviderDouble
import aijupyter
provider = ProviderDouble().__enter__()
ai = aijupyter.connect(**provider.credentials, poll_seconds=0.3)
""".strip()
AWAITING = """
import asyncio
while not panel.batches:
    await asyncio.sleep(0.05)
batch = await panel.batches[0].wait(timeout=60)
print("While this cell awaited:", sorted(job.recording for job in batch), batch.counts)
""".strip()


def sound(said: str, size: int = 0) -> bytes:
    """What is a recording by its first bytes, with content of its own."""
    return (b"RIFF\x00\x00\x00\x00WAVE" + said.encode()).ljust(size, b"\x00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The notebook's folder, with two recordings and a note."""
    folder = tmp_path / "notebooks"
    (folder / "calls").mkdir(parents=True)
    for name in ("monday.wav", "tuesday.wav"):
        (folder / "calls" / name).write_bytes(sound(name))
    (folder / "calls" / "note.txt").write_text("not a recording")
    cells = ["%load_ext aijupyter", START, "panel = ai.panel()\npanel", AWAITING]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"kernelspec": kernel}
    )
    nbformat.write(notebook, folder / "panel.ipynb")
    return folder


@pytest.fixture
def lab(folder: Path, tmp_path: Path) -> Iterator[Lab]:
    """JupyterLab with the notebook open and its cells started; the last one awaits what the panel asks."""
    os.environ.pop("AIJUPYTER_ENGINE", None)
    with running_lab(folder, tmp_path / "home") as lab:
        lab.open("panel.ipynb")
        lab.run_all()
        lab.page.get_by_role("form", name="Ask about recordings").wait_for(timeout=60_000)
        yield lab


@pytest.fixture
def form(lab: Lab) -> Locator:
    """The panel's form."""
    return lab.page.get_by_role("form", name="Ask about recordings")


def test_from_files_to_answers(lab: Lab, form: Locator, folder: Path) -> None:
    """Paths, an option, an upload; asked by a click while a cell awaits; the answers and the code are there."""
    ask = form.locator(".aij-panel-ask")
    expect(ask).to_have_attribute("aria-disabled", "true")
    expect(form).to_contain_text("No recording is chosen yet.")
    expect(form).to_contain_text("kept in recordings/ beside the notebook")

    paths = form.get_by_label("Or write down paths")
    paths.fill("calls/wednesday.wav")
    expect(form).to_contain_text("There is no file calls/wednesday.wav.")
    paths.fill("calls")
    expect(form).to_contain_text("2 recordings, 45 bytes, 1 other file left out")
    with lab.page.expect_file_chooser() as chooser:
        form.get_by_role("button", name="Choose files").click()
    chooser.value.set_files({"name": "up.wav", "mimeType": "audio/wav", "buffer": sound("up")})
    expect(form).to_contain_text("3 recordings")

    form.get_by_role("radio", name="Transcribe").click()
    form.get_by_label("Speakers", exact=True).fill("0")
    expect(form).to_contain_text("speaker_count is 0.")
    expect(ask).to_have_attribute("aria-disabled", "true")
    form.get_by_label("Speakers", exact=True).fill("2")
    form.get_by_role("radiogroup", name="Punctuation").get_by_role("radio", name="No").click()
    form.get_by_text("The same as code").click()
    expect(form.get_by_label("Code")).to_contain_text("enable_punctuation=False")
    assert form.get_by_label("Code").inner_text() == (
        "# What was uploaded is kept in recordings/ when it is asked about.\n"
        "batch = ai.map(\n    ai.transcribe,\n"
        '    ["recordings/up.wav", "calls/monday.wav", "calls/tuesday.wav"],\n'
        "    enable_punctuation=False,\n    speaker_count=2,\n)"
    )
    assert not (folder / "recordings").exists()

    expect(ask).to_have_text("Ask about 3 recordings")
    ask.click()
    lab.wait_until_run(60)
    expect(lab.page.locator(".jp-Notebook")).to_contain_text(
        "While this cell awaited: ['monday.wav', 'tuesday.wav', 'up.wav'] {'succeeded': 3}"
    )
    expect(lab.page.locator(".jp-OutputArea")).to_contain_text(["transcribe 3 recordings"])
    expect(lab.page.locator(".jp-OutputArea").filter(has=form)).to_contain_text("3 of 3")
    assert (folder / "recordings" / "up.wav").read_bytes() == sound("up")
    assert lab.errors == []


def test_a_large_file_dropped(lab: Lab, form: Locator, folder: Path) -> None:
    """Dropped and larger than one message may be, it arrives whole, and the kernel stays connected."""
    transfer = lab.page.evaluate_handle(
        """(size) => {
          const bytes = new Uint8Array(size);
          bytes.set(new TextEncoder().encode("RIFF0000WAVE"));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "long.wav", { type: "audio/wav" }));
          return transfer;
        }""",
        BIG,
    )
    form.locator(".aij-panel-drop").dispatch_event("drop", {"dataTransfer": transfer})
    expect(form).to_contain_text("1 recording, 12 MB", timeout=30_000)
    form.locator(".aij-panel-ask").click()
    lab.wait_until_run(60)
    kept = (folder / "recordings" / "long.wav").read_bytes()
    assert (len(kept), kept[:12]) == (BIG, b"RIFF0000WAVE")
    assert lab.errors == []


def test_hostile_names_run_nothing(lab: Lab, form: Locator, folder: Path) -> None:
    """Names and lines are text wherever they are shown, before and after asking."""
    form.locator("input[type=file]").set_input_files(
        [
            {"name": f"{HOSTILE}.wav", "mimeType": "audio/wav", "buffer": sound("a")},
            {"name": "\u202evaw.exe" + "x" * 200 + ".wav", "mimeType": "audio/wav", "buffer": sound("b")},
        ]
    )
    expect(form.get_by_label("Uploaded files").get_by_role("listitem")).to_have_count(2)
    form.get_by_label("Or write down paths").fill(f"{HOSTILE}\n{'x' * 5000}")
    expect(form).to_contain_text(f"There is no file {HOSTILE}.")
    box = form.bounding_box()
    assert box is not None
    assert form.evaluate("(form) => form.scrollWidth <= form.clientWidth + 1")
    form.get_by_label("Or write down paths").fill("")
    form.get_by_text("More options").click()
    form.get_by_label("Origin").fill(HOSTILE)
    form.get_by_text("The same as code").click()
    expect(form.get_by_label("Code")).to_contain_text(HOSTILE)
    form.locator(".aij-panel-ask").click()
    lab.wait_until_run(60)
    expect(lab.page.locator(".jp-OutputArea")).to_contain_text(["2 of 2"])
    assert lab.page.evaluate("() => [window.hacked, document.querySelectorAll('.jp-OutputArea img').length]") == [
        None,
        0,
    ]
    assert lab.errors == []


def test_with_the_keyboard(lab: Lab, form: Locator) -> None:
    """Keys go to the form and not to the notebook, whose shortcuts would delete cells."""
    lab.page.get_by_label("Or write down paths").fill("calls/monday.wav")
    form.get_by_role("radio", name="Analyze").focus()
    lab.page.keyboard.press("ArrowLeft")
    expect(form.get_by_role("radio", name="Transcribe")).to_be_focused()
    lab.page.keyboard.press("x")
    lab.page.keyboard.press("ArrowRight")
    form.get_by_role("button", name="Topics").focus()
    lab.page.keyboard.press("Space")
    expect(form.get_by_role("button", name="Topics")).to_have_attribute("aria-pressed", "true")
    expect(form.get_by_role("button", name="All")).to_have_attribute("aria-pressed", "false")
    form.locator(".aij-panel-ask").focus()
    lab.page.keyboard.press("Enter")
    lab.wait_until_run(60)
    assert lab.page.locator(".jp-CodeCell").count() == 4
    expect(lab.page.locator(".jp-OutputArea")).to_contain_text(['analyze 1 recording, 22 bytes (insights=["Topics"])'])


def test_a_page_that_is_loaded_again(lab: Lab, form: Locator, folder: Path) -> None:
    """What was chosen is still there, and a saved notebook holds no access token."""
    form.get_by_label("Or write down paths").fill("https://media.example/a.wav?access_token=s3cret\ncalls")
    expect(form).to_contain_text("3 recordings")
    lab.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    lab.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    lab.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = (folder / "panel.ipynb").read_text()
    assert json.loads(saved)["cells"][2]["outputs"]
    assert "s3cret" not in saved
    lab.open("panel.ipynb")
    form.wait_for(timeout=60_000)
    expect(form.get_by_label("Or write down paths")).to_have_value(
        "https://media.example/a.wav?access_token=s3cret\ncalls"
    )
