"""From a delivery's arrival to the coroutine that awaits it: over a real socket, through a real ledger with its fsync.

The clock starts just before the delivery is sent by a client in another thread, and stops in the coroutine that awaited
the job, so that the sending counts as well.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import platform
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp

import aijupyter

RUNS = 300
WARM_UP = 20


class Provider(BaseHTTPRequestHandler):
    """Accepts everything, and remembers where the answer is to go."""

    protocol_version = "HTTP/1.1"
    webhooks: dict[str, str]
    count = 0

    def do_POST(self) -> None:
        """The token call and the submissions."""
        self.rfile.read(int(self.headers["Content-Length"]))
        parts = urlsplit(self.path)
        if parts.path.endswith("/token"):
            self._answer(200, {"access_token": "token", "expires_in": 3600})
            return
        Provider.count += 1
        job_id = f"job-{Provider.count}"
        Provider.webhooks[job_id] = parse_qs(parts.query)["webhook"][0]
        self._answer(202, {"jobId": job_id})

    def _answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def deliver(connection: http.client.HTTPConnection, webhook: str, job_id: str) -> float:
    """Post an answer; the moment just before."""
    body = json.dumps({"jobId": job_id, "status": "Success", "response": {"transcript": "Hello.", "words": []}})
    started = time.perf_counter()
    connection.request("POST", urlsplit(webhook).path, body, {"Content-Type": "application/json"})
    assert connection.getresponse().read() == b""
    return started


async def measure(ai: aijupyter.Session, recording: Path) -> list[float]:
    """Seconds from delivery to awaiting coroutine, one run after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(ai.status.receiver_url).port or 0)
    loop, times = asyncio.get_running_loop(), []
    with ThreadPoolExecutor(1) as sender:
        for _ in range(WARM_UP + RUNS):
            job = ai.transcribe(recording)
            while job.state != "submitted":  # noqa: ASYNC110  # a job tells of its changes from another thread
                await asyncio.sleep(0.001)
            waiting = asyncio.create_task(job.wait(timeout=10))
            await asyncio.sleep(0)
            sent = loop.run_in_executor(sender, deliver, connection, Provider.webhooks[job.id], job.id)
            await waiting
            woken = time.perf_counter()
            times.append(woken - await sent)
    return times[WARM_UP:]


def main() -> None:
    """Print the figures."""
    Provider.webhooks = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "call.wav"
        recording.write_bytes(b"RIFF\0\0\0\0WAVE")
        url = f"http://127.0.0.1:{server.server_address[1]}"
        ledger = f"{folder}/ledger.db"
        with aijupyter.connect(server_url=url, client_id="a", client_secret="b", jwt="c", ledger=ledger) as ai:
            times = sorted(1000 * seconds for seconds in asyncio.run(measure(ai, recording)))
    server.shutdown()
    print(
        f"Python {platform.python_version()}, aiohttp {aiohttp.__version__}, SQLite {sqlite3.sqlite_version}"
        f" on {platform.system()} {platform.machine()}, {RUNS} deliveries, each committed before it was acknowledged"
    )
    print(
        f"delivery to awaiting coroutine: median {statistics.median(times):.2f} ms,"
        f" p99 {times[int(0.99 * len(times))]:.2f} ms, worst {times[-1]:.2f} ms"
    )


if __name__ == "__main__":
    sys.exit(main())
