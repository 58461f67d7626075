"""`%load_ext aijupyter`: the magics `%aijupyter` and `%aij`, their completion, and the views. Starts nothing."""

from __future__ import annotations

from typing import Any

from aijupyter.magics import completing
from aijupyter.magics.magic import NAMES, AIJupyterMagics
from aijupyter.views import register

__all__ = ["AIJupyterMagics", "load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: Any) -> None:
    """Add the magics, their completion and the views to a shell. Starts nothing."""
    shell.register_magics(AIJupyterMagics)
    completing.add(shell)
    register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics and their completion away. Sessions go on, and are shown as before."""
    completing.remove(shell)
    manager = shell.magics_manager
    for kind in ("line", "cell"):
        for name in NAMES:
            manager.magics[kind].pop(name, None)
    manager.registry.pop(AIJupyterMagics.__name__, None)
