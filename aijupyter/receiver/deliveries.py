"""What is a well-formed delivery: a pure check of a request that has been read."""

from __future__ import annotations

from datetime import datetime

from aijupyter.envelope import NOT_JSON, TOO_DEEP, MalformedEnvelopeError, parse_envelope, without_tokens
from aijupyter.models import Delivery, DeliverySource
from aijupyter.receiver.refusals import Reason, RefusedError

REQUEST_ID_HEADER = "RCRequestId"

LONGEST_REQUEST_ID = 200

_REASONS = {NOT_JSON: Reason.NOT_JSON, TOO_DEEP: Reason.TOO_DEEP}


def read_delivery(path: str, body: bytes, *, content_type: str, request_id: str | None, received: datetime) -> Delivery:
    """The delivery that a POST to `path` carries. Raises RefusedError."""
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise RefusedError(Reason.TYPE)
    body = without_tokens(body)  # a provider's complaint about a URL may repeat all of it
    try:
        envelope = parse_envelope(body)
    except MalformedEnvelopeError as error:
        raise RefusedError(_REASONS.get(str(error), Reason.NO_ENVELOPE)) from None
    if request_id is not None and not (len(request_id) <= LONGEST_REQUEST_ID and request_id.isprintable()):
        request_id = None
    return Delivery(path, envelope, body, DeliverySource.WEBHOOK, received, request_id)
