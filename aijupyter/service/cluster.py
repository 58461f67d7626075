"""Analyses on a Dask cluster, through distributed's own executor. Its workers need aijupyter and the engine's packages.

The recording travels with its task, so that the workers may be anywhere; one of more than TRAVEL_BYTES must lie in a
folder that they share with the service. Each worker process makes its engine once and does one analysis at a time:
start them with one thread each (`dask worker HOST:PORT --nworkers 4 --nthreads 1`). Their answers are the pool's where
their libraries compute with one thread too, which is what Dask's nannies tell them unless they were told not to: with
other numbers of threads sums are rounded otherwise, and now and then another word is heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast
from uuid import uuid4

from aijupyter.errors import LocalExtraMissingError, MediaError, ServiceError, WorkerLostError
from aijupyter.models import AnalysisTask, VoicePrint
from aijupyter.service.finding import find_engine
from aijupyter.service.worker import Emit, EngineSpec, ask
from aijupyter.service.workers import ModelNews, Workers, operations_of, outcome

MEBIBYTE = 1 << 20
TRAVEL_BYTES = 128 * MEBIBYTE
"""What the scheduler is burdened with at most for one recording: three hours of MP3 at 96 kbit/s."""
NEWS_SECONDS = 1.0
"""Every event passes through the scheduler, which keeps it for a while."""
CONNECT_SECONDS = 10.0
RETRY_SECONDS = 5.0
CHECK = "See that `dask scheduler` and its workers run, and that the address is the scheduler's."


class ClusterWorkers(Workers):
    """The workers of one Dask scheduler at `address` (HOST:PORT).

    When the scheduler or the way to it is lost, jobs under way fail with WorkerLostError; those that come later find a
    scheduler that is back. A worker that dies is Dask's own business: it gives the task to others a few times.
    Raises ServiceError where the scheduler does not answer, LocalExtraMissingError without the package.
    """

    def __init__(self, address: str, spec: EngineSpec, emit: Emit) -> None:
        self.operations = operations_of(find_engine(spec.name, spec.model))
        self._address = address
        self._spec = spec
        self._topic = f"aijupyter-{uuid4().hex}"
        self._emit = ModelNews(emit).emit
        self._connecting = threading.Lock()
        self._client: Any = None
        self._refusal: tuple[float, ServiceError] | None = None
        self.parallel = max(1, len(self._worker_addresses()))

    def prepare(self) -> None:  # noqa: D102  # see Workers
        submit = self._submit_to()
        for worker in self._worker_addresses():
            submit(prepare_there, self._spec, self._topic, workers=[worker])

    async def analyze(self, job_id: str, task: AnalysisTask) -> str:  # noqa: D102
        return cast("str", await self._ask(task.audio, analyze_there, self._spec, self._topic, job_id, task))

    async def voice_print(self, audio: str, known: VoicePrint | None) -> VoicePrint:  # noqa: D102
        return cast("VoicePrint", await self._ask(audio, voice_there, self._spec, self._topic, audio, known))

    async def close(self) -> None:  # noqa: D102
        await asyncio.to_thread(self._disconnect)

    async def _ask(self, audio: str, function: Any, *arguments: Any) -> Any:
        try:
            future = await asyncio.to_thread(self._submit, audio, function, *arguments)
            return await outcome(future, f"The Dask scheduler at {self._address} was lost, and the analysis with it.")
        except Exception as error:
            if type(error).__name__ == "KilledWorker":
                raise WorkerLostError(
                    "The analysis ended the Dask workers that tried it.", "See their logs, then send the job again."
                ) from None
            raise

    def _worker_addresses(self) -> list[str]:
        self._submit_to()
        return list(self._client.nthreads())

    def _submit(self, audio: str, function: Any, *arguments: Any) -> Future[Any]:
        return self._submit_to()(function, *arguments, _content(audio))

    def _submit_to(self) -> Callable[..., Future[Any]]:
        """The `submit` of the cluster's executor; connects where there is no connection. Raises ServiceError."""
        with self._connecting:
            if self._client is None or self._client.status != "running":
                self._disconnect()
                self._connect()
            executor: Executor = self._client.get_executor(pure=False)
            return executor.submit

    def _connect(self) -> None:
        if self._refusal is not None and time.monotonic() - self._refusal[0] < RETRY_SECONDS:
            raise self._refusal[1]  # a queue of jobs must not wait for it one after the other
        try:
            self._client = _connected(self._address)
        except ServiceError as error:
            self._refusal = (time.monotonic(), error)
            raise
        self._client.subscribe_topic(self._topic, self._hear)

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        self._emit(event[1])

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):  # there may be nobody left to take leave of
                client.close(timeout=2)


def analyze_there(spec: EngineSpec, topic: str, job_id: str, task: AnalysisTask, content: bytes | None) -> str:
    """On a Dask worker: `analyze` of its own engine."""
    with _at_hand(task.audio, content) as audio:
        there = replace(task, audio=audio)
        return cast("str", _ask_here(spec, topic, "analyze", job_id, there))


def voice_there(
    spec: EngineSpec, topic: str, audio: str, known: VoicePrint | None, content: bytes | None
) -> VoicePrint:
    """On a Dask worker: `voice_print` of its own engine."""
    with _at_hand(audio, content) as there:
        return cast("VoicePrint", _ask_here(spec, topic, "voice_print", there, known))


def prepare_there(spec: EngineSpec, topic: str) -> None:
    """On a Dask worker: load its own engine's models."""
    _ask_here(spec, topic, "prepare")


def _ask_here(spec: EngineSpec, topic: str, method: str, *arguments: Any) -> Any:
    return ask(spec, method, *arguments, emit=_ClusterNews(topic).emit)


class _ClusterNews:
    """Sends events from a Dask worker to the service, progress no more often than every NEWS_SECONDS."""

    def __init__(self, topic: str) -> None:
        from distributed import get_worker  # noqa: PLC0415  # heavy

        self._worker = get_worker()
        self._topic = topic
        self._told_at = 0.0

    def emit(self, event: Mapping[str, Any]) -> None:
        """Send an event."""
        if event["event"] == "progress":
            if time.monotonic() - self._told_at < NEWS_SECONDS:
                return
            self._told_at = time.monotonic()
        self._worker.log_event(self._topic, dict(event))


@contextlib.contextmanager
def _at_hand(audio: str, content: bytes | None) -> Iterator[str]:
    """A file with the recording; the original's name stands in errors about it."""
    if content is None:
        yield audio
        return
    with TemporaryDirectory(prefix="aijupyter-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "recording")
        file.write_bytes(content)
        try:
            yield str(file)
        except MediaError as error:
            error.problem = error.problem.replace(str(file), audio)
            raise


def _content(audio: str) -> bytes | None:
    """What travels: None where there is no recording, or where it is too large."""
    if not audio or Path(audio).stat().st_size > TRAVEL_BYTES:
        return None
    return Path(audio).read_bytes()


def _connected(address: str) -> Any:
    try:
        from distributed import Client  # noqa: PLC0415  # heavy, and for those who have a cluster
    except ImportError as error:
        raise LocalExtraMissingError(
            f"A Dask cluster needs a package that is not there: {error.name or error}.",
            "Install it: pip install 'aijupyter[dask]'",
        ) from error
    _silence()
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()  # Client would try for long
        return Client(f"tcp://{address}", timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ServiceError(
            f"The Dask scheduler at {address} does not answer ({type(error).__name__}).", CHECK
        ) from None


def _silence() -> None:
    """The library logs to stderr, in part through handlers of its own, and warns of large tasks and other versions."""
    for name in [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]:
        logging.getLogger(name).handlers = []
    everything = logging.getLogger("distributed")
    everything.handlers, everything.propagate = [logging.NullHandler()], False
    warnings.filterwarnings("ignore", module=r"distributed(\.|$)")
