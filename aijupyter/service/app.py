"""The HTTP face: the provider's paths, and what each of them answers."""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64decode
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import web

from aijupyter.models import Operation
from aijupyter.service.answers import REQUEST_ID, RefusalError, invalid, refused
from aijupyter.service.jobs import ServiceJob
from aijupyter.service.options import ServiceOptions
from aijupyter.service.runner import Runner, discard
from aijupyter.service.tokens import Tokens
from aijupyter.service.validation import MEDIA_FIELDS, request_faults

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TOKEN = "/restapi/oauth/token"  # noqa: S105  # a path
ANSWERED = {
    "/ai/audio/v1/async/speech-to-text": Operation.TRANSCRIBE,
    "/ai/insights/v1/async/analyze-interaction": Operation.ANALYZE,
}
NOT_YET_ANSWERED = (
    ("POST", "/ai/audio/v1/async/speaker-diarize"),
    ("POST", "/ai/audio/v1/async/speaker-identify"),
    ("POST", "/ai/audio/v1/async/recognize-emotion"),
    ("POST", "/ai/text/v1/async/punctuate"),
    ("POST", "/ai/text/v1/async/summarize"),
    ("*", "/ai/audio/v1/enrollments"),
    ("*", "/ai/audio/v1/enrollments/{speakerId}"),
)
# Where limiting would go: the numbers are told with every answer, and large enough to hold nobody back.
RATE_LIMIT = {
    "X-Rate-Limit-Limit": "100000",
    "X-Rate-Limit-Remaining": "99999",
    "X-Rate-Limit-Window": "60",
}
RETRY_AFTER = {"Retry-After": "5"}


class Service:
    """The handlers of one service."""

    def __init__(self, tokens: Tokens, runner: Runner, options: ServiceOptions) -> None:
        self._tokens = tokens
        self._runner = runner
        self._options = options

    def application(self) -> web.Application:
        """The aiohttp application with every path of the contract."""
        app = web.Application(middlewares=[_in_contract], client_max_size=self._options.body_limit)
        app.on_response_prepare.append(_finish)
        app.router.add_post(TOKEN, self._token)
        for path, operation in ANSWERED.items():
            app.router.add_post(path, partial(self._submit, operation))
        for method, path in NOT_YET_ANSWERED:
            app.router.add_route(method, path, self._not_yet)
        app.router.add_get("/ai/status/v1/jobs/{jobId}", self._status)
        return app

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode(errors="replace")))
        answer = self._tokens.grant(request.headers.get("Authorization"), form)
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    async def _submit(self, operation: Operation, request: web.Request) -> web.Response:
        self._tokens.check(request.headers.get("Authorization"))
        if self._runner.full:
            raise refused(429, "CMN-301", "Too many jobs are queued. Send this one again later", headers=RETRY_AFTER)
        webhook, body = request.query.get("webhook"), await _json_object(request)
        faults = request_faults(operation, webhook, body)
        if faults or webhook is None:
            raise RefusalError(400, faults)
        job = ServiceJob(
            job_id=str(uuid4()),
            request_id=str(uuid4()),
            api=request.path,
            operation=operation,
            webhook=webhook,
            media=await self._media(body),
            options={name: value for name, value in body.items() if name not in MEDIA_FIELDS},
            lifetime=self._options.lifetime,
        )
        self._runner.start(job)
        return web.json_response({"jobId": job.job_id}, status=202, headers={REQUEST_ID: job.request_id})

    async def _status(self, request: web.Request) -> web.Response:
        self._tokens.check(request.headers.get("Authorization"))
        job = self._runner.find(request.match_info["jobId"])
        if job is None:
            raise refused(404, "CMN-102", "Resource for parameter [jobId] is not found")
        return web.Response(text=job.envelope(), content_type="application/json")

    async def _not_yet(self, request: web.Request) -> web.Response:
        self._tokens.check(request.headers.get("Authorization"))
        raise refused(501, "CMN-501", f"The embedded service does not answer {request.path} yet")

    async def _media(self, body: dict[str, Any]) -> str | Path:
        """The recording's URL, or the file that its content was written to."""
        if body.get("content") is None:
            return str(body["contentUri"])
        file = self._options.scratch / f"{uuid4().hex}.media"
        try:
            await asyncio.to_thread(_decode, body["content"], file)
        except ValueError:
            raise RefusalError(400, [invalid("content", "It should be base64")]) from None
        except OSError:
            discard(file)
            raise
        return file


def _decode(content: str, file: Path) -> None:
    file.write_bytes(b64decode(content, validate=True))


async def _json_object(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise refused(415, "CMN-415", "The body should be application/json")
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise refused(400, "CMN-101", "The body is not valid JSON") from None
    if not isinstance(body, dict):
        raise refused(400, "CMN-101", "The body should be a JSON object")
    return body


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
    except Exception:
        logger.exception("%s ended unexpectedly.", request.path)
        return refused(500, "CMN-203", "Internal server error").response()


async def _finish(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.setdefault(REQUEST_ID, str(uuid4()))
    group = "auth" if request.path == TOKEN else "heavy"
    response.headers.update({"X-Rate-Limit-Group": group, **RATE_LIMIT})
    response.headers.pop("Server", None)
