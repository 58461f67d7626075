"""Durable deliveries per second, beside servers that keep nothing.

    python benchmarks/deliveries.py [--rounds 5] [--small 3000] [--large 600] [--only bare,flask] [--folder PLACE]

For each size of body (1 KiB and 100 KiB) and number of kept connections (16 and 64), each server gets the same load in
turn, round after round; the figures are medians of the rounds. Each delivery to aijupyter ends a job of its own, is
committed to a ledger file before it is answered 200, and wakes its handle; at the end the ledger is asked whether
each of them is there. `bare` is an aiohttp handler that parses the JSON and keeps nothing, `receiver` is ours with
nothing behind it. `http.server`, `flask` and `fastapi` do the same in what people use today (the extra `benchmarks`),
and `http.server+` is tuned to keep its connections. Each server runs in its own process, the load in another. Between
rounds the machine is left alone until the servers are idle, for the ledger packs large bodies then.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from machine import describe, percentile

HERE = Path(__file__).parent
KINDS = ("aijupyter", "bare", "receiver", "http.server", "http.server+", "flask", "fastapi")
MODULES = {"flask": "flask", "fastapi": "uvicorn"}
IDLE_SECONDS = 0.3
LONGEST_SETTLING_SECONDS = 60.0


@dataclass
class Server:
    """One of the servers, in its process."""

    kind: str
    process: subprocess.Popen[str]
    port: int

    def paths(self, number: int) -> Any:
        """Where to post to, each once."""
        assert self.process.stdin
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        return self.hear()

    def hear(self) -> Any:
        """The next that it says."""
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def end(self) -> Any:
        """Close its input, and hear what it has to say at the end."""
        assert self.process.stdin
        self.process.stdin.close()
        told = self.hear() if self.kind == "aijupyter" else None
        self.process.wait(10)
        return told

    def settle(self) -> None:
        """Wait until it does nothing any more."""
        deadline, used = time.monotonic() + LONGEST_SETTLING_SECONDS, -1.0
        while time.monotonic() < deadline and used != (used := self._used()):
            time.sleep(IDLE_SECONDS)

    def _used(self) -> float:
        """Its processor time in ticks; 0 where the system does not say."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return float(fields[11]) + float(fields[12])


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[Server]:
    """Start a server, and end it by its process."""
    more = [str(folder / "ledger.db")] if kind == "aijupyter" else []
    process = subprocess.Popen(
        [sys.executable, str(HERE / "servers.py"), kind, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        server = Server(kind, process, 0)
        server.port = server.hear()
        yield server
    finally:
        process.kill()
        process.wait()


@dataclass
class Measured:
    """One round of one server."""

    rate: float
    latencies: list[float]


def load(server: Server, *, number: int, size: int, connections: int) -> Measured:
    """Put one load on a server. Raises where anything but 200 was answered."""
    plan = {"port": server.port, "connections": connections, "bytes": size, "paths": server.paths(number)}
    server.settle()
    done = subprocess.run(
        [sys.executable, str(HERE / "load.py")], input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True
    )
    told = json.loads(done.stdout)
    if told["statuses"] != {"200": number}:
        raise RuntimeError(f"{server.kind} answered {told['statuses']}")
    server.settle()
    return Measured(number / told["seconds"], told["latencies"])


def compare(servers: list[Server], *, rounds: int, number: int, size: int, connections: int) -> None:
    """All rounds of one size and number of connections, and their figures."""
    measured: dict[str, list[Measured]] = {server.kind: [] for server in servers}
    for server in servers:
        load(server, number=max(64, number // 5), size=size, connections=connections)  # warm
    for place in range(rounds):
        for server in servers if place % 2 == 0 else reversed(servers):
            measured[server.kind].append(load(server, number=number, size=size, connections=connections))
    print(f"\n{size // 1024} KiB bodies, {connections} connections, {rounds} rounds of {number} deliveries")
    print(f"  {'':12}{'a second':>10}{'(rounds)':>18}{'ours / its':>12}{'p50 ms':>9}{'p99 ms':>9}{'ours / its':>12}")
    figures = {kind: _figures(taken) for kind, taken in measured.items()}
    ours = figures.get("aijupyter")
    for kind, (rate, median, tail) in figures.items():
        rates = [taken.rate for taken in measured[kind]]
        spread = f"{min(rates):.0f} to {max(rates):.0f}"
        faster, slower = (f"{ours[0] / rate:.2f}", f"{ours[2] / tail:.2f}") if ours else ("", "")
        print(f"  {kind:12}{rate:10.0f}{spread:>18}{faster:>12}{1e3 * median:9.2f}{1e3 * tail:9.2f}{slower:>12}")


def _figures(rounds: list[Measured]) -> tuple[float, float, float]:
    """The medians over the rounds: deliveries per second, median latency, 99th percentile."""
    return (
        statistics.median(taken.rate for taken in rounds),
        statistics.median(statistics.median(taken.latencies) for taken in rounds),
        statistics.median(percentile(taken.latencies, 0.99) for taken in rounds),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Durable deliveries per second.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=3000)
    parser.add_argument("--large", type=int, default=600)
    parser.add_argument("--only", default=",".join(KINDS[1:]))
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()

    print(describe("aiohttp", "flask", "werkzeug", "fastapi", "uvicorn", "httptools", "uvloop"))
    others = [kind for kind in KINDS[1:] if kind in options.only.split(",")]
    for kind in [kind for kind in others if kind in MODULES and not importlib.util.find_spec(MODULES[kind])]:
        print(f"{kind} is left out: not installed")
        others.remove(kind)
    with ExitStack() as stack:
        place = options.folder or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        place.mkdir(parents=True, exist_ok=True)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=place, prefix="aijupyter-benchmark-")))
        print(f"ledger     in {place}, on {_filesystem(folder)}")
        servers = [stack.enter_context(serving(kind, folder)) for kind in ("aijupyter", *others)]
        for size, number in ((1024, options.small), (100 * 1024, options.large)):
            for connections in (16, 64):
                compare(servers, rounds=options.rounds, number=number, size=size, connections=connections)
        told = servers[0].end()
        print(
            f"\nafterwards the ledger holds {told['jobs']} jobs, {told['answered']} of them answered; {told['counts']}"
        )
        if told["jobs"] != told["answered"]:
            sys.exit("deliveries were acknowledged and are not there")


def _filesystem(folder: Path) -> str:
    """The kind of file system a folder lies on, where the system says it."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "an unknown file system"
    holding = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    return max(holding, key=lambda mount: len(mount[1]))[2]


if __name__ == "__main__":
    main()
