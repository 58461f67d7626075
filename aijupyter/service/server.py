"""One running service: a socket on the loopback interface, a worker thread, and their end."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager

from aiohttp import web

from aijupyter.errors import ServiceError
from aijupyter.protocols import Engine
from aijupyter.service.app import Service
from aijupyter.service.options import Credentials, ServiceOptions
from aijupyter.service.runner import Runner
from aijupyter.service.tokens import Tokens
from aijupyter.service.worker import Emit, Worker

HOST = "127.0.0.1"


def one_worker() -> Executor:
    """The thread in which the engine works."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="aijupyter-engine")


@asynccontextmanager
async def running(
    engine: Engine,
    credentials: Credentials,
    options: ServiceOptions,
    emit: Emit,
    *,
    port: int = 0,
    executor: Callable[[], Executor] = one_worker,
) -> AsyncIterator[str]:
    """Serve on 127.0.0.1 until the block ends; gives the base URL. Port 0 takes any that is free.

    The models start loading at once. On leaving, jobs under way are dropped; a computation that has begun goes on in
    its thread until it is done, since nothing can interrupt it.
    Raises ServiceError where the port cannot be had.
    """
    pool = executor()
    runner = Runner(Worker(engine, emit), pool, options)
    app = Service(Tokens(credentials, options.token_seconds), runner, options).application()
    serving = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    try:
        await serving.setup()
        try:
            await web.TCPSite(serving, HOST, port).start()
        except (OSError, OverflowError) as error:
            raise _no_port(port, error) from error
        runner.prepare()
        yield f"http://{HOST}:{serving.addresses[0][1]}"
    finally:
        await runner.close()
        await serving.cleanup()
        pool.shutdown(wait=False, cancel_futures=True)


def _no_port(port: int, error: Exception) -> ServiceError:
    mend = "Choose another port, or 0 for any that is free."
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return ServiceError(f"Port {port} of {HOST} is in use by another program.", mend)
    return ServiceError(f"Port {port} of {HOST} cannot be had ({type(error).__name__}).", mend)
