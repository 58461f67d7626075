"""What the account has recorded itself: the calls of its call log."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from aijupyter.api.call_log import DIRECTIONS, CallQuery, recorded_calls
from aijupyter.api.transport import Transport
from aijupyter.config import Settings
from aijupyter.errors import ConfigurationError
from aijupyter.models import now
from aijupyter.options import time_ago

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


class Recordings(ABC):
    """The account's recorded calls."""

    settings: Settings

    @property
    @abstractmethod
    def _transport(self) -> Transport:
        """The way to the API."""

    @abstractmethod
    def _call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run in the background and wait."""

    def recordings(
        self,
        *,
        since: datetime | timedelta | str | None = "24 hours",
        until: datetime | timedelta | str | None = None,
        direction: str | None = None,
        limit: int | None = None,
        everyone: bool = False,
    ) -> pd.DataFrame:
        """The account's recorded calls, the newest first: one row for each recording. `ai.map` takes the frame.

        `since` is a time, or how long ago (`"7 days"`; 24 hours where nothing is said), `until` the same (now).
        `direction` is `"Inbound"` or `"Outbound"`, both when left out; `limit` the most that are wanted. With
        `everyone` the calls of all users are listed, which an administrator may do. See `results.calls.call_frame` for
        the columns.

        It blocks, one request for each thousand calls, and waits for its turn in the account's budget. Raises
        OptionError, ConfigurationError with the embedded service, ForbiddenError, and what else the API answers.
        """
        from aijupyter.results.calls import call_frame  # noqa: PLC0415  # pandas is loaded when first needed

        if self.settings.uses_embedded:
            raise ConfigurationError(
                "The embedded AI service has no call log: it records no calls.",
                "Connect with an account's credentials (see the README), or name files: ai.transcribe('call.mp3').",
            )
        query = CallQuery(
            since=time_ago("since", "24 hours" if since is None else since),
            until=now() if until is None else time_ago("until", until),
            direction=_direction(direction),
            limit=limit,
            everyone=everyone,
        )
        return call_frame(self._call(recorded_calls, self._transport, query))


def _direction(given: str | None) -> str | None:
    """In the API's spelling, whatever the case; what it does not know as it is, to be refused."""
    known = {direction.casefold(): direction for direction in DIRECTIONS}
    return known.get(given.strip().casefold(), given) if isinstance(given, str) else given
