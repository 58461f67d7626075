"""Whether a path is ours: by digest or compared whole, many at once, and never out of date."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from ledgers import SECOND, T0, Storage, record

from aijupyter.errors import LedgerError
from aijupyter.ledger.lookups import LOOKED_BY, Lookups
from aijupyter.models import JobState
from aijupyter.protocols import Ledger

pytest_plugins = ("ledger_fixtures",)

PATH = "a-path-that-nobody-can-guess-of-43-letters-x"


async def test_alike_is_not_the_same(ledger: Ledger, other: Ledger) -> None:
    """A guess that begins or ends right is as wrong as any, also where the path is not in mind."""
    await ledger.add(record(path=PATH))
    await ledger.add(record("k-2", path=f"{PATH[:LOOKED_BY]}-and-another-end"))
    for asked in (ledger, other):
        for guess in (
            PATH[:-1],
            f"{PATH}x",
            PATH[:LOOKED_BY],
            f"{PATH[:-1]}y",
            PATH.upper(),
            f"é{PATH}",
            "",
            "a\0",
            "\ud800",
        ):
            assert not await asked.expects(guess)
        assert await asked.expects(PATH)


async def test_many_at_once(ledger: Ledger, other: Ledger) -> None:
    """Each of them is told its own, though one query asks about many."""
    for number in range(20):
        await ledger.add(record(f"k-{number}", path=f"{number:08}-{PATH}"))
    asked = [f"{number:08}-{PATH}" for number in range(300)]
    told = await asyncio.gather(*map(other.expects, asked))
    assert told == [number < 20 for number in range(300)]


async def test_what_became_ours_meanwhile(ledger: Ledger, other: Ledger) -> None:
    """A path that another ledger added after it was asked about is known at once; a forgotten one for ever."""
    assert not await other.expects(PATH)
    job = await ledger.add(record(path=PATH))
    assert await other.expects(PATH)
    await ledger.advance(job.key, JobState.CANCELLED, at=T0 + SECOND)
    await ledger.forget([job.key])
    assert await ledger.expects(PATH)


async def test_forgotten_elsewhere(storage: Storage, ledger: Ledger) -> None:
    """A ledger that never saw the job knows its path by the digest."""
    job = await ledger.add(record(path=PATH))
    await ledger.advance(job.key, JobState.CANCELLED, at=T0 + SECOND)
    await ledger.forget([job.key])
    fresh = storage.make()
    await fresh.open()
    try:
        assert await fresh.expects(PATH)
        assert not await fresh.expects(PATH[:-1])
    finally:
        await fresh.close()


async def test_a_closed_ledger_says_so(ledger: Ledger) -> None:
    """Whoever asks is not left waiting."""
    await ledger.add(record(path=PATH))
    await ledger.close()
    for path in (PATH, "another"):
        with pytest.raises(LedgerError):
            await ledger.expects(path)
    await ledger.open()
    assert await ledger.expects(PATH)


async def test_one_query_at_a_time() -> None:
    """While the storage answers, all that is asked gathers for the next; who gives up disturbs nobody."""
    asked: list[list[str]] = []
    gate = asyncio.Event()

    async def ask(paths: Sequence[str]) -> set[str]:
        asked.append(list(paths))
        await gate.wait()
        if "bad" in paths:
            raise LedgerError("The disk is full.")
        return {path for path in paths if path == "ours"}

    lookups = Lookups(ask)
    first = asyncio.create_task(lookups.expects("first"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(lookups.expects(path)) for path in ("ours", "others", "ours", "given up")]
    await asyncio.sleep(0)
    others.pop().cancel()
    gate.set()
    assert await first is False
    assert await asyncio.gather(*others) == [True, False, True]
    assert asked == [["first"], ["ours", "others", "given up"]]
    with pytest.raises(LedgerError):
        await lookups.expects("bad")
    assert await lookups.expects("ours")
