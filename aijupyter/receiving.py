"""`aijupyter receive`: the receiver on its own, writing to a ledger that many kernels share, and outliving them."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from aijupyter.config import Settings
from aijupyter.errors import ConfigurationError
from aijupyter.models import Delivery, Verdict
from aijupyter.protocols import Ledger
from aijupyter.session.parts import make_ledger, make_receiver, shown_place


class LedgerInbox:
    """Deliveries straight into a ledger; whoever waits for them hears of it from there."""

    def __init__(self, ledger: Ledger, *, verify: bool) -> None:
        self._ledger = ledger
        self._verify = verify

    async def expects(self, path: str) -> bool:
        """Whether a path is, or was, a job's."""
        return await self._ledger.expects(path)

    async def accept(self, delivery: Delivery) -> Verdict:
        """Keep a delivery; hold it where it is for the kernels to verify."""
        return (await self._ledger.accept(delivery, verify=self._verify)).verdict


def receive(
    ledger: str | None = None,
    *,
    host: str | None = None,
    port: int | None = None,
    verify: str | None = None,
    env_file: str | Path | None = ".env",
    out: TextIO | None = None,
) -> None:
    """Receive deliveries until interrupted or terminated. Raises LedgerError, ReceiverError or ConfigurationError.

    With verify="status" they are held: a kernel with the same setting asks the status call for each.
    """
    if ledger is not None and ("@" in ledger.partition("://")[2] or "password" in ledger):
        raise ConfigurationError(
            "A ledger's URL with a user or a password is shown to everybody by the list of processes.",
            "Set AIJUPYTER_LEDGER in the environment or in .env instead.",
        )
    settings = Settings.load(env_file=env_file, embedded=True, ledger=ledger, host=host, port=port, verify=verify)
    with suppress(KeyboardInterrupt):
        asyncio.run(_receive(settings, out or sys.stdout))


async def _receive(settings: Settings, out: TextIO) -> None:
    ledger = make_ledger(settings.ledger)
    await ledger.open()
    try:
        inbox = LedgerInbox(ledger, verify=settings.verify == "status")
        receiver = make_receiver(inbox, settings)
        await receiver.start()
        try:
            _say(out, f"Receiving at {receiver.url}, into {shown_place(settings.ledger)}.")
            _say(out, "In each kernel: connect(delivery='shared', public_url='<the public URL that leads here>')")
            await _until_terminated()
        finally:
            await receiver.stop()
    finally:
        await ledger.close()


async def _until_terminated() -> None:
    stop = asyncio.Event()
    with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows has no such signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


def _say(out: TextIO, line: str) -> None:
    with suppress(OSError, ValueError):  # a terminal that was closed must not end the receiver
        out.write(f"{line}\n")
        out.flush()
