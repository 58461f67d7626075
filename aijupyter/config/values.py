"""What the texts of the environment and of files mean, and which values are refused."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aijupyter.errors import ConfigurationError
from aijupyter.secret import Secret

DELIVERIES = ("auto", "fixed", "ssh", "ngrok", "shared", "status")
VERIFICATIONS = ("path", "status")
REACHES = ("loopback", "public", "any")
DATABASES = ("postgresql://", "postgres://")

_CHOICES = {"delivery": DELIVERIES, "verify": VERIFICATIONS, "fetch_from": REACHES}
_SECRETS = {"client_secret", "jwt", "ngrok_token"}
_URLS = {"server_url", "public_url"}
_NUMBERS: dict[str, tuple[type[int | float], float, float]] = {
    "port": (int, 0, 65535),
    "max_body": (int, 1024, 2**40),
    "poll_seconds": (float, 0.1, 86400),
    "media_seconds": (float, 60, 30 * 86400),
    "keyring_seconds": (float, 0, 600),
}


def is_local(url: str) -> bool:
    """Whether a URL leads to this very machine, by its host's name alone."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def convert(name: str, value: Any) -> Any:
    """A setting's value as what it is: a number, a path, a secret. Raises ConfigurationError."""
    if name in _SECRETS:
        return value if isinstance(value, Secret) else Secret(str(value))
    if name in _NUMBERS:
        return _number(name, value)
    if name in _CHOICES:
        return _choice(name, value)
    if name in _URLS:
        return base_url(name, str(value))
    other = {"ledger": _ledger, "ssh_key": _path, "store": _path, "embedded": _boolean}.get(name, str)
    return other(value)


def _choice(name: str, value: Any) -> str:
    if value not in _CHOICES[name]:
        raise ConfigurationError(f"{name} is {value!r}.", f"It must be one of {', '.join(_CHOICES[name])}.")
    return str(value)


def _path(value: Any) -> Path:
    return Path(value).expanduser().absolute()


def _ledger(value: Any) -> Path | Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str) and value.startswith(DATABASES):
        return Secret(value)
    if isinstance(value, str) and "://" in value:
        raise ConfigurationError("The ledger's URL is of no known kind.", "Give a path, or postgresql://HOST/DATABASE.")
    return _path(value)


def _number(name: str, value: Any) -> float:
    kind, least, most = _NUMBERS[name]
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    cut = kind is int and isinstance(value, float) and number != value
    if number is None or cut or isinstance(value, bool) or not least <= number <= most:
        raise ConfigurationError(f"{name} is {value!r}.", f"It must be a number from {least:g} to {most:g}.")
    return number


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[str(value).casefold()]
    except KeyError:
        raise ConfigurationError(f"embedded is {value!r}.", "It must be true or false.") from None


def base_url(name: str, value: str) -> str:
    """A URL without its last slash. Raises ConfigurationError where it is none."""
    try:
        whole = value.startswith(("http://", "https://")) and urlsplit(value).hostname
    except ValueError:
        whole = None
    if not whole:
        raise ConfigurationError(f"{name} is {value!r}.", "It must be a URL such as https://platform.ringcentral.com.")
    return value.rstrip("/")
