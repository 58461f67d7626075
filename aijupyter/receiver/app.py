"""The web application that the outside world can reach. What it answers says nothing of what runs here."""

from __future__ import annotations

import logging
from http import HTTPStatus

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from aijupyter.errors import LedgerError
from aijupyter.models import Verdict, now
from aijupyter.protocols import Inbox
from aijupyter.receiver.deliveries import REQUEST_ID_HEADER, RefusedDeliveryError, read_delivery
from aijupyter.receiver.media import MediaShelf

log = logging.getLogger(__name__)

DELIVERY_PREFIX = "/d/"
MEDIA_PREFIX = "/m/"

_ANSWERS = {
    Verdict.ANSWERED: HTTPStatus.OK,
    Verdict.NOTED: HTTPStatus.OK,
    Verdict.REPEATED: HTTPStatus.OK,
    Verdict.CONTRADICTED: HTTPStatus.CONFLICT,
    Verdict.UNKNOWN: HTTPStatus.NOT_FOUND,
}


def make_app(inbox: Inbox, shelf: MediaShelf, *, max_body: int) -> web.Application:
    """POST /d/{path} takes deliveries of up to `max_body` bytes, GET and HEAD /m/{name} lend recordings out."""
    deliveries = _Deliveries(inbox)
    app = web.Application(client_max_size=max_body, middlewares=[_plain_answers])
    app.on_response_prepare.append(_hide_server)
    app.add_routes(
        [
            web.post(DELIVERY_PREFIX + "{path}", deliveries.receive),
            web.get(MEDIA_PREFIX + "{name}", shelf.serve),
        ]
    )
    return app


class _Deliveries:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def receive(self, request: web.Request) -> web.Response:
        """Answer 200 only once the delivery is durable."""
        path = request.match_info["path"]
        if not await self._inbox.expects(path):
            raise web.HTTPNotFound
        delivery = read_delivery(
            path,
            await request.read(),
            content_type=request.content_type,
            request_id=request.headers.get(REQUEST_ID_HEADER),
            received=now(),
        )
        return web.Response(status=_ANSWERS[await self._inbox.accept(delivery)])


@web.middleware
async def _plain_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal is a bare status; every failure is a 503, which leaves the job to reconciliation."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {hdrs.ALLOW: error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else None
        return web.Response(status=error.status, headers=headers)
    except web.RequestPayloadError as error:
        log.info("refused a delivery whose body cannot be read: %s", error)
        return web.Response(status=HTTPStatus.BAD_REQUEST)
    except RefusedDeliveryError as error:
        log.info("refused a delivery: %s", error)
        return web.Response(status=error.status)
    except LedgerError as error:
        log.warning("a delivery could not be written down: %s", error)
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
    except Exception:
        log.exception("the receiver failed")
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)


async def _hide_server(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = ""
