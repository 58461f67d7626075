"""What a session measures, as a frame."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def measure_frame(rows: Sequence[tuple[str, str, float, str]]) -> pd.DataFrame:
    """One row for each number: group, measure, value (a float), unit. In the order given."""
    groups, measures, values, units = zip(*rows, strict=True) if rows else ((), (), (), ())
    return pd.DataFrame(
        {
            "group": pd.Series(groups, dtype="string"),
            "measure": pd.Series(measures, dtype="string"),
            "value": pd.Series(values, dtype="float64"),
            "unit": pd.Series(units, dtype="string"),
        }
    )
