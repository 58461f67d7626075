"""A job's way: fetch the recording, ask the engine, post the answer to the webhook."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from aiohttp import ClientError, ClientSession, ClientTimeout

from aijupyter.errors import AIJupyterError, Fault, MediaError, OptionError
from aijupyter.models import AnalysisTask
from aijupyter.service.answers import ENGINE_UNAVAILABLE, INTERNAL, INVALID_PARAMETER, REQUEST_ID, invalid
from aijupyter.service.fetch import fetch, is_loopback
from aijupyter.service.jobs import ServiceJob, Shelf
from aijupyter.service.options import ServiceOptions
from aijupyter.service.workers import Workers

logger = logging.getLogger(__name__)


class Runner:
    """Takes accepted jobs to their end, each in a task of its own; the workers share them out."""

    def __init__(self, workers: Workers, options: ServiceOptions) -> None:
        self._workers = workers
        self._options = options
        self._shelf = Shelf(options.kept_limit, options.kept_bytes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ahead = asyncio.Semaphore(max(options.fetched_ahead, 2 * workers.parallel))

    @property
    def full(self) -> bool:
        """Whether no further job can be taken now."""
        return self._shelf.under_way >= self._options.queue_limit

    def prepare(self) -> None:
        """Start loading the models."""
        self._workers.prepare()

    def start(self, job: ServiceJob) -> None:
        """Take a job. Its end is seen in the job itself and told to its webhook."""
        self._shelf.add(job)
        task = asyncio.create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def find(self, job_id: str) -> ServiceJob | None:
        """The job, or None where it is unknown or has expired."""
        return self._shelf.find(job_id)

    async def close(self) -> None:
        """Drop what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, job: ServiceJob) -> None:
        file = job.media if isinstance(job.media, Path) else self._options.scratch / f"{uuid4().hex}.media"
        try:
            async with self._ahead:
                if isinstance(job.media, str):
                    await fetch(job.media, file, self._options)
                task = AnalysisTask(job.operation, str(file), job.options)
                job.succeed(await self._workers.analyze(job.job_id, task))
        except Exception as error:  # noqa: BLE001  # whatever it is, the job ends with it
            job.fail([_fault(job, error, file)])
        finally:
            discard(file)
            self._shelf.end(job)
        await self._deliver(job)

    async def _deliver(self, job: ServiceJob) -> None:
        """One attempt, as the provider makes. The address is not logged: its path can be a secret."""
        host = urlsplit(job.webhook).hostname or ""
        body = job.envelope().encode()
        headers = {"Content-Type": "application/json", REQUEST_ID: job.request_id}
        timeout = ClientTimeout(total=self._options.webhook_seconds)
        try:
            async with (
                ClientSession(timeout=timeout, trust_env=not is_loopback(host)) as client,
                client.post(job.webhook, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                logger.info("Job %s: the webhook at %s answered %d.", job.job_id, host, answer.status)
        except (ClientError, OSError, TimeoutError, ValueError) as error:
            logger.warning("Job %s: the webhook at %s failed (%s).", job.job_id, host, type(error).__name__)


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
