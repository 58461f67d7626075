"""What is a well-formed delivery, for any body that a machine can think of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aijupyter.envelope import DEEPEST, Envelope, MalformedEnvelopeError, Outcome, parse_envelope
from aijupyter.receiver.deliveries import read_delivery
from aijupyter.receiver.refusals import STATUSES, Reason, RefusedError

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TEXTS = st.text(max_size=20) | st.sampled_from(['"', "\\", '\\"', "[[[{", "}]}]", "\ud800", "\0"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
FIELDS = st.sampled_from(["status", "jobId", "response", "expirationTime", "api", "x"])
STATUS = st.sampled_from(["Success", "Fail", "InProgress", "success", "Odd"]) | VALUES
ENVELOPES = st.builds(lambda fields, status: {**fields, "status": status}, st.dictionaries(FIELDS, VALUES), STATUS)


def read(body: bytes, content_type: str = "application/json", request_id: str | None = None) -> Envelope | Reason:
    """What became of a body."""
    try:
        return read_delivery("path", body, content_type=content_type, request_id=request_id, received=AT).envelope
    except RefusedError as refused:
        return refused.reason


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes(body: bytes) -> None:
    """They are read or refused with a reason, and nothing else happens."""
    assert isinstance(read(body), Envelope | Reason)


@given(ENVELOPES)
@settings(max_examples=100, deadline=None)
def test_any_fields(fields: dict[str, Any]) -> None:
    """Whatever the fields hold, what is taken can be read again and is the same."""
    body = json.dumps(fields).encode()
    envelope = read(body)
    if isinstance(envelope, Reason):
        success = str(fields["status"]).casefold() == "success"
        assert not isinstance(fields["status"], str) or (
            success and not isinstance(fields.get("response"), dict | list)
        )
        return
    assert isinstance(envelope.outcome, Outcome)
    assert json.dumps(envelope.raw, sort_keys=True) == json.dumps(json.loads(body), sort_keys=True)
    assert all(fault.message for fault in envelope.faults)


@given(st.text(max_size=40), st.none() | st.text(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_headers(content_type: str, request_id: str | None) -> None:
    """A type that is not JSON is told so; a request id of no use is left out."""
    answer = read(b'{"status": "InProgress"}', content_type, request_id)
    assert (answer is Reason.TYPE) == (content_type != "application/json" and not content_type.endswith("+json"))


@given(
    st.lists(
        st.sampled_from(["[", '{"a":', '{"a]\\"":', '["]]",', '{"[[":1,"b":', "[[],{},"]), min_size=1, max_size=220
    ),
    st.sampled_from(["1", '"]}"', '"\\\\"', "[]", "{}"]),
)
@settings(max_examples=200, deadline=None)
def test_any_depth(opened: list[str], innermost: str) -> None:
    """Exactly so many levels are taken, whatever stands in texts beside them."""
    closing = "".join("]" if each[0] == "[" else "}" for each in reversed(opened))
    body = f'{{"status": "Success", "response": [{"".join(opened)}{innermost}{closing}]}}'
    depth = 2 + max(
        len(opened) + (innermost in {"[]", "{}"}),
        max((place + 2 for place, each in enumerate(opened) if each == "[[],{},"), default=0),
    )
    if depth > DEEPEST:
        with pytest.raises(MalformedEnvelopeError, match="too deep"):
            parse_envelope(body)
    else:
        assert parse_envelope(body).raw == json.loads(body)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_large_honest_body_is_deep_enough(opening: str, closing: str) -> None:
    """Any number of siblings counts as deep as one of them."""
    inner = f"{opening * 90}1{closing * 90}"
    body = f'{{"status": "Success", "response": [{",".join([inner] * 200)}]}}'
    assert len(parse_envelope(body).response) == 200
    with pytest.raises(MalformedEnvelopeError, match="too deep"):
        parse_envelope(body.replace(inner, f"{opening * 99}1{closing * 99}", 1))


def test_every_reason_but_one_has_a_status() -> None:
    """A connection that is cut off is told nothing."""
    assert set(Reason) - set(STATUSES) == {Reason.CONNECTIONS}
