"""The job envelope: what a delivery carries and what the status call answers.

`{jobId, api, creationTime, completionTime, expirationTime, status, response}`. Some deliveries hold only `status` and
`response`, so nothing but a `status` is demanded here.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, AnyStr

import msgspec

from aijupyter.errors import Fault

LONGEST_JOB_ID = 200

DEEPEST = 100
"""So many arrays and objects may lie in one another. The contract's go to about ten; a reader's stack has an end."""

COUNTED_BYTES = 4096
"""Brackets are counted first in bodies up to this size; longer ones have many."""

NOT_JSON = "not JSON"
TOO_DEEP = "too deep"


class Outcome(StrEnum):
    """What an envelope says of its job. `OTHER` is a status that we do not know: kept, and never an end."""

    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    FAIL = "Fail"
    OTHER = "Other"


class Envelope:
    """What is understood of an envelope: its outcome, its job, and until when the provider keeps it.

    The rest is read when it is first asked for: a delivery is to be written down fast, and most of it is words.
    """

    __slots__ = ("_held", "expires", "job_id", "outcome")

    def __init__(
        self, outcome: Outcome, job_id: str | None, expires: datetime | None, held: dict[str, Any] | bytes
    ) -> None:
        self.outcome = outcome
        self.job_id = job_id
        self.expires = expires
        self._held = held

    @property
    def raw(self) -> dict[str, Any]:
        """All of it, unknown fields included."""
        if isinstance(self._held, bytes):
            self._held = _read_all(self._held)
        return self._held

    @property
    def response(self) -> Any:
        """The operation's answer (an object or, for emotions, an array); None while there is none."""
        return self.raw.get("response")

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The errors of a failed job."""
        return parse_faults(self.response)

    def __repr__(self) -> str:
        return f"<Envelope: {self.outcome}, job {self.job_id}>"


class MalformedEnvelopeError(ValueError):
    """The body is not an envelope. The message says why, in words fit for an answer."""


class _Head(msgspec.Struct):
    """The few fields that decide; the answer itself is looked through and left as it is."""

    status: Any = None
    jobId: Any = None  # noqa: N815  # the wire's name
    expirationTime: Any = None  # noqa: N815
    response: msgspec.Raw = msgspec.Raw(b"null")


_read_head = msgspec.json.Decoder(_Head).decode
_NOT_PLAIN = (msgspec.DecodeError, UnicodeError, RecursionError)


def parse_envelope(body: bytes | str) -> Envelope:
    """Read an envelope from JSON. Raises MalformedEnvelopeError."""
    body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    if _is_too_deep(body):
        raise MalformedEnvelopeError(TOO_DEEP)
    try:
        str(body, "utf-8")  # what is looked through only is not checked for this
        head = _read_head(body)
    except _NOT_PLAIN:
        return _parse_leniently(body)
    fields = {"jobId": head.jobId, "expirationTime": head.expirationTime}
    return _envelope(head.status, fields, memoryview(head.response)[:1].tobytes() in (b"{", b"["), body)


def _parse_leniently(body: bytes) -> Envelope:
    """What Python's own reader takes beyond the standard: NaN, halves of surrogate pairs, other encodings."""
    raw = _read_all(body)
    return _envelope(raw.get("status"), raw, isinstance(raw.get("response"), dict | list), raw)


def _envelope(status: Any, fields: dict[str, Any], has_response: bool, held: dict[str, Any] | bytes) -> Envelope:
    if not isinstance(status, str):
        raise MalformedEnvelopeError("no status")
    outcome = _OUTCOMES.get(status.casefold(), Outcome.OTHER)
    if outcome is Outcome.SUCCESS and not has_response:
        raise MalformedEnvelopeError("a success without a response")
    return Envelope(outcome, read_job_id(fields), _time(fields, "expirationTime"), held)


_BRACKETS = bytes.maketrans(b"{}", b"[]")
_REST = bytes(set(range(256)) - set(b'[]{}"'))
_TEXT = re.compile(rb'"[^"]*"?')


def _is_too_deep(body: bytes) -> bool:
    """Whether arrays and objects lie deeper in one another than DEEPEST, without reading them.

    A megabyte is passed over in about a millisecond: all but quotes and brackets is left out, then the texts, and then,
    level by level from the innermost, what opens and closes. What does not close is left to the reader.
    """
    if len(body) < COUNTED_BYTES and body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    rest = body.translate(_BRACKETS, _REST)
    if 2 * rest.count(b'""') != rest.count(b'"'):  # there are brackets in texts
        rest = _TEXT.sub(b"", rest.replace(b'""', b""))
    rest = rest.translate(None, b'"')
    for _ in range(DEEPEST):
        length = len(rest)
        rest = rest.replace(b"[]", b"")
        if len(rest) == length:
            return length > 0 and rest.count(b"[") > DEEPEST
    return bool(rest)


def _read_all(body: bytes) -> dict[str, Any]:
    try:
        try:
            raw = msgspec.json.decode(body)
        except _NOT_PLAIN:
            raw = json.loads(body, parse_int=_whole)
    except (ValueError, RecursionError):
        raise MalformedEnvelopeError(NOT_JSON) from None
    if not isinstance(raw, dict):
        raise MalformedEnvelopeError("not a JSON object")
    return raw


def _whole(digits: str) -> int | float:
    """A whole number, however absurdly long: beyond Python's own limit it is infinite."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def read_job_id(answer: dict[str, Any]) -> str | None:
    """The `jobId` of an answer; None where there is none that could be shown and looked up by."""
    job_id = answer.get("jobId")
    usable = isinstance(job_id, str) and 0 < len(job_id) <= LONGEST_JOB_ID and job_id.isprintable()
    return job_id if usable else None


def parse_faults(answer: Any) -> tuple[Fault, ...]:
    """The entries of `{errors: [{errorCode, message, parameterName?}]}`, however incomplete they are."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return tuple(
        Fault(
            without_tokens(str(e.get("errorCode") or "")),
            without_tokens(str(e.get("message") or "no message")),
            _text(e.get("parameterName")),
        )
        for e in (errors if isinstance(errors, list) else [])
        if isinstance(e, dict)
    )


_OUTCOMES = {outcome.value.casefold(): outcome for outcome in Outcome if outcome is not Outcome.OTHER}


def _text(value: Any) -> str | None:
    return without_tokens(str(value)) if value else None


_IN_A_URL = r"""(access_token(?:=|%3[dD]|%253[dD]|\\u003[dD]))(?:[^\s&"'\\<>#]|\\/|\\u[0-9a-fA-F]{4})+"""
_TOKEN_IN_TEXT, _TOKEN_IN_JSON = re.compile(_IN_A_URL), re.compile(_IN_A_URL.encode())


def without_tokens(text: AnyStr) -> AnyStr:
    """A text, or an answer as it came, without the access tokens in the URLs that it repeats."""
    if isinstance(text, bytes):
        return _TOKEN_IN_JSON.sub(rb"\1***", text) if b"access_token" in text else text
    return _TOKEN_IN_TEXT.sub(r"\1***", text)


def _time(raw: dict[str, Any], name: str) -> datetime | None:
    """An ISO 8601 time, in UTC; None where it is absent or unreadable."""
    try:
        time = datetime.fromisoformat(raw[name])
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
