"""The ledger's jobs as a frame."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from aijupyter.models import JobRecord


def job_frame(records: Sequence[JobRecord]) -> pd.DataFrame:
    """One row for each job.

    id, operation, recording and state; created and ended, in UTC; seconds, from asked to ended; key, our own id.
    """
    created = pd.to_datetime(pd.Series([record.created for record in records], dtype="object"), utc=True)
    ended = pd.to_datetime(pd.Series([record.ended for record in records], dtype="object"), utc=True)
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
