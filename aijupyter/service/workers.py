"""Who does the service's analyses: a thread, a pool of processes, or a Dask cluster, all behind one interface."""

from __future__ import annotations

import asyncio
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from aijupyter.errors import ServiceError, WorkerLostError
from aijupyter.models import AnalysisTask, Operation, VoicePrint
from aijupyter.protocols import Engine
from aijupyter.service.finding import find_engine
from aijupyter.service.memory import usable_bytes
from aijupyter.service.pool import ProcessPool
from aijupyter.service.process import WorkerProcess
from aijupyter.service.worker import Emit, EngineSpec, Worker, ask

MEBIBYTE = 1 << 20
LIGHT_BYTES = 16 * MEBIBYTE
"""A larger file is a long recording, which must not hold every worker: it is 17 minutes of MP3 at 128 kbit/s."""
MEMORY_SHARE = 0.8
"""How much of the machine's memory the workers may hold together."""
NEEDED_BYTES = 1 << 30
"""What a process needs, with room: the smallest models and a short call take 450 MiB."""
THREADS = ((16, 4), (4, 2), (0, 1))
"""From so many cores on, so many threads for each process. On two cores, two processes of one thread do the same work
in 15 % less processor time than of two threads; but where cores are many, one job alone should have some of them."""
UNITS = {"MiB": MEBIBYTE, "GiB": 1 << 30}
GRAMMAR = re.compile(r"processes(?::(?P<size>[1-9]\d{0,3}))?(?::(?P<memory>[1-9]\d*)(?P<unit>MiB|GiB))?")


class Workers(ABC):
    """Does analyses, any number of them asked for at once. `parallel` is how many it works on at the same time."""

    operations: frozenset[Operation]
    parallel: int = 1

    @abstractmethod
    def prepare(self) -> None:
        """Start loading the models, ahead of the first job."""

    @abstractmethod
    async def analyze(self, job_id: str, task: AnalysisTask) -> str:
        """The engine's response to a task, as JSON. Cancelling the wait gives the task up.

        Raises what the engine raised, and WorkerLostError where the process that worked on it ended.
        """

    @abstractmethod
    async def voice_print(self, audio: str, known: VoicePrint | None) -> VoicePrint:
        """The voice in an audio file, joined with what is known of it. Raises as `analyze` does."""

    @abstractmethod
    async def close(self) -> None:
        """Drop what is under way. Idempotent."""


class ThreadWorkers(Workers):
    """One thread of this process. A computation that has begun goes on until it is done: nothing can interrupt it."""

    def __init__(self, engine: Engine, emit: Emit) -> None:
        self.operations = operations_of(engine)
        self._worker = Worker(engine, emit)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aijupyter-engine")

    def prepare(self) -> None:  # noqa: D102  # see Workers
        self._executor.submit(self._worker.prepare)

    async def analyze(self, job_id: str, task: AnalysisTask) -> str:  # noqa: D102
        return cast("str", await outcome(self._executor.submit(self._worker.analyze, job_id, task)))

    async def voice_print(self, audio: str, known: VoicePrint | None) -> VoicePrint:  # noqa: D102
        return cast("VoicePrint", await outcome(self._executor.submit(self._worker.voice_print, audio, known)))

    async def close(self) -> None:  # noqa: D102
        self._executor.shutdown(wait=False, cancel_futures=True)


class ProcessWorkers(Workers):
    """A pool of processes on this machine, each with an engine of its own."""

    def __init__(
        self, spec: EngineSpec, emit: Emit, *, size: int = 0, memory_limit: int | None = None, logs: bool = False
    ) -> None:
        self.operations = operations_of(find_engine(spec.name, spec.model))
        self.parallel = size or fitting_size()
        self._spec = spec
        news, threads = ModelNews(emit), threads_each(self.parallel)
        self._pool = ProcessPool(
            self.parallel,
            lambda label: WorkerProcess(f"engine {spec.name}, {label}", threads, news.emit, logs=logs),
            memory_limit or fitting_memory(self.parallel),
        )

    def prepare(self) -> None:  # noqa: D102  # see Workers
        self._pool.submit(ask, self._spec, "prepare", warming=True)

    async def analyze(self, job_id: str, task: AnalysisTask) -> str:  # noqa: D102
        heavy = is_long(task.audio)  # at once, in no thread, so that the order in which jobs came is kept
        return cast("str", await outcome(self._pool.submit(ask, self._spec, "analyze", job_id, task, heavy=heavy)))

    async def voice_print(self, audio: str, known: VoicePrint | None) -> VoicePrint:  # noqa: D102
        return cast("VoicePrint", await outcome(self._pool.submit(ask, self._spec, "voice_print", audio, known)))

    async def close(self) -> None:  # noqa: D102
        await asyncio.to_thread(self._pool.kill)


class ModelNews:
    """Passes news on, but not each worker's loading once the models are known to be there."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._state = ""

    def emit(self, event: Mapping[str, Any]) -> None:
        """Take one worker's event."""
        if event["event"] == "models":
            if self._state == "ready" and event["state"] != "missing":
                return
            self._state = event["state"]
        self._emit(event)


def hire(executor: str, engine: str, model: str, emit: Emit, *, logs: bool = False) -> Workers:
    """The workers that `executor` names: "processes", "processes:N", "processes:N:2GiB", "thread", "dask://HOST:PORT".

    N is the number of processes (by default, what the cores are good for); the amount is the most memory that each may
    hold. `logs` says that worker processes may write to our stderr. Raises ServiceError for anything else, where the
    engine cannot be made, and where the cluster cannot be reached.
    """
    if executor.startswith("dask://"):
        from aijupyter.service.cluster import ClusterWorkers  # noqa: PLC0415  # distributed is heavy

        return ClusterWorkers(executor.removeprefix("dask://"), EngineSpec(engine, model), emit)
    if executor == "thread":
        return ThreadWorkers(find_engine(engine, model), emit)
    chosen = GRAMMAR.fullmatch(executor)
    if chosen is None:
        raise ServiceError(
            f"There is no executor {executor!r}.",
            "Name processes, processes:2, processes:2:4GiB (the most memory of each), thread or dask://HOST:PORT.",
        )
    memory = int(chosen["memory"]) * UNITS[chosen["unit"]] if chosen["memory"] else None
    spec = EngineSpec(engine, model)
    return ProcessWorkers(spec, emit, size=int(chosen["size"] or 0), memory_limit=memory, logs=logs)


async def outcome(future: Future[Any], lost: str = "The workers were closed.") -> Any:
    """What a future gives. Cancelling the wait cancels the future.

    Raises WorkerLostError with the problem `lost` where somebody else cancelled it.
    """
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise WorkerLostError(lost, "Send the job again.") from None


def operations_of(engine: Engine) -> frozenset[Operation]:
    """What an engine can be asked."""
    return frozenset(getattr(engine, "operations", Operation))


def is_long(audio: str) -> bool:
    """Whether a recording is a long one, by the size of its file."""
    try:
        return bool(audio) and Path(audio).stat().st_size > LIGHT_BYTES
    except OSError:
        return False  # whoever opens it says so


def fitting_size() -> int:
    """How many processes this machine is good for: its cores by the threads of each, as far as there is memory."""
    threads = next(threads for least, threads in THREADS if cores() >= least)
    usable = usable_bytes()
    room = cores() if usable is None else int(usable * MEMORY_SHARE) // NEEDED_BYTES
    return max(1, min(cores() // threads, room))


def threads_each(size: int) -> int:
    """How many threads each of so many processes uses."""
    return max(1, cores() // size)


def fitting_memory(size: int) -> int | None:
    """The most memory that each of so many processes may hold, in bytes; None where nobody can tell."""
    usable = usable_bytes()
    return None if usable is None else int(usable * MEMORY_SHARE / size)


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
