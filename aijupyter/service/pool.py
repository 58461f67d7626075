"""A pool of processes as a concurrent.futures.Executor: one that crashes takes only its own task along.

The standard library's pool breaks as a whole when one process dies, and cannot cancel what runs. Here each process has
pipes of its own, so that it can be ended, and replaced, without harm to the others.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from aijupyter.errors import WorkerLostError
from aijupyter.service.memory import resident_bytes
from aijupyter.service.process import WorkerProcess

ATTEMPTS = 2
"""A task whose process was lost gets one other: what ended the first may have had nothing to do with the task."""
WATCH_SECONDS = 0.25
TIDY_SHARE = 0.5
"""A process that still holds more than this share of its ceiling after a task is replaced before the next."""
END_SECONDS = 10.0
MEBIBYTE = 1 << 20


class _Task(Future[Any]):
    """A call. It is not marked as running, so that it can be cancelled until it is done."""

    def __init__(self, call: tuple[Any, ...], *, heavy: bool, warming: bool) -> None:
        super().__init__()
        self.call = call
        self.heavy = heavy
        self.warming = warming


class _Seat:
    """A place for one process, and what it works on."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.task: _Task | None = None
        self.process: WorkerProcess | None = None


class ProcessPool(Executor):
    """`size` processes, each made by `start(label)` when it is first needed. First come, first served.

    While heavy tasks hold every process, one more is started for the light ones, and ended when it is not needed any
    more. A process that holds more than `memory_limit` bytes is ended, and its task fails. Cancelling the future of a
    task ends the process that works on it.
    """

    def __init__(self, size: int, start: Callable[[str], WorkerProcess], memory_limit: int | None = None) -> None:
        self._start = start
        self._memory_limit = memory_limit
        self._changed = threading.Condition()
        self._seats = [_Seat(f"{number} of {size}") for number in range(1, size + 1)]
        self._spare = _Seat("spare")
        self._waiting: deque[_Task] = deque()
        self._threads: set[threading.Thread] = set()
        self._open = True
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="aijupyter-memory", daemon=True)

    def submit(  # type: ignore[override]  # keywords are the pool's own
        self, fn: Callable[..., Any], /, *args: Any, heavy: bool = False, warming: bool = False
    ) -> Future[Any]:
        """Call `fn(*args)` in one of the processes. `heavy` says that it will take long.

        `warming` says that it makes ready what all need; while it runs, no further process is started.
        """
        task = _Task((fn, *args), heavy=heavy, warming=warming)
        with self._changed:
            if not self._open:
                raise RuntimeError("The pool is closed.")
            if self._memory_limit is not None and self._watcher.ident is None:
                self._watcher.start()
            self._waiting.append(task)
            self._deal()
        task.add_done_callback(self._drop_cancelled)
        return task

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, and end the processes once those submitted are done. Idempotent."""
        with self._changed:
            self._open = False
            waiting = list(self._waiting) if cancel_futures else []
        for task in waiting:
            task.cancel()
        if wait:
            with self._changed:
                self._changed.wait_for(lambda: not self._threads)
            self.kill()
        else:
            threading.Thread(target=self.shutdown, name="aijupyter-shutdown", daemon=True).start()

    def kill(self) -> None:
        """Cancel every task and end the processes at once. Idempotent."""
        with self._changed:
            self._open = False
            tasks = [*self._waiting, *(seat.task for seat in self._all() if seat.task is not None)]
        for task in tasks:
            task.cancel()
        with self._changed:
            self._changed.wait_for(lambda: not self._threads, END_SECONDS)
            processes = [seat.process for seat in self._all() if seat.process is not None]
        for process in processes:
            process.close()
        self._over.set()
        if self._watcher.ident is not None:
            self._watcher.join(END_SECONDS)

    def _all(self) -> list[_Seat]:
        return [*self._seats, self._spare]

    def _deal(self) -> None:
        """Seat who can be seated. The lock is held."""
        while self._waiting:
            seat, task = self._pair()
            if seat is None or task is None:
                return
            self._waiting.remove(task)
            seat.task = task
            thread = threading.Thread(target=self._work, args=(seat, task), name="aijupyter-worker", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _pair(self) -> tuple[_Seat | None, _Task | None]:
        """The next task to begin and its seat, one with a running process first. None where somebody must wait."""
        free = [seat for seat in self._seats if seat.task is None]
        if any(seat.task is not None and seat.task.warming for seat in self._seats):
            free = [seat for seat in free if seat.process is not None]
        if free:
            return min(free, key=lambda seat: seat.process is None), self._waiting[0]
        held_up = all(seat.task is not None and seat.task.heavy for seat in self._seats)
        if not held_up or self._spare.task is not None:
            return None, None
        return self._spare, next((task for task in self._waiting if not task.heavy), None)

    def _work(self, seat: _Seat, task: _Task) -> None:
        """One task from its beginning to its end, in a thread of its own."""
        result, error = self._outcome(seat, task)
        with self._changed:
            seat.task = None
            surplus = self._surplus(seat)
            self._deal()
        for process in surplus:
            process.close()
        if task.set_running_or_notify_cancel():
            if error is None:
                task.set_result(result)
            else:
                task.set_exception(error)
        with self._changed:
            self._threads.discard(threading.current_thread())
            self._changed.notify_all()

    def _outcome(self, seat: _Seat, task: _Task) -> tuple[Any, BaseException | None]:
        error: BaseException | None = None
        for _ in range(ATTEMPTS):
            try:
                return self._process_for(seat, task).ask(*task.call), None
            except WorkerLostError as lost:
                error = lost
                process, seat.process = seat.process, None
                if process is not None:
                    process.close()
                if task.cancelled() or (process is not None and process.reason is lost):
                    break
            except BaseException as failure:  # noqa: BLE001  # it belongs to the task
                return None, failure
        return None, error

    def _process_for(self, seat: _Seat, task: _Task) -> WorkerProcess:
        process = seat.process
        if process is None or not process.alive:
            if process is not None:
                process.close()
            process = self._start(seat.label)
        with self._changed:
            seat.process = process
            if task.cancelled():  # before there was a process to end
                process.kill()
        return process

    def _surplus(self, seat: _Seat) -> list[WorkerProcess]:
        """The processes that nobody needs any more: a bloated one, and the spare one. The lock is held."""
        gone = []
        if seat.process is not None and self._is_above(seat.process, TIDY_SHARE) is not None:
            gone.append(seat)
        if self._spare.task is None and any(other.task is None for other in self._seats) and not self._waiting:
            gone.append(self._spare)
        processes = [place.process for place in gone if place.process is not None]
        for place in gone:
            place.process = None
        return processes

    def _drop_cancelled(self, task: Future[Any]) -> None:
        if not task.cancelled():
            return
        with self._changed:
            if task in self._waiting:
                self._waiting.remove(task)  # type: ignore[arg-type]  # all that waits is a task
            for seat in self._all():
                if seat.task is task and seat.process is not None:
                    seat.process.kill()

    def _watch(self) -> None:
        """End the processes that hold too much."""
        while not self._over.wait(WATCH_SECONDS):
            with self._changed:
                processes = [seat.process for seat in self._all() if seat.process is not None]
            for process in processes:
                held = self._is_above(process, 1.0)
                if held is not None:
                    process.kill(_too_much(held))

    def _is_above(self, process: WorkerProcess, share: float) -> int | None:
        """What a process holds, in bytes, where that is more than this share of the ceiling."""
        if self._memory_limit is None:
            return None
        held = resident_bytes(process.pid)
        return held if held is not None and held > share * self._memory_limit else None


def _too_much(held: int) -> WorkerLostError:
    return WorkerLostError(
        f"The analysis held {held // MEBIBYTE} MiB of memory, more than a worker may, and was ended.",
        "Give the workers more, or have fewer of them (--executor processes:1:8GiB), or cut the recording into parts.",
    )
