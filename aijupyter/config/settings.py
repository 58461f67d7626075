"""Settings: everything that can be set, found in one search. Secrets are masked wherever a setting is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import platformdirs

from aijupyter.config.places import CREDENTIALS
from aijupyter.config.search import Search, is_trouble
from aijupyter.config.values import convert, is_local
from aijupyter.errors import ConfigurationError, CredentialsError
from aijupyter.secret import Secret

DEFAULT_SERVER_URL = "https://platform.ringcentral.com"
MIB = 1024 * 1024


def data_folder() -> Path:
    """Where this user's data of ours lives."""
    return Path(platformdirs.user_data_dir("aijupyter", appauthor=False))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set. `load` finds each value in the arguments, the environment, a .env file, or here; and
    credentials also in the keyring, in Colab's secrets, and in ngrok's own configuration.
    """

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
    executor: str = "processes"
    """Who does the embedded service's work: `processes`, `processes:2`, `processes:2:4GiB`, `thread` or
    `dask://HOST:PORT`."""
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
    keyring_seconds: float = 5.0
    """How long the keyring may take to answer, in seconds, before it is passed over; 0 does not ask it."""
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Where each value that is not a default came from: `argument`, or a place and the name there, such as
    `environment RC_USER_JWT`, `.env RC_USER_JWT`, `keyring RC_USER_JWT`, `Colab's secrets RC_USER_JWT`,
    `ngrok's own configuration authtoken`."""
    skipped: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Which of the later places gave no answer, and why: `{"keyring": "it is locked"}`."""

    @classmethod
    def load(cls, *, env_file: str | Path | None = ".env", **arguments: Any) -> Self:
        """Gather the settings. An argument that is None counts as not given.

        Keyring, Colab's secrets and ngrok's own configuration are asked last, only for credentials that are missing
        and of use, and passed over where they do not answer. Raises ConfigurationError (CredentialsError where
        credentials are incomplete) that names the setting.
        """
        search = Search()
        search.take_written(arguments, env_file)
        settings = cls._of(search)
        if not settings.embedded and not settings.has_credentials:
            search.ask_for_account(seconds=settings.keyring_seconds)
            settings = cls._of(search)
        if _may_use_ngrok(settings):
            search.ask_for_ngrok(seconds=settings.keyring_seconds)
            settings = cls._of(search)
        _check_credentials(settings)
        _check_server(settings, search)
        return settings

    @classmethod
    def _of(cls, search: Search) -> Self:
        for name in search.found:
            if name not in _FIELDS:
                raise ConfigurationError(f"There is no setting {name!r}.", f"There are: {', '.join(sorted(_FIELDS))}.")
        values = {name: convert(name, found.value) for name, found in search.found.items()}
        sources = {name: found.source for name, found in search.found.items()}
        return cls(**values, sources=sources, skipped=search.skipped)

    @property
    def has_credentials(self) -> bool:
        """Whether the account's credentials are all there."""
        return bool(self.client_id and self.client_secret and self.jwt)

    @property
    def uses_embedded(self) -> bool:
        """Whether the embedded service answers."""
        return self.embedded if self.embedded is not None else not self.has_credentials

    @property
    def troubles(self) -> list[str]:
        """The places that are here and were passed over, each with the reason, for a person."""
        return [f"{place}: {reason}" for place, reason in self.skipped.items() if is_trouble(reason)]


def _may_use_ngrok(settings: Settings) -> bool:
    wanted = settings.delivery == "ngrok" or (settings.delivery == "auto" and not is_local(settings.server_url))
    return wanted and not settings.uses_embedded and settings.public_url is None and settings.ngrok_token is None


def _check_server(settings: Settings, search: Search) -> None:
    """The credentials go to the server, so a folder's .env must not send somebody else's elsewhere, nor to localhost,
    where on a shared machine anybody may listen. Nor may it have the answers brought to where its author wants them.
    """
    if settings.uses_embedded:
        return
    check_private(settings.server_url)
    for name, what in _DESTINATIONS.items():
        foreign = search.foreign(name)
        if foreign is not None:
            raise ConfigurationError(
                f"{foreign} names {what} for credentials that are not from {foreign}.",
                f"Give both in one place, or {name} in the environment or as an argument of connect().",
            )


def _check_credentials(settings: Settings) -> None:
    given = {name: variable for name, variable in CREDENTIALS.items() if getattr(settings, name)}
    missing = [variable for name, variable in CREDENTIALS.items() if name not in given]
    asked_for = given or settings.embedded is False or "server_url" in settings.sources
    if settings.embedded or not missing or not asked_for:
        return
    told = [f"The credentials are incomplete: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing."]
    if given:
        places = {name: settings.sources.get(name, "").removesuffix(f" {given[name]}") for name in given}
        told.append(f"Found: {', '.join(f'{given[name]} ({place})' for name, place in places.items())}.")
    if settings.troubles:
        told.append(f"Not answered: {'; '.join(settings.troubles)}.")
    raise CredentialsError(
        " ".join(told),
        "Set them in the environment, in a .env file, by `aijupyter login` or as arguments of connect(), or use the "
        "embedded service: connect(embedded=True).",
    )


def check_private(server_url: str) -> None:
    """Whether credentials may travel there. Raises ConfigurationError where everybody on the way could read them."""
    if not server_url.startswith("https://") and not is_local(server_url):
        raise ConfigurationError(
            f"server_url is {server_url!r}: the credentials would travel in the clear.", "Use https://."
        )


_DESTINATIONS = {
    "server_url": "a server",
    "public_url": "a public URL",
    "ssh": "an SSH host",
    "ngrok_token": "ngrok's token",
}
"""Where credentials, recordings and answers go."""

_FIELDS = {f.name for f in fields(Settings)} - {"sources", "skipped"}
