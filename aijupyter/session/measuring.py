"""The side of a session that is for looking at its numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from aijupyter.session.measures import Measure

if TYPE_CHECKING:
    import pandas as pd


class Measuring(ABC):
    """What a session can say of itself in numbers."""

    @abstractmethod
    def _measures(self) -> list[Measure]:
        """The numbers now. Raises SessionClosedError."""

    def stats(self) -> pd.DataFrame:
        """Numbers of this session since it was opened, one in each row: group, measure, value, unit.

        Deliveries and refusals, how long things took, status calls, and what is left of the account's budget. `value`
        is a float, NaN where it is not known; `unit` is "count" or "seconds". docs/logging.md explains each row. One
        number alone: `ai.stats().set_index(["group", "measure"])["value"]["submissions", "sent"]`.
        """
        from aijupyter.results.measures import measure_frame  # noqa: PLC0415  # pandas is loaded when first needed

        return measure_frame(self._measures())
