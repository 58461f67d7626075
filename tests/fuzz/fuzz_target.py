"""What is fuzzed, in a process of its own: a receiver on a SQLite ledger.

    python tests/fuzz/fuzz_target.py FOLDER

It prints a line of JSON when it listens. For each line on its standard input it prints what it takes just now. When
the input ends it stops everything and says what is left.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aijupyter.envelope import parse_envelope
from aijupyter.ledger.deliveries import REPEATS_KEPT
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.models import Delivery, DeliverySource, JobRecord, JobState, Operation, Verdict, now
from aijupyter.receiver.limits import Limits
from aijupyter.receiver.server import Receiver

MAX_BODY = 256 << 10
LENT_BYTES = 300_000
LIMITS = Limits(
    head_seconds=2.0,
    body_seconds=4.0,
    body_grace_seconds=1.0,
    linger_seconds=0.5,
    beat_seconds=0.002,
    refusals_a_beat=20,
    connections=128,
)
"""The patience is shortened, and the beat quickened: at the receiver's own, 50,000 refusals would take minutes."""

SINK = "sink"
WAITING = ("first", "second", "third")
ANSWER = json.dumps({"status": "Success", "response": {"transcript": "Yes."}}).encode()


class Inbox:
    """Straight into the ledger."""

    def __init__(self, ledger: SQLiteLedger) -> None:
        self._ledger = ledger

    async def expects(self, path: str) -> bool:
        """Whether the path is a job's."""
        return await self._ledger.expects(path)

    async def accept(self, delivery: Delivery) -> Verdict:
        """Keep it."""
        return (await self._ledger.accept(delivery)).verdict


def job(name: str) -> JobRecord:
    """A job whose answer is awaited."""
    path = f"{name}-".ljust(43, "x")
    record = JobRecord(
        name, path, "https://api.example", Operation.TRANSCRIBE, f"{name}.wav", {}, JobState.WRITTEN, now()
    )
    return replace(record, state=JobState.SUBMITTED, submitted=now())


async def fill(ledger: SQLiteLedger) -> dict[str, str]:
    """Some jobs. The sink's is answered, and has all the repeats that are kept: what comes there changes nothing."""
    paths = {name: (await ledger.add(job(name))).path for name in (SINK, *WAITING)}
    for _ in range(1 + REPEATS_KEPT):
        await ledger.accept(Delivery(paths[SINK], parse_envelope(ANSWER), ANSWER, DeliverySource.WEBHOOK, now(), None))
    return paths


def taken(receiver: Receiver) -> dict[str, Any]:
    """Memory now and at most, in bytes, and what is open."""
    gc.collect()
    status = receiver.snapshot()
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "resident": int(lines["VmRSS"].split()[0]) << 10,
        "most": int(lines["VmHWM"].split()[0]) << 10,
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "connections": status.connections,
        "kept": dict(status.kept),
        "refused": dict(status.refused),
    }


async def serve(folder: Path) -> None:
    """Until standard input ends."""
    recording = folder / "call.wav"
    recording.write_bytes(os.urandom(LENT_BYTES))
    ledger = SQLiteLedger(folder / "ledger.db")
    await ledger.open()
    paths = await fill(ledger)
    receiver = Receiver(Inbox(ledger), host="127.0.0.1", port=0, max_body=MAX_BODY, limits=LIMITS)
    await receiver.start()
    name, _ = receiver.share(receiver.url, recording, "audio/wav")
    say({"port": urlsplit(receiver.url).port, "paths": paths, "media": name, "most_body": MAX_BODY})
    while await asyncio.to_thread(sys.stdin.readline):
        say(taken(receiver))
    await receiver.stop()
    await ledger.close()


def say(what: dict[str, Any]) -> None:
    """One line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve, and say what is left."""
    asyncio.run(serve(Path(sys.argv[1])))
    gc.collect()
    sockets = [fd for fd in os.listdir("/proc/self/fd") if _is_socket(fd)]  # noqa: PTH208
    say({"threads": threading.active_count(), "sockets": len(sockets)})


def _is_socket(fd: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")  # noqa: PTH115
    except OSError:
        return False


if __name__ == "__main__":
    main()
