"""The places where settings are written down, and the names that they have there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from aijupyter.errors import ConfigurationError

ARGUMENT = "argument"
ENVIRONMENT = "environment"
KEYRING = "keyring"
COLAB = "Colab's secrets"
NGROK = "ngrok's own configuration"

CREDENTIALS = {
    "client_id": "RC_APP_CLIENT_ID",
    "client_secret": "RC_APP_CLIENT_SECRET",
    "jwt": "RC_USER_JWT",
}
"""The account's own three, of which none is of use without the others."""

VARIABLES: dict[str, tuple[str, ...]] = {
    **{name: (variable,) for name, variable in CREDENTIALS.items()},
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
    "executor": ("AIJUPYTER_EXECUTOR",),
    "fetch_from": ("AIJUPYTER_FETCH_FROM",),
    "store": ("AIJUPYTER_STORE",),
    "ledger": ("AIJUPYTER_LEDGER",),
    "host": ("AIJUPYTER_HOST",),
    "port": ("AIJUPYTER_PORT",),
    "max_body": ("AIJUPYTER_MAX_BODY",),
    "poll_seconds": ("AIJUPYTER_POLL_SECONDS",),
    "keyring_seconds": ("AIJUPYTER_KEYRING_SECONDS",),
}
"""Each setting's names in the environment and in files; the first that holds something counts."""

STORED = ("client_id", "client_secret", "jwt", "server_url", "ngrok_token")
"""What a keyring or Colab's secrets may hold, each by its first variable."""


def first_set(values: Mapping[str, str]) -> dict[str, str]:
    """For each setting, the first of its variables that holds something."""
    return {
        name: next(variable for variable in variables if values.get(variable))
        for name, variables in VARIABLES.items()
        if any(values.get(variable) for variable in variables)
    }


def read_env_file(path: str | Path | None) -> dict[str, str]:
    """The variables of a .env file. Raises ConfigurationError where one that was named is not there."""
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
