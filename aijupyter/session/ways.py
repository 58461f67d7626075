"""The ways by which answers can come in, in the order in which they are tried, each with the reason why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from aijupyter.config import Settings, is_local
from aijupyter.errors import ConfigurationError
from aijupyter.protocols import Tunnel
from aijupyter.tunnels.fixed import FixedTunnel
from aijupyter.tunnels.ngrok import NgrokTunnel
from aijupyter.tunnels.ssh import SshTunnel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Way:
    """A way in: its name, what it is in words ("through ngrok"), and why it is taken.

    Without a `tunnel` nobody can reach this machine, and status calls ask for every answer. `lends` says whether the
    provider can also fetch files this way.
    """

    name: str
    words: str
    why: str
    tunnel: Tunnel | None
    lends: bool = True


def ways_in(settings: Settings, server_url: str) -> tuple[Way, ...]:
    """The ways that `delivery` allows, the best first. Raises ConfigurationError where one it names lacks a setting."""
    if settings.uses_embedded:  # whatever else is set: what it is promised stays on this machine
        return (_direct("the embedded service runs here"),)
    if settings.delivery == "auto":
        return _found(settings, server_url)
    return (_named(settings, settings.delivery, f"delivery={settings.delivery!r}"),)


def _found(settings: Settings, server_url: str) -> tuple[Way, ...]:
    """What the settings make possible; at the end, where something can fail, status calls alone."""
    if settings.public_url is not None and settings.ssh is None:
        return (_named(settings, "fixed", f"{_source(settings, 'public_url')} is set"),)
    if is_local(server_url):
        return (_direct("the API is on this machine"),)
    ways = []
    if settings.ssh is not None:
        ways.append(_named(settings, "ssh", f"{_source(settings, 'ssh')} is set"))
    if settings.ngrok_token is not None:
        ways.append(_named(settings, "ngrok", f"a token was found: {_source(settings, 'ngrok_token')}"))
    why = "none of the tunnels opened" if ways else "no public URL, SSH host or ngrok token was found"
    return (*ways, _named(settings, "status", why))


def _direct(why: str) -> Way:
    return Way("direct", "on this machine", why, FixedTunnel())


def _named(settings: Settings, name: str, why: str) -> Way:
    url = settings.public_url
    match name:
        case "status":
            return Way(name, "none; answers are asked for by status calls", why, None, lends=False)
        case "ngrok":
            token = _needed(settings.ngrok_token, "ngrok", "a token", "connect(ngrok_token=...) or NGROK_AUTHTOKEN")
            return Way(name, "through ngrok", why, NgrokTunnel(token, settings.ngrok_domain))
        case "ssh":
            host = _needed(settings.ssh, "ssh", "a host", "connect(ssh='user@host') or AIJUPYTER_SSH")
            tunnel = SshTunnel(host, key=settings.ssh_key, listen=settings.ssh_listen, public_url=url)
            return Way(name, "through your SSH host", why, tunnel)
    given = _needed(url, name, "a public URL", "connect(public_url='https://...') or AIJUPYTER_PUBLIC_URL")
    if name == "shared":
        return Way(name, "one for several kernels, at your public URL", why, FixedTunnel(given), lends=False)
    return Way(name, "at your public URL", why, FixedTunnel(given))


def _needed(value: T | None, name: str, what: str, how: str) -> T:
    if value is None:
        raise ConfigurationError(f"delivery={name!r} needs {what}.", f"Give it: {how}.")
    return value


def _source(settings: Settings, name: str) -> str:
    """Where a setting came from, such as `AIJUPYTER_SSH` or `ssh=`."""
    source = settings.sources.get(name, "argument")
    return f"{name}=" if source == "argument" else source.removeprefix("environment ")
