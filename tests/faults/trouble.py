"""Trouble for the ledger: a small disk of its own that can be full, and another process that locks the file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from waiting import until

CHUNK = bytes(1024 * 1024)
FELT_SECONDS = 30.0

LOCKER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
db.execute("ROLLBACK")
"""


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[str]:
    """A tmpfs of so many MiB at the folder while the `with` lasts. Yields why there is none, or an empty text."""
    folder.mkdir()
    if not sys.platform.startswith("linux"):
        yield "a small tmpfs needs Linux"
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "storm", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, timeout=10, check=False)
        refused = (done.stderr.strip() or f"status {done.returncode}") if done.returncode else ""
    except OSError as error:
        refused = str(error)
    if refused:
        yield f"a tmpfs cannot be mounted: {refused}"
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, timeout=10, check=False)


async def fill(folder: Path, seconds: float, felt: Callable[[], object]) -> None:
    """Leave no room on the folder's disk until that was `felt`, and for so long after that.

    SQLite's log has room of its own for a while. Only for a disk that `small_disk` made.
    """
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            chunk = CHUNK
            while chunk:
                try:
                    file.write(chunk)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    chunk = chunk[: len(chunk) // 2]
        await until(felt, FELT_SECONDS)
        await asyncio.sleep(seconds)
    finally:
        filler.unlink(missing_ok=True)


async def lock(ledger: Path, seconds: float) -> bool:
    """Have another process hold the ledger's lock for so long. Whether it got it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOCKER, str(ledger), str(seconds), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(seconds + 30):
            return await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
