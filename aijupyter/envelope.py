"""The job envelope: what a delivery carries and what the status call answers.

`{jobId, api, creationTime, completionTime, expirationTime, status, response}`. Some deliveries hold only `status` and
`response`, so nothing but a `status` is demanded here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from aijupyter.errors import Fault

LONGEST_JOB_ID = 200


class Outcome(StrEnum):
    """What an envelope says of its job. `OTHER` is a status that we do not know: kept, and never an end."""

    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    FAIL = "Fail"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A parsed envelope. `raw` is all of it, unknown fields included."""

    outcome: Outcome
    job_id: str | None
    expires: datetime | None
    raw: dict[str, Any]

    @property
    def response(self) -> Any:
        """The operation's answer (an object or, for emotions, an array); None while there is none."""
        return self.raw.get("response")

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The errors of a failed job."""
        return parse_faults(self.response)


class MalformedEnvelopeError(ValueError):
    """The body is not an envelope. The message says why, in words fit for an answer."""


def parse_envelope(body: bytes | str) -> Envelope:
    """Read an envelope from JSON. Raises MalformedEnvelopeError."""
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedEnvelopeError("not JSON") from None
    if not isinstance(raw, dict):
        raise MalformedEnvelopeError("not a JSON object")
    status = raw.get("status")
    if not isinstance(status, str):
        raise MalformedEnvelopeError("no status")
    outcome = _OUTCOMES.get(status.casefold(), Outcome.OTHER)
    if outcome is Outcome.SUCCESS and not isinstance(raw.get("response"), dict | list):
        raise MalformedEnvelopeError("a success without a response")
    return Envelope(outcome, read_job_id(raw), _time(raw, "expirationTime"), raw)


def read_job_id(answer: dict[str, Any]) -> str | None:
    """The `jobId` of an answer; None where there is none that could be shown and looked up by."""
    job_id = answer.get("jobId")
    usable = isinstance(job_id, str) and 0 < len(job_id) <= LONGEST_JOB_ID and job_id.isprintable()
    return job_id if usable else None


def parse_faults(answer: Any) -> tuple[Fault, ...]:
    """The entries of `{errors: [{errorCode, message, parameterName?}]}`, however incomplete they are."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return tuple(
        Fault(str(e.get("errorCode") or ""), str(e.get("message") or "no message"), _text(e.get("parameterName")))
        for e in (errors if isinstance(errors, list) else [])
        if isinstance(e, dict)
    )


_OUTCOMES = {outcome.value.casefold(): outcome for outcome in Outcome if outcome is not Outcome.OTHER}


def _text(value: Any) -> str | None:
    return str(value) if value else None


def _time(raw: dict[str, Any], name: str) -> datetime | None:
    """An ISO 8601 time, in UTC; None where it is absent or unreadable."""
    try:
        time = datetime.fromisoformat(raw[name])
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
