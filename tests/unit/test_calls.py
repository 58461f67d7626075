"""The call log's records and the frame of them, and what its rows are called."""

from __future__ import annotations

from collections import namedtuple
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from call_log import call
from hypothesis import given, settings
from hypothesis import strategies as st

from aijupyter.api.call_log import recordings_of
from aijupyter.results.calls import call_frame
from aijupyter.session.rows import is_row, name_of, opened

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(alphabet="\ud800<&\x00\n")
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
NAMES = ("startTime", "duration", "durationMs", "direction", "from", "to", "telephonySessionId", "legs")
RECORDINGS = st.fixed_dictionaries({}, optional={"id": VALUES, "type": VALUES, "contentUri": VALUES}) | VALUES
RECORDS = st.fixed_dictionaries({"recording": RECORDINGS}, optional=dict.fromkeys(NAMES, VALUES)) | VALUES


@settings(max_examples=100, deadline=None)
@given(st.lists(RECORDS, max_size=4))
def test_any_record_makes_a_frame(records: list[Any]) -> None:
    """Whatever the types, nothing raises, the dtypes stay, and each row can be shown and named."""
    calls = call_frame([found for record in records for found in recordings_of(record)])
    assert calls.dtypes.drop(["direction", "type"]).equals(call_frame([]).dtypes.drop(["direction", "type"]))
    assert calls.to_csv()
    for row in calls.itertuples():
        assert name_of(row).isprintable()
        name_of(row).encode()


def test_no_number_is_in_a_name_or_a_repr() -> None:
    """Names of recordings go to ledgers and exports, reprs to logs: neither tells who spoke with whom."""
    (found,) = recordings_of(call(7))
    row = call_frame([found]).iloc[0]
    for text in (repr(found), name_of(row)):
        assert "+1650" not in text
        assert "Caller" not in text
    assert name_of(row) == "2026-11-02 11:53 Inbound *0007 (401500000007)"


Row = namedtuple("Row", "uri started direction to_number from_number recording")  # noqa: PYI024  # as pandas makes it


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (Row("https://x/c", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "Outbound", "+1 (650) 555-0199", "101", "9"),
         "2026-01-02 03:04 Outbound *0199 (9)"),
        (Row("https://x/c?access_token=secret", pd.NaT, float("nan"), None, pd.NA, None), "https://x/c"),
        (Row(None, None, None, None, None, None), "without an id"),
        (Row(None, 5, "In\nbound", None, "anonymous", "9"), "In?bound (9)"),
        ({"uri": "https://x/c", "recording": "9"}, "(9)"),
    ],
)  # fmt: skip
def test_names(row: Any, name: str) -> None:
    """What is known is said, in one line, and no token."""
    assert name_of(row) == name


@pytest.mark.parametrize("media", ["call.wav", b"RIFF", ("a", "b"), {"path": "x"}, pd.Series(["a"]), None, 5])
def test_what_is_no_row(media: Any) -> None:
    """All else is opened as it always was."""
    assert not is_row(media)
    assert opened(media) == (media, None) if not isinstance(media, pd.Series) else opened(media)[1] is None
