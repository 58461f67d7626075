"""One worker process, from its parent's side."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from aijupyter.errors import ServiceError, WorkerLostError
from aijupyter.service.worker import Emit

END_SECONDS = 5.0
CALM = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Threads that wait must not spin: NumPy's took as much of the processor again as the whole analysis."""
AGAIN = "Send the job again. If the same recording ends it once more, the recording is the cause: convert it to WAV."


class WorkerProcess:
    """A process that makes its own engine, inherits nothing of ours but its pipes, and ends when we do.

    `label` is what `ps` shows of it, `threads` how many the engine's libraries are to use. Its log goes to our stderr
    where `logs` says so. `ask` is called by one thread at a time, `kill` by any.
    """

    def __init__(self, label: str, threads: int, emit: Emit, *, logs: bool = False) -> None:
        self._emit = emit
        self.reason: WorkerLostError | None = None
        try:
            self._process = _spawn(label, threads, None if logs else subprocess.DEVNULL)
        except OSError as error:
            raise ServiceError(
                f"No worker process can be started ({error.strerror}).", "Close other programs."
            ) from None
        assert self._process.stdin is not None  # noqa: S101  # Popen was asked for pipes
        assert self._process.stdout is not None  # noqa: S101
        self._calls, self._answers = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function returns in that process; its news are told meanwhile.

        Raises what the function raised, and WorkerLostError where the process ended instead.
        """
        call = pickle.dumps((function, arguments))
        try:
            self._calls.write(call)
            self._calls.flush()
            kind, body = pickle.load(self._answers)  # noqa: S301  # written by our own child
            while kind == "news":
                self._emit(body)
                kind, body = pickle.load(self._answers)  # noqa: S301
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            raise self._lost() from None
        answer = pickle.loads(body)  # noqa: S301
        if kind == "failed":
            raise answer
        return answer

    def kill(self, reason: WorkerLostError | None = None) -> None:
        """End it at once, whatever it does. `reason` is what the one who asks is told. Idempotent."""
        self.reason = self.reason or reason
        with contextlib.suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """End it, and give its pipes back."""
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        for pipe in (self._calls, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()

    def _lost(self) -> WorkerLostError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        return self.reason or WorkerLostError(f"The analysis ended its process ({_ending(self._process)}).", AGAIN)


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.poll()
    if code is None:
        return "it closed its pipes"
    if code >= 0:
        return f"exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}; perhaps the machine ran out of memory" if name == "SIGKILL" else name


def _spawn(label: str, threads: int, stderr: int | None) -> subprocess.Popen[bytes]:
    # It looks for an engine's module where this process would, and for nothing beside the notebook (-P).
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    environment = {**CALM, "OMP_NUM_THREADS": str(threads), **environment}
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-P", "-m", "aijupyter.service.process_main", label],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=environment,
        creationflags=flags,
        start_new_session=True,  # an interrupt at the terminal is the service's business
    )
