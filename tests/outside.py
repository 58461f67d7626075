"""A provider that stands outside: it reaches this machine by the public side alone, and fetches files in ranges."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from double import Plan, ProviderDouble

PARTS = 3
UNFETCHED = {"errorCode": "CAI-101", "message": "The recording could not be fetched", "parameterName": "contentUri"}


class OutsideDouble(ProviderDouble):
    """`reached` are the addresses that it went to, `lost` counts the deliveries that nobody took.

    What it cannot fetch it tries again for `fetch_seconds`, as fetchers do, and then the job fails; a delivery it makes
    once.
    """

    def __init__(self, plan: Plan | None = None) -> None:
        super().__init__(plan)
        self.reached: set[str] = set()
        self.lost = 0
        self.fetch_seconds = 30.0

    async def _finish(self, job_id: str, body: dict[str, Any], webhook: str, request_id: str) -> None:
        self.reached.add(urlsplit(webhook).netloc)
        try:
            await super()._finish(job_id, body, webhook, request_id)
        except TimeoutError:
            self.jobs[job_id] |= {"status": "Fail", "response": {"errors": [UNFETCHED]}}
            self.lost += 1
        except aiohttp.ClientError:
            self.lost += 1

    async def _fetch(self, body: dict[str, Any]) -> bytes:
        url = body["contentUri"]
        self.reached.add(urlsplit(url).netloc)
        deadline = time.monotonic() + self.fetch_seconds
        while True:
            try:
                return await self._in_ranges(url)
            except (aiohttp.ClientError, ConnectionError):
                if time.monotonic() > deadline:
                    raise TimeoutError from None
                await asyncio.sleep(0.1)

    async def _in_ranges(self, url: str) -> bytes:
        async with self._http.head(url) as response:
            response.raise_for_status()
            size = int(response.headers["Content-Length"])
        step = -(-size // PARTS)
        parts = [await self._range(url, first, min(first + step, size) - 1) for first in range(0, size, step)]
        return b"".join(parts)

    async def _range(self, url: str, first: int, last: int) -> bytes:
        async with self._http.get(url, headers={"Range": f"bytes={first}-{last}"}) as response:
            response.raise_for_status()
            assert response.status == 206
            part = await response.read()
        assert len(part) == last - first + 1
        return part
