"""Who does the analyses."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aijupyter.models import AnalysisTask, Operation, VoicePrint
from aijupyter.protocols import Engine
from aijupyter.service.worker import Emit, Worker

T = TypeVar("T")


class Workers(ABC):
    """Does analyses, any number of them asked for at once. `parallel` is how many it works on at the same time."""

    operations: frozenset[Operation]
    parallel: int = 1

    @abstractmethod
    def prepare(self) -> None:
        """Start loading the models, ahead of the first job."""

    @abstractmethod
    async def analyze(self, job_id: str, task: AnalysisTask) -> str:
        """The engine's answer as JSON. Raises what the engine raises; cancelling the wait gives up a task in line."""

    @abstractmethod
    async def voice_print(self, audio: str, known: VoicePrint | None) -> VoicePrint:
        """The voice in an audio file, joined with what is known. Raises what the engine raises."""

    @abstractmethod
    async def close(self) -> None:
        """Drop what is in line. Idempotent."""


class ThreadWorkers(Workers):
    """One thread of this process. A computation that has begun goes on until it is done: nothing can interrupt it."""

    def __init__(self, engine: Engine, emit: Emit) -> None:
        self.operations = frozenset(getattr(engine, "operations", Operation))
        self._worker = Worker(engine, emit)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aijupyter-engine")

    def prepare(self) -> None:  # noqa: D102  # see Workers
        self._executor.submit(self._worker.prepare)

    async def analyze(self, job_id: str, task: AnalysisTask) -> str:  # noqa: D102
        return await self._do(lambda: self._worker.analyze(job_id, task))

    async def voice_print(self, audio: str, known: VoicePrint | None) -> VoicePrint:  # noqa: D102
        return await self._do(lambda: self._worker.voice_print(audio, known))

    async def close(self) -> None:  # noqa: D102
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _do(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)
