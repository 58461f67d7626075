"""One run of the fuzz test: the receiver in its process, the inputs, and what is to be true afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz_client import Seen, fuzz
from fuzz_inputs import JSON, Place
from fuzz_target import ANSWER, SINK, WAITING

HERE = Path(__file__).parent
WARM_SHARE = 0.1
MOST_GROWTH = 24 << 20
"""So much more memory may be resident after all inputs than after the first tenth of them."""

MOST_PEAK = 160 << 20
MOST_THREADS = 36
"""The main one, the ledger's, and those in which asyncio opens files."""

AT_ONCE_SECONDS = 1.0
STOP_SECONDS = 30.0


@dataclass
class Report:
    """What was sent, what came back, and what is wrong."""

    seed: int
    seen: Seen
    seconds: float = 0.0
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    answered_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def check(self, right: bool, what: str) -> None:
        """Note what is wrong."""
        if not right:
            self.wrong.append(what)


class Target:
    """The receiver's process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)])}
        command = [sys.executable, str(HERE / "fuzz_target.py"), str(folder)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        said = self._hear()
        self.port: int = said["port"]
        self.paths: dict[str, str] = said["paths"]
        self.place = Place(self.paths[SINK], said["media"], said["most_body"])

    def taken(self) -> dict[str, Any]:
        """Memory, threads, files and counts."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._hear()

    def deliver(self, name: str) -> float:
        """A real delivery, and in how many seconds it was acknowledged."""
        url = f"http://127.0.0.1:{self.port}/d/{self.paths[name]}"
        started = time.monotonic()
        with urllib.request.urlopen(
            urllib.request.Request(url, ANSWER, {"Content-Type": JSON}), timeout=STOP_SECONDS
        ) as answer:
            assert answer.status == 200
        return time.monotonic() - started

    def dump(self, without: str = "") -> list[str]:
        """Every row of every table, but those of one job."""
        with closing(sqlite3.connect(self.folder / "ledger.db")) as db:
            return [
                line for line in db.iterdump() if not (without and f"'{without}'" in line) and "sqlite_" not in line
            ]

    def stop(self) -> dict[str, Any]:
        """End it in good order: what it leaves."""
        assert self._process.stdin
        self._process.stdin.close()
        left = self._hear()
        self._process.wait(STOP_SECONDS)
        return left

    def kill(self) -> None:
        """End it whatever it does."""
        self._process.kill()
        self._process.wait()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return said


def run(seed: int, number: int) -> Report:
    """The whole of it."""
    with tempfile.TemporaryDirectory(prefix="aijupyter-fuzz-") as folder:
        target = Target(Path(folder))
        try:
            return _run(target, seed, number)
        finally:
            target.kill()


def _run(target: Target, seed: int, number: int) -> Report:
    first, second, _ = WAITING
    target.deliver(first)
    before = target.dump(without=second)
    warm = int(number * WARM_SHARE)
    started = time.monotonic()
    warmed = asyncio.run(fuzz(target.port, target.place, seed, warm, slow=0))
    report = Report(seed, warmed, before=target.taken())
    seen = asyncio.run(fuzz(target.port, target.place, seed + 1, number - warm))
    report.answered_seconds = target.deliver(second)
    report.seconds = time.monotonic() - started
    for kind, answers in seen.answers.items():
        report.seen.answers[kind] += answers
    report.wrong = report.seen.wrong + seen.wrong
    report.after = _settled(target)
    report.check(report.answered_seconds <= AT_ONCE_SECONDS, f"a delivery took {report.answered_seconds:.2f} s")
    report.check(target.dump(without=second) == before, "the ledger is another")
    report.check(report.after["connections"] <= 1, f"connections are open: {report.after}")
    report.check(report.after["threads"] <= MOST_THREADS, f"there were {report.after['threads']} threads")
    grown = report.after["resident"] - report.before["resident"]
    report.check(grown <= MOST_GROWTH, f"memory grew by {grown >> 10} KiB")
    report.check(report.after["most"] <= MOST_PEAK, f"memory was {report.after['most'] >> 20} MiB at most")
    left = target.stop()
    report.check(left == {"threads": 1, "sockets": 0}, f"after the stop there were {left}")
    return report


def _settled(target: Target) -> dict[str, Any]:
    """What it takes when the connections that were cut off have gone."""
    deadline = time.monotonic() + STOP_SECONDS
    while (taken := target.taken())["connections"] > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    return taken


def table(report: Report) -> str:
    """What was sent and answered, in lines."""
    answers = sorted({answer for counter in report.seen.answers.values() for answer in counter})
    lines = [f"seed {report.seed}, {report.seen.sent} inputs in {report.seconds:.1f} s"]
    lines.append(f"{'':12}{'sent':>7}" + "".join(f"{answer:>15}" for answer in answers))
    for kind, counter in report.seen.answers.items():
        lines.append(f"{kind:12}{counter.total():7}" + "".join(f"{counter[answer] or '':>15}" for answer in answers))
    lines.append(f"the receiver counted {report.after.get('kept')} kept, {report.after.get('refused')} refused")
    before, after = report.before["resident"] >> 20, report.after["resident"] >> 20
    lines.append(f"memory {before} MiB after a tenth, {after} MiB at the end, {report.after['most'] >> 20} MiB at most")
    lines.append(f"a real delivery afterwards: {1e3 * report.answered_seconds:.1f} ms")
    lines += [f"WRONG: {what}" for what in report.wrong[:20]]
    return "\n".join(lines) + "\n"
