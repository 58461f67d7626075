"""What figures, SQL and some files need and not everybody has installed."""

from __future__ import annotations

import importlib
from typing import Any

from aijupyter.errors import ExtraMissingError


def extra(module: str, purpose: str) -> Any:
    """A module of the `explore` extra. Raises ExtraMissingError, which says what it is for and how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = (error.name or module).partition(".")[0]
        raise ExtraMissingError(
            f"{purpose} needs the package {package!r}, which is not installed.",
            "Install it: pip install 'aijupyter[explore]'.",
        ) from None
