"""One thread that does calls in order. Unlike an executor's, it still works while the interpreter runs exit handlers,
when a forgotten session closes its ledger.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_Call = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Worker:
    """Started at once, a daemon, ended by `stop`."""

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Queue a call."""
        future: Future[T] = Future()
        self._calls.put((future, function, args))
        return future

    def stop(self) -> None:
        """End the thread when all that was queued is done, and wait for that."""
        self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function, args = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function(*args))
            except BaseException as error:  # noqa: BLE001  # it belongs to whoever asked
                future.set_exception(error)
            del call, future, function, args  # a delivery's body can be large, and the next call far away
