"""A hundred thousand jobs: what those under way take, how soon an answer finds its job, how soon a ledger opens.

    python benchmarks/scale.py [--jobs 100000]

- memory: what tracemalloc counts for the jobs under way: record, handle, book, delivery path, the reconciler's entry
- correlation: from a delivery as the receiver reads it to its job's end, committed, one after the other, with more and
  more jobs under way; the median, and beside it what a commit of 4 KiB takes on that disk just then
- a ledger in which all of them are finished, with answers of 0.9 KiB: to open it, to connect a session to it, and
  `ai.jobs()`
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from load import make_body
from machine import describe, spread
from ours import Ours, make_record

import aijupyter
from aijupyter.envelope import parse_envelope
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.models import Delivery, DeliverySource, Verdict, now

BODY = make_body(900).encode()
AT_ONCE = 250
PROBES = 200
OPENINGS = 5


def make_delivery(path: str) -> Delivery:
    """An answer as the receiver hands it on."""
    return Delivery(path, parse_envelope(BODY), BODY, DeliverySource.WEBHOOK, now())


def measure_memory(jobs: int) -> float:
    """Bytes that a job under way takes."""
    ours = Ours(Path("never opened"))
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(jobs):
        ours.hold(make_record(number))
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / jobs


async def fill(ours: Ours, number: int) -> list[str]:
    """The paths of so many more jobs under way."""
    paths: list[str] = []
    while len(paths) < number:
        paths += await ours.prepare(min(AT_ONCE, number - len(paths)))
    return [path.rpartition("/")[2] for path in paths]


async def correlate(ours: Ours, paths: list[str]) -> list[float]:
    """Seconds for each of some deliveries, one after the other."""
    times = []
    for path in paths:
        delivery = make_delivery(path)
        started = time.perf_counter()
        assert await ours.dispatcher.expects(path)
        assert await ours.dispatcher.accept(delivery) is Verdict.ANSWERED
        times.append(time.perf_counter() - started)
    return times


def disk_times(folder: Path) -> list[float]:
    """Seconds for a write of a page and its flush, without a database."""
    times = []
    with (folder / "flush").open("wb", buffering=0) as file:
        for _ in range(PROBES):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return times


async def measure_correlation(path: Path, jobs: int) -> None:
    """Print the times with 100, 1,000 ... jobs under way, and finish all of them."""
    async with Ours(path) as ours:
        draw, under_way, steps = random.Random(1), list[str](), [100]
        while steps[-1] < jobs:
            steps.append(min(10 * steps[-1], jobs))
        for step in steps:
            under_way += await fill(ours, step - len(under_way))
            draw.shuffle(under_way)
            asked, under_way = under_way[: PROBES // 2], under_way[PROBES // 2 :]
            times, disk = await correlate(ours, asked), disk_times(path.parent)
            rest = f"a flush {1e3 * statistics.median(disk):.2f} ms"
            print(f"correlation, {step:7,} under way   {spread(times, ' ms', 1000, 2):28} {rest}")
        for place in range(0, len(under_way), AT_ONCE):
            some = under_way[place : place + AT_ONCE]
            await asyncio.gather(*(ours.dispatcher.accept(make_delivery(path)) for path in some))


async def open_once(path: Path) -> float:
    """Seconds to open the ledger."""
    ledger = SQLiteLedger(path)
    started = time.perf_counter()
    await ledger.open()
    elapsed = time.perf_counter() - started
    await ledger.close()
    return elapsed


def measure_session(path: Path) -> tuple[float, float, int]:
    """Seconds to connect to the ledger and to list it, and how many jobs the list has."""
    account = {"client_id": "a", "client_secret": "b", "jwt": "c"}
    started = time.perf_counter()
    with aijupyter.connect(server_url="http://127.0.0.1:9", ledger=path, env_file=None, **account) as ai:
        connected = time.perf_counter()
        jobs = ai.jobs()
        return connected - started, time.perf_counter() - connected, len(jobs)


def several(function: Callable[[], float]) -> list[float]:
    """A few of them, after one to warm."""
    return [function() for _ in range(OPENINGS + 1)][1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A hundred thousand jobs.")
    parser.add_argument("--jobs", type=int, default=100_000)
    options = parser.parse_args()
    print(describe("aiohttp", "pandas"))
    print(f"memory, {options.jobs:,} jobs under way   {measure_memory(options.jobs):.0f} bytes each, by tracemalloc")
    with tempfile.TemporaryDirectory(dir=Path.home(), prefix=".aijupyter-benchmark-") as folder:
        path = Path(folder) / "ledger.db"
        asyncio.run(measure_correlation(path, options.jobs))
        print(f"a ledger of {options.jobs:,} finished jobs, {path.stat().st_size / 1e6:.0f} MB")
        print(f"  open          {spread(several(lambda: asyncio.run(open_once(path))), ' ms', 1000)}")
        sessions = [measure_session(path) for _ in range(OPENINGS + 1)][1:]
        print(f"  connect       {spread([connecting for connecting, _, _ in sessions], ' ms', 1000)}")
        print(
            f"  ai.jobs()     {spread([listing for _, listing, _ in sessions], ' ms', 1000)}, {sessions[0][2]:,} rows"
        )


if __name__ == "__main__":
    main()
