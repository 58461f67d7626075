"""The kernel's process as the storm sees it: started, heard, killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).parent / "driver.py"
LINE_BYTES = 2**20
DUMP_SECONDS = 1.0
END_SECONDS = 60.0


class Kernel:
    """One life. `said` holds the last value of each thing that it told, `again` how often it had to ask again."""

    def __init__(self, order: dict[str, Any], log: Path, extra: dict[str, str]) -> None:
        self._order = order
        self._extra = extra
        self._log = log
        self.said: dict[str, Any] = {}
        self.again = 0
        self.begun = time.monotonic()
        self.gone = asyncio.Event()

    async def start(self) -> None:
        """Start it, without any setting of ours in its environment, but with what is extra."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("RC_", "NGROK_", "AIJUPYTER_"))}
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(DRIVER),
                json.dumps(self._order),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment | self._extra,
                limit=LINE_BYTES,
            )
        self._hearing = asyncio.create_task(self._hear())

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            words = json.loads(line)
            self.again += "again" in words
            self.said |= words
        await self._process.wait()
        self.gone.set()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return not self.gone.is_set()

    async def kill(self) -> None:
        """SIGKILL, and not a word more."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self.gone.wait()

    async def finish(self) -> int | None:
        """Let it tell what it holds and end by itself. Its exit status; None where it did not end in time."""
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(b"\n")
            await self._process.stdin.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self.gone.wait()
                return self._process.returncode
        return None

    async def dump(self) -> None:
        """Have it write all its stacks into the log."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGUSR1)
            await asyncio.sleep(DUMP_SECONDS)

    def tail(self, length: int = 3000) -> str:
        """The end of its log."""
        return self._log.read_bytes()[-length:].decode(errors="replace")
