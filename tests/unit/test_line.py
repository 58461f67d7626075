"""The line of jobs that wait to be sent."""

from __future__ import annotations

import asyncio

import pytest

from aijupyter.jobs.line import Line


async def test_first_come_first_served() -> None:
    """Each keeps its place until it leaves, and those behind it move up."""
    line = Line()
    for key in "abc":
        line.put(key)
    line.put("a")
    assert [line.place(key) for key in "abcd"] == [0, 1, 2, None]
    assert await line.get() == "a"
    assert (line.place("a"), line.place("b"), len(line)) == (0, 1, 3)
    line.leave("a")
    assert (line.place("a"), line.place("b"), len(line)) == (None, 0, 2)
    assert [await line.get(), await line.get()] == ["b", "c"]
    assert line.holds("b")
    assert not line.holds("a")


async def test_one_that_is_put_back_has_its_old_place() -> None:
    """It comes before those that came later, and its tries are counted until it leaves."""
    line = Line()
    for key in "ab":
        line.put(key)
    assert await line.get() == "a"
    line.put_back("a", 0.01)
    line.leave("a")
    assert (line.place("a"), line.tries("a")) == (0, 1)
    await asyncio.sleep(0.05)
    assert [await line.get(), await line.get()] == ["a", "b"]
    line.leave("a")
    assert (line.place("a"), line.tries("a")) == (None, 0)


async def test_an_empty_line_is_waited_at() -> None:
    """Whoever waits gets what comes."""
    line = Line()
    waiting = asyncio.create_task(line.get())
    await asyncio.sleep(0)
    line.put("a")
    assert await waiting == "a"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(line.get(), 0.01)
