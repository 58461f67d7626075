"""The job envelope, as deliveries and status calls carry it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aijupyter.envelope import MalformedEnvelopeError, Outcome, parse_envelope, parse_faults
from aijupyter.errors import Fault

WHOLE: dict[str, Any] = {
    "jobId": "96d7a8ae-ea3c-4b4e-9c5e-27bbcd4f8dee",
    "api": "/ai/audio/v1/async/speech-to-text",
    "creationTime": "2026-11-22T10:00:00.123Z",
    "completionTime": "2026-11-22T10:05:00.456Z",
    "expirationTime": "2026-11-29T10:00:00.123Z",
    "status": "Success",
    "response": {"transcript": "Hello."},
}


def parsed(**fields: Any) -> Any:
    """A parsed envelope of just these fields."""
    return parse_envelope(json.dumps(fields))


def test_a_whole_envelope() -> None:
    """Every part of the contract's envelope is understood."""
    envelope = parse_envelope(json.dumps(WHOLE).encode())
    assert envelope.outcome is Outcome.SUCCESS
    assert envelope.job_id == "96d7a8ae-ea3c-4b4e-9c5e-27bbcd4f8dee"
    assert envelope.expires == datetime(2026, 11, 29, 10, 0, 0, 123000, tzinfo=UTC)
    assert envelope.response == {"transcript": "Hello."}
    assert envelope.faults == ()
    assert envelope.raw == WHOLE


def test_an_envelope_without_a_job_id() -> None:
    """Some deliveries hold only status and response."""
    envelope = parsed(status="Success", response=[{"emotion": "Joy"}])
    assert (envelope.job_id, envelope.expires) == (None, None)
    assert envelope.response == [{"emotion": "Joy"}]


@pytest.mark.parametrize("job_id", ["", None, 7, ["x"]])
def test_a_job_id_that_is_none(job_id: Any) -> None:
    """An empty id, or one of another type, counts as no id."""
    assert parsed(status="InProgress", jobId=job_id).job_id is None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("InProgress", Outcome.IN_PROGRESS),
        ("inprogress", Outcome.IN_PROGRESS),
        ("FAIL", Outcome.FAIL),
        ("Fail", Outcome.FAIL),
        ("Paused", Outcome.OTHER),
        ("Other", Outcome.OTHER),
        ("", Outcome.OTHER),
    ],
)
def test_statuses(status: str, outcome: Outcome) -> None:
    """A status is read whatever its case; an unknown one is kept and is no end."""
    envelope = parsed(status=status)
    assert envelope.outcome is outcome
    assert envelope.raw["status"] == status


def test_unknown_fields_survive() -> None:
    """What nobody knows yet stays in raw."""
    assert parsed(status="InProgress", colour={"of": ["the", "sky"]}).raw["colour"] == {"of": ["the", "sky"]}


@pytest.mark.parametrize("response", [{}, {"response": None}, {"response": "text"}, {"response": 3}])
def test_a_success_needs_a_response(response: dict[str, Any]) -> None:
    """Success without an answer would end a job with nothing: it is refused."""
    with pytest.raises(MalformedEnvelopeError, match="without a response"):
        parsed(status="Success", **response)


def test_an_empty_answer_is_an_answer() -> None:
    """Silence has no emotions: an empty array or object is a success."""
    assert parsed(status="Success", response=[]).response == []
    assert parsed(status="Success", response={}).response == {}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'{"status": "Success"} and more', "not JSON"),
        (b'{"status": ' + b"9" * 10000 + b"}", "no status"),
        (b'{"a": ' * 200_000, "too deep"),
        (b"[" * 200_000 + b"]" * 200_000, "too deep"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"Success"', "not a JSON object"),
        (b"{}", "no status"),
        (b'{"status": null}', "no status"),
        (b'{"status": 200}', "no status"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[:12]!r}",
)
def test_what_is_no_envelope(body: bytes, reason: str) -> None:
    """Anything else is refused with one plain reason, however long or deep it is."""
    with pytest.raises(MalformedEnvelopeError) as caught:
        parse_envelope(body)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-29T10:00:00Z", datetime(2026, 11, 29, 10, tzinfo=UTC)),
        ("2026-11-29T10:00:00.250Z", datetime(2026, 11, 29, 10, 0, 0, 250000, tzinfo=UTC)),
        ("2026-11-29T10:00:00", datetime(2026, 11, 29, 10, tzinfo=UTC)),
        ("2026-11-29T12:00:00+02:00", datetime(2026, 11, 29, 10, tzinfo=UTC)),
        ("soon", None),
        ("", None),
        (1795946400, None),
        (None, None),
        ("0001-01-01T00:00:00+05:00", None),
        ("9999-12-31T23:59:59-05:00", None),
    ],
)
def test_times(written: Any, meant: datetime | None) -> None:
    """Times are in UTC, taken for it where they do not say, and missing where they cannot be read."""
    expires = parsed(status="InProgress", expirationTime=written).expires
    assert expires == meant
    assert expires is None or expires.tzinfo is UTC


def test_faults() -> None:
    """The provider's error list, with its codes, messages and parameters."""
    errors = [
        {"errorCode": "CAI-101", "message": "Parameter [contentUri] is invalid.", "parameterName": "contentUri"},
        {"errorCode": "CAI-105", "message": "Too quiet."},
    ]
    envelope = parsed(status="Fail", response={"errors": errors})
    assert envelope.faults == (
        Fault("CAI-101", "Parameter [contentUri] is invalid.", "contentUri"),
        Fault("CAI-105", "Too quiet."),
    )


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        (None, ()),
        ([], ()),
        ("no", ()),
        ({}, ()),
        ({"errors": None}, ()),
        ({"errors": {"errorCode": "CAI-101"}}, ()),
        ({"errors": [None, "text", 3]}, ()),
        ({"errors": [{}]}, (Fault("", "no message"),)),
        ({"errors": [{"errorCode": 101, "message": None}]}, (Fault("101", "no message"),)),
        ({"errors": [{"message": "Just so."}]}, (Fault("", "Just so."),)),
    ],
)
def test_incomplete_faults(answer: Any, faults: tuple[Fault, ...]) -> None:
    """However little the provider says, it is shown and nothing breaks."""
    assert parse_faults(answer) == faults


def test_a_failure_without_a_response() -> None:
    """A failed job need not say why."""
    envelope = parsed(status="Fail", jobId="j")
    assert envelope.outcome is Outcome.FAIL
    assert envelope.faults == ()


@pytest.mark.parametrize(
    "response",
    [
        '{"a": NaN, "b": -Infinity}',
        '{"a": "half a pair \\ud800"}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5000 + "}",
        '{"a": {"b": [1, 2.5, null, true, "Gr\u00fc\u00dfe"]}}',
        "[]",
    ],
    ids=["NaN", "surrogate", "overflow", "5000 digits", "plain", "array"],
)
def test_what_was_taken_can_be_read(response: str) -> None:
    """An answer that was acknowledged is readable, however odd what is in it."""
    envelope = parse_envelope(f'{{"response": {response}, "status": "success", "later": 1}}'.encode())
    assert envelope.outcome is Outcome.SUCCESS
    assert isinstance(envelope.response, dict | list)
    assert envelope.raw["later"] == 1
    assert envelope.raw is envelope.raw


@pytest.mark.parametrize("response", [b'{"a": [1, 2}', b'{"a": "\xff"}', b"{" * 100_000, b'{"a": 1}, "b"', b"nul"])
def test_what_cannot_be_read_is_not_taken(response: bytes) -> None:
    """The part that is only looked through must be whole as well."""
    with pytest.raises(MalformedEnvelopeError):
        parse_envelope(b'{"status": "Success", "response": ' + response + b"}")
