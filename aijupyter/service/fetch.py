"""Fetching a recording onto the disk, within limits."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit, urlunsplit

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from yarl import URL

from aijupyter.errors import MediaUnreachableError
from aijupyter.service.options import MEBIBYTE, ServiceOptions

REDIRECTS = frozenset({301, 302, 303, 307, 308})
OK = 200


async def fetch(url: str, target: Path, options: ServiceOptions) -> None:
    """Write what `url` answers into the file `target`.

    At most `options.redirect_limit` redirects are followed, each to an allowed host only.
    Raises MediaUnreachableError, whose text carries no query string: it can hold an access token.
    """
    try:
        async with asyncio.timeout(options.fetch_seconds):
            for _ in range(options.redirect_limit + 1):
                onward = await _visit(url, target, options)
                if onward is None:
                    return
                url = onward
    except MediaUnreachableError:
        raise
    except TimeoutError:
        raise _unreachable(url, "did not answer in time", "Check that it can be fetched from this machine.") from None
    except (ClientError, ValueError) as error:
        raise _unreachable(url, f"could not be fetched ({type(error).__name__})", "Check the address.") from error
    raise _unreachable(url, f"is reached over more than {options.redirect_limit} redirects", "Give the last address.")


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine by its very name. Nothing is looked up, so a name cannot change sides."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def without_query(url: str) -> str:
    """The URL as it may be shown: no user, no query, no fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


async def _visit(url: str, target: Path, options: ServiceOptions) -> str | None:
    """Fetch one address: None when the recording is there, else where it says to look."""
    address = URL(url)  # what is checked is what is fetched, by one and the same parser
    _check_allowed(address, url, options)
    local = is_loopback(address.host or "")
    timeout = ClientTimeout(total=None, connect=options.connect_seconds, sock_read=options.silence_seconds)
    # A proxy of the environment must not see what is asked of this very machine.
    async with (
        ClientSession(timeout=timeout, cookie_jar=DummyCookieJar(), trust_env=not local) as client,
        client.get(address, allow_redirects=False, headers={"Accept-Encoding": "identity"}) as answer,
    ):
        location = answer.headers.get("Location")
        if answer.status in REDIRECTS and location:
            return str(address.join(URL(location)))
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


def _check_allowed(address: URL, url: str, options: ServiceOptions) -> None:
    if address.scheme not in {"http", "https"} or not address.host:
        raise _unreachable(url, "leads to something that is not the web", "Use http or https.")
    if options.fetch_from != "any" and not is_loopback(address.host):
        raise _unreachable(
            url,
            "is not on this machine, and this service fetches from this machine only",
            'Start it with fetch_from="any", or send the recording itself as content.',
        )


def _mend(status: int) -> str:
    if status in {401, 403}:
        return "It needs access that the address must carry, such as an access_token."
    return "Check the address."


def _unreachable(url: str, what: str, mend: str) -> MediaUnreachableError:
    shown = without_query(url)
    return MediaUnreachableError(f"The recording at {shown} {what}.", mend, source=shown)
