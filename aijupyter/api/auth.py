"""The JWT bearer grant: from client credentials and a personal JWT to an access token that is renewed in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aijupyter.api.wire import Reply, raise_for_status
from aijupyter.config import Secret
from aijupyter.errors import (
    AuthenticationError,
    BadRequestError,
    NoAnswerError,
    ProviderError,
    ProviderUnreachableError,
    RateLimitedError,
    ServerError,
    dump_error,
    load_error,
)
from aijupyter.logs import logger

log = logger(__name__)

TOKEN_PATH = "/restapi/oauth/token"  # noqa: S105  # a path
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
RENEW_SHARE = 0.1
"""A token is renewed when less than this share of its life is left, and never later than a minute before its end."""

SHORTEST_LIFE_SECONDS = 1.0
REFUSED_SECONDS = 20.0
"""Credentials that were refused are not tried again for so long."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the grant needs."""

    client_id: str
    client_secret: Secret
    jwt: Secret


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token call gives: a `token` for so many `seconds`, the app's `scopes` (None where it does not say), and
    how far this machine's clock is ahead of the API's, `skew`, in seconds (None where it does not tell the time).
    """

    token: Secret
    seconds: float
    scopes: frozenset[str] | None
    skew: float | None


class SendForm(Protocol):
    """Posts a form with HTTP Basic authentication and returns the answer, whatever its status."""

    def __call__(self, path: str, form: Mapping[str, str | Secret], *, user: str, password: Secret) -> Awaitable[Reply]:
        """POST `form` to `path`."""


class TokenSource:
    """Holds the access token. Any number of tasks may ask; one renews it."""

    def __init__(self, credentials: Credentials, send: SendForm, clock: Callable[[], float] = time.monotonic) -> None:
        self._credentials = credentials
        self._send = send
        self._clock = clock
        self._renewing = asyncio.Lock()
        self.grant: Grant | None = None
        """What the last token call gave."""
        self._token: Secret | None = None
        self._lifetime = 0.0
        self._ends = 0.0
        self._refusal: ProviderError | None = None
        self._silent_until = 0.0

    async def token(self, good_for: float = 0.0) -> Secret:
        """A token that is good for a while: for `good_for` seconds, or half of its life where that is shorter.

        Raises AuthenticationError, or what the connection raises.
        """
        async with self._renewing:
            if self._token is None or self._clock() >= self._ends - self._margin(good_for):
                await self._renew_or_refuse()
            assert self._token is not None  # noqa: S101  # for the type checker: _renew sets it or raises
            return self._token

    def discard(self, token: Secret) -> None:
        """Forget a token that was refused, unless another has taken its place already."""
        if self._token == token:
            self._token = None

    def _margin(self, good_for: float) -> float:
        """How long before its end a token is renewed: never in the first half of its life, or it would be for ever."""
        return min(self._lifetime / 2, max(60.0, self._lifetime * RENEW_SHARE, good_for))

    async def _renew_or_refuse(self) -> None:
        """A refusal is good for a while: a thousand jobs with wrong credentials are one token call."""
        if self._refusal is not None and self._clock() < self._silent_until:
            raise load_error(dump_error(self._refusal))
        try:
            await self._renew()
        except RateLimitedError:
            raise
        except ProviderError as error:
            self._refusal, self._silent_until = error.with_traceback(None), self._clock() + REFUSED_SECONDS
            raise

    async def _renew(self) -> None:
        form: dict[str, str | Secret] = {"grant_type": GRANT_TYPE, "assertion": self._credentials.jwt}
        asked = self._clock()
        try:
            reply = await self._send(
                TOKEN_PATH, form, user=self._credentials.client_id, password=self._credentials.client_secret
            )
            raise_for_status(reply, "The token call")
        except (NoAnswerError, ServerError) as error:  # of the token call: what it was for has not been sent
            raise ProviderUnreachableError(f"No token could be had. {error.problem}", "Try again later.") from None
        except BadRequestError as error:  # the grant is refused with 400 as well as with 401
            raise AuthenticationError(
                error.problem,
                "Check RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT: all of one app, and still valid.",
                status=error.status,
                faults=error.faults,
                request_id=error.request_id,
            ) from None
        grant = _read_grant(reply)
        if grant is None:
            raise AuthenticationError(
                "The token call was answered without a token.",
                "Check that RC_SERVER_URL is the API's address.",
                status=reply.status,
                request_id=reply.request_id,
            )
        log.debug("a token for %g s was given", grant.seconds, extra={"event": "api.token", "seconds": grant.seconds})
        self.grant, self._token = grant, grant.token
        self._lifetime = max(grant.seconds, SHORTEST_LIFE_SECONDS)
        self._ends = asked + self._lifetime


def _read_grant(reply: Reply) -> Grant | None:
    """What a token call was answered; None where there is no token in it."""
    try:
        answer = reply.object()
        token, seconds, scope = answer["access_token"], float(answer["expires_in"]), answer.get("scope")
    except (KeyError, TypeError, ValueError):  # UnexpectedAnswerError is a ValueError
        return None
    if not isinstance(token, str) or not token:
        return None
    scopes = frozenset(scope.split()) if isinstance(scope, str) and scope else None
    return Grant(Secret(token), seconds, scopes, reply.skew())
