"""What every benchmark says first: the machine and the versions, so that a figure can be judged."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def describe(*packages: str) -> str:
    """The processor, the system and the versions of Python, SQLite and `packages`."""
    named = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    for package in packages:
        try:
            named.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            named.append(f"{package} not installed")
    return f"machine    {_processor()}, {os.cpu_count()} cores, {platform.system()}\nversions   {', '.join(named)}"


def spread(values: Sequence[float], unit: str = "", scale: float = 1.0, digits: int = 1) -> str:
    """The median of some measurements, with the least and the most of them."""
    middle, least, most = (scale * value for value in (statistics.median(values), min(values), max(values)))
    return f"{middle:.{digits}f}{unit} ({least:.{digits}f} to {most:.{digits}f})"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
