"""Make the pictures of the documents: `python tests/browser/make_screenshots.py`. Needs Chromium and the models."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lab import running_lab

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"


def main() -> None:
    """Run the quickstart in JupyterLab and photograph the job and its conversation."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["AIJUPYTER_LEDGER"] = f"{home}/ledger.db"
        with running_lab(ROOT / "notebooks", Path(home), width=1150, height=1360) as lab:
            lab.open("01-quickstart.ipynb")
            lab.page.keyboard.press("Control+b")  # the file browser only takes room
            lab.run_all()
            lab.page.locator(".jp-Notebook").evaluate("(panel) => panel.scrollTo(0, 0)")
            lab.wait_until_run()
            lab.page.wait_for_timeout(1000)  # let the layout come to rest
            lab.page.locator(".jp-Notebook").screenshot(path=str(IMAGES / "quickstart.png"))


if __name__ == "__main__":
    main()
