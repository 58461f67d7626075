"""What all results share."""

from __future__ import annotations

from typing import Any

from aijupyter.models import Operation


class Result:
    """An answer. `raw` is the whole envelope as it came: what the frames leave out is there."""

    def __init__(self, raw: dict[str, Any], *, operation: Operation, recording: str, job_id: str) -> None:
        self.raw = raw
        self.operation = operation
        self.recording = recording
        self.job_id = job_id

    @property
    def response(self) -> Any:
        """The operation's own part of the answer."""
        return self.raw.get("response")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.recording!r}, job {self.job_id}>"
