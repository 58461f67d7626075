"""One running service: a socket on the loopback interface, what works behind it, and their end."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web

from aijupyter.errors import ServiceError
from aijupyter.service.app import Service
from aijupyter.service.options import Credentials, ServiceOptions
from aijupyter.service.rehearsal import Rehearsal
from aijupyter.service.runner import Runner
from aijupyter.service.store import Store
from aijupyter.service.tokens import Tokens
from aijupyter.service.worker import Emit
from aijupyter.service.workers import Workers

HOST = "127.0.0.1"


@asynccontextmanager
async def running(
    workers: Workers,
    credentials: Credentials,
    options: ServiceOptions,
    emit: Emit,
    *,
    port: int = 0,
    store: Store | None = None,
    rehearsal: Rehearsal | None = None,
) -> AsyncIterator[str]:
    """Serve on 127.0.0.1 until the block ends; gives the base URL. Port 0 takes any that is free, the last one of the
    store before all others.

    The models start loading at once. `emit` hears of answers that may not be posted. On leaving, the workers are
    closed; jobs under way stay in the (open) `store`, which without one ends with the service.
    Raises ServiceError where the port cannot be had, or the store not be used.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(workers.close)
        if store is None:
            store = await stack.enter_async_context(_passing_store())
        runner = Runner(workers, store, options, credentials.client_id, emit)
        tokens = Tokens(credentials, options.token_seconds)
        stack.push_async_callback(runner.close)
        app = Service(tokens, runner, workers, store, options, rehearsal).application()
        serving = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await serving.setup()
        stack.push_async_callback(serving.cleanup)
        await _listen(serving, port, 0 if port else await store.last_port())
        listens_on: int = serving.addresses[0][1]
        await store.keep_port(listens_on)
        workers.prepare()
        await runner.open()
        yield f"http://{HOST}:{listens_on}"


@asynccontextmanager
async def opened(path: Path, *, durable: bool = True) -> AsyncIterator[Store]:
    """The store at a path, open for as long as the block lasts. Raises ServiceError."""
    store = Store(path, durable=durable)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _passing_store() -> AsyncIterator[Store]:
    with TemporaryDirectory(prefix="aijupyter-store-", ignore_cleanup_errors=True) as folder:
        async with opened(Path(folder) / "service.db", durable=False) as store:
            yield store


async def _listen(serving: web.AppRunner, port: int, rather: int) -> None:
    if rather:
        try:
            await web.TCPSite(serving, HOST, rather).start()
        except OSError:  # somebody else has it now
            pass
        else:
            return
    try:
        await web.TCPSite(serving, HOST, port).start()
    except (OSError, OverflowError) as error:
        raise _no_port(port, error) from error


def _no_port(port: int, error: Exception) -> ServiceError:
    mend = "Choose another port, or 0 for any that is free."
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return ServiceError(f"Port {port} of {HOST} is in use by another program.", mend)
    return ServiceError(f"Port {port} of {HOST} cannot be had ({type(error).__name__}).", mend)
