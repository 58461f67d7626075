"""aijupyter.run: a coroutine from plain code. Nesting patches asyncio for good, so it happens in child processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

import aijupyter

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(aijupyter.__file__).parents[1])}


def run_child(code: str) -> str:
    """What a fresh interpreter prints."""
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


async def double(number: int) -> int:
    """Something to run."""
    await asyncio.sleep(0)
    return 2 * number


async def fail() -> None:
    """Something that goes wrong."""
    await asyncio.sleep(0)
    raise LookupError("nothing there")


def test_without_a_loop() -> None:
    """In plain code it runs the coroutine to its end and returns or raises what it does."""
    assert aijupyter.run(double(21)) == 42
    with pytest.raises(LookupError, match="nothing there"):
        aijupyter.run(fail())


def test_without_a_loop_nothing_is_patched() -> None:
    """Asyncio stays as it is where no loop runs."""
    code = "import aijupyter, asyncio, sys\nasync def one(): return 1\nprint(aijupyter.run(one()), end=' ')\n"
    assert run_child(code + "print([m for m in sys.modules if m.startswith('nest_asyncio')])") == "1 []\n"


NESTED = """
import asyncio
import aijupyter

async def bound(future):
    return await future

async def fail():
    raise LookupError("nothing there")

def plain(loop):
    future = loop.create_future()
    loop.call_later(0.01, future.set_result, "bound to the running loop")
    return aijupyter.run(bound(future))

async def cell():
    loop = asyncio.get_running_loop()
    ticks = []
    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0)
    ticking = asyncio.create_task(tick())
    print(plain(loop))
    print(len(ticks) > 1)
    ticking.cancel()
    try:
        aijupyter.run(fail())
    except LookupError as error:
        print(error)
    print(asyncio.get_running_loop() is loop)

asyncio.run(cell())
"""


def test_inside_a_running_loop() -> None:
    """As in a notebook's cell: plain code waits for what is bound to the loop that runs, which goes on meanwhile."""
    assert run_child(NESTED).splitlines() == ["bound to the running loop", "True", "nothing there", "True"]


WITHOUT_FORKS = """
import asyncio, sys
sys.modules["nest_asyncio"] = sys.modules["nest_asyncio2"] = None
import aijupyter

async def one():
    return 1

async def cell():
    try:
        aijupyter.run(one())
    except ModuleNotFoundError as error:
        print(error)

asyncio.run(cell())
"""


def test_without_a_package_that_nests() -> None:
    """Where neither fork is installed the error says which to install, and no coroutine is left unawaited."""
    assert "pip install nest-asyncio2" in run_child(WITHOUT_FORKS)
