"""The one case that needs a nested loop: a coroutine that is bound to the running loop, called from plain code."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_FORKS = ("nest_asyncio2", "nest_asyncio")
"""The maintained fork comes first: recent kernels bring it, and Python 3.14 works with nothing else."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from plain code, also where a loop runs already, as in every notebook cell.

    In a running loop this patches asyncio (by nest-asyncio2 or nest-asyncio) so that the loop can be entered again;
    the patch stays. Waiting for a job never needs it: `job.result()` does that.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    try:
        _nest(loop)
    except BaseException:
        coroutine.close()
        raise
    return loop.run_until_complete(coroutine)


def _nest(loop: asyncio.AbstractEventLoop) -> None:
    for name in _FORKS:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        module.apply(loop)
        return
    raise ModuleNotFoundError("neither nest-asyncio2 nor nest-asyncio is installed: pip install nest-asyncio2")
