"""What the outside world can reach. What it is answered says nothing of what runs here.

It stands on aiohttp's low-level server: with two routes, an application's routing, signals and middleware would cost
more than the answer itself.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from http import HTTPStatus

from aiohttp import ClientError, HttpVersion11, hdrs, web

from aijupyter.errors import LedgerError
from aijupyter.logs import logger
from aijupyter.models import Verdict, now
from aijupyter.protocols import Inbox
from aijupyter.receiver.deliveries import REQUEST_ID_HEADER, RefusedDeliveryError, read_delivery
from aijupyter.receiver.media import SILENT, MediaShelf

log = logger(__name__)

DELIVERY_PREFIX = "/d/"
MEDIA_PREFIX = "/m/"

PLAUSIBLE = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""What a delivery path can look like."""

BODY_SECONDS = 120.0
"""How long a body may take to come."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Reception:
    """Takes deliveries at POST /d/{path}, lends recordings out at GET and HEAD /m/{name}, and refuses the rest.

    `counts` has how many deliveries were kept, by Verdict, and how many requests were refused, by status.
    """

    def __init__(self, inbox: Inbox, shelf: MediaShelf) -> None:
        self._inbox = inbox
        self._shelf = shelf
        self.counts: Counter[str | int] = Counter()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Every refusal is a bare status; every failure is a 503, which leaves the job to reconciliation."""
        try:
            return await self._route(request)
        except web.HTTPException as error:
            return self._refuse(error.status, allow=error.headers.get(hdrs.ALLOW))
        except (web.RequestPayloadError, ClientError, ConnectionError) as error:
            log.info("refused a delivery whose body cannot be read: %s", error)
            return self._refuse(HTTPStatus.BAD_REQUEST)
        except RefusedDeliveryError as error:
            log.info("refused a delivery: %s", error)
            return self._refuse(error.status)
        except LedgerError as error:
            log.warning("a delivery could not be written down: %s", error)
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        except Exception:
            log.exception("the receiver failed")
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        path, method = request.path, request.method
        prefix, name = path[: len(DELIVERY_PREFIX)], path[len(DELIVERY_PREFIX) :]
        if not name or "/" in name:
            raise web.HTTPNotFound
        if prefix == DELIVERY_PREFIX:
            if method != hdrs.METH_POST:
                raise web.HTTPMethodNotAllowed(method, [hdrs.METH_POST])
            return await self._receive(name, request)
        if prefix == MEDIA_PREFIX:
            if method not in {hdrs.METH_GET, hdrs.METH_HEAD}:
                raise web.HTTPMethodNotAllowed(method, [hdrs.METH_GET, hdrs.METH_HEAD])
            return await self._shelf.serve(name)
        raise web.HTTPNotFound

    async def _receive(self, path: str, request: web.BaseRequest) -> web.Response:
        """Answer 200 only once the delivery is durable."""
        if not PLAUSIBLE.fullmatch(path) or not await self._inbox.expects(path):
            return self._refuse(HTTPStatus.NOT_FOUND)
        if hdrs.EXPECT in request.headers:
            await _let_continue(request)
        delivery = read_delivery(
            path,
            await _read(request),
            content_type=request.content_type,
            request_id=request.headers.get(REQUEST_ID_HEADER),
            received=now(),
        )
        verdict = await self._inbox.accept(delivery)
        if verdict is Verdict.UNKNOWN:
            return self._refuse(HTTPStatus.NOT_FOUND)
        self.counts[verdict] += 1
        return web.Response(headers=SILENT)

    def _refuse(self, status: int, *, allow: str | None = None) -> web.Response:
        self.counts[int(status)] += 1
        return web.Response(status=status, headers={**SILENT, hdrs.ALLOW: allow} if allow else SILENT)


async def _read(request: web.BaseRequest) -> bytes:
    if request.content.is_eof():  # most have come whole, and need no timer
        return await request.read()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise RefusedDeliveryError(HTTPStatus.REQUEST_TIMEOUT, "its body did not come in time") from None


async def _let_continue(request: web.BaseRequest) -> None:
    """A sender that asks first whether it may (RFC 9110, 10.1.1) is told so only on a path of ours."""
    if request.version < HttpVersion11:
        return
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise web.HTTPExpectationFailed
    await request.writer.write(_CONTINUE)
    request.writer.output_size = 0  # the answer itself has not begun
