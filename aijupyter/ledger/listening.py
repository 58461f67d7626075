"""News from PostgreSQL: a connection of its own that LISTENs, in a thread of its own, for as long as it takes."""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from aijupyter.ledger.database import News

if TYPE_CHECKING:
    import psycopg

CHANNEL = "aijupyter_jobs"

OVERLAP = 100
"""So many steps before the last seen one may have been committed after it."""

CHECK_SECONDS = 30.0
SHORTEST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0
STOP_SECONDS = 2.0

log = logging.getLogger(__name__)


class Listener:
    """Tells which jobs others changed after the step `seen`, until it is stopped. `writer` marks our own steps."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], writer: int, seen: int, tell: News) -> None:
        self._connect = connect
        self._writer = writer
        self._seen = seen
        self._tell = tell
        self._stopping = threading.Event()
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._work, name="aijupyter-ledger-news", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it. A connection that is just being made to a silent server ends by itself."""
        self._stopping.set()
        self._waker.send(b"x")
        self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        pause = SHORTEST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                with closing(self._connect()) as db:
                    db.execute(f"LISTEN {CHANNEL}")
                    self._catch_up(db)
                    pause = SHORTEST_PAUSE_SECONDS
                    self._follow(db)
            except Exception as error:  # noqa: BLE001  # the server is away: again and again until it is back
                log.debug("The ledger's news were interrupted: %s", type(error).__name__)
            self._stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        for end in (self._waker, self._woken):
            with suppress(OSError):
                end.close()

    def _catch_up(self, db: psycopg.Connection[Any]) -> None:
        """Tell what happened while nobody listened; a key too many does no harm."""
        query = "SELECT id, job, writer FROM history WHERE id > %s ORDER BY id"
        steps = db.execute(query, (max(self._seen - OVERLAP, 0),)).fetchall()
        fresh = steps and steps[-1][0] > self._seen
        self._seen = steps[-1][0] if fresh else self._seen
        if fresh:
            self._tell_all(job for _, job, writer in steps if writer != self._writer)

    def _follow(self, db: psycopg.Connection[Any]) -> None:
        while not self._stopping.is_set():
            ready, *_ = select.select([db.fileno(), self._woken.fileno()], [], [], CHECK_SECONDS)
            if not ready:
                self._seen = db.execute("SELECT COALESCE(MAX(id), 0) FROM history").fetchall()[0][0]
            told = [notify.payload.partition(" ") for notify in db.notifies(timeout=0)]
            self._tell_all(key for writer, _, key in told if writer != str(self._writer))

    def _tell_all(self, keys: Iterable[str]) -> None:
        if told := list(dict.fromkeys(keys)):
            self._tell(told)
