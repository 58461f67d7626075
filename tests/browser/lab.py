"""A real JupyterLab in a real Chromium: open a notebook, run its cells, look at the page."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket

from playwright.sync_api import ConsoleMessage, Page, sync_playwright

START_SECONDS = 60
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

# Lab drops "Run All" without a word until the kernel is connected and idle; its idle dot shows too early.
KERNEL_READY = """() => {
  const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget;
  const context = panel && panel.context && panel.context.sessionContext;
  const kernel = context && context.session && context.session.kernel;
  return !!(panel && panel.context.isReady && context.isReady && kernel
            && kernel.connectionStatus === 'connected' && kernel.status === 'idle');
}"""
RESTART = """async () => {
  const context = window.jupyterapp.shell.currentWidget.context.sessionContext;
  await context.restartKernel();
}"""
LABS_OWN = ("Failed to load resource", "debugger state")
"""What Lab itself complains of, with us or without: settings and icons that are not there."""
ALL_RUN = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
  return Array.from(cells).filter((cell) => cell.type === 'code').every((cell) => cell.executionCount !== null);
}"""


class Lab:
    """A running JupyterLab and a browser on it. `errors` are what the page's console complained of."""

    def __init__(self, url: str, token: str, page: Page) -> None:
        self._url = url
        self._token = token
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._heed)

    def _heed(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(known in message.text for known in LABS_OWN):
            self.errors.append(message.text)

    def open(self, notebook: str) -> None:
        """Open a notebook of the served folder, and wait until its kernel can be used."""
        self.page.goto(f"{self._url}/lab/tree/{notebook}?token={self._token}&reset", wait_until="domcontentloaded")
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        self.page.wait_for_function(KERNEL_READY, timeout=60_000)

    def restart(self) -> None:
        """Restart the kernel as a person does, and wait until it can be used."""
        self.page.evaluate(RESTART)
        self.page.wait_for_function(KERNEL_READY, timeout=60_000)

    def run_all(self) -> None:
        """Start every cell."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")

    def wait_until_run(self, seconds: float = 180) -> None:
        """Wait until every cell has run."""
        self.page.wait_for_function(ALL_RUN, timeout=1000 * seconds)


@contextmanager
def running_lab(folder: Path, home: Path, *, width: int = 1300, height: int = 1250) -> Iterator[Lab]:
    """JupyterLab on `folder`, with its own settings below `home`, in a Chromium window of that size in pixels."""
    token, port = secrets.token_hex(16), _free_port()
    page_config = home / "config" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    popup = "@jupyterlab/apputils-extension:announcements"
    page_config.write_text(json.dumps({"disabledExtensions": {popup: True}}))
    own = {f"JUPYTER_{kind.upper()}_DIR": str(home / kind) for kind in ("config", "data", "runtime")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **own, "IPYTHONDIR": str(home / "ipython")},
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_served(f"{url}/api/status?token={token}")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
            yield Lab(url, token, browser.new_page(viewport={"width": width, "height": height}))
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


def _free_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_served(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
