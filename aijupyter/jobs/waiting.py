"""Waiting for something that a background thread brings about, in any event loop or in none."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from weakref import WeakKeyDictionary

WAIT_SLICE_SECONDS = 0.5
"""A wait is cut into slices: on Windows a whole one could not be interrupted, nor one that is awaited in a kernel."""

Watch = Callable[[Callable[[], object]], Callable[[], None]]


async def wait_for(done: Callable[[], bool], watch: Watch, timeout: float | None) -> None:  # noqa: ASYNC109
    """Wait in the running loop until `done()`, at most `timeout` seconds; `watch` tells of changes, from any thread."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def wake() -> None:
        if done():
            _call_soon(loop, changed.set)

    stop_watching = watch(wake)
    try:
        with suppress(TimeoutError), _stirred(loop):
            async with asyncio.timeout(timeout):
                while not done():  # what was done when it woke us may be undone, by a retry
                    await changed.wait()
                    changed.clear()
    finally:
        stop_watching()


class _Stirring:
    """One timer for all who wait in a loop."""

    def __init__(self) -> None:
        self.waiters = 0
        self.timer: asyncio.TimerHandle | None = None

    def beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake the loop, now and again."""
        self.timer = loop.call_later(WAIT_SLICE_SECONDS, self.beat, loop)


_stirrings: WeakKeyDictionary[asyncio.AbstractEventLoop, _Stirring] = WeakKeyDictionary()


@contextmanager
def _stirred(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Let the loop wake now and then: the kernel takes note of an interrupt without waking a loop that sleeps."""
    if threading.current_thread() is not threading.main_thread():  # no other gets interrupts
        yield
        return
    stirring = _stirrings.setdefault(loop, _Stirring())
    stirring.waiters += 1
    if stirring.timer is None:
        stirring.beat(loop)
    try:
        yield
    finally:
        stirring.waiters -= 1
        if stirring.timer is not None and not stirring.waiters:
            stirring.timer.cancel()
            stirring.timer = None


def block_for(done: Callable[[], bool], watch: Watch, timeout: float | None) -> None:
    """Wait without a loop until `done()`, at most `timeout` seconds."""
    ended = threading.Event()
    deadline = None if timeout is None else time.monotonic() + timeout

    def wake() -> None:
        if done():
            ended.set()

    stop_watching = watch(wake)
    try:
        while not done() and (deadline is None or time.monotonic() < deadline):
            left = WAIT_SLICE_SECONDS if deadline is None else deadline - time.monotonic()
            ended.wait(max(0.0, min(WAIT_SLICE_SECONDS, left)))
    finally:
        stop_watching()


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:  # a loop that was closed has nobody waiting in it
        return
