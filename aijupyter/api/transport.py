"""The one way to the provider's API: a single aiohttp session, with tokens, penalties and errors taken care of."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp

from aijupyter.api.auth import Credentials, TokenSource
from aijupyter.api.budget import Budget
from aijupyter.api.wire import Reply, raise_for_status
from aijupyter.config import is_local
from aijupyter.errors import NoAnswerError, ProviderUnreachableError, RateLimitedError

TIMEOUT = aiohttp.ClientTimeout(total=300, sock_connect=10, sock_read=60)
NOT_TAKEN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
MAX_ANSWER_TRIES = 2
"""A request is sent again once after a 401, with a new token: what is refused so was not taken."""


class Transport:
    """Sends requests to `base_url`. Made and closed inside one event loop."""

    def __init__(self, base_url: str, credentials: Credentials) -> None:
        self._base_url = base_url
        # A proxy of the environment is for the world outside, not for a server on this machine.
        self._http = aiohttp.ClientSession(timeout=TIMEOUT, trust_env=not is_local(base_url))
        self._budget = Budget()
        self._tokens = TokenSource(credentials, self._send_form)

    async def close(self) -> None:
        """Close every connection. The token is not revoked: the provider may still fetch recordings with it."""
        await self._http.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        patient: bool = True,
        in_flight: Callable[[bool], None] = lambda _: None,
    ) -> Reply:
        """Send and return the answer. `in_flight` is told True when the request leaves, False when it was not taken.

        A 429 says that the request was not taken: it is sent again when the penalty has passed, unless `patient` is
        False. Raises ProviderError for every other refusal, ProviderUnreachableError when no connection was made, and
        NoAnswerError when the request left and nothing came back.
        """
        while True:
            try:
                reply = await self._authorized(method, path, params, body, in_flight)
                raise_for_status(reply, f"{method} {path}")
            except RateLimitedError as error:
                self._budget.penalize(error.retry_after)
                if not patient:
                    raise
            else:
                return reply

    async def _authorized(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        in_flight: Callable[[bool], None],
    ) -> Reply:
        for attempt in range(MAX_ANSWER_TRIES):
            token = await self._tokens.token()
            await self._budget.admit()
            headers = {"Authorization": f"Bearer {token.reveal()}"}
            in_flight(True)
            reply = await self._send(method, path, params=params, json=body, headers=headers)
            in_flight(reply.status not in NOT_TAKEN)
            if reply.status != HTTPStatus.UNAUTHORIZED or attempt:
                break
            self._tokens.discard(token)
        return reply

    async def _send_form(self, path: str, form: dict[str, str], *, user: str, password: str) -> Reply:
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        return await self._send("POST", path, data=form, headers=headers)

    async def _send(self, method: str, path: str, **options: Any) -> Reply:
        url = self._base_url + path
        try:
            async with self._http.request(method, url, allow_redirects=False, **options) as response:
                return Reply(response.status, response.headers, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise ProviderUnreachableError(
                f"{self._base_url} cannot be reached: {_reason(error)}.",
                "Check the network and RC_SERVER_URL. For the embedded service, connect again: aijupyter.connect().",
            ) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswerError(
                f"{self._base_url} took the request and gave no answer: {_reason(error)}.",
                "It may or may not have been received.",
            ) from None


def _reason(error: Exception) -> str:
    """Why, without the request's headers or body, which some of aiohttp's messages would carry along."""
    return getattr(getattr(error, "os_error", None), "strerror", None) or type(error).__name__
