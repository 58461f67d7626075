"""From a delivery's arrival to the coroutine that awaits it: over a real socket, through a real ledger with its fsync.

    python benchmarks/delivery_latency.py [--runs 300] [--busy 160] [--switch 0.005]

In an idle kernel, the clock starts just before the delivery is sent by a client in another thread, and stops in the
coroutine that awaited the job, so that the sending counts as well. In a busy one, where the main thread counts in a
pure Python loop, deliveries come from another process (benchmarks/load.py), one after the other and then 16 at once,
and the clock stops when the sender has its 200.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from machine import describe, percentile

import aijupyter

WARM_UP = 20
LOAD = Path(__file__).with_name("load.py")


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


async def measure(ai: aijupyter.Session, recording: Path, runs: int) -> list[float]:
    """Seconds from delivery to awaiting coroutine, one run after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(ai))
    loop, times = asyncio.get_running_loop(), []
    with ThreadPoolExecutor(1) as sender:
        for _ in range(WARM_UP + runs):
            job = ai.transcribe(recording, fresh=True)
            while job.state != "submitted":  # noqa: ASYNC110  # a job tells of its changes from another thread
                await asyncio.sleep(0.001)
            waiting = asyncio.create_task(job.wait(timeout=10))
            await asyncio.sleep(0)
            sent = loop.run_in_executor(sender, deliver, connection, Provider.webhooks[job.id], job.id)
            await waiting
            woken = time.perf_counter()
            times.append(woken - await sent)
    return times[WARM_UP:]


def port_of(ai: aijupyter.Session) -> int:
    """Where the session's receiver listens."""
    return urlsplit(ai.status.receiver_url).port or 0


def measure_busy(ai: aijupyter.Session, recording: Path, runs: int, connections: int) -> tuple[list[float], int]:
    """Seconds until deliveries are acknowledged while the main thread counts, and how far it came in a second."""
    jobs = [ai.transcribe(recording, fresh=True) for _ in range(runs)]
    while any(job.state != "submitted" for job in jobs):
        time.sleep(0.01)
    paths = [urlsplit(Provider.webhooks[job.id]).path for job in jobs]
    plan = json.dumps({"port": port_of(ai), "connections": connections, "bytes": 1024, "paths": paths})
    over, told = threading.Event(), []

    def send() -> None:
        done = subprocess.run([sys.executable, str(LOAD)], input=plan, capture_output=True, text=True, check=True)
        told.append(json.loads(done.stdout))
        over.set()

    sender = threading.Thread(target=send)
    x, started, stopped = 0, time.perf_counter(), over.is_set
    sender.start()
    while not stopped():
        x += 1
    elapsed = time.perf_counter() - started
    sender.join()
    assert told[0]["statuses"] == {"200": runs}
    assert all(job.state == "succeeded" for job in jobs)
    return told[0]["latencies"], round(x / elapsed)


def report(what: str, seconds: list[float]) -> None:
    """One line of figures."""
    figures = [1000 * percentile(seconds, share) for share in (0.5, 0.99, 1)]
    print(f"{what:58} median {figures[0]:6.2f} ms, p99 {figures[1]:6.2f} ms, worst {figures[2]:6.2f} ms")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="How soon a delivery is heard of.")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--busy", type=int, default=160)
    parser.add_argument("--switch", type=float, help="a switch interval in seconds, in place of the receiver's")
    options = parser.parse_args()
    Provider.webhooks = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(describe("aiohttp"))
    with tempfile.TemporaryDirectory(dir=Path.home(), prefix=".aijupyter-benchmark-") as folder:
        recording = Path(folder) / "call.wav"
        recording.write_bytes(b"RIFF\0\0\0\0WAVE")
        url = f"http://127.0.0.1:{server.server_address[1]}"
        ledger = f"{folder}/ledger.db"
        with aijupyter.connect(server_url=url, client_id="a", client_secret="b", jwt="c", ledger=ledger) as ai:
            sys.setswitchinterval(options.switch or sys.getswitchinterval())
            times = asyncio.run(measure(ai, recording, options.runs))
            report(f"idle kernel, to the awaiting coroutine, {options.runs} deliveries", times)
            for connections in (1, 16):
                busy, counted = measure_busy(ai, recording, options.busy, connections)
                report(f"busy main thread, to the 200, {options.busy} deliveries, {connections} at once", busy)
                print(f"{'':58} ({counted / 1e6:.1f} million turns of its loop a second)")
    server.shutdown()


if __name__ == "__main__":
    main()
