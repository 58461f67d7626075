"""Real deliveries, and a cell that computes, while strangers do their worst.

    python benchmarks/flood.py [--requests 20000] [--idle 500] [--senders 400] [--json]

A receiver with the session's dispatcher and a ledger file works in a background thread, as in a kernel, while the main
thread counts in pure Python. Another process opens idle connections and then sends bad requests over many others as
fast as it can; a third delivers a real answer every tenth of a second, over a new connection each, and measures how
long the 200 takes. All is done once without the flood and once with it. Exit status 1 where a delivery took longer
than a second, or the main thread lost more than half of its speed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import describe, percentile
from ours import Ours

from aijupyter.portal import Portal

SENDERS = Path(__file__).with_name("flood_senders.py")
MOST_SECONDS = 1.0
LEAST_SPEED = 0.5
MOST_DELIVERIES = 1500


@dataclass
class Measured:
    """How long deliveries took, in seconds, and how far the main thread counted in one."""

    deliveries: list[float]
    speed: float


def child(*arguments: object) -> subprocess.Popen[str]:
    """One of the sides."""
    command = [sys.executable, str(SENDERS), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def measure(port: int, paths: list[str], over: Callable[[], bool]) -> Measured:
    """Deliver and count until it is over."""
    delivering = child("deliver", port)
    assert delivering.stdin
    delivering.stdin.write(json.dumps(paths) + "\n")
    delivering.stdin.flush()
    x, started = 0, time.perf_counter()
    while not over():
        for _ in range(100_000):
            x += 1
    speed = x / (time.perf_counter() - started)
    told, _ = delivering.communicate(timeout=60)
    return Measured(json.loads(told), speed)


def quietly(port: int, paths: list[str], seconds: float) -> Measured:
    """Without a flood."""
    end = time.perf_counter() + seconds
    return measure(port, paths, lambda: time.perf_counter() > end)


def flooded(port: int, paths: list[str], numbers: tuple[int, int, int]) -> tuple[Measured, dict[str, Any]]:
    """With it, and what became of it."""
    flood = child("flood", port, *numbers)
    assert flood.stdout
    flood.stdout.readline()  # the idle connections are open
    measured = measure(port, paths, lambda: flood.poll() is not None)
    told: dict[str, Any] = json.loads(flood.stdout.readline())
    return measured, told


def report(what: str, measured: Measured) -> None:
    """A line of figures."""
    median, tail, worst = (1e3 * percentile(measured.deliveries, share) for share in (0.5, 0.99, 1.0))
    figures = f"median {median:7.1f} ms, p99 {tail:7.1f} ms, worst {worst:7.1f} ms"
    print(f"{what:10} {len(measured.deliveries):5} deliveries, {figures}; main thread {measured.speed / 1e6:.1f} M/s")


async def close(ours: Ours) -> None:
    """As a session ends."""
    await ours.__aexit__(None, None, None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Real deliveries during a flood.")
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--idle", type=int, default=500)
    parser.add_argument("--senders", type=int, default=400)
    parser.add_argument("--quiet", type=float, default=3.0, help="so many seconds without a flood first")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end as well")
    options = parser.parse_args()

    print(describe("aiohttp"))
    portal = Portal()
    portal.start()
    with tempfile.TemporaryDirectory(prefix="aijupyter-benchmark-") as folder:
        ours = Ours(Path(folder) / "ledger.db")
        portal.call(ours.__aenter__)
        try:
            paths = portal.call(ours.prepare, 2 * MOST_DELIVERIES)
            quiet = quietly(ours.port, paths[:MOST_DELIVERIES], options.quiet)
            report("quiet", quiet)
            numbers = (options.requests, options.idle, options.senders)
            measured, told = flooded(ours.port, paths[MOST_DELIVERIES:], numbers)
            report("flooded", measured)
            status = ours.receiver.snapshot()
        finally:
            portal.call(close, ours)
            portal.stop()
    share = measured.speed / quiet.speed
    print(f"{options.requests} bad requests in {told['seconds']:.1f} s: {told['outcomes']}")
    print(f"the receiver counted {dict(status.kept)} kept and {dict(status.refused)} refused")
    print(f"the main thread kept {share:.0%} of its speed")
    worst = max(measured.deliveries)
    if options.json:
        print(json.dumps({"worst": worst, "share": share, "deliveries": len(measured.deliveries), **told}))
    if worst > MOST_SECONDS or share < LEAST_SPEED:
        sys.exit("deliveries or the main thread were held up")


if __name__ == "__main__":
    main()
