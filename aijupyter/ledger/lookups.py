"""Whether paths are ours: asked by whoever knocks, answered without telling how much of a guess was right.

All that are asked about at the same time are looked for in one query, and only one such query waits for the storage at
a time. So a flood of unknown paths costs the ledger's thread next to nothing, and no delivery waits behind it for long.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import islice

from aijupyter.ledger.database import Database
from aijupyter.ledger.rows import digest, listed, storable

LOOKED_BY = 8
"""The storage is asked for paths that begin like a guess does; what comparing them takes tells these characters at
most, 48 bits of 256. The rest is compared here, always whole.
"""

LAST = "\U0010ffff"
"""No character comes after it."""

PATHS_AT_ONCE = 64

Ask = Callable[[Sequence[str]], Awaitable[Collection[str]]]


def ours(db: Database, paths: Sequence[str]) -> set[str]:
    """Which of them are or were a job's."""
    asked = [path for path in paths if storable(path)]
    if not asked:
        return set()
    ranges = " OR ".join(["path BETWEEN ? AND ?"] * len(asked))
    bounds = [bound for path in asked for bound in _bounds(path)]
    alike = [path.encode() for (path,) in db.rows(f"SELECT path FROM jobs WHERE {ranges}", bounds)]  # noqa: S608  # constants
    query = f"SELECT digest FROM forgotten WHERE digest IN {listed(len(asked))}"  # noqa: S608  # constants
    forgotten = {bytes(known) for (known,) in db.rows(query, [digest(path) for path in asked])}
    return {path for path in asked if digest(path) in forgotten or _is_among(path.encode(), alike)}


def _bounds(path: str) -> tuple[str, str]:
    """Between which texts all that begins like it lies; of a path so short that it can be no secret, itself alone."""
    begin = path[:LOOKED_BY]
    return begin, f"{begin}{LAST}" if len(path) > LOOKED_BY else begin


def _is_among(guess: bytes, paths: Sequence[bytes]) -> bool:
    """Compared with each, to the end."""
    return sum(hmac.compare_digest(guess, path) for path in paths) > 0


class Lookups:
    """Gathers what is asked while the storage answers, and asks about that next. Lives in one loop."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def expects(self, path: str) -> bool:
        """Whether the path is or was a job's. Raises what the storage raises."""
        told = self._waiting.get(path)
        if told is None:
            told = self._waiting[path] = asyncio.get_running_loop().create_future()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())
        return await asyncio.shield(told)

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                batch = {path: self._waiting.pop(path) for path in list(islice(self._waiting, PATHS_AT_ONCE))}
                await self._ask_about(batch)
        finally:
            self._asking = None

    async def _ask_about(self, batch: dict[str, asyncio.Future[bool]]) -> None:
        try:
            found = await self._ask(list(batch))
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked
            for told in batch.values():
                told.set_exception(error)
                told.exception()  # who asked may have gone
            return
        for path, told in batch.items():
            told.set_result(path in found)
