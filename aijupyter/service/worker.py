"""The worker thread's side: the engine is loaded once, asked one task at a time, and its news passed on."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from aijupyter.errors import AIJupyterError
from aijupyter.models import AnalysisTask, VoicePrint
from aijupyter.protocols import Engine

logger = logging.getLogger(__name__)

Emit = Callable[[Mapping[str, Any]], None]
"""Takes an event (`models` or `progress`), from any thread, without blocking."""

PROGRESS_SECONDS = 0.1
RETRY_SECONDS = 5.0


class Worker:
    """Calls the engine. Its methods run in the one worker thread, so they need no lock."""

    def __init__(self, engine: Engine, emit: Emit, *, retry_seconds: float = RETRY_SECONDS) -> None:
        self._engine = engine
        self._emit = emit
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
        self._emit({"event": "models", "state": state, "message": message})

    def _progress_of(self, job_id: str) -> Callable[[float], None]:
        told_at, told = 0.0, 0.0

        def report(share: float) -> None:
            nonlocal told_at, told
            share, now = min(max(share, told), 1.0), time.monotonic()
            if share > told and (now - told_at >= PROGRESS_SECONDS or share == 1.0):
                told_at, told = now, share
                self._emit({"event": "progress", "jobId": job_id, "share": round(share, 4)})

        return report


def _explained(error: Exception) -> str:
    if isinstance(error, AIJupyterError):
        return str(error)
    logger.error("The engine could not be loaded.", exc_info=error)
    return f"The engine could not be loaded: {type(error).__name__}."
