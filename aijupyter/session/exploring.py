"""What a person does with answers and without code: many results as one, a panel, a coroutine from a plain cell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aijupyter.jobs.batch import Batch
from aijupyter.jobs.job import Job
from aijupyter.nesting import run

if TYPE_CHECKING:
    import pandas as pd

    from aijupyter.explore.corpus import Corpus
    from aijupyter.results import Result
    from aijupyter.session.panel import Panel

T = TypeVar("T")


class Exploring(ABC):
    """The side of a session that is for looking around."""

    @abstractmethod
    def job(self, job_id: str) -> Job[Any]:
        """Pick a job up again."""

    @abstractmethod
    def _peek(self, job_id: str) -> Job[Any] | None:
        """A handle on a job as it is now, that keeps no answer and hears of no change. None for no such job."""

    @abstractmethod
    def jobs(self) -> pd.DataFrame:
        """The jobs that the ledger holds."""

    def corpus(self, of: Batch | pd.DataFrame | Iterable[Job[Any] | Result | str] | None = None) -> Corpus:
        """Many results as one, to explore: their frames one below the other, figures, SQL, files.

        `of` is a batch, jobs, results, ids, or rows of `ai.jobs()`; None takes every job of the ledger that succeeded.
        Jobs that have no result (yet) are left out. Raises JobNotFoundError for an id that the ledger does not hold.
        """
        from aijupyter.explore.corpus import gather  # noqa: PLC0415  # pandas is loaded when first needed

        return gather(self.jobs() if of is None else of, self._peek)

    def panel(self) -> Panel:
        """A panel to choose recordings, an operation and its options with the mouse; it shows the code for it, too."""
        from aijupyter.session.panel import Panel  # noqa: PLC0415  # it is not for every session

        return Panel(cast("Any", self))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end from a plain cell or function: see `aijupyter.run`. Jobs never need it."""
        return run(coroutine)
