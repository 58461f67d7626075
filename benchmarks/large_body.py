"""What the parsing of a large delivery costs the others, in the event loop and in a thread.

    python benchmarks/large_body.py [--megabytes 8] [--rounds 9]

A loop that would answer small deliveries is asked to wake every millisecond, and how late it wakes is noted, while an
answer is parsed once in the loop itself and once by `asyncio.to_thread`. The standard library's parser is one long call
in C that does not let go of the interpreter, so that a thread does not help; that is why the receiver uses none.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable

from load import make_body
from machine import describe, spread

from aijupyter.envelope import parse_envelope

TICK_SECONDS = 0.001


async def worst_delay(work: Callable[[], Awaitable[object]]) -> float:
    """By how many seconds the loop woke too late at worst, while the work was done."""
    worst, over = 0.0, asyncio.Event()

    async def tick() -> None:
        nonlocal worst
        while not over.is_set():
            due = time.perf_counter() + TICK_SECONDS
            await asyncio.sleep(TICK_SECONDS)
            worst = max(worst, time.perf_counter() - due)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(10 * TICK_SECONDS)
    await work()
    await asyncio.sleep(10 * TICK_SECONDS)
    over.set()
    await ticking
    return worst


async def measure(body: bytes, rounds: int) -> None:
    """Alternate, and print."""

    async def in_the_loop() -> None:
        parse_envelope(body)

    async def in_a_thread() -> None:
        await asyncio.to_thread(parse_envelope, body)

    delays: dict[str, list[float]] = {"in the loop": [], "in a thread": []}
    for _ in range(rounds):
        delays["in the loop"].append(await worst_delay(in_the_loop))
        delays["in a thread"].append(await worst_delay(in_a_thread))
    for name, taken in delays.items():
        print(f"parsed {name}: the loop woke {spread(taken, ' ms', 1000)} late at worst")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A large delivery beside small ones.")
    parser.add_argument("--megabytes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(describe())
    body = make_body(options.megabytes << 20).encode()
    print(f"a body of {len(body) / (1 << 20):.1f} MiB, {options.rounds} alternating rounds")
    asyncio.run(measure(body, options.rounds))


if __name__ == "__main__":
    main()
