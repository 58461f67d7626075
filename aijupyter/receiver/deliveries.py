"""What is a well-formed delivery: a pure check of a request that has been read."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from aijupyter.envelope import MalformedEnvelopeError, parse_envelope, without_tokens
from aijupyter.models import Delivery, DeliverySource

REQUEST_ID_HEADER = "RCRequestId"

LONGEST_REQUEST_ID = 200


class RefusedDeliveryError(Exception):
    """Not a delivery. `status` is how to answer it; the message is for the log alone."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def read_delivery(path: str, body: bytes, *, content_type: str, request_id: str | None, received: datetime) -> Delivery:
    """The delivery that a POST to `path` carries. Raises RefusedDeliveryError."""
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise RefusedDeliveryError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not JSON by its content type")
    body = without_tokens(body)  # a provider's complaint about a URL may repeat all of it
    try:
        envelope = parse_envelope(body)
    except MalformedEnvelopeError as error:
        raise RefusedDeliveryError(HTTPStatus.BAD_REQUEST, str(error)) from None
    if request_id is not None and not (len(request_id) <= LONGEST_REQUEST_ID and request_id.isprintable()):
        request_id = None
    return Delivery(path, envelope, body, DeliverySource.WEBHOOK, received, request_id)
