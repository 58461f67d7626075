"""One job of the service, and its envelope."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aijupyter.errors import Fault
from aijupyter.models import Operation
from aijupyter.service.answers import errors

IN_PROGRESS = "InProgress"
SUCCESS = "Success"
FAIL = "Fail"


@dataclass(slots=True, eq=False)
class ServiceJob:
    """One accepted submission. `media` is a URL still to be fetched, a file that already holds the recording, or None
    for an operation on texts.

    `response` is kept as JSON text, a tenth of the memory of the objects.
    """

    job_id: str
    request_id: str
    api: str
    operation: Operation
    webhook: str = field(repr=False)
    media: str | Path | None = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)
    lifetime: timedelta
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    completed: datetime | None = None
    status: str = IN_PROGRESS
    response: str = field(default="", repr=False)

    @property
    def expires(self) -> datetime:
        """When the service forgets the job."""
        return self.created + self.lifetime

    def succeed(self, response: str) -> None:
        """End with the engine's answer, as JSON."""
        self.status, self.response, self.completed = SUCCESS, response, datetime.now(UTC)

    def fail(self, faults: Sequence[Fault]) -> None:
        """End with errors."""
        self.status, self.response, self.completed = FAIL, json.dumps(errors(faults)), datetime.now(UTC)

    def envelope(self, *, named: bool = True) -> str:
        """What the webhook receives and what the status call answers, as JSON.

        Without its name it is only `{status, response}`, as some deliveries of the provider's are.
        """
        fields = {}
        if named:
            fields = {"jobId": self.job_id, "api": self.api, "creationTime": timestamp(self.created)}
            if self.completed is not None:
                fields["completionTime"] = timestamp(self.completed)
            fields["expirationTime"] = timestamp(self.expires)
        text = json.dumps(fields | {"status": self.status})
        return text if self.completed is None else f'{text[:-1]}, "response": {self.response}}}'


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
