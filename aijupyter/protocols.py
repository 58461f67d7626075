"""What may be swapped, as protocols whose docstrings are the specification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from aijupyter.models import AnalysisTask


class Engine(Protocol):
    """Answers operations with real analysis, inside the embedded service. Called from a worker thread, one task at a
    time; it may block and it may use every core.
    """

    def load(self, report: Callable[[str], None]) -> None:
        """Make ready: find or fetch the models and load them. Idempotent.

        `report` gets one plain sentence for each long step, for a person to read ("Downloading ... (71 MB)").
        Raises LocalExtraMissingError or ModelsMissingError, each with the mend.
        """

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> dict[str, Any] | list[Any]:
        """The contract's `response` object for the task, JSON-ready (finite floats, times in seconds).

        `report` gets the share done, 0 to 1, rising. Raises MediaError where the file holds no readable audio.
        """
