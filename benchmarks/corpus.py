"""Many conversations as one: from a ledger of 1,000 calls to frames, SQL and figures, and the memory that takes.

    python benchmarks/corpus.py [--conversations 1000] [--minutes 10]

The ledger is a file with answers of `analyze` that are made up (see conversations.py), all read with a session as a
person would: `ai.corpus()`. Each frame is measured in a corpus of its own, for a corpus keeps what it has made. The
memory of frames is what pandas counts; `peak` is the most that the process held (its resident set).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conversations import make_interaction
from machine import describe

import aijupyter
from aijupyter.envelope import parse_envelope
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.models import Delivery, DeliverySource, JobRecord, JobState, Operation, now

DIFFERENT = 20
"""So many different conversations are made up, and each is kept many times."""
QUERIES = {
    "who talks how much": "select speaker, sum(talk_seconds) from speakers group by 1",
    "words of every line": "select emotion, avg(len(text)) from utterances group by 1 order by 1",
    "a join over words": "select u.emotion, count(*) from words w join utterances u using (job, utterance) group by 1",
}


async def fill(file: Path, bodies: list[bytes], conversations: int) -> None:
    """A ledger in which all of them are answered."""
    ledger = SQLiteLedger(file)
    await ledger.open()
    for number in range(conversations):
        path, body = secrets.token_urlsafe(32), bodies[number % len(bodies)]
        record = JobRecord(
            key=f"key-{number}",
            path=path,
            server="made up",
            operation=Operation.ANALYZE,
            recording=f"call-{number:05}.mp3",
            options={},
            state=JobState.WRITTEN,
            created=now(),
        )
        await ledger.add(record)
        await ledger.accept(Delivery(path, parse_envelope(body), body, DeliverySource.WEBHOOK, now()))
    await ledger.close()


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


def peak_megabytes() -> float:
    """The most that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(ai: aijupyter.Session) -> None:
    """Gather, make frames, ask, draw."""
    seconds, corpus = timed(ai.corpus)
    print(
        f"gather                      {seconds:6.2f} s   {len(corpus):,} conversations, peak {peak_megabytes():.0f} MB"
    )
    for name in ("utterances", "speakers", "recordings", "words"):
        own = ai.corpus()
        seconds, frame = timed(lambda own=own, name=name: own.frame(name))
        size = frame.memory_usage(deep=True).sum() / 1e6
        print(f"{name:27} {seconds:6.2f} s   {len(frame):,} rows, {size:.0f} MB, peak {peak_megabytes():.0f} MB")
    seconds, _ = timed(corpus.frames)
    print(f"all frames in one pass      {seconds:6.2f} s   peak {peak_megabytes():.0f} MB")
    for title, query in QUERIES.items():
        seconds, answer = timed(lambda query=query: corpus.sql(query))
        print(f"SQL: {title:22} {seconds:6.2f} s   {len(answer)} rows")
    seconds, found = timed(lambda: corpus.search("eta"))
    print(f"search                      {seconds:6.2f} s   {len(found):,} lines")
    for name in ("timeline", "talk_ratio", "emotions", "pace"):
        seconds, _ = timed(lambda name=name: getattr(corpus.plot, name)()._repr_mimebundle_())
        print(f"plot.{name:22} {seconds:6.2f} s   as shown, its picture included")


def main() -> None:
    """Make the ledger, measure, print."""
    parser = argparse.ArgumentParser(description="A corpus of many conversations.")
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()

    bodies = [
        json.dumps({**make_interaction(options.minutes, seed).raw, "jobId": None}).encode() for seed in range(DIFFERENT)
    ]
    print(describe("pandas", "pyarrow", "duckdb", "altair"))
    size = sum(map(len, bodies)) / len(bodies) / 1e3
    print(
        f"input      {options.conversations:,} conversations of {options.minutes:g} minutes, {size:.0f} kB of JSON each"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        asyncio.run(fill(file, bodies, options.conversations))
        with aijupyter.connect(embedded=True, ledger=str(file)) as ai:
            measure(ai)


if __name__ == "__main__":
    main()
