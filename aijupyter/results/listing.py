"""What the ledger holds, as frames."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from aijupyter.models import JobSummary, Stray, Transition


def job_frame(jobs: Sequence[JobSummary]) -> pd.DataFrame:
    """One row for each job.

    id, operation, recording and state; created and ended, in UTC; seconds, from asked to ended; key, our own id.
    """
    created = _written_times([job.created for job in jobs])
    ended = _written_times([job.ended for job in jobs])
    return pd.DataFrame(
        {
            "id": pd.Series([job.id for job in jobs], dtype="string"),
            "operation": pd.Series([job.operation for job in jobs], dtype="string"),
            "recording": pd.Series([job.recording for job in jobs], dtype="string"),
            "state": pd.Series([job.state for job in jobs], dtype="string"),
            "created": created,
            "ended": ended,
            "seconds": (ended - created).dt.total_seconds(),
            "key": pd.Series([job.key for job in jobs], dtype="string"),
        }
    )


def history_frame(steps: Sequence[Transition]) -> pd.DataFrame:
    """One row for each step of a job's way, the first step first: at (UTC), state, cause."""
    return pd.DataFrame(
        {
            "at": _times([step.at for step in steps]),
            "state": pd.Series([step.state.value for step in steps], dtype="string"),
            "cause": pd.Series([step.cause for step in steps], dtype="string"),
        }
    )


def stray_frame(strays: Sequence[Stray]) -> pd.DataFrame:
    """One row for each delivery whose job cannot be told.

    received (UTC), reason, job_id, request_id, job, size in bytes, answer.
    """
    return pd.DataFrame(
        {
            "received": _times([stray.received for stray in strays]),
            "reason": pd.Series([stray.reason for stray in strays], dtype="string"),
            "job_id": pd.Series([stray.job_id for stray in strays], dtype="string"),
            "request_id": pd.Series([stray.request_id for stray in strays], dtype="string"),
            "job": pd.Series([stray.job for stray in strays], dtype="string"),
            "size": pd.Series([len(stray.body) for stray in strays], dtype="int64"),
            "answer": pd.Series([stray.body.decode("utf-8", "replace") for stray in strays], dtype="string"),
        }
    )


def _times(times: list[datetime]) -> pd.Series[pd.Timestamp]:
    """In microseconds whatever they are, for pandas would choose the unit by the first of them."""
    return pd.to_datetime(pd.Series(times, dtype="object"), utc=True).dt.as_unit("us")


def _written_times(times: list[str | None]) -> pd.Series[pd.Timestamp]:
    """Of ISO 8601 texts, with or without parts of a second."""
    return pd.to_datetime(pd.Series(times, dtype="object"), utc=True, format="ISO8601").dt.as_unit("us")
