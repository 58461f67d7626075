"""Whom the service may speak to: where it fetches recordings, and where it posts answers.

Both addresses come from a client, so neither may turn the service into a way to other machines (server-side request
forgery). What is checked is what is connected to: a name is looked up once, each address that it has is judged, and the
connection goes to one that was let pass.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from aijupyter.service.options import FetchFrom

Address = IPv4Address | IPv6Address

NAT64 = IPv6Network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 ones (RFC 6052)."""


_MEND = (
    'Allow it with fetch_from="{0}": connect(fetch_from="{0}") for the embedded service, --fetch-from {0} for '
    "aijupyter serve. Or send the recording itself as content."
)


class OutOfReachError(Exception):
    """An address that this service may not speak to. `what` says why, `mend` what to do."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what, mend)
        self.what = what
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Way:
    """How an address is reached: straight at one of `addresses`, or by a `proxy` of the environment."""

    url: URL
    addresses: tuple[Address, ...]
    proxy: str | None

    @property
    def local(self) -> bool:
        """Whether it ends on this machine."""
        return bool(self.addresses) and all(is_own(meant(address)) for address in self.addresses)


async def find_way(url: str | URL, allowed: FetchFrom, *, friends: Collection[str] = (), inward: bool = True) -> Way:
    """The way to a URL. `inward` is False for a redirect from another machine, which may not lead to this one.

    `friends` are hosts, as they are written, that are let pass whatever `allowed` says.
    Raises OutOfReachError where it is not allowed, OSError where the name is unknown, ValueError where it is no URL.
    """
    address = URL(url) if isinstance(url, str) else url
    host = address.host
    if address.scheme not in {"http", "https"} or not host:
        raise OutOfReachError("leads to something that is not the web", "Use http or https.")
    given = literal(host)
    if host in friends:
        allowed = "any"
    if given is None and host != "localhost" and allowed == "loopback":
        raise _forbidden(allowed)
    proxy = None if is_loopback(host) else _proxy(address)
    try:
        found = (given,) if given is not None else await _look_up(host, address.port or 0)
    except OSError:
        if proxy is None:
            raise
        return Way(address, (), proxy)  # a network whose names only its proxy knows
    passed = tuple(each for each in found if _passes(each, host, allowed, inward=inward))
    if not passed:
        raise _forbidden(allowed, inward=inward)
    return Way(address, passed, proxy)


@asynccontextmanager
async def client_for(way: Way, patience: ClientTimeout) -> AsyncIterator[ClientSession]:
    """A client that goes that way and no other."""
    connector = TCPConnector(resolver=None if way.proxy else _Pinned(way.addresses), use_dns_cache=False)
    async with ClientSession(
        timeout=patience, connector=connector, cookie_jar=DummyCookieJar(), trust_env=False, proxy=way.proxy
    ) as client:
        yield client


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine by its very name. Nothing is looked up, so a name cannot change sides."""
    try:
        address = literal(host)
    except OutOfReachError:
        return False
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return host == "localhost" or (address is not None and address.is_loopback)


def literal(host: str) -> Address | None:
    """The address that a host is written as, or None for a name. Raises OutOfReachError for other spellings of one."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    # Resolvers read 127.1, 2130706433 and 0x7f.1 as addresses; the standard for URLs knows them only in full.
    if ":" in host or host.rstrip(".").rpartition(".")[2].isdigit() or host.lower().startswith("0x"):
        raise OutOfReachError("has a host that is neither a name nor an address", "Write its address in full.")
    return None


def meant(address: Address) -> Address:
    """The address to judge by: the IPv4 one where an IPv6 one only carries it."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        return inner or address
    return address


def is_own(address: Address) -> bool:
    """Whether an address is this machine: loopback, or the unspecified one, which connects to it as well."""
    return address.is_loopback or address.is_unspecified


def without_query(url: str) -> str:
    """The URL as it may be shown: no user, no query, no fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _passes(address: Address, host: str, allowed: FetchFrom, *, inward: bool) -> bool:
    judged = meant(address)
    if is_own(judged) and not inward:
        return False
    if allowed == "any":
        return True
    if is_loopback(host):
        return judged.is_loopback
    return allowed == "public" and judged.is_global and not judged.is_multicast


def _forbidden(allowed: FetchFrom, *, inward: bool = True) -> OutOfReachError:
    if not inward:
        return OutOfReachError("is where another machine redirects to, and is not open to it", "Give the last address.")
    if allowed == "loopback":
        what = "is not on this machine, and this service speaks to this machine only"
        return OutOfReachError(what, _MEND.format("public"))
    what = "is in a private network, and this service speaks to this machine and the public internet only"
    return OutOfReachError(what, _MEND.format("any"))


async def _look_up(host: str, port: int) -> tuple[Address, ...]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


def _proxy(url: URL) -> str | None:
    """The environment's proxy for a URL of another machine."""
    if proxy_bypass(url.host or ""):
        return None
    found = getproxies().get(url.scheme)
    return found if found and found.startswith(("http://", "https://")) else None


class _Pinned(AbstractResolver):
    """Answers with the addresses that were let pass, whatever the name would say now."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        self._addresses = tuple(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses."""
        kinds = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            ResolveResult(
                hostname=host,
                host=str(each),
                port=port,
                family=kinds[each.version],
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in self._addresses
            if family in {socket.AF_UNSPEC, kinds[each.version]}
        ]

    async def close(self) -> None:
        """Nothing is held."""
