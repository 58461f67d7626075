"""What the outside world can reach. What it is answered says nothing of what runs here.

It stands on aiohttp's low-level server: with two routes, an application's routing, signals and middleware would cost
more than the answer itself.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote

from aiohttp import ClientError, HttpVersion11, hdrs, web

from aijupyter.errors import LedgerError
from aijupyter.logs import logger
from aijupyter.models import Verdict, now
from aijupyter.protocols import Inbox
from aijupyter.receiver.answers import Answer, open_transport
from aijupyter.receiver.bodies import read_body
from aijupyter.receiver.connections import Connection
from aijupyter.receiver.counting import Counting
from aijupyter.receiver.deliveries import REQUEST_ID_HEADER, read_delivery
from aijupyter.receiver.files import FileAnswer
from aijupyter.receiver.limits import Limits
from aijupyter.receiver.media import ChangedFileError, MediaShelf
from aijupyter.receiver.pacing import Beat
from aijupyter.receiver.probes import Probes
from aijupyter.receiver.refusals import Reason, RefusedError

log = logger(__name__)

DELIVERY_PREFIX = "/d/"
MEDIA_PREFIX = "/m/"

PLAUSIBLE = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""What a delivery path can look like."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Reception:
    """Takes deliveries at POST /d/{path}, lends recordings out at GET and HEAD /m/{name}, and refuses the rest.

    Whoever does not know a path of ours is answered 404, whatever is asked, and at the beat (see pacing).
    """

    def __init__(
        self,
        inbox: Inbox,
        shelf: MediaShelf,
        probes: Probes,
        *,
        counting: Counting,
        beat: Beat,
        limits: Limits,
        max_body: int,
        prefix: str = "",
    ) -> None:
        self._inbox = inbox
        self._shelf = shelf
        self._probes = probes
        self._counting = counting
        self._beat = beat
        self._limits = limits
        self._max_body = max_body
        self._prefix = unquote(prefix).strip("/")
        self._prefix = f"/{self._prefix}" if self._prefix else ""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Every refusal is a bare status; every failure is a 503, which leaves the job to reconciliation."""
        connection = cast("Connection", request.protocol)
        connection.content = request.content
        try:
            return await self._route(request, connection)
        except RefusedError as refused:
            return await self._refuse(connection, refused)
        except (web.RequestPayloadError, ClientError, ConnectionError):
            return await self._refuse(connection, RefusedError(Reason.CUT_OFF))
        except LedgerError as error:
            log.warning("a delivery could not be written down: %s", error, extra={"event": "delivery.unwritten"})
        except Exception:
            if not connection.known:
                return await self._refuse(connection, RefusedError(Reason.MALFORMED))
            log.exception("the receiver failed")
        return await self._refuse(connection, RefusedError(Reason.UNWRITTEN))

    async def _route(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        path = request.path
        if self._prefix and path.startswith(f"{self._prefix}/"):  # a proxy in front may strip it or not
            path = path[len(self._prefix) :]
        prefix, name = path[: len(DELIVERY_PREFIX)], path[len(DELIVERY_PREFIX) :]
        if prefix == DELIVERY_PREFIX and PLAUSIBLE.fullmatch(name):
            if name in self._probes:
                return await self._echo(request, connection)
            if await self._inbox.expects(name):
                return await self._receive(name, request, connection)
        if prefix == MEDIA_PREFIX:
            return await self._lend(name, request, connection)
        raise RefusedError(Reason.UNKNOWN_PATH)

    async def _receive(self, path: str, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        """Answer 200 only once the delivery is durable."""
        body = await self._body(request, connection)
        delivery = read_delivery(
            path,
            body,
            content_type=request.content_type,
            request_id=request.headers.get(REQUEST_ID_HEADER),
            received=now(),
        )
        verdict = await self._inbox.accept(delivery)
        if verdict is Verdict.UNKNOWN:
            raise RefusedError(Reason.UNKNOWN_PATH)
        self._counting.kept(verdict, asyncio.get_running_loop().time() - connection.headed_at)
        return Answer(HTTPStatus.OK, close=connection.ending)

    async def _echo(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        body = await self._body(request, connection)
        self._counting.probed()
        return Answer(HTTPStatus.OK, body=body, close=connection.ending)

    async def _body(self, request: web.BaseRequest, connection: Connection) -> bytes:
        """What was posted to a path of ours."""
        connection.know()
        if request.method != hdrs.METH_POST:
            raise RefusedError(Reason.METHOD, allow="POST")
        if hdrs.EXPECT in request.headers:
            _let_continue(request)
        return await read_body(request, self._max_body, self._limits)

    async def _lend(self, name: str, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        loan = self._shelf.find(name)
        if loan is None:
            raise RefusedError(Reason.UNKNOWN_PATH)
        connection.know()
        if request.method not in {hdrs.METH_GET, hdrs.METH_HEAD}:
            raise RefusedError(Reason.METHOD, allow="GET, HEAD")
        try:
            return FileAnswer(loan, await loan.open(), close=connection.ending)
        except ChangedFileError:
            raise RefusedError(Reason.CHANGED) from None
        except OSError:
            raise RefusedError(Reason.UNKNOWN_PATH) from None

    async def _refuse(self, connection: Connection, refused: RefusedError) -> Answer:
        """Say a status, to a stranger when his turn has come. A body that was not read ends the connection."""
        about = {"event": "delivery.refused", "reason": str(refused.reason)}
        log.debug("refused a request: %s", refused.reason, extra=about)
        self._counting.refused(refused.reason)
        if not connection.known and not await self._beat.turn():
            self._counting.refused(Reason.CONNECTIONS)
            connection.cut()
        unread = connection.content is None or not connection.content.is_eof()
        return Answer(refused.status, allow=refused.allow, close=connection.ending or unread)


def _let_continue(request: web.BaseRequest) -> None:
    """A sender that asks first whether it may (RFC 9110, 10.1.1) is told so only on a path of ours."""
    if request.version < HttpVersion11:
        return
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise RefusedError(Reason.EXPECTATION)
    open_transport(request).write(_CONTINUE)
