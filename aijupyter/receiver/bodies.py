"""Bodies as they come: not larger than allowed, unpacked or not, and not slower."""

from __future__ import annotations

import asyncio

from aiohttp import web

from aijupyter.receiver.limits import Limits
from aijupyter.receiver.refusals import Reason, RefusedError

READ_BYTES = 1 << 20
"""So much is taken at once, and unpacked at once: what a packed body can expand to beyond the limit."""

TURN_BYTES = 256 << 10


async def read_body(request: web.BaseRequest, most_bytes: int, limits: Limits) -> bytes:
    """The body, unpacked. Raises RefusedError, and what aiohttp raises where it broke off."""
    content = request.content
    announced = request.content_length
    if announced is not None and announced > most_bytes:
        raise RefusedError(Reason.TOO_LARGE)
    if not content.is_eof():
        content.set_read_chunk_size(min(READ_BYTES, most_bytes))
    elif content.total_bytes <= most_bytes:  # most have come whole, and need no timer
        return content.read_nowait()
    loop = asyncio.get_running_loop()
    started = loop.time()
    body = bytearray()
    try:
        async with asyncio.timeout_at(started + limits.body_grace_seconds) as pace:
            while chunk := await content.readany():
                body += chunk
                if len(body) > most_bytes:
                    raise RefusedError(Reason.TOO_LARGE)
                pace.reschedule(started + _patience(len(body), limits))
                if len(chunk) > TURN_BYTES:  # unpacking alone would never give the loop away
                    await asyncio.sleep(0)
    except TimeoutError:
        raise RefusedError(Reason.TOO_SLOW) from None
    return bytes(body)


def _patience(came: int, limits: Limits) -> float:
    """By when the next bytes must come, once so many are here."""
    return min(limits.body_seconds, limits.body_grace_seconds + came / limits.body_least_pace)
