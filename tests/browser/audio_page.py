"""A page with the player's sound alone, and a kernel's end of its comm: the real Audio behind a loopback server."""

from __future__ import annotations

import base64
import json
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab import CHROMIUM_FLAGS
from playwright.sync_api import Page, sync_playwright

from aijupyter.views.audio import Audio
from aijupyter.views.forms import static

PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">
%s
class Model {
  constructor() {
    this.listeners = new Set();
    this.sent = [];
    this.heard = [];
    this.events = new EventSource("events");
    this.events.onmessage = ({ data }) => {
      const { content, buffers } = JSON.parse(data);
      const views = buffers.map((text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer));
      this.heard.push([content, views[0]?.byteLength]);
      for (const listener of this.listeners) listener(content, views);
    };
  }
  on(name, listener) { if (name === "msg:custom") this.listeners.add(listener); }
  off(name, listener) { this.listeners.delete(listener); }
  send(content) { this.sent.push(content); fetch("send", { method: "POST", body: JSON.stringify(content) }); }
}
window.model = new Model();
window.Sound = Sound;
window.sound = new Sound(window.model, %s);
window.states = [window.sound.state];
window.sound.onchange = () => {
  if (window.states.at(-1) !== window.sound.state) window.states.push(window.sound.state);
};
</script>"""


class Kernel:
    """What the page talks to. `lost` says of a message to the page whether it gets lost on the way."""

    def __init__(self, path: Path) -> None:
        self.asked: list[dict[str, Any]] = []
        self.lost: Callable[[dict[str, Any]], bool] = lambda _content: False
        self.busy = threading.Event()
        self.audio = Audio(path, self._send)
        self.events: queue.Queue[bytes | None] = queue.Queue()

    def receive(self, content: dict[str, Any]) -> None:
        """A message from the page; not heard while the kernel is busy."""
        self.asked.append(content)
        if not self.busy.is_set():
            self.audio.handle(content)

    def _send(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        if not self.lost(content):
            told = {"content": content, "buffers": [base64.b64encode(data).decode() for data in buffers]}
            self.events.put(f"data: {json.dumps(told)}\n\n".encode())


@contextmanager
def sound_page(path: Path, duration: float | None = None) -> Iterator[tuple[Page, Kernel]]:
    """Chromium on a page whose `sound` plays the recording at `path`."""
    kernel = Kernel(path)
    seconds = duration if duration is not None else kernel.audio.duration
    page_text = PAGE % (static("player/audio.js", "player/pieces.js"), json.dumps(seconds))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(kernel, page_text))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            flags = [*CHROMIUM_FLAGS, "--autoplay-policy=no-user-gesture-required"]
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            page = browser.new_page()
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_function("() => window.sound")
            yield page, kernel
            browser.close()
            assert errors == []
    finally:
        kernel.events.put(None)
        kernel.audio.close()
        server.shutdown()
        server.server_close()


def _handler(kernel: Kernel, page: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if self.path != "/events":
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page.encode())
                return
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            while (event := kernel.events.get()) is not None:
                self.wfile.write(event)
                self.wfile.flush()

        def do_POST(self) -> None:
            kernel.receive(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    return Handler
