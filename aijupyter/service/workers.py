"""Where the engine works: one thread, one task at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aijupyter.models import AnalysisTask, Operation, VoicePrint
from aijupyter.protocols import Engine
from aijupyter.service.worker import Emit, Worker

T = TypeVar("T")


class Workers:
    """Hands tasks to the engine's thread, in the order in which they come."""

    def __init__(self, engine: Engine, emit: Emit) -> None:
        self.operations: frozenset[Operation] = frozenset(getattr(engine, "operations", Operation))
        self._worker = Worker(engine, emit)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aijupyter-engine")

    def prepare(self) -> None:
        """Start loading the models."""
        self._executor.submit(self._worker.prepare)

    async def analyze(self, job_id: str, task: AnalysisTask) -> str:
        """The engine's answer as JSON. Raises what the engine raises; cancelling it gives up a task in line."""
        return await self._do(lambda: self._worker.analyze(job_id, task))

    async def voice_print(self, audio: str, known: VoicePrint | None) -> VoicePrint:
        """The voice in an audio file, joined with what is known. Raises what the engine raises."""
        return await self._do(lambda: self._worker.voice_print(audio, known))

    async def close(self) -> None:
        """Drop what is in line. A computation that has begun goes on in its thread: nothing can interrupt it."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _do(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)
