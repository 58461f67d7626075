"""Jobs, batches and lists in JupyterLab: they move by themselves, and a person steers them."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from double import ProviderDouble
from lab import Lab, running_lab
from playwright.sync_api import Locator, expect

HOSTILE = "<img src=x onerror=window.hacked=1>"
RTL = "\u202egnp.exe"
SOON = 20_000
"""Milliseconds for what comes from the background."""


class GatedDouble(ProviderDouble):
    """A provider that answers when it is let, so many transcripts and so many analyses at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.transcripts, self.analyses = threading.Semaphore(0), threading.Semaphore(0)

    async def _finish(self, job_id: str, *args: Any) -> None:
        gate = self.analyses if "analyze" in self.jobs[job_id]["api"] else self.transcripts
        while not gate.acquire(blocking=False):  # noqa: ASYNC110  # it is opened in another thread
            await asyncio.sleep(0.05)
        await super()._finish(job_id, *args)


@pytest.fixture
def provider() -> Iterator[GatedDouble]:
    """A provider at whose gates the jobs wait."""
    with GatedDouble() as double:
        yield double


@pytest.fixture
def lab(provider: GatedDouble, tmp_path: Path) -> Iterator[Lab]:
    """A JupyterLab on six recordings, one of which has a name that would like to be more than a name."""
    folder = tmp_path / "notebooks"
    (folder / "calls").mkdir(parents=True)
    for name in (*(f"call-{number}.wav" for number in range(5)), f"{HOSTILE}{RTL}.wav"):
        (folder / "calls" / name).write_bytes(b"RIFF\x00\x00\x00\x00WAVE" + name.encode())
    with running_lab(folder, tmp_path / "home", height=1500) as lab:
        yield lab


@pytest.fixture
def opened(lab: Lab, provider: GatedDouble, tmp_path: Path) -> Any:
    """Opens a notebook with some cells after the one that connects, and runs them."""

    def open_notebook(*cells: str, wait: bool = True) -> None:
        connect = f"import aijupyter\nai = aijupyter.connect(**{json.dumps(provider.credentials)}, poll_seconds=0.5)"
        paths = "from pathlib import Path\npaths = sorted(Path('calls').glob('*.wav'))"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in (connect, paths, *cells)],
            metadata={"kernelspec": kernel},
        )
        nbformat.write(notebook, tmp_path / "notebooks" / "jobs.ipynb")
        lab.open("jobs.ipynb")
        lab.run_all()
        if wait:
            lab.wait_until_run(60)

    return open_notebook


def card(lab: Lab, kind: str) -> Locator:
    """The newest card of a kind."""
    return lab.page.locator(f'[data-aij="{kind}"]').last


def reaches(bar: Locator, percent: int) -> None:
    """The bar comes to stand there, and draws as much."""
    expect(bar).to_have_attribute("aria-valuenow", str(percent), timeout=SOON)


def running(lab: Lab) -> Locator:
    """The prompts of the cells that run."""
    return lab.page.locator(".jp-InputPrompt", has_text="[*]")


def nothing_was_run(lab: Lab) -> None:
    """No text of a provider or a file became more than text, and the console is silent."""
    assert lab.page.evaluate("() => window.hacked") is None
    assert lab.page.locator("[data-aij] img, [data-aij] script").count() == 0
    assert lab.errors == []


def test_cards_move_while_no_cell_runs(lab: Lab, provider: GatedDouble, opened: Any) -> None:
    """Bars and times go on, the answer appears in the output of its job, and a failure tells what to do."""
    opened("ai.transcribe(paths[0])", "batch = ai.map(ai.analyze, paths, insights=['All'])\nbatch")
    job, batch = card(lab, "job"), card(lab, "batch")
    bar = batch.get_by_role("progressbar")
    expect(job).to_have_attribute("data-state", "submitted", timeout=SOON)
    expect(batch).to_contain_text("6 under way", timeout=SOON)
    expect(job).to_contain_text(f"{HOSTILE}\ufffd")  # and what would turn the name around is seen
    reaches(bar, 0)
    timer = job.get_by_role("timer")
    shown = timer.inner_text()
    expect(timer).not_to_have_text(shown, timeout=SOON)
    provider.transcripts.release()
    provider.analyses.release(3)
    reaches(bar, 50)
    expect(job).to_have_attribute("data-state", "succeeded")
    expect(running(lab)).to_have_count(0)
    provider.plan.fail = [{"errorCode": "CAI-101", "message": HOSTILE}]
    provider.analyses.release(3)
    reaches(bar, 100)
    expect(running(lab)).to_have_count(0)
    expect(batch).to_have_attribute("data-state", "done")
    expect(lab.page.get_by_text("Good morning. How can I help?").first).to_be_visible(timeout=SOON)
    nothing_was_run(lab)


def test_steering_a_batch_while_a_cell_awaits_it(lab: Lab, provider: GatedDouble, opened: Any) -> None:
    """What waits is cancelled, by the keyboard as well, and the wait in the cell ends."""
    provider.plan.penalties = ["60"]
    cells = (
        "batch = ai.map(ai.transcribe, paths)\nbatch",
        "print('it waits')\ndone = await batch\nprint('awaited', done.counts)",
    )
    opened(*cells, wait=False)
    batch = card(lab, "batch")
    cancel = batch.get_by_role("button", name="Cancel 6")
    expect(cancel).to_be_visible(timeout=SOON)
    expect(lab.page.locator(".jp-OutputArea-output", has_text="it waits")).to_be_visible(timeout=SOON)
    expect(running(lab)).to_have_count(1)
    batch.get_by_role("progressbar").click()  # the notebook takes keys for its own from now on
    cancel.focus()
    lab.page.keyboard.press("Enter")
    told = batch.get_by_role("status").filter(has_text="Stopped: 6 jobs given up")
    expect(told).to_be_visible(timeout=SOON)
    expect(lab.page.get_by_text("awaited {'cancelled': 6}")).to_be_visible(timeout=SOON)
    expect(cancel).to_be_hidden()
    expect(batch.get_by_role("button", name="Retry 6")).to_be_visible()
    nothing_was_run(lab)


def test_the_jobs_of_a_batch(lab: Lab, provider: GatedDouble, opened: Any) -> None:
    """What failed is found and asked again, an answer opens and closes below."""
    provider.plan.fail = [{"errorCode": "CAI-101", "message": HOSTILE}]
    provider.transcripts.release(6)
    opened("batch = ai.map(ai.transcribe, paths)\nbatch", "done = await batch")
    batch = card(lab, "batch")
    expect(batch.get_by_role("button", name="6 failed", exact=True)).to_be_visible(timeout=SOON)
    provider.plan.fail = None
    provider.transcripts.release(4)
    batch.get_by_role("button", name="Retry 6 failed").click()
    expect(batch.get_by_role("status").filter(has_text="6 jobs asked again.")).to_be_visible(timeout=SOON)
    expect(batch.get_by_role("button", name="4 succeeded")).to_be_visible(timeout=SOON)
    provider.plan.fail = [{"errorCode": "CAI-101", "message": HOSTILE}]
    provider.transcripts.release(2)
    failed = batch.get_by_role("button", name="2 failed", exact=True)
    failed.click(timeout=SOON)
    rows = batch.locator("tbody tr")
    expect(rows).to_have_count(2, timeout=SOON)
    expect(rows.first).to_contain_text(HOSTILE)
    failed.click()
    expect(rows).to_have_count(6, timeout=SOON)
    good = rows.filter(has_text="succeeded").first
    good.get_by_role("button", name="open").click()
    expect(card(lab, "player")).to_contain_text("Good morning. How can I help?", timeout=SOON)
    good.get_by_role("button", name="close").click()
    expect(card(lab, "player")).to_have_count(0, timeout=SOON)
    rows.filter(has_text="failed").first.get_by_role("button", name="open").click()
    expect(card(lab, "job").get_by_role("alert")).to_contain_text("CAI-101", timeout=SOON)
    nothing_was_run(lab)


def test_looking_through_all_jobs(lab: Lab, provider: GatedDouble, opened: Any) -> None:
    """The list is filtered and sorted, an answer opens with its code, a job is followed to its end."""
    provider.transcripts.release(5)
    opened(
        "batch = ai.map(ai.transcribe, paths[1:])\ndone = await batch",
        "import asyncio\njob = ai.analyze(paths[0], insights=['All'])\nwhile job.state != 'submitted':\n"
        "    await asyncio.sleep(0.05)",
        "ai.jobs()",
    )
    jobs = card(lab, "jobs")
    rows, head = jobs.locator("tbody tr"), jobs.locator("thead")
    expect(rows).to_have_count(6, timeout=SOON)
    jobs.get_by_role("searchbox").type("CALL-3")
    expect(rows).to_have_count(1, timeout=SOON)
    assert lab.page.locator(".jp-CodeCell").count() == 5  # typing did not reach the notebook's own keys
    rows.get_by_role("button", name="open").click()
    expect(card(lab, "player")).to_contain_text("Good morning. How can I help?", timeout=SOON)
    expect(jobs.locator("code")).to_contain_text('ai.job("', timeout=SOON)
    jobs.get_by_role("searchbox").fill("")
    head.get_by_role("button", name="recording").click()
    expect(head.get_by_role("columnheader", name="recording")).to_have_attribute("aria-sort", "ascending", timeout=SOON)
    expect(rows.nth(0)).to_contain_text(HOSTILE)
    head.get_by_role("button", name="recording").click()
    expect(rows.nth(0)).to_contain_text("call-4.wav", timeout=SOON)
    rows.filter(has_text="analyze").get_by_role("button", name="follow").click()
    expect(card(lab, "job")).to_have_attribute("data-state", re.compile("submitted|running"), timeout=SOON)
    provider.analyses.release()
    expect(card(lab, "job")).to_have_attribute("data-state", "succeeded", timeout=SOON)
    nothing_was_run(lab)
