"""News from PostgreSQL: a connection of its own that LISTENs, in a thread of its own, for as long as it takes."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from aijupyter.ledger.database import News
from aijupyter.logs import logger

if TYPE_CHECKING:
    import psycopg

CHANNEL = "aijupyter_jobs"

OVERLAP = 1000
"""So many steps before the last seen one may have been committed after it."""

STEPS = f"SELECT id FROM history ORDER BY id DESC LIMIT {OVERLAP}"  # noqa: S608  # constants
"""The steps that were there when the listening began."""

CHECK_SECONDS = 30.0
SHORTEST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0
STOP_SECONDS = 2.0

log = logger(__name__)


class Listener:
    """Tells which jobs others changed with steps that are not among the `known` ones (of `STEPS`), until it is stopped.

    `writer` marks our own steps. Raises OSError or RuntimeError where the process has no more files or threads.
    """

    def __init__(
        self, connect: Callable[[], psycopg.Connection[Any]], writer: int, known: Collection[int], tell: News
    ) -> None:
        self._connect = connect
        self._writer = writer
        self._known = set(known)
        self._tell = tell
        self._stopping = threading.Event()
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._work, name="aijupyter-ledger-news", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self._let_go()
            raise

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
        self._let_go()

    def _let_go(self) -> None:
        for end in (self._waker, self._woken):
            with suppress(OSError):
                end.close()

    def _catch_up(self, db: psycopg.Connection[Any]) -> None:
        """Tell what happened while nobody listened; a key too many does no harm."""
        query = "SELECT id, job, writer FROM history WHERE id > %s ORDER BY id"
        steps = db.execute(query, (max(self._known, default=0) - OVERLAP,)).fetchall()
        self._tell_all(job for number, job, writer in steps if number not in self._known and writer != self._writer)
        self._known = {number for number, *_ in steps[-OVERLAP:]} or self._known

    def _follow(self, db: psycopg.Connection[Any]) -> None:
        while not self._stopping.is_set():
            # Before each wait, for what came with the answer to a question is no longer to be waited for.
            told = [notify.payload.partition(" ") for notify in db.notifies(timeout=0)]
            self._tell_all(key for writer, _, key in told if writer != str(self._writer))
            ready, *_ = select.select([db.fileno(), self._woken.fileno()], [], [], CHECK_SECONDS)
            if not ready:
                self._known = {number for (number,) in db.execute(STEPS)}

    def _tell_all(self, keys: Iterable[str]) -> None:
        if told := list(dict.fromkeys(keys)):
            self._tell(told)
