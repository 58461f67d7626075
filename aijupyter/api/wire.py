"""From HTTP answers to errors: which exception an answer is, and what a person should do about it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from aijupyter import errors
from aijupyter.envelope import parse_faults, without_tokens

REQUEST_ID_HEADER = "RCRequestId"
DEFAULT_PENALTY_SECONDS = 30.0
LONGEST_PENALTY_SECONDS = 3600.0
DEFAULT_WINDOW_SECONDS = 60.0
LONGEST_WINDOW_SECONDS = 86400.0
HIGHEST_LIMIT = 100_000
LONGEST_GROUP_NAME = 64
"""What a rate header says beyond these is not believed."""

_KINDS: dict[int, tuple[type[errors.ProviderError], str]] = {
    400: (errors.BadRequestError, "Mend the parameter that it names and submit again."),
    401: (errors.AuthenticationError, "Check RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT."),
    403: (errors.ForbiddenError, "The app needs the AI scope, and the user the permission."),
    404: (errors.NotFoundError, "Check the id, and that RC_SERVER_URL is the API's."),
    409: (errors.ConflictError, "Use another id, or add to the one that exists."),
    410: (errors.GoneError, "It was deleted before."),
    413: (errors.TooLargeError, "Share the recording by URL, or send a smaller one."),
    501: (errors.BadRequestError, "It cannot do this: ask something else, or another engine or service."),
}


@dataclass(frozen=True, slots=True)
class Rates:
    """What an answer says of the rate limits: in `group`, in lower case, `limit` requests go in `window` seconds, and
    `remaining` are left of them. None for what is not said, or not in a way to rely on.
    """

    group: str | None = None
    limit: int | None = None
    remaining: int | None = None
    window: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: its status, headers and body as they came."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self.headers.get(REQUEST_ID_HEADER)

    def json(self) -> Any:
        """The body as JSON. Raises UnexpectedAnswerError."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise errors.UnexpectedAnswerError(
                f"The API answered {self.status} with something that is not JSON.",
                "Check that RC_SERVER_URL is the API's address.",
                status=self.status,
                request_id=self.request_id,
            ) from None

    def object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises UnexpectedAnswerError."""
        data = self.json()
        if not isinstance(data, dict):
            raise errors.UnexpectedAnswerError(
                "The API answered with JSON that is not an object.", status=self.status, request_id=self.request_id
            )
        return data

    def rates(self) -> Rates:
        """The X-Rate-Limit headers."""
        group = self.headers.get("X-Rate-Limit-Group", "").strip().lower()
        limit = self._whole("X-Rate-Limit-Limit", HIGHEST_LIMIT)
        return Rates(
            group if 0 < len(group) <= LONGEST_GROUP_NAME and group.isprintable() else None,
            limit,
            self._whole("X-Rate-Limit-Remaining", HIGHEST_LIMIT if limit is None else limit),
            self._whole("X-Rate-Limit-Window", int(LONGEST_WINDOW_SECONDS)) or None,
        )

    def retry_after(self) -> float:
        """How long a 429 asks for silence, in seconds; 30 where it does not say, or not in a way to rely on."""
        said = self.headers.get("Retry-After", "")
        try:
            seconds = float(said)
        except ValueError:
            seconds = self._until(said)
        return min(seconds, LONGEST_PENALTY_SECONDS) if seconds >= 1 else DEFAULT_PENALTY_SECONDS

    def skew(self) -> float | None:
        """How far this machine's clock is ahead of the server's, in seconds; None where that does not tell the time."""
        date = _time(self.headers.get("Date", ""))
        return None if date is None else (datetime.now(UTC) - date).total_seconds()

    def _whole(self, name: str, highest: int) -> int | None:
        text = self.headers.get(name, "").strip()
        short = text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST_LIMIT))
        return int(text) if short and int(text) <= highest else None

    def _until(self, date: str) -> float:
        """Seconds until an HTTP date, by the server's clock where it tells the time, for ours may be wrong; or nan."""
        then = _time(date)
        return (
            math.nan
            if then is None
            else (then - (_time(self.headers.get("Date", "")) or datetime.now(UTC))).total_seconds()
        )


def raise_for_status(reply: Reply, what: str) -> None:
    """Raise the ProviderError that an answer is; return for 2xx. `what` names the request, for the message."""
    if reply.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    faults = _faults(reply.body)
    said = "; ".join(map(str, faults)) or "no reason given"
    problem = f"{what} was answered {reply.status}: {said}"
    details: dict[str, Any] = {"status": reply.status, "faults": faults, "request_id": reply.request_id}
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = reply.retry_after()
        raise errors.RateLimitedError(problem, f"Wait {seconds:g} s.", retry_after=seconds, **details)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR and reply.status not in _KINDS:
        raise errors.ServerError(problem, "The API is in trouble: try again later.", **details)
    kind, mend = _KINDS.get(reply.status, _KINDS[400])
    raise kind(problem, mend, **details)


def _faults(body: bytes) -> tuple[errors.Fault, ...]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    faults = parse_faults(answer)
    if not faults and isinstance(answer, dict):
        code = answer.get("errorCode") or answer.get("error")
        message = answer.get("message") or answer.get("error_description")
        if code or message:
            said = without_tokens(str(message or "no message"))
            return (errors.Fault(without_tokens(str(code or "")), said),)
    return faults


def _time(date: str) -> datetime | None:
    try:
        time = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
