"""aijupyter.run: a coroutine from plain code. Nesting patches asyncio for good, so it happens in child processes."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import aijupyter
from aijupyter.nesting import missing_package, nest_package

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
    for function in (lambda: aijupyter.run(one()), aijupyter.nest):
        try:
            function()
        except ModuleNotFoundError as error:
            print(type(error).__name__, isinstance(error, aijupyter.AIJupyterError), error.mend)

asyncio.run(cell())
"""


def test_without_a_package_that_nests() -> None:
    """Where neither fork is installed the error says which to install, and no coroutine is left unawaited."""
    lines = run_child(WITHOUT_FORKS).splitlines()
    assert len(lines) == 2
    for line in lines:
        assert line.startswith("NestingMissingError True Install it: pip install nest-asyncio2.")


ASYNCIO_RUN = """
import asyncio, sys
MISSING = {missing!r}
if MISSING:
    sys.modules[MISSING] = None
import aijupyter
from aijupyter.nesting import nested

async def later():
    await asyncio.sleep(0)
    return asyncio.get_running_loop()

async def cell():
    loop = asyncio.get_running_loop()
    print(nested())
    print(nested())
    aijupyter.nest()
    print(asyncio.run(later()) is loop, loop.run_until_complete(later()) is loop)
    await asyncio.sleep(0.01)
    print("still alive")

print(nested())
asyncio.run(cell())
"""


@pytest.mark.parametrize(("missing", "used"), [("", "nest-asyncio2"), ("nest_asyncio2", "nest-asyncio")])
def test_nest_lets_asyncio_run_be_called(missing: str, used: str) -> None:
    """Code that calls asyncio.run itself works in a running loop; the fork is preferred; once is enough."""
    if importlib.util.find_spec(used.replace("-", "_")) is None:
        pytest.skip(f"{used} is not installed")
    lines = run_child(ASYNCIO_RUN.format(missing=missing)).splitlines()
    assert lines == [
        "No loop runs here, so there is nothing to nest: asyncio.run works as it is.",
        f"asyncio.run and run_until_complete work in cells from now on, by {used}.",
        f"Loops can be nested here already, by {used}.",
        "True True",
        "still alive",
    ]


def test_what_another_has_patched_is_kept() -> None:
    """Where a person has applied nest-asyncio already, it is not patched over by the other one."""
    pytest.importorskip("nest_asyncio")
    code = (
        "import asyncio, nest_asyncio\nfrom aijupyter.nesting import nested\n"
        "async def cell():\n    nest_asyncio.apply()\n    print(nested())\n"
        "asyncio.run(cell())"
    )
    assert run_child(code) == "Loops can be nested here already, by nest-asyncio.\n"


def test_on_newer_pythons_only_the_fork_will_do() -> None:
    """From 3.14 on the original would harm the kernel, and the error says so instead of using it."""
    fork = importlib.util.find_spec("nest_asyncio2") is not None
    assert nest_package((3, 14)) == ("nest_asyncio2" if fork else None)
    assert nest_package((3, 11)) in {"nest_asyncio2", "nest_asyncio"}
    newer, older = missing_package((3, 14)), missing_package((3, 13))
    assert "would harm the kernel" in newer.problem
    assert "would harm the kernel" not in older.problem
    for error in (newer, older):
        assert isinstance(error, ModuleNotFoundError)
        assert "pip install nest-asyncio2" in error.mend


FOREIGN = """
import asyncio
import aijupyter

class Foreign(asyncio.AbstractEventLoop):
    "A loop that is not of asyncio's making, as uvloop's is not."

asyncio._set_running_loop(Foreign())
try:
    aijupyter.nest()
except RuntimeError as error:
    print(type(error).__name__, error.mend)
"""


def test_a_loop_that_cannot_be_nested() -> None:
    """Loops of other makers cannot be patched, and the error says what to do."""
    assert run_child(FOREIGN).startswith("NestingError Use await instead")
