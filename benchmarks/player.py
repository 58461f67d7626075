"""From `display` to drawn: the player of a conversation of a minute, an hour and three hours, in a real JupyterLab.

    python benchmarks/player.py [--rounds 5]

Needs Chromium and the `test` extra. Each cell shows a conversation that was never shown before; the kernel holds its
answer, and nothing else of it. The time runs in the browser, from the moment that it asks for the cell to be run until
the player says that it is drawn and the next frame was painted. Bytes are those of the websocket to the kernel, both
ways, counted by the browser. `scroll` is the longest gap between two frames while the transcript is scrolled from end
to end within two seconds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import nbformat
from machine import describe, spread
from playwright.sync_api import Page, WebSocket

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))

from lab import running_lab  # noqa: E402  # it is no package

LENGTHS = {"1 minute": 1, "1 hour": 60, "3 hours": 180}

DRAWN = """async (cell) => {
  const panel = window.jupyterapp.shell.currentWidget;
  panel.content.activeCellIndex = cell;
  const begun = performance.now();
  window.jupyterapp.commands.execute('notebook:run-cell');
  const output = () => panel.content.widgets[cell].node.querySelector('[data-aij="player"][data-drawn="true"]');
  while (!output()) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""
SCROLLED = """async (cell) => {
  const node = window.jupyterapp.shell.currentWidget.content.widgets[cell].node;
  const scrolls = (box) => box.scrollHeight > box.clientHeight + 4 && getComputedStyle(box).overflowY === 'auto';
  const box = Array.from(node.querySelectorAll('[data-aij="player"] *')).find(scrolls);
  if (!box) return 0;
  const begun = performance.now();
  let before = begun, longest = 0;
  while (before - begun < 2000) {
    box.scrollTop = (box.scrollHeight - box.clientHeight) * ((before - begun) / 2000);
    const now = await new Promise(requestAnimationFrame);
    longest = Math.max(longest, now - before);
    before = now;
  }
  return longest;
}"""


class Traffic:
    """The bytes of a page's websockets."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        for event in ("framereceived", "framesent"):
            socket.on(event, self._count)

    def _count(self, payload: str | bytes) -> None:
        self.bytes += len(payload)


def make_notebook(path: Path, rounds: int) -> None:
    """A cell that makes the conversations, and one for each showing."""
    names = list(LENGTHS.values())
    made = (
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n%load_ext aijupyter\n"
        "from conversations import make_interaction\n"
        f"calls = {{(m, n): make_interaction(m, seed=n) for m in {names} for n in range({rounds})}}\n"
        "make_interaction(1)"
    )
    cells = [made, *(f"calls[{minutes}, {number}]" for minutes in names for number in range(rounds))]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, path)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="From display to drawn.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(describe("jupyterlab", "ipykernel", "ipywidgets", "anywidget"))
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place) / "notebooks", Path(place) / "home"
        folder.mkdir()
        make_notebook(folder / "player.ipynb", rounds)
        with running_lab(folder, home) as lab:
            traffic = Traffic(lab.page)
            lab.open("player.ipynb")
            lab.page.evaluate(
                "async () => { const panel = window.jupyterapp.shell.currentWidget; panel.content.activeCellIndex = 0;"
                " await window.jupyterapp.commands.execute('notebook:run-cell'); }"
            )
            cell = 1
            for name in LENGTHS:
                times, sizes, gaps = [], [], []
                for _ in range(rounds):
                    before = traffic.bytes
                    times.append(lab.page.evaluate(DRAWN, cell))
                    lab.page.wait_for_timeout(500)
                    sizes.append(traffic.bytes - before)
                    gaps.append(lab.page.evaluate(SCROLLED, cell))
                    cell += 1
                told = [f"drawn {spread(times, ' ms', digits=0)}", f"{spread(sizes, ' kB', scale=1e-3, digits=0)}"]
                print(f"{name:<10}  {', '.join(told)}, scroll {spread(gaps, ' ms', digits=0)}")
            if lab.errors:
                raise SystemExit(f"the page complained: {lab.errors}")


if __name__ == "__main__":
    main()
