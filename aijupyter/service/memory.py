"""How much memory there is, and how much of it a process holds."""

from __future__ import annotations

from pathlib import Path

CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def resident_bytes(pid: int) -> int | None:
    """What a process holds in memory; None where it is gone, or psutil is not installed."""
    try:
        import psutil  # noqa: PLC0415  # of the local extra
    except ImportError:
        return None
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None


def usable_bytes() -> int | None:
    """The machine's memory, or what its container may use of it; None where psutil is not installed."""
    try:
        import psutil  # noqa: PLC0415  # of the local extra
    except ImportError:
        return None
    return min([int(psutil.virtual_memory().total), *_container_limits()])


def _container_limits() -> list[int]:
    limits = []
    for name in CONTAINER_LIMITS:
        try:
            limits.append(int(Path(name).read_text()))
        except (OSError, ValueError):  # "max" means none
            continue
    return limits
