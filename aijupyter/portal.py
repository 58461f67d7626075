"""An event loop in a daemon thread, for work that must go on while cells come and go."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from aijupyter.errors import CONNECT_AGAIN, PortalError
from aijupyter.logs import logger

log = logger(__name__)

T = TypeVar("T")

START_SECONDS = 10.0
STOP_SECONDS = 10.0


class Portal:
    """A door from any thread into one background event loop.

    `start` returns when the loop runs, and raises in the caller what kept it from running. `stop` cancels what is
    still under way, waits for it and joins the thread. Both may be called again without harm, and a stopped portal
    can be started anew. The thread is a daemon, so that a process that forgets to stop still ends.
    """

    def __init__(self, name: str = "aijupyter-portal") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._door = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._pid = os.getpid()

    @property
    def running(self) -> bool:
        """Whether work can be handed in."""
        return self._loop is not None

    def start(self) -> None:
        """Start the thread and its loop. Raises PortalError when the loop does not come up in time."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            started: Future[None] = Future()
            thread = threading.Thread(target=self._run, args=(started,), name=self._name, daemon=True)
            thread.start()
            try:
                started.result(START_SECONDS)
            except TimeoutError:
                raise PortalError("The background loop did not start in time.", "Restart the kernel.") from None
            self._thread = thread

    def stop(self) -> None:
        """Cancel what runs, close the loop and join the thread. Refused from the loop's own thread."""
        self._refuse_own_thread("stop")
        with self._lock:
            thread, loop, stopping = self._thread, self._loop, self._stopping
            if thread is None:
                return
            if loop is not None and stopping is not None:
                loop.call_soon_threadsafe(stopping.set)
            thread.join(STOP_SECONDS)
            if thread.is_alive():
                log.error("the background loop did not end within %g s", STOP_SECONDS)
            self._thread = None

    def submit(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> Future[T]:
        """Run `function(*args)` on the loop and return at once.

        The coroutine is made on the loop's side, so that a refused call leaves none that was never awaited.
        Cancelling the future cancels the task. Raises PortalError when the portal does not run.
        """

        async def call() -> T:
            return await function(*args)

        with self._door:
            loop = self._open_loop()
            return asyncio.run_coroutine_threadsafe(call(), loop)

    def call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any, timeout: float | None = None) -> T:
        """Run `function(*args)` on the loop and wait for what it returns or raises.

        Raises TimeoutError after `timeout` seconds (the task is cancelled), and PortalError from the loop's own
        thread, where waiting would never end.
        """
        self._refuse_own_thread("call")
        future = self.submit(function, *args)
        try:
            return future.result(timeout)
        except CancelledError:
            raise PortalError("The background loop was stopped meanwhile.", CONNECT_AGAIN) from None
        except BaseException:
            future.cancel()
            raise

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Call a plain function on the loop, soon, from any thread. Raises PortalError when the portal does not run."""
        with self._door:
            self._open_loop().call_soon_threadsafe(function, *args)

    def _open_loop(self) -> asyncio.AbstractEventLoop:
        """The loop, which stays open while the door's lock is held."""
        if self._loop is None or os.getpid() != self._pid:  # no thread is copied into a forked process
            raise PortalError("The background loop is not running.", CONNECT_AGAIN)
        return self._loop

    def is_own_thread(self) -> bool:
        """Whether the caller is the background loop itself."""
        return self._thread is not None and threading.current_thread() is self._thread

    def _refuse_own_thread(self, what: str) -> None:
        if self.is_own_thread():
            raise PortalError(f"Portal.{what} would wait for itself: this is the background loop's own thread.")

    def _run(self, started: Future[None]) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve(started))
        except BaseException as error:  # noqa: BLE001  # whatever it is, the starter must see it
            if not started.done():
                started.set_exception(error)

    async def _serve(self, started: Future[None]) -> None:
        self._stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_quietly)
        self._loop, self._pid = loop, os.getpid()
        started.set_result(None)
        try:
            await self._stopping.wait()
        finally:
            with self._door:
                if self._loop is loop:  # a portal that was given up and started anew has another
                    self._loop = None
            await asyncio.sleep(0)  # so that what was handed in last becomes a task, which the end cancels


def _log_quietly(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Asyncio's own handler ends on standard error where no logging is set up, and so in somebody's cell."""
    error = context.get("exception")
    log.error("in the background loop: %s", context.get("message"), exc_info=error, extra={"event": "bug"})
