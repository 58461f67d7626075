"""One thread that does calls in order, those that wait in groups. Unlike an executor's, it still works while the
interpreter runs exit handlers, when a forgotten session closes its ledger.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

GROUP_CALLS = 256
GROUP_BYTES = 8 << 20
SMALL_GROUP_CALLS = 8
"""Of more calls than these only half are done at first, so that the loop answers them while the others are done: else
loop and ledger would wait for one another in turn.
"""


class Kind(Enum):
    """How calls may be done together."""

    READ = "read"
    WRITE = "write"
    MERGED = "merged"
    """A write whose function takes a list: neighbours are done by one call of it."""
    ALONE = "alone"
    """Outside of any transaction."""


@dataclass(slots=True, eq=False)
class Call:
    """A call and, once it was done, what became of it."""

    kind: Kind
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    weight: int = 0
    at_once: Callable[..., Any] | None = None
    """Does what the function of a merged call does without a transaction around it, or returns None and did nothing."""
    future: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    result: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Resolve the future, in its loop's thread."""
        if self.future.done():  # given up
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class _Signal(Enum):
    END = "end"


_Item = Call | Callable[[], object] | _Signal


class Worker:
    """Started at once, a daemon, ended by `stop`.

    `run` does a group of calls and raises nothing. `tick` is called between groups, with whether nothing waits; it
    returns in how many seconds it wants to be called again, None for not before the next call.
    """

    def __init__(self, name: str, run: Callable[[Sequence[Call]], None], tick: Callable[[bool], float | None]) -> None:
        self._run = run
        self._tick = tick
        self._fresh: dict[asyncio.AbstractEventLoop, list[_Item]] = {}
        self._sent: queue.SimpleQueue[Sequence[_Item]] = queue.SimpleQueue()
        self._waiting: deque[_Item] = deque()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Call) -> asyncio.Future[Any]:
        """Queue a call, from its loop's thread.

        The calls of one turn of the loop are sent together: each waking of the thread can cost 5 ms while a cell works.
        """
        loop = call.future.get_loop()
        fresh = self._fresh.setdefault(loop, [])
        fresh.append(call)
        if len(fresh) == 1:
            loop.call_soon(lambda: self._sent.put(self._fresh.pop(loop)))
        return call.future

    def poke(self, function: Callable[[], object]) -> None:
        """Queue something that nobody waits for; it raises nothing. A tick follows it."""
        self._sent.put([function])

    def stop(self, seconds: float | None = None) -> None:
        """End the thread when all that was queued is done, and wait for that, or only for so long."""
        self._sent.put([_Signal.END])
        self._thread.join(seconds)

    def _work(self) -> None:
        wait: float | None = None
        while True:
            try:
                self._waiting.extend(() if self._waiting else self._sent.get(timeout=wait))
            except queue.Empty:
                wait = self._tick(True)  # nothing waits
                continue
            group, other = self._gather()
            if group:
                self._run(group)
                _tell(group)
            del group  # a delivery's body can be large, and the next call far away
            if other is _Signal.END:
                return
            if callable(other):
                other()
            wait = self._tick(False)

    def _gather(self) -> tuple[list[Call], _Item | None]:
        """The calls that wait, up to the limits or to something else, and that."""
        with suppress(queue.Empty):
            while True:
                self._waiting.extend(self._sent.get_nowait())
        group: list[Call] = []
        weight = 0
        most = min(max(SMALL_GROUP_CALLS, (len(self._waiting) + 1) // 2), GROUP_CALLS)
        while self._waiting and len(group) < most and weight < GROUP_BYTES:
            item = self._waiting.popleft()
            if not isinstance(item, Call):
                return group, item
            group.append(item)
            weight += item.weight
        return group, None


def _tell(group: Sequence[Call]) -> None:
    """Resolve the futures, waking each loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[Call]] = {}
    for call in group:
        loops.setdefault(call.future.get_loop(), []).append(call)
    for loop, calls in loops.items():
        with suppress(RuntimeError):  # a loop that was closed has nobody waiting in it
            loop.call_soon_threadsafe(_tell_all, calls)


def _tell_all(calls: Sequence[Call]) -> None:
    for call in calls:
        call.tell()
