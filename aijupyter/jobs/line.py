"""The line of jobs that wait to be sent: first come, first served, and each knows its place."""

from __future__ import annotations

import asyncio
from bisect import bisect_left


class Line:
    """A queue of keys. Lives in one event loop; `place` may be asked from any thread."""

    def __init__(self) -> None:
        self._number = 0
        self._numbers: dict[str, int] = {}
        self._sorted: list[int] = []
        self._tries: dict[str, int] = {}
        self._waiting: asyncio.PriorityQueue[tuple[int, str]] = asyncio.PriorityQueue()
        self._later: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def holds(self, key: str) -> bool:
        """Whether a job is in line, or on its way out of it."""
        return key in self._numbers

    def put(self, key: str) -> None:
        """At the end of the line; does nothing where it stands in line already."""
        if key in self._numbers:
            return
        self._number += 1
        self._numbers[key] = self._number
        self._sorted.append(self._number)
        self._waiting.put_nowait((self._number, key))

    async def get(self) -> str:
        """The next. It keeps its place until `leave`."""
        _, key = await self._waiting.get()
        return key

    def put_back(self, key: str, seconds: float) -> None:
        """Let one that was got have its turn again, at its old place, after so long."""
        number = self._numbers.get(key)
        if number is None:
            return
        self._tries[key] = self._tries.get(key, 0) + 1
        loop = asyncio.get_running_loop()
        self._later[key] = loop.call_later(seconds, self._back, key, number)

    def tries(self, key: str) -> int:
        """How often it was put back."""
        return self._tries.get(key, 0)

    def leave(self, key: str) -> None:
        """Out of the line, unless it was put back."""
        if key in self._later:
            return
        number = self._numbers.pop(key, None)
        self._tries.pop(key, None)
        if number is not None:
            del self._sorted[bisect_left(self._sorted, number)]

    def place(self, key: str) -> int | None:
        """How many stand before it; None where it does not stand in line."""
        number = self._numbers.get(key)
        return None if number is None else bisect_left(self._sorted, number)

    def _back(self, key: str, number: int) -> None:
        del self._later[key]
        self._waiting.put_nowait((number, key))
