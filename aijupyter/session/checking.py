"""Trying out an open session: whether its way in leads here, and what its account says."""

from __future__ import annotations

import os
import time
import uuid
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp

from aijupyter.api import operations
from aijupyter.api.budget import BudgetStatus
from aijupyter.config import is_local
from aijupyter.errors import NotFoundError, TunnelError
from aijupyter.session.parts import Parts

T = TypeVar("T")

MIB = 1024 * 1024
ROUND_TRIP_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)

_REFUSALS = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "something in front of the receiver takes no body of that size",
        "Raise its limit to 64 MiB; for nginx: client_max_body_size 64m;",
    ),
    HTTPStatus.NOT_FOUND: (
        "something else answers there, or the path is another",
        "Check that the URL, with its path, leads to the receiver's port.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (
        "something else answers there",
        "Check that the URL, with its path, leads to the receiver's port.",
    ),
}
_LOGIN = (
    "a login stands in front of it",
    "The provider cannot log in: let POST to /d/ and GET to /m/ pass without one, or use another way in.",
)
_NOTHING_BEHIND = (
    "the way is open, but nothing behind it answers",
    "Check that it leads to this machine and to the receiver's port: a fixed one is set by AIJUPYTER_PORT.",
)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A body of `size` bytes went through the public URL and back in `seconds`; a small one in `latency` seconds."""

    size: int
    seconds: float
    latency: float


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What an account says: its app's `scopes` (None: it does not say), the `skew` of this machine's clock against the
    API's in seconds (None: it does not tell the time), and the request `budgets` that its answers told of.
    """

    scopes: frozenset[str] | None
    skew: float | None
    budgets: tuple[BudgetStatus, ...]


class Checking:
    """What the doctor asks of a session."""

    @property
    @abstractmethod
    def _open_parts(self) -> Parts:
        """The open session's parts. Raises SessionClosedError."""

    @abstractmethod
    def _call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run in the background and wait."""

    def check_way_in(self, size: int = 2 * MIB) -> RoundTrip | None:
        """Send `size` bytes through the public URL and back; None where nobody can reach this machine.

        Raises TunnelError, which says where they were stopped and what to do.
        """
        parts = self._open_parts
        url = parts.gateway.status.public_url
        return self._call(_round_trip, parts, url, size) if url else None

    def check_account(self) -> AccountFacts:
        """Ask the API for a token and for a job that there is not, which costs one request.

        Raises ProviderError (ForbiddenError where the app lacks the scope), ProviderUnreachableError or NoAnswerError.
        """
        return self._call(_ask_account, self._open_parts)


async def _ask_account(parts: Parts) -> AccountFacts:
    transport = parts.transport
    try:
        await operations.job_status(transport, str(uuid.uuid4()))
    except NotFoundError as error:
        if not error.faults:  # of something on the way; the API says what it does not find
            raise
    grant = transport.grant
    return AccountFacts(
        grant.scopes if grant else None,
        grant.skew if grant else None,
        tuple(budget for budget in transport.budget.snapshot() if budget.limit is not None),
    )


async def _round_trip(parts: Parts, url: str, size: int) -> RoundTrip:
    name = parts.receiver.open_probe()
    target = parts.receiver.delivery_url(url, name)
    try:
        async with aiohttp.ClientSession(timeout=ROUND_TRIP_TIMEOUT, trust_env=not is_local(url)) as http:
            await _send(http, target, os.urandom(64))  # connects, so that the next one tells the latency
            latency = await _send(http, target, os.urandom(64))
            return RoundTrip(size, await _send(http, target, os.urandom(size)), latency)
    finally:
        parts.receiver.close_probe(name)


async def _send(http: aiohttp.ClientSession, target: str, body: bytes) -> float:
    """Seconds that a body took there and back. Raises TunnelError."""
    headers = {"Content-Type": "application/octet-stream"}
    started = time.perf_counter()
    try:
        async with http.post(target, data=body, headers=headers, allow_redirects=False) as response:
            status, echo = response.status, await response.read()
    except TimeoutError:
        problem = f"The public URL did not bring {len(body):,} bytes back in time."
        raise TunnelError(problem, "Check the network, and what stands between.") from None
    except aiohttp.ClientError as error:
        raise _unreachable(error) from None
    seconds = time.perf_counter() - started
    if status == HTTPStatus.OK and echo == body:
        return seconds
    raise _stopped(status)


def _stopped(status: int) -> TunnelError:
    """Where a body was stopped, by how it was answered."""
    if status in _REFUSALS:
        why, mend = _REFUSALS[HTTPStatus(status)]
    elif status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or 300 <= status < 400:  # noqa: PLR2004  # redirects
        why, mend = _LOGIN
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        why, mend = _NOTHING_BEHIND
    else:
        why, mend = _REFUSALS[HTTPStatus.NOT_FOUND]
    return TunnelError(f"The public URL answers {status}: {why}.", mend)


def _unreachable(error: aiohttp.ClientError) -> TunnelError:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return TunnelError("The public URL's host name is not known.", "Check AIJUPYTER_PUBLIC_URL, and its DNS entry.")
    if isinstance(error, aiohttp.ClientSSLError):
        return TunnelError("The public URL's certificate is not valid.", "Renew it: the provider will not accept it.")
    if isinstance(error, aiohttp.ClientConnectorError):
        problem = "Nothing listens at the public URL."
        return TunnelError(problem, "Start what leads from there to here, or check AIJUPYTER_PUBLIC_URL.")
    problem = f"The public URL broke the connection ({type(error).__name__})."
    return TunnelError(problem, "Check what stands between: its limits of size and of time.")
