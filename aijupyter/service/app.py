"""The HTTP face: the provider's paths, and what each of them answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from aijupyter.errors import AIJupyterError
from aijupyter.models import Operation
from aijupyter.service.answers import ENGINE_UNAVAILABLE, REQUEST_ID, RefusalError, refused
from aijupyter.service.door import TOKEN, Door, json_object, write_content
from aijupyter.service.enrollments import Enrollments
from aijupyter.service.jobs import ServiceJob
from aijupyter.service.limits import Limiter
from aijupyter.service.options import ServiceOptions
from aijupyter.service.rehearsal import PLAIN, Rehearsal
from aijupyter.service.runner import Runner, discard
from aijupyter.service.store import Store
from aijupyter.service.tokens import Tokens
from aijupyter.service.validation import MEDIA_FIELDS, ON_TEXTS, read_body, request_faults
from aijupyter.service.workers import Workers

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

OPERATIONS = {
    "/ai/audio/v1/async/speech-to-text": Operation.TRANSCRIBE,
    "/ai/audio/v1/async/speaker-diarize": Operation.DIARIZE,
    "/ai/audio/v1/async/speaker-identify": Operation.IDENTIFY,
    "/ai/audio/v1/async/recognize-emotion": Operation.EMOTIONS,
    "/ai/text/v1/async/punctuate": Operation.PUNCTUATE,
    "/ai/text/v1/async/summarize": Operation.SUMMARIZE,
    "/ai/insights/v1/async/analyze-interaction": Operation.ANALYZE,
}
EARLY_SECONDS = 10.0
"""In a rehearsal, the longest that a 202 is kept back until its delivery was made."""


class Service:
    """The handlers of one service."""

    def __init__(
        self,
        tokens: Tokens,
        runner: Runner,
        workers: Workers,
        store: Store,
        options: ServiceOptions,
        rehearsal: Rehearsal | None = None,
    ) -> None:
        self._door = Door(tokens, Limiter(options.limit), rehearsal)
        self._runner = runner
        self._workers = workers
        self._store = store
        self._options = options
        self._rehearsal = rehearsal

    def application(self) -> web.Application:
        """The aiohttp application with every path of the contract."""
        app = web.Application(middlewares=[_in_contract], client_max_size=self._options.body_limit)
        app.on_response_prepare.append(self._finish)
        app.router.add_post(TOKEN, self._token)
        for path, operation in OPERATIONS.items():
            app.router.add_post(path, partial(self._submit, operation))
        app.router.add_get("/ai/status/v1/jobs/{jobId}", self._status, allow_head=False)
        Enrollments(self._door, self._workers, self._store, self._options).add_to(app)
        return app

    async def _token(self, request: web.Request) -> web.Response:
        return web.json_response(await self._door.grant(request), headers={"Cache-Control": "no-store"})

    async def _submit(self, operation: Operation, request: web.Request) -> web.Response:
        self._door.enter(request)
        if operation not in self._workers.operations:
            raise refused(501, "CMN-501", f"The engine of this service does not do {operation}: {request.path}")
        if self._runner.full:
            busy = {"Retry-After": "5"}
            raise refused(429, "CMN-301", "Too many jobs are queued. Send this one again later", headers=busy)
        job = await self._job(operation, request)
        fate = self._rehearsal.next_fate() if self._rehearsal else PLAIN
        try:
            running = await self._runner.accept(job, fate)
        except AIJupyterError:
            if isinstance(job.media, Path):
                discard(job.media)
            raise
        if fate.early:
            await asyncio.wait({running}, timeout=EARLY_SECONDS)
        if fate.unanswered:
            raise refused(502, "CMN-502", "Bad gateway")
        return web.json_response({"jobId": job.job_id}, status=202, headers={REQUEST_ID: job.request_id})

    async def _job(self, operation: Operation, request: web.Request) -> ServiceJob:
        """The job that a request asks for. Raises RefusalError."""
        webhook = request.query.get("webhook")
        body, faults = read_body(await json_object(request))
        enrolled = {voice.speaker_id for voice in await self._store.voices()} if body.get("speakerIds") else ()
        faults += request_faults(operation, webhook, body, enrolled)
        if faults or webhook is None:
            raise RefusalError(400, faults)
        return ServiceJob(
            job_id=str(uuid4()),
            request_id=str(uuid4()),
            api=request.path,
            operation=operation,
            webhook=webhook,
            media=None if operation in ON_TEXTS else await self._media(body),
            options={name: value for name, value in body.items() if name not in MEDIA_FIELDS},
            lifetime=self._options.lifetime,
        )

    async def _media(self, body: dict[str, Any]) -> str | Path:
        """The recording's URL, or the file that its content was written to."""
        if body.get("content") is None:
            return str(body["contentUri"])
        file = self._store.new_file()
        await write_content(body["content"], file, durably=True)
        return file

    async def _status(self, request: web.Request) -> web.Response:
        self._door.enter(request)
        job = await self._runner.find(request.match_info["jobId"])
        if job is None:
            raise refused(404, "CMN-102", "Resource for parameter [jobId] is not found")
        return web.Response(text=job.envelope(), content_type="application/json")

    async def _finish(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.setdefault(REQUEST_ID, str(uuid4()))
        response.headers.update(self._door.budget(request))
        response.headers.pop("Server", None)


@web.middleware
async def _in_contract(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is answered as JSON, in the contract's shape."""
    try:
        return await handler(request)
    except RefusalError as refusal:
        return refusal.response()
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return refused(error.status, f"AGW-{error.status}", error.reason, headers=headers).response()
    except web.RequestPayloadError:
        return refused(400, "CMN-101", "The body could not be read").response()
    except AIJupyterError as error:  # a missing model, a full disk
        logger.warning("%s could not be served: %s", request.path, error)
        return refused(503, ENGINE_UNAVAILABLE, str(error)).response()
    except Exception:
        logger.exception("%s ended unexpectedly.", request.path)
        return refused(500, "CMN-203", "Internal server error").response()
