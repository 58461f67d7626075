"""A plain page in Chromium that shows one of our widgets with a stand-in for the kernel: for tests without JupyterLab.

The widget's module, styles and state are those that the kernel would send. The model is the page's own: it keeps what
the widget sends in `sent`, and `tell` and `change` do what the kernel would do.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

CHROMIUM_FLAGS = ["--no-sandbox", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"]

PAGE = """<!doctype html><meta charset="utf-8"><title>stage</title>
<style>body { margin: 0; padding: 12px; } body.dark { background: #111; color-scheme: dark;
  --jp-ui-font-color0: rgba(255, 255, 255, 1); --jp-ui-font-color2: rgba(255, 255, 255, 0.7);
  --jp-layout-color0: #111111; --jp-layout-color1: #212121; --jp-border-color2: #424242; }</style>
<body></body>"""

HERE = Path(__file__).parent
SILENT_SOUND = (HERE / "silent_sound.js").read_text()
"""A stand-in for static/player/audio.js: a clock that makes no sound."""


class Stage:
    """A page with a widget on it. `errors` are what its console complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.set_content(PAGE)
        page.evaluate((HERE / "stage.js").read_text())

    def show(self, state: dict[str, Any], module: str, styles: str) -> None:
        """Render a widget whose traits are `state`; bytes arrive as a DataView, as from a kernel."""
        buffers = {name: base64.b64encode(value).decode() for name, value in state.items() if isinstance(value, bytes)}
        plain = {name: value for name, value in state.items() if name not in buffers}
        arguments = f"{json.dumps(plain)}, {json.dumps(buffers)}, {json.dumps(module)}, {json.dumps(styles)}"
        self.page.evaluate(f"stage({arguments})")


@contextmanager
def stage(*, width: int = 1000, height: int = 900) -> Iterator[Stage]:
    """An empty page in a Chromium window of that size in pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        yield Stage(browser.new_page(viewport={"width": width, "height": height}))
        browser.close()
