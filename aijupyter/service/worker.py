"""The worker's side: an engine is made and loaded once, asked one task at a time, and its news passed on.

`Worker` serves one thread. `ask` is for processes that are handed a task and must find their engine by themselves.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aijupyter.errors import AIJupyterError
from aijupyter.models import AnalysisTask, VoicePrint
from aijupyter.protocols import Engine
from aijupyter.service.finding import find_engine

logger = logging.getLogger(__name__)

Emit = Callable[[Mapping[str, Any]], None]
"""Takes an event (`models` or `progress`), from any thread, without blocking."""

PROGRESS_SECONDS = 0.1
RETRY_SECONDS = 5.0


class Worker:
    """Calls the engine. Its methods run in one thread at a time, so they need no lock. `emit` gets its news."""

    def __init__(self, engine: Engine, emit: Emit, *, retry_seconds: float = RETRY_SECONDS) -> None:
        self._engine = engine
        self.emit = emit
        self._retry_seconds = retry_seconds
        self._loaded = False
        self._failure: tuple[float, Exception] | None = None

    def prepare(self) -> None:
        """Load ahead of the first job. A failure is told as an event, and once more by the job that meets it."""
        try:
            self._load()
        except Exception:  # noqa: BLE001  # told by _load
            return

    def analyze(self, job_id: str, task: AnalysisTask) -> str:
        """The engine's answer to one task, as JSON.

        Raises what the engine raises, and ValueError or TypeError where its answer is not JSON.
        """
        self._load()
        answer = self._engine.analyze(task, self._progress_of(job_id))
        return json.dumps(answer, allow_nan=False)

    def voice_print(self, audio: str, known: VoicePrint | None) -> VoicePrint:
        """The voice in an audio file. Raises what the engine raises, NotImplementedError where it knows no voices."""
        if not hasattr(self._engine, "voice_print"):
            raise NotImplementedError
        self._load()
        return self._engine.voice_print(audio, known)

    def _load(self) -> None:
        if self._loaded:
            return
        if self._failure is not None and time.monotonic() - self._failure[0] < self._retry_seconds:
            # A queue of jobs must not wait for the same missing model one after the other.
            raise self._failure[1]
        self._tell("loading", "Loading the models.")
        try:
            self._engine.load(lambda sentence: self._tell("loading", sentence))
        except Exception as error:
            self._failure = (time.monotonic(), error)
            self._tell("missing", _explained(error))
            raise
        self._loaded = True
        self._tell("ready", "The models are loaded.")

    def _tell(self, state: str, message: str) -> None:
        self.emit({"event": "models", "state": state, "message": message})

    def _progress_of(self, job_id: str) -> Callable[[float], None]:
        told_at, told = 0.0, 0.0

        def report(share: float) -> None:
            nonlocal told_at, told
            share, now = min(max(share, told), 1.0), time.monotonic()
            if share > told and (now - told_at >= PROGRESS_SECONDS or share == 1.0):
                told_at, told = now, share
                self.emit({"event": "progress", "jobId": job_id, "share": round(share, 4)})

        return report


def _explained(error: Exception) -> str:
    if isinstance(error, AIJupyterError):
        return str(error)
    logger.error("The engine could not be loaded.", exc_info=error)
    return f"The engine could not be loaded: {type(error).__name__}."


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine a worker makes for itself: see aijupyter.service.finding.find_engine."""

    name: str
    model: str


def ask(spec: EngineSpec, method: str, *arguments: Any, emit: Emit | None = None) -> Any:
    """Call `prepare`, `analyze` or `voice_print` of this process's own Worker, which is made at the first call.

    News go to `emit`, or to where `send_news_to` said. One call at a time: others wait.
    """
    with _one_at_a_time:
        if spec not in _workers:
            _workers[spec] = Worker(find_engine(spec.name, spec.model), _unheard)
        worker = _workers[spec]
        worker.emit = emit or _news
        return getattr(worker, method)(*arguments)


def send_news_to(emit: Emit) -> None:
    """Where the news of this process go."""
    global _news  # noqa: PLW0603  # a process has one parent
    _news = emit


def _unheard(_: Mapping[str, Any]) -> None:
    """Nobody listens yet."""


_workers: dict[EngineSpec, Worker] = {}
_news: Emit = _unheard
_one_at_a_time = threading.Lock()
