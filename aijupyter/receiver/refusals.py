"""Why a request is refused, and how that is answered."""

from __future__ import annotations

from enum import StrEnum
from http import HTTPStatus


class Reason(StrEnum):
    """Why, in a word for those who count. The outside world is told the status alone."""

    UNKNOWN_PATH = "unknown path"
    METHOD = "method"
    TYPE = "type"
    MALFORMED = "malformed"
    """No HTTP, or HTTP that two readers could understand differently."""
    EXPECTATION = "expectation"
    CUT_OFF = "cut off"
    """A body that broke off, or that is not packed as it says."""
    TOO_LARGE = "too large"
    TOO_SLOW = "too slow"
    NOT_JSON = "not JSON"
    NO_ENVELOPE = "no envelope"
    TOO_DEEP = "too deep"
    CHANGED = "changed"
    """A recording that is no longer the one that was lent."""
    CONNECTIONS = "connections"
    """A connection that was closed to make room, or because too many were waiting for a refusal."""
    UNWRITTEN = "unwritten"
    """A delivery that could not be written down."""


STATUSES = {
    Reason.UNKNOWN_PATH: HTTPStatus.NOT_FOUND,
    Reason.METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
    Reason.TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Reason.MALFORMED: HTTPStatus.BAD_REQUEST,
    Reason.EXPECTATION: HTTPStatus.EXPECTATION_FAILED,
    Reason.CUT_OFF: HTTPStatus.BAD_REQUEST,
    Reason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.TOO_SLOW: HTTPStatus.REQUEST_TIMEOUT,
    Reason.NOT_JSON: HTTPStatus.BAD_REQUEST,
    Reason.NO_ENVELOPE: HTTPStatus.BAD_REQUEST,
    Reason.TOO_DEEP: HTTPStatus.BAD_REQUEST,
    Reason.CHANGED: HTTPStatus.CONFLICT,
    Reason.UNWRITTEN: HTTPStatus.SERVICE_UNAVAILABLE,
}


class RefusedError(Exception):
    """Not to be answered 200. `allow` names the methods that would do."""

    def __init__(self, reason: Reason, *, allow: str = "") -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.allow = allow

    @property
    def status(self) -> HTTPStatus:
        """How it is answered."""
        return STATUSES[self.reason]
