"""The ledger's jobs as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from aijupyter.models import JobRecord


def job_frame(records: Sequence[JobRecord]) -> pd.DataFrame:
    """One row for each job.

    id, operation, recording and state; created and ended, in UTC; seconds, from asked to ended; key, our own id.
    """
    created = _times([record.created for record in records])
    ended = _times([record.ended for record in records])
    return pd.DataFrame(
        {
            "id": pd.Series([record.id for record in records], dtype="string"),
            "operation": pd.Series([record.operation.value for record in records], dtype="string"),
            "recording": pd.Series([record.recording for record in records], dtype="string"),
            "state": pd.Series([record.state.value for record in records], dtype="string"),
            "created": created,
            "ended": ended,
            "seconds": (ended - created).dt.total_seconds(),
            "key": pd.Series([record.key for record in records], dtype="string"),
        }
    )


def _times(times: list[datetime | None]) -> pd.Series[pd.Timestamp]:
    """In microseconds whatever they are, for pandas would choose the unit by the first of them."""
    return pd.to_datetime(pd.Series(times, dtype="object"), utc=True).dt.as_unit("us")
