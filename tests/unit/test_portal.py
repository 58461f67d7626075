"""The portal: an event loop in a thread, reached from any other."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

import aijupyter
from aijupyter.errors import PortalError
from aijupyter.portal import Portal

SECONDS = 10.0
NAME = "portal-under-test"


@pytest.fixture
def portal() -> Iterator[Portal]:
    """A running portal."""
    portal = Portal(NAME)
    portal.start()
    yield portal
    portal.stop()


def portal_threads() -> list[threading.Thread]:
    """The threads of this module's portals that are alive."""
    return [thread for thread in threading.enumerate() if thread.name == NAME]


async def double(number: int) -> int:
    """Something to run on the loop."""
    await asyncio.sleep(0)
    return 2 * number


async def thread_name() -> str:
    """Where it runs."""
    return threading.current_thread().name


async def forever(started: threading.Event, cancelled: threading.Event) -> None:
    """Run until cancelled, and say when."""
    started.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        cancelled.set()
        raise


def test_call_returns_what_the_coroutine_returns(portal: Portal) -> None:
    """A call runs in the portal's thread and hands its value back."""
    assert portal.call(double, 21) == 42
    assert portal.call(thread_name) == NAME != threading.current_thread().name


def test_call_raises_what_the_coroutine_raises(portal: Portal) -> None:
    """An exception reaches the caller as itself, and the portal goes on."""

    async def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        portal.call(fail)
    assert portal.call(double, 1) == 2


def test_submit_returns_at_once(portal: Portal) -> None:
    """A submitted coroutine is under way while the caller goes on."""
    gate = threading.Event()

    async def waiting() -> str:
        await asyncio.to_thread(gate.wait, SECONDS)
        return "open"

    future = portal.submit(waiting)
    assert not future.done()
    gate.set()
    assert future.result(SECONDS) == "open"


def test_post_runs_a_plain_function_on_the_loop(portal: Portal) -> None:
    """A posted function runs soon, in the portal's thread, with its arguments."""
    done = threading.Event()
    seen: list[object] = []

    def note(word: str) -> None:
        seen.extend([word, portal.is_own_thread()])
        done.set()

    portal.post(note, "hello")
    assert done.wait(SECONDS)
    assert seen == ["hello", True]
    assert not portal.is_own_thread()


def test_a_portal_that_does_not_run_refuses_work() -> None:
    """Before the start work is refused with what to do next."""
    portal = Portal(NAME)
    assert not portal.running
    with pytest.raises(PortalError):
        portal.post(pytest.fail, "it ran")
    for way in (portal.submit, portal.call):
        with pytest.raises(PortalError, match="Connect again"):
            way(double, 1)


def test_calls_from_the_loops_own_thread_are_refused(portal: Portal) -> None:
    """Waiting for oneself would never end: it is refused, and the loop lives on."""

    async def call_inside() -> int:
        return portal.call(double, 1)

    async def stop_inside() -> None:
        portal.stop()

    for inside in (call_inside, stop_inside):
        with pytest.raises(PortalError, match="own thread"):
            portal.call(inside, timeout=SECONDS)
    assert portal.call(double, 3) == 6


def test_a_timeout_cancels_the_task(portal: Portal) -> None:
    """A call that takes too long raises, and what it ran is cancelled."""
    started, cancelled = threading.Event(), threading.Event()
    with pytest.raises(TimeoutError):
        portal.call(forever, started, cancelled, timeout=0.05)
    assert started.is_set()
    assert cancelled.wait(SECONDS)


def test_cancelling_the_future_cancels_the_task(portal: Portal) -> None:
    """Who gives up a submitted call ends it."""
    started, cancelled = threading.Event(), threading.Event()
    future = portal.submit(forever, started, cancelled)
    assert started.wait(SECONDS)
    future.cancel()
    assert cancelled.wait(SECONDS)
    assert portal.running


def test_stop_cancels_what_runs_and_joins() -> None:
    """After stop nothing runs, whoever waited is told, and no thread is left."""
    portal = Portal(NAME)
    portal.start()
    assert len(portal_threads()) == 1
    started, cancelled = threading.Event(), threading.Event()
    future = portal.submit(forever, started, cancelled)
    assert started.wait(SECONDS)
    portal.stop()
    assert cancelled.is_set()
    with pytest.raises(CancelledError):
        future.result(0)
    assert not portal.running
    assert portal_threads() == []


def test_stop_lets_cancelled_tasks_finish_tidying() -> None:
    """A task may still await something while it is being cancelled, and stop waits for that."""
    portal = Portal(NAME)
    portal.start()
    started, tidied = threading.Event(), threading.Event()

    async def tidy() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            tidied.set()

    portal.submit(tidy)
    assert started.wait(SECONDS)
    portal.stop()
    assert tidied.is_set()


def test_start_and_stop_are_idempotent() -> None:
    """Twice is once, and a stopped portal can be started anew."""
    portal = Portal(NAME)
    portal.stop()
    for _ in range(3):
        portal.start()
        portal.start()
        assert len(portal_threads()) == 1
        assert portal.call(double, 2) == 4
        portal.stop()
        portal.stop()
        assert portal_threads() == []
        with pytest.raises(PortalError):
            portal.submit(double, 1)


def test_many_threads_start_one_loop() -> None:
    """Starts that race make one thread."""
    portal = Portal(NAME)
    starters = [threading.Thread(target=portal.start) for _ in range(8)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(SECONDS)
    assert len(portal_threads()) == 1
    portal.stop()


def test_no_call_hangs_when_the_portal_stops() -> None:
    """Calls that race with stop return or are refused; none waits for ever."""
    for _ in range(20):
        portal = Portal(NAME)
        portal.start()
        ends: list[str] = []
        first = threading.Event()

        def call_on(portal: Portal = portal, ends: list[str] = ends, first: threading.Event = first) -> None:
            try:
                while True:
                    portal.call(double, 1, timeout=SECONDS)
                    first.set()
            except (PortalError, CancelledError):
                ends.append("refused")
            except TimeoutError:
                ends.append("hung")

        callers = [threading.Thread(target=call_on) for _ in range(3)]
        for caller in callers:
            caller.start()
        assert first.wait(SECONDS)
        portal.stop()
        for caller in callers:
            caller.join(2 * SECONDS)
        assert ends == ["refused"] * 3


FAILING = """
import asyncio, gc, threading
from aijupyter.portal import Portal

def explode():
    raise RuntimeError("in a callback")

async def explode_later():
    raise RuntimeError("in a task nobody awaits")

async def leave_a_task():
    task = asyncio.get_running_loop().create_task(explode_later())
    await asyncio.wait({task})
    del task
    gc.collect()

portal = Portal()
portal.start()
portal.post(explode)
portal.call(leave_a_task)
portal.stop()
"""


def run_child(code: str) -> subprocess.CompletedProcess[str]:
    """What becomes of this code in an interpreter of its own, where no test runner has set up any logging."""
    environment = {**os.environ, "PYTHONPATH": str(Path(aijupyter.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment, check=False
    )


def test_the_background_prints_nothing() -> None:
    """What fails in the background without anybody waiting shows up in no cell."""
    child = run_child(FAILING)
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


STARVED = """
import os, resource, threading
from aijupyter.portal import Portal
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
free = os.dup(0)
os.close(free)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
portal = Portal()
try:
    portal.start()
except OSError as error:
    print(error.strerror, portal.running, threading.active_count())
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
portal.start()
print(portal.running)
portal.stop()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_loop_that_cannot_start_says_so_to_the_caller() -> None:
    """With no file descriptor left the starter gets the error itself; later the same portal can start."""
    child = run_child(STARVED)
    assert child.stdout.splitlines() == ["Too many open files False 1", "True"], child.stderr
