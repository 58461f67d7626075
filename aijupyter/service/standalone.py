"""The service for a person at a terminal: credentials in a file, an address on the screen, Ctrl-C to end it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from typing import Any, TextIO

from aijupyter.errors import ServiceError
from aijupyter.service.limits import Limit
from aijupyter.service.options import Credentials, FetchFrom, ServiceOptions
from aijupyter.service.rehearsal import Rehearsal
from aijupyter.service.server import opened, running
from aijupyter.service.worker import Emit
from aijupyter.service.workers import Workers, hire

FIRST_LINE = "# Made by the aijupyter service for as long as it runs; removed when it ends."
OTHER_FILE = "Name another file for the credentials."
IDLE_SECONDS = 0.5


def serve(
    port: int,
    credentials_file: Path,
    model: str = "tiny.en",
    fetch_from: FetchFrom = "loopback",
    *,
    engine: str = "local",
    executor: str = "processes",
    store: Path | None = None,
    limit: Limit | None = None,
    rehearsal: Rehearsal | None = None,
    out: TextIO | None = None,
) -> None:
    """Serve on 127.0.0.1 until Ctrl-C or SIGTERM. Port 0 takes any that is free.

    Credentials are written to `credentials_file` (an env file, readable by its owner only) and removed at the end;
    `out` (default stdout) is told the address, never a secret. `executor` says who works: see
    aijupyter.service.workers.hire. With a `store`, a file, the next start on it goes
    on with the jobs, the voices, the credentials and, where it is free, the port. A `rehearsal` keeps a `limit` in any
    case, the provider's by default. When an analysis is under way at the end, the whole process ends at once, since
    nothing can interrupt it.
    Raises ServiceError where the port, the file or the engine cannot be had.
    """
    out = out or sys.stdout
    sys.path += [entry for entry in [str(Path.cwd())] if ":" in engine and entry not in sys.path]
    credentials_file = credentials_file.absolute()
    _check_free(credentials_file)
    limit = limit or (Limit() if rehearsal else None)
    with TemporaryDirectory(prefix="aijupyter-", ignore_cleanup_errors=True) as scratch, suppress(KeyboardInterrupt):
        options = ServiceOptions(fetch_from=fetch_from, limit=limit, scratch=Path(scratch))
        standing = _Standing(lambda emit: hire(executor, engine, model, emit), options, store, rehearsal, out)
        greeting = [f"(engine {engine}, model {model}).", *_further(store, limit, rehearsal)]
        asyncio.run(standing.until_stopped(port, credentials_file, greeting))
    if rehearsal is not None:
        _say(out, rehearsal.report())
    _end_if_busy()


@dataclass
class _Standing:
    """One run of the service at a terminal."""

    hired: Callable[[Emit], Workers]
    options: ServiceOptions
    store: Path | None
    rehearsal: Rehearsal | None
    out: TextIO

    async def until_stopped(self, port: int, credentials_file: Path, greeting: Sequence[str]) -> None:
        """Serve, and say where."""
        stop = _stop_signal()
        place = self.store or self.options.scratch / "service.db"
        async with opened(place, durable=self.store is not None) as store:
            credentials = await store.credentials(new_credentials)
            served = running(
                self.hired(self._tell),
                credentials,
                self.options,
                self._tell,
                port=port,
                store=store,
                rehearsal=self.rehearsal,
            )
            async with served as url:
                with _written(credentials_file, _env(url, credentials)):
                    _say(self.out, f"The AI service listens on {url} {greeting[0]}")
                    _say(self.out, f'Connect: aijupyter.connect(env_file="{credentials_file.as_posix()}")')
                    for line in (*greeting[1:], "Stop it with Ctrl-C."):
                        _say(self.out, line)
                    await stop.wait()

    def _tell(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "models":
            _say(self.out, f"Models: {event['message']}")
        elif event["event"] == "delivery":
            _say(self.out, str(event["message"]))


def _further(store: Path | None, limit: Limit | None, rehearsal: Rehearsal | None) -> Iterator[str]:
    """What is unusual about this start."""
    if store is not None:
        yield f"Jobs and voices outlast it in {store}."
    if limit is not None:
        yield f"It takes {limit.requests} requests in {limit.seconds:g} s."
    if rehearsal is not None:
        yield f"It rehearses with seed {rehearsal.seed}: it misbehaves as the provider does."


def new_credentials() -> Credentials:
    """Credentials that nobody can guess."""
    return Credentials(secrets.token_urlsafe(16), secrets.token_urlsafe(32), secrets.token_urlsafe(48))


def _stop_signal() -> asyncio.Event:
    """Set by SIGTERM, where a loop can listen to it. Ctrl-C is asyncio's own business."""
    stop = asyncio.Event()
    with suppress(NotImplementedError, RuntimeError, ValueError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    return stop


def _env(url: str, credentials: Credentials) -> str:
    return (
        f"{FIRST_LINE}\nRC_SERVER_URL={url}\nRC_APP_CLIENT_ID={credentials.client_id}\n"
        f"RC_APP_CLIENT_SECRET={credentials.client_secret}\nRC_USER_JWT={credentials.jwt}\n"
    )


@contextmanager
def _written(file: Path, text: str) -> Iterator[None]:
    """The file with this text, for its owner only, for as long as the block lasts."""
    try:
        descriptor, draft = mkstemp(dir=file.parent, prefix=f".{file.name}.")  # readable by its owner only
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write(text)
        Path(draft).replace(file)
    except OSError as error:
        raise ServiceError(f"{file} cannot be written ({error.strerror}).", OTHER_FILE) from error
    try:
        yield
    finally:
        with suppress(OSError):
            if file.read_text(encoding="utf-8") == text:
                file.unlink()


def _check_free(file: Path) -> None:
    """A file of somebody else's, perhaps with the account's real credentials, is never replaced."""
    if os.path.lexists(file) and not _is_ours(file):
        raise ServiceError(f"{file} exists already.", OTHER_FILE)
    if not file.parent.is_dir():
        raise ServiceError(f"There is no folder {file.parent}.", OTHER_FILE)


def _is_ours(file: Path) -> bool:
    try:
        return file.read_text(encoding="utf-8").startswith(FIRST_LINE)
    except (OSError, ValueError):
        return False


def _say(out: TextIO, line: str) -> None:
    with suppress(OSError, ValueError):  # a terminal that was closed must not end the service
        out.write(f"{line}\n")
        out.flush()


def _end_if_busy() -> None:
    """End the process where the engine still works, since a normal exit would wait for it without a word."""
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("aijupyter-engine")]
    for thread in workers:
        thread.join(IDLE_SECONDS)
    if any(thread.is_alive() for thread in workers):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
