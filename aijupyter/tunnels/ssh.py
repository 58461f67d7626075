"""A reverse forward over SSH: a host of the user's own listens, and leads what comes to the receiver."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aijupyter.config import is_local
from aijupyter.errors import ConfigurationError, TunnelMissingError, TunnelRefusedError
from aijupyter.tunnels.fixed import check_base_url, with_port

if TYPE_CHECKING:
    from aijupyter.tunnels.ssh_link import SshLink

LOGIN_SECONDS = 20.0
KEEPALIVE_SECONDS = 10.0
"""How often the host is asked whether it is still there; after three questions without an answer the link is dead."""
PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SshHost:
    """Where to log in. `user` and `port` are None where ~/.ssh/config or SSH's own defaults decide."""

    name: str
    user: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        return f"{self.user}@{self.name}" if self.user else self.name

    @property
    def command(self) -> str:
        """How to log in by hand."""
        return f"ssh {f'-p {self.port} ' if self.port else ''}{self}"


@dataclass(frozen=True, slots=True)
class SshLogin:
    """How to get in: what SshTunnel was given of it."""

    host: SshHost
    key: Path | None
    known_hosts: Path | None
    config: Path | None
    login_seconds: float
    keepalive_seconds: float


class SshTunnel:
    """A listener on a host of the user's own.

    `host` is `user@host:port`, of which all but the host may be left out, and may be a name of ~/.ssh/config; `key` is
    a private key's file, where the SSH agent or the usual files do not have it; `listen` is `address:port` on the
    host, port 0 for any that is free. `public_url` is what leads there from outside, with `{port}` for the port;
    without one it is `http://host:port`. `known_hosts` and `config` are files to read instead of ~/.ssh/known_hosts and
    ~/.ssh/config. To connect and log in may take `login_seconds`; every `keepalive_seconds` the host is asked whether
    it is still there. Raises ConfigurationError.
    """

    def __init__(
        self,
        host: str,
        *,
        key: Path | None = None,
        listen: str = "localhost:0",
        public_url: str | None = None,
        known_hosts: Path | None = None,
        config: Path | None = None,
        login_seconds: float = LOGIN_SECONDS,
        keepalive_seconds: float = KEEPALIVE_SECONDS,
    ) -> None:
        self._login = SshLogin(read_host(host), key, known_hosts, config, login_seconds, keepalive_seconds)
        self._listen = read_listen(listen)
        if public_url is not None:
            check_base_url(public_url)
        if key is not None and not key.is_file():
            raise ConfigurationError(
                f"There is no private key {key}.", "Check ssh_key, or leave it out for the SSH agent and ~/.ssh."
            )
        self._public_url = public_url
        self._link: SshLink | None = None

    async def open(self, local_url: str) -> str:
        await self.close()
        try:
            from aijupyter.tunnels.ssh_link import SshLink  # noqa: PLC0415  # only those who use ssh need asyncssh
        except ImportError as error:
            raise TunnelMissingError(
                "A tunnel over SSH needs the package asyncssh.", "Install it: pip install 'aijupyter[ssh]'"
            ) from error
        local = urlsplit(local_url)
        link = self._link = SshLink(self._login)
        try:
            await link.connect()
            self._check_reachable(link.host)
            port = await link.forward(*self._listen, local.hostname or "127.0.0.1", local.port or 80)
            if self._public_url is not None:
                return with_port(self._public_url, port)
            await self._probe(link.host, port)
        except BaseException:
            await self.close()
            raise
        return f"http://{bracketed(link.host)}:{port}"

    async def dropped(self) -> str:
        link = self._link
        return "it is closed" if link is None else await link.ended()

    async def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    def _check_reachable(self, host: str) -> None:
        """A listener on the host's loopback needs something on the host that leads there."""
        address = self._listen[0]
        if self._public_url is None and is_loopback(address) and not is_loopback(host):
            raise TunnelRefusedError(
                f"{host} would listen for us on its loopback only ({address}): nobody out there reaches that.",
                _LEAD_THERE,
            )

    async def _probe(self, host: str, port: int) -> None:
        """Without GatewayPorts the host listens on its loopback, whatever it was asked, and says that all is well."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            raise TunnelRefusedError(
                f"{host} listens for us, but not at {bracketed(host)}:{port}: its sshd keeps forwarded ports on the "
                "loopback (GatewayPorts no).",
                f"Set 'GatewayPorts clientspecified' in its sshd_config. Or, better: {_LEAD_THERE[0].lower()}"
                f"{_LEAD_THERE[1:]}",
            ) from None
        except (OSError, TimeoutError):  # a firewall on our side, perhaps: the provider is elsewhere
            return
        writer.close()


_LEAD_THERE = (
    "Let a web server on the host lead a public https URL to a fixed port there (docs/tunnels.md has a line for Caddy "
    "and for nginx), and give both: connect(ssh_listen='127.0.0.1:8765', public_url='https://...')."
)


def read_host(text: str) -> SshHost:
    """`user@host:port` in parts. Raises ConfigurationError."""
    try:
        parts = urlsplit(f"ssh://{text.removeprefix('ssh://')}")
        name, port = parts.hostname or "", parts.port
        bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.password is not None)
    except ValueError:
        name, port, bare = "", None, False
    if not bare or not name or name.startswith("-") or port == 0 or not text.isprintable() or " " in text:
        shown = "" if "@" in text and ":" in text.rpartition("@")[0] else f" {text!r}"  # which may hold a password
        raise ConfigurationError(
            f"The SSH host{shown} cannot be read.",
            "Give user@host or user@host:port, without a password: keys or the SSH agent let us in.",
        )
    return SshHost(name, parts.username or None, port)


def read_listen(text: str) -> tuple[str, int]:
    """`address:port` in parts. Raises ConfigurationError."""
    address, colon, digits = text.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    if not colon or not address or "@" in address or not (digits.isascii() and digits.isdigit()) or int(digits) > 65535:  # noqa: PLR2004  # the last port
        raise ConfigurationError(
            f"ssh_listen is {text!r}.", "It must be address:port, such as localhost:0 or 0.0.0.0:8765."
        )
    return address, int(digits)


def is_loopback(host: str) -> bool:
    """Whether an address leads to the machine itself."""
    return is_local(f"//{bracketed(host)}")


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host  # noqa: PLR2004  # IPv6
    except ValueError:
        return host
