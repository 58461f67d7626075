"""The provider's own recordings: which URLs are theirs, and the access token that opens them.

The provider fetches a recording by its URL alone, so the token stands in the URL's query. Whoever gets such a URL can
use the account: a token is added to URLs of the provider's recordings and to no others.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from aijupyter.config import Secret

PROVIDER = "ringcentral.com"
FETCH_SECONDS = 1800.0
"""The provider fetches a recording up to half an hour after it was asked about it."""
ENCODING = "Mpeg"
"""Recordings of calls are MP3, unless somebody says otherwise."""

_RECORDING = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::(?P<port>\d{1,5}))?"
    r"(?P<base>(?:/[a-z0-9_~-]+)*)/restapi/v\d+\.\d+/account/[a-z0-9_~-]+/recording/[a-z0-9_-]+/content"
    r"(?:\?[a-z0-9_.~%&=+-]*)?",
    re.ASCII | re.IGNORECASE,
)  # the whole of it, so that no two readers of URLs can differ about the host
_PORTS = {"http": 80, "https": 443}


def is_protected(url: str, server_url: str) -> bool:
    """Whether a URL is of a recording that the server at `server_url` keeps.

    It is at the provider's, by HTTPS, where the server is; else at the very scheme, host and port of the server.
    """
    found = _RECORDING.fullmatch(url)
    if found is None:
        return False
    scheme, host, base = found["scheme"].lower(), found["host"].lower(), found["base"]
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    server = urlsplit(server_url)
    if _is_provider(server.hostname or "") and server.scheme == "https":
        return scheme == "https" and port == _PORTS["https"] and _is_provider(host) and not base
    there = (server.scheme, server.hostname, server.port or _PORTS.get(server.scheme), server.path.rstrip("/"))
    return (scheme, host.strip("[]"), port, base) == there


def has_token(url: str) -> bool:
    """Whether a URL brings a token of its own."""
    return re.search(r"[?&]access_token=", url) is not None


def with_token(url: str, token: Secret) -> str:
    """The URL that opens the recording. A secret from here on."""
    return f"{url}{'&' if '?' in url else '?'}access_token={quote(token.reveal(), safe='')}"


def _is_provider(host: str) -> bool:
    return host.endswith(f".{PROVIDER}")
