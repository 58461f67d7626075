"""Refusals leave at the beat, a few at each.

So a flood of them costs no more than that, and comes in no bursts that a delivery would have to wait for. And when an
answer leaves says nothing of how long a path was looked for: all that is seen from outside is the beat.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress


class Beat:
    """Does what waits, in its order, `at_once` things every `seconds`. It rests while nothing waits."""

    def __init__(self, seconds: float, at_once: int, most_waiting: int) -> None:
        self._seconds = seconds
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._waiting: deque[Callable[[], object]] = deque()
        self._next: asyncio.TimerHandle | None = None

    def book(self, act: Callable[[], object]) -> bool:
        """Have something done when its turn has come. False where too much waits already."""
        if len(self._waiting) >= self._most_waiting:
            return False
        self._waiting.append(act)
        if self._next is None:
            self._wind()
        return True

    async def turn(self) -> bool:
        """Wait for a turn. False, at once, where too many wait already."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def tell() -> None:
            if not told.done():
                told.set_result(None)

        if not self.book(tell):
            return False
        await told
        return True

    def stop(self) -> None:
        """Let all go at once."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        while self._waiting:
            self._waiting.popleft()()

    def _wind(self) -> None:
        loop = asyncio.get_running_loop()
        # On the loop's own grid, not so long after a request came.
        self._next = loop.call_at(math.floor(loop.time() / self._seconds + 1) * self._seconds, self._strike)

    def _strike(self) -> None:
        self._next = None
        with suppress(IndexError):
            for _ in range(self._at_once):
                self._waiting.popleft()()
        if self._waiting:
            self._wind()
