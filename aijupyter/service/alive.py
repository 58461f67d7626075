"""Which services on a store are alive: each holds a lock on a file of its own, which the system frees at its death."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_held: set[int] = set()


class Registry:
    """The services that share a folder. `enter`, `living` and `leave` are to be called within the store's own lock."""

    def __init__(self, folder: Path) -> None:
        self.id = uuid4().hex
        self._folder = folder
        self._descriptor: int | None = None

    def enter(self) -> None:
        """Be seen as alive from now on. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self._folder / self.id, os.O_RDWR | os.O_CREAT, 0o600)
        _held.add(self._descriptor)
        _lock(self._descriptor)

    def living(self) -> set[str]:
        """The ids of those that are alive, this one among them. What the dead left is removed."""
        return {file.name for file in self._folder.iterdir() if file.name == self.id or _is_held(file)}

    def leave(self) -> None:
        """Be dead from now on. Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        _held.discard(descriptor)
        os.close(descriptor)
        with suppress(OSError):
            (self._folder / self.id).unlink(missing_ok=True)
            self._folder.rmdir()  # unless others are there


def _is_held(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDWR)
    except OSError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    with suppress(OSError):
        file.unlink()
    return False


def _let_go_after_fork() -> None:
    """A forked process holds copies, which would keep the locks when its parent is dead."""
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_after_fork)
