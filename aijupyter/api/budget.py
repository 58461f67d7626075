"""The one request budget: during a penalty nothing is sent, for any request would start the penalty again."""

from __future__ import annotations

import asyncio
import time


class Budget:
    """The gate that every request of the account passes."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    async def admit(self) -> None:
        """Wait until a request may be sent."""
        while (seconds := self._closed_until - time.monotonic()) > 0:  # noqa: ASYNC110  # it waits for a time, which may have moved
            await asyncio.sleep(seconds)

    def penalize(self, seconds: float) -> None:
        """Stay silent for so long, from now on."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)
