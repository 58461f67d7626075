"""The account's recorded calls, as a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from aijupyter.models import RecordedCall

DIRECTIONS = ("Inbound", "Outbound")
KINDS = ("Automatic", "OnDemand")


def call_frame(calls: Sequence[RecordedCall]) -> pd.DataFrame:
    """One row for each recording, the same columns and dtypes also where there is none.

    started, in UTC; duration in seconds (float64); direction and type (categories, without an order: what a later
    version of the API calls otherwise comes after those that are known); from_number, from_name, to_number and to_name;
    recording, its id; session, the call's; uri, where the recording is; raw, the whole record as it came.
    """
    return pd.DataFrame(
        {
            "started": _times([call.started for call in calls]),
            "duration": pd.Series([call.duration for call in calls], dtype="float64"),
            "direction": _category([call.direction for call in calls], DIRECTIONS),
            "from_number": _texts(call.from_number for call in calls),
            "from_name": _texts(call.from_name for call in calls),
            "to_number": _texts(call.to_number for call in calls),
            "to_name": _texts(call.to_name for call in calls),
            "type": _category([call.kind for call in calls], KINDS),
            "recording": _texts(call.recording for call in calls),
            "session": _texts(call.session for call in calls),
            "uri": _texts(call.uri for call in calls),
            "raw": pd.Series([call.raw for call in calls], dtype="object"),
        }
    )


def _texts(values: Iterable[str | None]) -> pd.Series[str]:
    return pd.Series(list(values), dtype="string")


def _category(values: Sequence[str | None], known: Sequence[str]) -> pd.Series[str]:
    others = sorted({value for value in values if value is not None}.difference(known))
    dtype = pd.CategoricalDtype([*known, *others])
    places = {name: place for place, name in enumerate(dtype.categories)}
    codes = [-1 if value is None else places[value] for value in values]
    return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype))


def _times(times: Sequence[datetime | None]) -> pd.Series[pd.Timestamp]:
    """In microseconds, which hold every year that a date can have."""
    plain = [None if time is None else time.replace(tzinfo=None) for time in times]
    return pd.Series(pd.DatetimeIndex(np.array(plain, dtype="datetime64[us]")).tz_localize("UTC"))
