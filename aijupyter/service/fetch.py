"""Fetching a recording onto the disk, within limits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from socket import gaierror
from typing import BinaryIO

from aiohttp import ClientError, ClientResponse, ClientTimeout
from yarl import URL

from aijupyter.errors import MediaUnreachableError
from aijupyter.service.options import MEBIBYTE, ServiceOptions
from aijupyter.service.reach import OutOfReachError, Way, client_for, find_way, without_query

REDIRECTS = frozenset({301, 302, 303, 307, 308})
OK = 200


async def fetch(url: str, target: Path, options: ServiceOptions) -> None:
    """Write what `url` answers into the file `target`.

    At most `options.redirect_limit` redirects are followed, each to an allowed host only, and none from another machine
    to this one.
    Raises MediaUnreachableError, whose text carries no query string: it can hold an access token.
    """
    inward = True
    try:
        async with asyncio.timeout(options.fetch_seconds):
            for _ in range(options.redirect_limit + 1):
                way = await find_way(url, options.fetch_from, friends=options.friends, inward=inward)
                inward = inward and way.local
                onward = await _visit(way, url, target, options)
                if onward is None:
                    return
                url = onward
    except MediaUnreachableError:
        raise
    except OutOfReachError as error:
        raise _unreachable(url, error.what, error.mend) from None
    except TimeoutError:
        raise _unreachable(url, "did not answer in time", "Check that it can be fetched from this machine.") from None
    except (ClientError, gaierror, ValueError) as error:
        raise _unreachable(url, f"could not be fetched ({type(error).__name__})", "Check the address.") from error
    raise _unreachable(url, f"is reached over more than {options.redirect_limit} redirects", "Give the last address.")


async def _visit(way: Way, url: str, target: Path, options: ServiceOptions) -> str | None:
    """Fetch one address: None when the recording is there, else where it says to look."""
    timeout = ClientTimeout(total=None, connect=options.connect_seconds, sock_read=options.silence_seconds)
    async with (
        client_for(way, timeout) as client,
        client.get(way.url, allow_redirects=False, headers={"Accept-Encoding": "identity"}) as answer,
    ):
        location = answer.headers.get("Location")
        if answer.status in REDIRECTS and location:
            return str(way.url.join(URL(location)))
        if answer.status != OK:
            raise _unreachable(url, f"answered {answer.status}", _mend(answer.status))
        with target.open("wb") as file:
            await _copy(answer, file, url, options.media_limit)
    return None


async def _copy(answer: ClientResponse, file: BinaryIO, url: str, limit: int) -> None:
    size = answer.content_length or 0
    if size <= limit:
        size = 0
        async for chunk in answer.content.iter_chunked(MEBIBYTE):
            size += len(chunk)
            if size > limit:
                break
            await asyncio.to_thread(file.write, chunk)
    if size > limit:
        raise _unreachable(url, f"is larger than {limit} bytes", "Cut the recording into parts.")
    if size == 0:
        raise _unreachable(url, "is empty", "Check the address.")


def _mend(status: int) -> str:
    if status in {401, 403}:
        return "It needs access that the address must carry, such as an access_token."
    return "Check the address."


def _unreachable(url: str, what: str, mend: str) -> MediaUnreachableError:
    shown = without_query(url)
    return MediaUnreachableError(f"The recording at {shown} {what}.", mend, source=shown)
