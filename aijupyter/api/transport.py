"""The one way to the provider's API: a single aiohttp session, with tokens, the budget and errors taken care of."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import aiohttp

from aijupyter.api.auth import Credentials, Grant, TokenSource
from aijupyter.api.budget import NOT_TAKEN, Budget, Priority, Slot
from aijupyter.api.wire import Reply, raise_for_status
from aijupyter.config import Secret, is_local
from aijupyter.errors import NoAnswerError, ProviderUnreachableError, RateLimitedError
from aijupyter.logs import logger

log = logger(__name__)

TIMEOUT = aiohttp.ClientTimeout(total=300, sock_connect=10, sock_read=60)

Body = Mapping[str, Any] | Callable[[Secret], Awaitable[bytes]]
"""A request's body; or what makes its JSON anew for each try, given the token with which that try goes."""


class Attempt:
    """How a request's caller follows it, to write down where it is. Subclass it; as it is, it does nothing.

    `sent` says at any moment, also after a cancellation, whether the request may have been received: it is True from
    its first byte on, and False again when it turns out not to have been taken.
    """

    sent: bool = False

    async def leaving(self) -> None:
        """The budget lets the request go, and nothing of it has left. What this raises keeps it back, and is raised."""

    async def refused(self) -> None:
        """After `leaving`: the request was surely not taken, and waits again. Another `leaving` follows.

        What this raises ends the request, and is raised.
        """


class Transport:
    """Sends requests to `base_url`. Made and closed inside one event loop."""

    def __init__(self, base_url: str, credentials: Credentials) -> None:
        self._base_url = base_url
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_about_to_leave)
        # A proxy of the environment is for the world outside, not for a server on this machine.
        self._http = aiohttp.ClientSession(timeout=TIMEOUT, trust_env=not is_local(base_url), trace_configs=[trace])
        self._budget = Budget()
        self.counts: Counter[str] = Counter()
        """How requests were answered: by status (`answered 200`), `no answer`, `unreachable`; token calls too."""
        self._tokens = TokenSource(credentials, self._send_form)
        self._no_token_until = 0.0

    @property
    def budget(self) -> Budget:
        """The account's budget, to look at: `eta`, `waiting`, `snapshot`."""
        return self._budget

    @property
    def grant(self) -> Grant | None:
        """What the last token call gave; None before the first."""
        return self._tokens.grant

    async def sign_in(self) -> None:
        """See that a token can be had, by one call. Raises AuthenticationError where the credentials are refused."""
        await self._token(0.0, patient=False)

    async def close(self) -> None:
        """Close every connection. The token is not revoked: the provider may still fetch recordings with it."""
        await self._http.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        good_for: float = 0.0,
        patient: bool = True,
        priority: Priority = Priority.SUBMISSION,
        attempt: Attempt | None = None,
    ) -> Reply:
        """Send when the budget allows it and return the answer. `attempt` is told of each step.

        A 401 and a 429 say that the request was not taken: it is sent again, once with a new token, or when the penalty
        has passed, unless `patient` is False. Its token is good for `good_for` seconds from then on, where tokens live
        twice as long. Raises ProviderError for every other refusal, ProviderUnreachableError
        when nothing left, and NoAnswerError when the request left and nothing came back. Only after NoAnswerError,
        ServerError and answers that cannot be read may it have been taken; see also `Attempt.sent`.
        """
        attempt = attempt or Attempt()
        place, renewed = self._budget.place(), False
        while True:
            await self._token(good_for, patient=patient)  # without one, no place in the window is taken
            with await self._budget.admit(path, priority, place) as slot:
                token = await self._token(good_for, patient=patient)
                options = _Hidden({"params": params, **await _written(body, token)})
                await attempt.leaving()
                reply = await self._try(method, path, slot, attempt, token, options)
            if reply is not None:
                if reply.status == HTTPStatus.UNAUTHORIZED:
                    self._tokens.discard(token)
                again = reply.status == HTTPStatus.TOO_MANY_REQUESTS and patient
                if not again and (reply.status != HTTPStatus.UNAUTHORIZED or renewed):
                    raise_for_status(reply, f"{method} {path}")
                    return reply
                renewed = reply.status == HTTPStatus.UNAUTHORIZED
            await attempt.refused()

    async def _try(
        self, method: str, path: str, slot: Slot, attempt: Attempt, token: Secret, options: _Hidden
    ) -> Reply | None:
        """Send it once; None when a penalty that has just begun keeps it back."""

        def depart() -> None:
            if slot.left:  # aiohttp would send it once more, outside of the budget
                raise aiohttp.ServerDisconnectedError
            if not slot.leave():
                raise _HeldBackError
            attempt.sent = True

        try:
            reply = await self._send(method, path, depart, _bearing(token, options))
        except _HeldBackError:
            return None
        attempt.sent = reply.status not in NOT_TAKEN
        slot.answered(reply)
        return reply

    async def _token(self, good_for: float, *, patient: bool) -> Secret:
        while True:
            try:
                return await self._tokens.token(good_for)
            except RateLimitedError:
                if not patient:
                    raise

    async def _send_form(self, path: str, form: Mapping[str, str | Secret], *, user: str, password: Secret) -> Reply:
        """The token call, one at a time; it has a rate limit of its own, and is as silent during its penalties."""
        await asyncio.sleep(self._no_token_until - time.monotonic())
        reply = await self._send("POST", path, lambda: None, _filled_in(form, user, password))
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._no_token_until = time.monotonic() + reply.retry_after()
        return reply

    async def _send(self, method: str, path: str, depart: Callable[[], None], options: _Hidden) -> Reply:
        """Send it; `depart` is called right before the first byte leaves, and what it raises keeps it back."""
        left, began = False, time.monotonic()

        def leave() -> None:
            nonlocal left
            depart()
            left = True

        options = _Hidden({**options, "allow_redirects": False, "trace_request_ctx": leave})
        try:
            async with self._http.request(method, self._base_url + path, **options) as response:
                reply = Reply(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            self._took(method, path, "no answer" if left else "unreachable", began)
            if left:
                raise NoAnswerError(
                    f"{self._base_url} took the request and gave no answer: {_reason(error)}.",
                    "It may or may not have been received.",
                ) from None
            raise ProviderUnreachableError(
                f"{self._base_url} cannot be reached: {_reason(error)}.",
                "Check the network and RC_SERVER_URL. For the embedded service, connect again: aijupyter.connect().",
            ) from None
        except _HeldBackError:
            raise
        except Exception as error:  # noqa: BLE001  # aiohttp's frames hold the credentials: none is shown
            raise error.with_traceback(None) from None
        self._took(method, path, f"answered {reply.status}", began, reply)
        return reply

    def _took(self, method: str, path: str, how: str, began: float, reply: Reply | None = None) -> None:
        self.counts[how] += 1
        about: dict[str, Any] = {"event": "api.request", "method": method, "api": path, "outcome": how}
        about |= {"seconds": round(time.monotonic() - began, 3), "request_id": reply and reply.request_id}
        log.debug("%s %s: %s", method, path, how, extra=about)
        if reply is not None and reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            about = {"event": "api.penalty", "api": path, "seconds": reply.retry_after()}
            log.warning("%s %s: over the rate limit; silent for %g s", method, path, about["seconds"], extra=about)


class _Hidden(dict[str, Any]):
    """What a request carries. However verbose a traceback is, it does not show it."""

    def __repr__(self) -> str:
        return "{...}"


def _bearing(token: Secret, options: _Hidden) -> _Hidden:
    """The options of a request that shows an access token."""
    headers = {**options.get("headers", {}), "Authorization": f"Bearer {token.reveal()}"}
    return _Hidden({**options, "headers": _Hidden(headers)})


def _filled_in(form: Mapping[str, str | Secret], user: str, password: Secret) -> _Hidden:
    """The options of a request with a form and HTTP Basic authentication."""
    data = _Hidden({name: value.reveal() if isinstance(value, Secret) else value for name, value in form.items()})
    basic = base64.b64encode(f"{user}:{password.reveal()}".encode()).decode()
    return _Hidden({"data": data, "headers": _Hidden({"Authorization": f"Basic {basic}"})})


class _HeldBackError(Exception):
    """A penalty began after the request was admitted and before it left."""


async def _about_to_leave(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """Let it go, or not: despite the signal's name, aiohttp sends it when there is a connection, before it writes."""
    context.trace_request_ctx()


async def _written(body: Body | None, token: Secret) -> dict[str, Any]:
    """The body as aiohttp takes it."""
    if not callable(body):
        return {"json": body}
    return {"data": io.BytesIO(await body(token)), "headers": {"Content-Type": "application/json"}}


def _reason(error: Exception) -> str:
    """Why, without the request's headers or body, which some of aiohttp's messages would carry along."""
    return getattr(getattr(error, "os_error", None), "strerror", None) or type(error).__name__
