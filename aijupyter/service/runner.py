"""A job's way: fetch the recording, ask the engine, write the answer down, post it to the webhook."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from aijupyter.errors import AIJupyterError, Fault, MediaError, OptionError, ServiceError
from aijupyter.models import AnalysisTask, VoicePrint
from aijupyter.service.answers import ENGINE_UNAVAILABLE, INTERNAL, INVALID_PARAMETER, invalid
from aijupyter.service.delivering import deliver
from aijupyter.service.fetch import fetch
from aijupyter.service.jobs import IN_PROGRESS, ServiceJob
from aijupyter.service.options import ServiceOptions
from aijupyter.service.rehearsal import PLAIN, Fate
from aijupyter.service.store import Store
from aijupyter.service.worker import Emit
from aijupyter.service.workers import Workers

logger = logging.getLogger(__name__)

STORE_RETRY_SECONDS = 2.0


class Runner:
    """Takes accepted jobs to their end, each in a task of its own. `account` is the client that it serves."""

    def __init__(self, workers: Workers, store: Store, options: ServiceOptions, account: str, emit: Emit) -> None:
        self._workers = workers
        self._store = store
        self._options = options
        self._account = account
        self._emit = emit
        self._unanswered = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ahead = asyncio.Semaphore(max(options.fetched_ahead, 2 * workers.parallel))
        self._keeping_house: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether no further job can be taken now."""
        return self._unanswered >= self._options.queue_limit

    async def open(self) -> None:
        """Take up what services before this one left, and look after the store from now on. Raises ServiceError."""
        await self._keep_house()
        self._keeping_house = asyncio.create_task(self._keep_house_for_ever())

    async def accept(self, job: ServiceJob, fate: Fate = PLAIN) -> asyncio.Task[None]:
        """Write a job down, then take it to its end; the task is done when its answer was posted.

        Raises ServiceError where it cannot be written down.
        """
        await self._store.add(job, self._account)
        return self._start(job, fate)

    async def find(self, job_id: str) -> ServiceJob | None:
        """The job, or None where it is unknown or has expired. Raises ServiceError."""
        return await self._store.find(job_id, self._account)

    async def close(self) -> None:
        """Let go of what is under way: it stays in the store. A computation that has begun ends by itself."""
        tasks = [*self._tasks, *([self._keeping_house] if self._keeping_house else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, job: ServiceJob, fate: Fate = PLAIN) -> asyncio.Task[None]:
        self._unanswered += job.status == IN_PROGRESS
        task = asyncio.create_task(self._run(job, fate))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, job: ServiceJob, fate: Fate) -> None:
        if job.status == IN_PROGRESS:
            await self._answer(job)
            await asyncio.sleep(fate.slow_seconds)
            await _surely(lambda: self._store.end(job))
        await asyncio.sleep(fate.late_seconds)
        for _ in range(fate.copies):
            trouble = await deliver(job, self._options, named=not fate.nameless)
            if trouble:
                self._emit({"event": "delivery", "jobId": job.job_id, "message": trouble})
        await _surely(lambda: self._store.delivered(job))

    async def _answer(self, job: ServiceJob) -> None:
        """Whatever happens, the job has ended with it."""
        file = job.media if isinstance(job.media, Path) else self._options.scratch / f"{uuid4().hex}.media"
        try:
            async with self._ahead:
                if isinstance(job.media, str):
                    await fetch(job.media, file, self._options)
                audio = "" if job.media is None else str(file)
                task = AnalysisTask(job.operation, audio, job.options, await self._voices(job))
                job.succeed(await self._workers.analyze(job.job_id, task))
        except Exception as error:  # noqa: BLE001  # whatever it is, the job ends with it
            job.fail([_fault(job, error, file)])
        finally:
            self._unanswered -= 1
            if not isinstance(job.media, Path):
                discard(file)

    async def _voices(self, job: ServiceJob) -> dict[str, VoicePrint]:
        found = {name: await self._store.voice(name) for name in job.options.get("speakerIds", ())}
        gone = ", ".join(name for name, voice in found.items() if voice is None)
        if gone:
            raise OptionError(f"Not enrolled any more: {gone}.", option="speakerIds")
        return {name: voice.print for name, voice in found.items() if voice is not None}

    async def _keep_house(self) -> None:
        for job in await self._store.claim(self._account):
            logger.info("Job %s is taken up again.", job.job_id)
            self._start(job)
        await self._store.tidy(self._options.kept_limit, self._options.kept_bytes)

    async def _keep_house_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._options.housekeeping_seconds)
            try:
                await self._keep_house()
            except ServiceError as error:
                logger.warning("The store could not be looked after: %s", error)


async def _surely(step: Callable[[], Awaitable[None]]) -> None:
    """Do it until it is done: a full disk must not lose an answer."""
    while True:
        try:
            return await step()
        except ServiceError as error:
            logger.warning("It is tried again in %g s: %s", STORE_RETRY_SECONDS, error)
            await asyncio.sleep(STORE_RETRY_SECONDS)


def discard(file: Path) -> None:
    """Delete a file that may be gone. One that is still open on Windows goes with its folder."""
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _fault(job: ServiceJob, error: Exception, file: Path) -> Fault:
    if isinstance(error, MediaError):
        told = str(error).replace(str(file), "the recording")  # whose name here says nothing to anybody
        return invalid("contentUri" if isinstance(job.media, str) else "content", told)
    if isinstance(error, OptionError):
        return Fault(INVALID_PARAMETER, str(error), error.option or None)
    if isinstance(error, AIJupyterError):
        return Fault(ENGINE_UNAVAILABLE, str(error))
    logger.error("Job %s ended unexpectedly.", job.job_id, exc_info=error)
    return Fault(INTERNAL, f"Internal error: {type(error).__name__}")
