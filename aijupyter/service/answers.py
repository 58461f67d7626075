"""Errors as the contract writes them: a status and a list of `{errorCode, message, parameterName?}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from aijupyter.errors import Fault

INVALID_PARAMETER = "CAI-101"
ENGINE_UNAVAILABLE = "CAI-102"
INTERNAL = "CAI-110"

REQUEST_ID = "RCRequestId"


class RefusalError(Exception):
    """A request that is not served: its HTTP status, the faults, and what else the answer says."""

    def __init__(
        self,
        status: int,
        faults: Sequence[Fault],
        *,
        headers: Mapping[str, str] | None = None,
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status, *faults)
        self.status = status
        self.faults = faults
        self.headers = headers or {}
        self.beside = beside or {}

    def response(self) -> web.Response:
        """The answer to send."""
        return web.json_response({**self.beside, **errors(self.faults)}, status=self.status, headers=self.headers)


def errors(faults: Sequence[Fault]) -> dict[str, Any]:
    """The faults as the contract's `{errors: [...]}`."""
    return {"errors": [_entry(fault) for fault in faults]}


def invalid(parameter: str, expected: str) -> Fault:
    """A parameter that is not as the contract wants it."""
    return Fault(INVALID_PARAMETER, f"Parameter [{parameter}] is invalid. {expected}", parameter)


def refused(status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> RefusalError:
    """A refusal for one reason that is not about a parameter."""
    return RefusalError(status, [Fault(code, message)], headers=headers)


def _entry(fault: Fault) -> dict[str, str]:
    entry = {"errorCode": fault.code, "message": fault.message}
    if fault.parameter is not None:
        entry["parameterName"] = fault.parameter
    return entry
