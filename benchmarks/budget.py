"""How much of the provider's rate limit is used, and whether it is ever exceeded.

    python benchmarks/budget.py [--jobs 600] [--limit 60] [--window 6]

starts a real server on the loopback that counts as the provider does, in a sliding window, with a penalty that any
request starts again. It submits the jobs through the API client, all at once, and prints the share of the quota that
was used until the last one was accepted, the number of 429s, and the duration (54 s at best, with the defaults).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import time
from collections import deque
from importlib.metadata import version

from aiohttp import web

from aijupyter.api import operations
from aijupyter.api.auth import Credentials
from aijupyter.api.transport import Transport
from aijupyter.config import Secret

PENALTY_SECONDS = 60.0
PATH = "/ai/audio/v1/async/speech-to-text"


class Provider:
    """Takes `limit` requests in any `window` seconds."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window = limit, window
        self.taken: deque[float] = deque()
        self.refused = 0
        self._closed_until = 0.0

    async def token(self, _: web.Request) -> web.Response:
        """The token call."""
        return web.json_response({"access_token": "token", "expires_in": 3600})

    async def submission(self, request: web.Request) -> web.Response:
        """One submission."""
        await request.read()
        now = time.monotonic()
        while self.taken and self.taken[0] <= now - self.window:
            self.taken.popleft()
        refused = now < self._closed_until or len(self.taken) >= self.limit
        if refused:
            self.refused += 1
            self._closed_until = now + PENALTY_SECONDS
        else:
            self.taken.append(now)
        headers = {
            "X-Rate-Limit-Group": "Heavy",
            "X-Rate-Limit-Limit": str(self.limit),
            "X-Rate-Limit-Remaining": str(self.limit - len(self.taken)),
            "X-Rate-Limit-Window": f"{self.window:g}",
        }
        if refused:
            return web.json_response({}, status=429, headers=headers | {"Retry-After": f"{PENALTY_SECONDS:g}"})
        return web.json_response({"jobId": "1"}, status=202, headers=headers)


async def measure(provider: Provider, jobs: int) -> float:
    """Seconds from the first request to the last acceptance."""
    app = web.Application()
    app.router.add_post("/restapi/oauth/token", provider.token)
    app.router.add_post(PATH, provider.submission)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    transport = Transport(url, Credentials("id", Secret("secret"), Secret("jwt")))
    body = {"contentUri": "https://example.com/call.wav", "encoding": "Wav", "languageCode": "en-US"}
    try:
        started = time.perf_counter()
        async with asyncio.timeout(600):
            await asyncio.gather(
                *(operations.submit(transport, PATH, body, webhook=f"{url}/{number}") for number in range(jobs))
            )
        return time.perf_counter() - started
    finally:
        await transport.close()
        await runner.cleanup()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Use of a rate limit by the API client.")
    parser.add_argument("--jobs", type=int, default=600)
    parser.add_argument("--limit", type=int, default=60, help="requests in a window")
    parser.add_argument("--window", type=int, default=6, help="seconds")
    options = parser.parse_args()

    system = f"{platform.system()}, Python {platform.python_version()}"
    print(f"machine    {platform.machine()}, {os.cpu_count()} cores, {system}")
    print(f"versions   aijupyter {version('aijupyter')}, aiohttp {version('aiohttp')}")
    provider = Provider(options.limit, options.window)
    seconds = asyncio.run(measure(provider, options.jobs))
    # The first window's quota is there at once; then it comes back bit by bit.
    quota = options.limit * (seconds / options.window + 1)
    print(f"budget     {options.limit} requests in {options.window} s, {options.jobs} jobs")
    print(f"used       {100 * options.jobs / quota:.1f} % of the quota")
    print(f"refused    {provider.refused} (429)")
    print(f"duration   {seconds:.1f} s")


if __name__ == "__main__":
    main()
