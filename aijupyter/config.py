"""Settings: the only reader of the environment and of .env files. Secrets are masked wherever a setting is shown."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import platformdirs
from dotenv import dotenv_values

from aijupyter.errors import ConfigurationError, CredentialsError

DEFAULT_SERVER_URL = "https://platform.ringcentral.com"
MIB = 1024 * 1024
DELIVERIES = ("auto", "fixed", "ssh", "ngrok", "shared", "status")
VERIFICATIONS = ("path", "status")
REACHES = ("loopback", "public", "any")
DATABASES = ("postgresql://", "postgres://")


class Secret:
    """A text that shows itself to nobody: `reveal()` is the one way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Never log or show it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def data_folder() -> Path:
    """Where this user's data of ours lives."""
    return Path(platformdirs.user_data_dir("aijupyter", appauthor=False))


def is_local(url: str) -> bool:
    """Whether a URL leads to this very machine, by its host's name alone."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set. `load` finds each value in the arguments, the environment, a .env file, or here."""

    server_url: str = DEFAULT_SERVER_URL
    client_id: str | None = None
    client_secret: Secret | None = None
    jwt: Secret | None = None
    embedded: bool | None = None
    """True uses the embedded service, False never does; None does where no credentials are found."""
    model: str = "tiny.en"
    """The embedded service's speech model: a name that faster-whisper knows, or a folder."""
    engine: str = "local"
    """The embedded service's engine: a name of the entry point group `aijupyter.engines`, or `module:attribute`."""
    fetch_from: str = "public"
    """What the embedded service may fetch: `loopback` files of this machine's servers, the receiver's among them,
    `public` the public internet's too, `any` also those of private networks."""
    store: Path = field(default_factory=lambda: data_folder() / "service.db")
    """Where the embedded service keeps the voices that it was taught."""
    ledger: Path | Secret = field(default_factory=lambda: data_folder() / "ledger.db")
    """Where jobs and answers are kept: a file, or the URL of a PostgreSQL database (which may hold a password)."""
    public_url: str | None = None
    """A base URL of your own that leads to the receiver; `{port}` in it becomes the receiver's port."""
    delivery: str = "auto"
    """How answers come: `auto` finds a way; `fixed` at the public URL, `ssh` and `ngrok` by such a tunnel; `shared` by
    way of an `aijupyter receive` at the public URL that writes to the same ledger; `status` by status calls alone."""
    verify: str = "path"
    """What makes an answer count: `path` that it came on its job's unguessable path, `status` that the status call
    says the same."""
    ngrok_token: Secret | None = None
    ngrok_domain: str | None = None
    """A domain of the ngrok account's, such as `me.ngrok.app`, where it has one of its own."""
    ssh: str | None = None
    """A host of your own to be reached through, `user@host` or `user@host:port`, by a reverse forward."""
    ssh_key: Path | None = None
    """The private key for it, where the SSH agent or the usual files do not have it."""
    ssh_listen: str = "localhost:0"
    """Where that host listens for us, `address:port`; port 0 takes any that is free."""
    media_seconds: float = 86400.0
    """How long a file may be fetched after it was lent to the provider, in seconds; its job's end ends it sooner."""
    host: str = "127.0.0.1"
    port: int = 0
    max_body: int = 64 * MIB
    """The largest delivery that is taken, in bytes."""
    poll_seconds: float = 60.0
    """How long an answer may keep silent before the status call asks for it, in seconds."""
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Where each value that is not a default came from: `argument`, `environment NAME` or `FILE NAME`."""

    @classmethod
    def load(cls, *, env_file: str | Path | None = ".env", **arguments: Any) -> Self:
        """Gather the settings. An argument that is None counts as not given.

        Raises ConfigurationError (CredentialsError where credentials are incomplete) that names the setting.
        """
        found: dict[str, Any] = {}
        sources: dict[str, str] = {}
        for name, value in arguments.items():
            if value is not None:
                found[name], sources[name] = value, "argument"
        for place, values in (("environment", dict(os.environ)), (str(env_file), _read_env_file(env_file))):
            for name, variable in _first_set(values).items():
                if name not in found:
                    found[name], sources[name] = values[variable], f"{place} {variable}"
        settings = cls(**{name: _convert(name, value) for name, value in found.items()}, sources=sources)
        settings._check_credentials()
        settings._check_server()
        return settings

    @property
    def has_credentials(self) -> bool:
        """Whether the account's credentials are all there."""
        return bool(self.client_id and self.client_secret and self.jwt)

    @property
    def uses_embedded(self) -> bool:
        """Whether the embedded service answers."""
        return self.embedded if self.embedded is not None else not self.has_credentials

    def _check_server(self) -> None:
        """The credentials go to the server, so a folder's .env must not send somebody else's elsewhere."""
        if self.uses_embedded or is_local(self.server_url):
            return
        if not self.server_url.startswith("https://"):
            raise ConfigurationError(
                f"server_url is {self.server_url!r}: the credentials would travel in the clear.", "Use https://."
            )
        places = {name: source.rpartition(" ")[0] for name, source in self.sources.items()}
        here = places.get("server_url", "")
        if here not in {"", "environment"} and any(places.get(name) != here for name in _CREDENTIALS):
            raise ConfigurationError(
                f"{here} names a server for credentials that are not from {here}.",
                "Give both in one place, or server_url as an argument of connect().",
            )

    def _check_credentials(self) -> None:
        given = {name for name in _CREDENTIALS if getattr(self, name)}
        missing = [variable for name, variable in _CREDENTIALS.items() if name not in given]
        if self.embedded or not missing or (not given and self.embedded is None and "server_url" not in self.sources):
            return
        problem = (
            f"The credentials are incomplete: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing."
        )
        raise CredentialsError(
            problem,
            "Set them in the environment, in a .env file or as arguments of connect(), or use the embedded service: "
            "connect(embedded=True).",
        )


_CREDENTIALS = {
    "client_id": "RC_APP_CLIENT_ID",
    "client_secret": "RC_APP_CLIENT_SECRET",
    "jwt": "RC_USER_JWT",
}

_VARIABLES: dict[str, tuple[str, ...]] = {
    **{name: (variable,) for name, variable in _CREDENTIALS.items()},
    "server_url": ("RC_SERVER_URL",),
    "public_url": ("AIJUPYTER_PUBLIC_URL", "NGROK_URL"),
    "delivery": ("AIJUPYTER_DELIVERY",),
    "verify": ("AIJUPYTER_VERIFY",),
    "ngrok_token": ("NGROK_AUTHTOKEN",),
    "ngrok_domain": ("AIJUPYTER_NGROK_DOMAIN",),
    "ssh": ("AIJUPYTER_SSH",),
    "ssh_key": ("AIJUPYTER_SSH_KEY",),
    "ssh_listen": ("AIJUPYTER_SSH_LISTEN",),
    "media_seconds": ("AIJUPYTER_MEDIA_SECONDS",),
    "embedded": ("AIJUPYTER_EMBEDDED",),
    "model": ("AIJUPYTER_MODEL",),
    "engine": ("AIJUPYTER_ENGINE",),
    "fetch_from": ("AIJUPYTER_FETCH_FROM",),
    "store": ("AIJUPYTER_STORE",),
    "ledger": ("AIJUPYTER_LEDGER",),
    "host": ("AIJUPYTER_HOST",),
    "port": ("AIJUPYTER_PORT",),
    "max_body": ("AIJUPYTER_MAX_BODY",),
    "poll_seconds": ("AIJUPYTER_POLL_SECONDS",),
}

_CHOICES = {"delivery": DELIVERIES, "verify": VERIFICATIONS, "fetch_from": REACHES}
_SECRETS = {"client_secret", "jwt", "ngrok_token"}
_NUMBERS: dict[str, tuple[type[int | float], float, float]] = {
    "port": (int, 0, 65535),
    "max_body": (int, 1024, 2**40),
    "poll_seconds": (float, 0.1, 86400),
    "media_seconds": (float, 60, 30 * 86400),
}


def _first_set(values: Mapping[str, str]) -> dict[str, str]:
    """For each setting, the first of its variables that holds something."""
    return {
        name: next(variable for variable in variables if values.get(variable))
        for name, variables in _VARIABLES.items()
        if any(values.get(variable) for variable in variables)
    }


def _read_env_file(path: str | Path | None) -> dict[str, str]:
    if path is None:
        return {}
    file = Path(path).expanduser()
    if not file.is_file():
        if str(path) == ".env":  # the customary place, which need not exist
            return {}
        raise ConfigurationError(f"There is no env_file {str(path)!r}.", "Check the path given to connect().")
    try:
        return {name: value for name, value in dotenv_values(file).items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.", "Check its permissions and encoding.") from error


def _convert(name: str, value: Any) -> Any:
    if name not in _FIELDS:
        raise ConfigurationError(f"There is no setting {name!r}.", f"There are: {', '.join(sorted(_FIELDS))}.")
    if name in _SECRETS:
        return value if isinstance(value, Secret) else Secret(str(value))
    if name in _NUMBERS:
        return _number(name, value)
    if name == "ledger":
        return _ledger(value)
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ConfigurationError(f"{name} is {value!r}.", f"It must be one of {', '.join(_CHOICES[name])}.")
    if name in {"ssh_key", "store"}:
        return Path(value).expanduser().absolute()
    if name == "embedded":
        return _boolean(name, value)
    if name in {"server_url", "public_url"}:
        return _base_url(name, str(value))
    return str(value)


def _ledger(value: Any) -> Path | Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str) and value.startswith(DATABASES):
        return Secret(value)
    if isinstance(value, str) and "://" in value:
        raise ConfigurationError("The ledger's URL is of no known kind.", "Give a path, or postgresql://HOST/DATABASE.")
    return Path(value).expanduser().absolute()


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


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[str(value).casefold()]
    except KeyError:
        raise ConfigurationError(f"{name} is {value!r}.", "It must be true or false.") from None


def _base_url(name: str, value: str) -> str:
    try:
        whole = value.startswith(("http://", "https://")) and urlsplit(value).hostname
    except ValueError:
        whole = None
    if not whole:
        raise ConfigurationError(f"{name} is {value!r}.", "It must be a URL such as https://platform.ringcentral.com.")
    return value.rstrip("/")


_FIELDS = {f.name for f in fields(Settings)} - {"sources"}
