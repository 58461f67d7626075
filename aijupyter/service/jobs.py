"""The service's jobs: one job's envelope, and the shelf that keeps them."""

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
    """One accepted submission. `media` is a URL still to be fetched, or a file that already holds the recording.

    `response` is kept as JSON text, a tenth of the memory of the objects.
    """

    job_id: str
    request_id: str
    api: str
    operation: Operation
    webhook: str = field(repr=False)
    media: str | Path = field(repr=False)
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

    def envelope(self) -> str:
        """What the webhook receives and what the status call answers, as JSON."""
        fields = {"jobId": self.job_id, "api": self.api, "creationTime": timestamp(self.created)}
        if self.completed is not None:
            fields["completionTime"] = timestamp(self.completed)
        fields |= {"expirationTime": timestamp(self.expires), "status": self.status}
        text = json.dumps(fields)
        return text if self.completed is None else f'{text[:-1]}, "response": {self.response}}}'


class Shelf:
    """The jobs by id: those under way, and those that ended, until they expire or newer ones need the room."""

    def __init__(self, kept_limit: int, kept_bytes: int) -> None:
        self._kept_limit = kept_limit
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._under_way: dict[str, ServiceJob] = {}
        self._ended: dict[str, ServiceJob] = {}

    @property
    def under_way(self) -> int:
        """How many jobs have not ended."""
        return len(self._under_way)

    def add(self, job: ServiceJob) -> None:
        """Keep a job that has just been accepted."""
        self._under_way[job.job_id] = job

    def end(self, job: ServiceJob) -> None:
        """Move a job to those that ended; the oldest of these make room."""
        self._under_way.pop(job.job_id, None)
        self._ended[job.job_id] = job
        self._bytes += len(job.response)
        while self._crowded():
            oldest = self._ended.pop(next(iter(self._ended)))
            self._bytes -= len(oldest.response)

    def find(self, job_id: str) -> ServiceJob | None:
        """The job, or None where it is unknown or has expired."""
        job = self._under_way.get(job_id) or self._ended.get(job_id)
        return job if job is not None and job.expires > datetime.now(UTC) else None

    def _crowded(self) -> bool:
        if len(self._ended) <= 1:
            return False
        oldest = next(iter(self._ended.values()))
        too_many = len(self._ended) > self._kept_limit or self._bytes > self._kept_bytes
        return too_many or oldest.expires <= datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
