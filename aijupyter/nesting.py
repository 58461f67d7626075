"""The one case that needs a nested loop: a coroutine that is bound to the running loop, called from plain code."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from aijupyter.errors import NestingError, NestingMissingError

T = TypeVar("T")

FORK = "nest_asyncio2"
"""The maintained fork, which recent kernels bring and which works on every Python."""
ORIGINAL = "nest_asyncio"
ORIGINAL_POISONS = (3, 14)
"""From this Python on a kernel that the original has patched is of no use any more."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from plain code, also where a loop runs already, as in every notebook cell.

    In a running loop this patches asyncio as `nest` does. Waiting for a job never needs it: `job.result()` does that.
    Raises NestingError where the loop cannot be nested.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    try:
        _patch(loop)
    except BaseException:
        coroutine.close()
        raise
    return loop.run_until_complete(coroutine)


def nest() -> None:
    """Let code in a cell call `asyncio.run` or `loop.run_until_complete`, although the kernel's loop runs already.

    Patches asyncio by nest-asyncio2, or by nest-asyncio where that works, for as long as the kernel lives, and says so
    in the cell. May be called again. Jobs never need it. Raises NestingError where the loop cannot be nested.
    """
    said = nested()
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        print(said)  # noqa: T201  # the caller's own cell


def nested() -> str:
    """Nest the running loop, and say in one line what was done and with which package. Raises NestingError."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return "No loop runs here, so there is nothing to nest: asyncio.run works as it is."
    before = _patched_by() if getattr(loop, "_nest_patched", False) else None
    if before is not None:
        return f"Loops can be nested here already, by {_project(before)}."
    return f"asyncio.run and run_until_complete work in cells from now on, by {_project(_patch(loop))}."


def nest_package(version: tuple[int, int] = sys.version_info[:2]) -> str | None:
    """The module that nests loops on this Python, the fork first; None where none is installed that can."""
    return next((name for name in _able(version) if _installed(name)), None)


def missing_package(version: tuple[int, int] = sys.version_info[:2]) -> NestingMissingError:
    """What is raised where there is no such module, with the package to install."""
    if version >= ORIGINAL_POISONS:
        problem = "On this Python nested loops need nest-asyncio2; the older nest-asyncio would harm the kernel."
    else:
        problem = "Neither nest-asyncio2 nor nest-asyncio is installed, so loops cannot be nested."
    return NestingMissingError(problem, "Install it: pip install nest-asyncio2. Jobs need no nesting: await job.")


def _able(version: tuple[int, int]) -> tuple[str, ...]:
    return (FORK,) if version >= ORIGINAL_POISONS else (FORK, ORIGINAL)


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # a stand-in without a spec, or None in its place
        return sys.modules.get(name) is not None


def _patched_by() -> str | None:
    """The module that has patched asyncio, whoever called it."""
    return asyncio.run.__module__ if hasattr(asyncio, "_nest_patched") else None


def _patch(loop: asyncio.AbstractEventLoop) -> str:
    """Make the loop one that can be entered again. The module that did it: one that patched before does it again."""
    name = _patched_by() or nest_package()
    if name is None:
        raise missing_package()
    try:
        importlib.import_module(name).apply(loop)
    except ValueError as error:  # it patches no loop but those of asyncio
        raise NestingError(
            f"A loop of {type(loop).__module__} cannot be nested.",
            "Use await instead, or run Jupyter with asyncio's own loop.",
        ) from error
    return name


def _project(module: str) -> str:
    return module.replace("_", "-")
