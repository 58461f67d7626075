"""Telling others of changes, in any thread, without their failures becoming ours."""

from __future__ import annotations

import threading
from collections.abc import Callable

from aijupyter.logs import logger

log = logger(__name__)


class Watchers:
    """Who wants to know of the changes of one thing."""

    def __init__(self) -> None:
        self._callbacks: dict[object, Callable[[], object]] = {}
        self._lock = threading.Lock()

    def add(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback()` from now on; returns what ends that."""
        token = object()
        with self._lock:
            self._callbacks[token] = callback

        def stop() -> None:
            with self._lock:
                self._callbacks.pop(token, None)

        return stop

    def tell(self, of: object) -> None:
        """Something about `of` has changed."""
        with self._lock:
            callbacks = list(self._callbacks.values())
        for callback in callbacks:
            try:
                callback()
            except Exception:
                log.exception("a watcher of %r failed", of, extra={"event": "bug"})
