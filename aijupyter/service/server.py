"""One running service: a socket on the loopback interface, its workers, and their end."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from aijupyter.errors import ServiceError
from aijupyter.service.app import Service
from aijupyter.service.options import Credentials, ServiceOptions
from aijupyter.service.runner import Runner
from aijupyter.service.tokens import Tokens
from aijupyter.service.workers import Workers

HOST = "127.0.0.1"


@asynccontextmanager
async def running(
    workers: Workers, credentials: Credentials, options: ServiceOptions, *, port: int = 0
) -> AsyncIterator[str]:
    """Serve on 127.0.0.1 until the block ends; gives the base URL. Port 0 takes any that is free.

    The models start loading at once. On leaving, jobs under way are dropped and the workers are closed.
    Raises ServiceError where the port cannot be had.
    """
    runner = Runner(workers, options)
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
        await workers.close()


def _no_port(port: int, error: Exception) -> ServiceError:
    mend = "Choose another port, or 0 for any that is free."
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return ServiceError(f"Port {port} of {HOST} is in use by another program.", mend)
    return ServiceError(f"Port {port} of {HOST} cannot be had ({type(error).__name__}).", mend)
