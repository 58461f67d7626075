"""The service as another process's child: one line of orders on stdin, events on stdout, the end with its parent.

Events are lines of JSON: `ready` {url}, `error` {message, mend}, `models` {state, message}, `progress` {jobId, share},
`delivery` {jobId, message} for an answer that may not be posted where it should.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from queue import Full, Queue
from tempfile import mkdtemp
from typing import Any, BinaryIO, NoReturn

from aijupyter.errors import AIJupyterError, ServiceError
from aijupyter.service.options import Credentials, ServiceOptions
from aijupyter.service.pipes import take_pipes
from aijupyter.service.server import opened, running
from aijupyter.service.store import Store
from aijupyter.service.workers import hire

logger = logging.getLogger(__name__)

WAITING_EVENTS = 1000
LAST_WORDS_SECONDS = 2.0


class EventWriter:
    """Writes events as lines from a thread of its own, so that a parent that does not read holds nobody up."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._waiting: Queue[Mapping[str, Any] | None] = Queue(WAITING_EVENTS)
        self._thread = threading.Thread(target=self._run, name="aijupyter-events", daemon=True)
        self._thread.start()

    def emit(self, event: Mapping[str, Any]) -> None:
        """Hand an event in. Dropped when too many wait."""
        try:
            self._waiting.put_nowait(event)
        except Full:
            return

    def close(self) -> None:
        """Write what still waits, for a moment."""
        try:
            self._waiting.put(None, timeout=LAST_WORDS_SECONDS)
        except Full:
            return
        self._thread.join(LAST_WORDS_SECONDS)

    def _run(self) -> None:
        broken = False
        while (event := self._waiting.get()) is not None:
            if broken:
                continue
            try:
                self._pipe.write(json.dumps(event).encode() + b"\n")
                self._pipe.flush()
            except OSError:  # the parent is gone; its stdin tells the rest
                broken = True


def run_child() -> NoReturn:
    """Take orders, serve until the parent is gone, and end the process with it, whatever is being computed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # interrupting a cell is not meant for us
    orders_pipe, events_pipe = take_pipes()
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("aijupyter").setLevel(logging.INFO)
    try:
        orders = json.loads(orders_pipe.readline())
    except ValueError:
        os._exit(2)  # the parent was gone before it said anything
    folder = Path(orders.get("folder") or mkdtemp(prefix="aijupyter-"))
    threading.Thread(target=_leave_with_parent, args=(orders_pipe, folder), daemon=True).start()
    writer = EventWriter(events_pipe)
    try:
        asyncio.run(_serve(orders, folder, writer))
    except AIJupyterError as error:
        writer.emit({"event": "error", "message": error.problem, "mend": error.mend})
    except Exception as error:
        logger.exception("The service ended unexpectedly.")
        writer.emit({"event": "error", "message": f"{type(error).__name__}: {error}", "mend": ""})
    writer.close()
    _leave(folder, 1)


async def _serve(orders: Mapping[str, Any], folder: Path, writer: EventWriter) -> None:
    sys.path += [entry for entry in orders.get("path", ()) if entry not in sys.path]
    scratch = folder / "media"
    scratch.mkdir(mode=0o700, exist_ok=True)
    engine, model = orders.get("engine", "local"), orders.get("model", "tiny.en")
    workers = hire(orders.get("executor", "processes"), engine, model, writer.emit, logs=True)
    credentials = Credentials(orders["client_id"], orders["client_secret"], orders["jwt"])
    options = ServiceOptions(
        fetch_from=orders.get("fetch_from", "loopback"), friends=frozenset(orders.get("friends", ())), scratch=scratch
    )
    async with AsyncExitStack() as stack:
        store = await _store(stack, orders.get("store"), folder)
        served = running(workers, credentials, options, writer.emit, port=orders.get("port", 0), store=store)
        writer.emit({"event": "ready", "url": await stack.enter_async_context(served)})
        await asyncio.Event().wait()


async def _store(stack: AsyncExitStack, place: str | None, folder: Path) -> Store:
    """The store that was ordered, or one that goes with `folder`: without voices the service is still of use."""
    if place is not None:
        try:
            return await stack.enter_async_context(opened(Path(place)))
        except ServiceError as error:
            logger.warning("Enrolled voices are neither found nor kept: %s", error)
    return await stack.enter_async_context(opened(folder / "service.db", durable=False))


def _leave_with_parent(pipe: BinaryIO, folder: Path) -> None:
    try:
        while pipe.read(1024):
            continue
    finally:
        _leave(folder, 0)


def _leave(folder: Path, code: int) -> NoReturn:
    # An engine's thread cannot be stopped, and a normal exit would wait for it.
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(code)
