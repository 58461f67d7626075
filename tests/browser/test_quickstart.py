"""The quickstart in JupyterLab, as a newcomer sees it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lab import running_lab

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01-quickstart.ipynb"


@pytest.mark.models
def test_the_quickstart_shows_a_conversation(tmp_path: Path) -> None:
    """Run All: the job's card follows the job to its end, the conversation and the frames are drawn, no errors."""
    folder, home = tmp_path / "notebooks", tmp_path / "home"
    folder.mkdir()
    shutil.copy(NOTEBOOK, folder)
    with running_lab(folder, home) as lab:
        lab.open(NOTEBOOK.name)
        lab.run_all()
        job = lab.page.locator(".jp-OutputArea .widget-html").first
        job.wait_for(timeout=60_000)
        lab.wait_until_run()
        lab.page.wait_for_function(
            "() => document.querySelector('.jp-OutputArea .widget-html')?.innerText.includes('succeeded')",
            timeout=30_000,
        )
        shown = lab.page.locator(".jp-Notebook").inner_text()
        transcript = lab.page.get_by_role("region", name="Transcript")
        assert transcript.count() == 1
        assert "Speaker 0" in transcript.inner_text()
        assert "Speaker 1" in transcript.inner_text()
        assert "Key phrases" in shown
        assert "embedded AI service" in shown
        assert "Traceback" not in shown
        assert lab.page.locator(".jp-OutputArea table.dataframe").count() >= 4
        assert lab.errors == []
