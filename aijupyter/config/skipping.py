"""How a place that was asked says that it has no answer, or not the whole one."""

from __future__ import annotations

from collections.abc import Mapping


class Skipped(Exception):  # noqa: N818  # no error: the next place is asked
    """The place was passed over. `reason` says why, in words without secrets.

    Where it answered in part, that is `found`; None where it is of no use to ask it for anything else.
    """

    def __init__(self, reason: str, found: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.found = found
