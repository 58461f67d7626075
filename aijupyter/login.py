"""`aijupyter login` and `logout`: an account's credentials, typed unseen and checked, into the system's keyring."""

from __future__ import annotations

import getpass
import os
import sys
import warnings
from dataclasses import dataclass

from aijupyter.api.auth import Credentials
from aijupyter.api.transport import Transport
from aijupyter.config import DEFAULT_SERVER_URL, Secret, keyring
from aijupyter.config.places import CREDENTIALS, STORED, VARIABLES
from aijupyter.config.settings import check_private
from aijupyter.config.values import base_url
from aijupyter.errors import AIJupyterError, LoginError, ProviderUnreachableError
from aijupyter.portal import Portal

CHECK_SECONDS = 60.0
NOTHING = "Nothing was stored."

_ELSEWHERE = (
    "Run `aijupyter login` in a terminal on this machine, or set RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and "
    "RC_USER_JWT in the environment or in a file .env that only you can read."
)


@dataclass(frozen=True, slots=True)
class _Typed:
    server_url: str
    credentials: Credentials
    ngrok_token: Secret | None

    def entries(self) -> dict[str, str | None]:
        """What the keyring is to hold; None where it is to hold nothing, for an older login may have left it."""
        account = self.credentials
        entries: dict[str, str | None] = {
            CREDENTIALS["client_id"]: account.client_id,
            CREDENTIALS["client_secret"]: account.client_secret.reveal(),
            CREDENTIALS["jwt"]: account.jwt.reveal(),
            VARIABLES["server_url"][0]: self.server_url if self.server_url != DEFAULT_SERVER_URL else None,
        }
        if self.ngrok_token is not None:
            entries[VARIABLES["ngrok_token"][0]] = self.ngrok_token.reveal()
        return entries


def login(*, server: bool = False, ngrok: bool = False, check: bool = True) -> str:
    """Ask for an account's credentials, try them, and store them. What was done, in words for a person.

    `server` and `ngrok` ask for the API's address and for ngrok's token too; without `check` nothing is sent anywhere.
    Secrets are typed unseen. Nothing is stored where anything fails: raises KeyringError where there is no keyring,
    LoginError where nobody can be asked, AuthenticationError or another ProviderError where the credentials are
    refused, ProviderUnreachableError, and KeyboardInterrupt.
    """
    place = keyring.name()
    try:
        typed = _ask(server=server, ngrok=ngrok)
        if check:
            _try(typed.server_url, typed.credentials)
        entries = typed.entries()
        keyring.store(entries)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("nothing was stored") from None
    except AIJupyterError as error:
        error.mend = f"{NOTHING} {error.mend}".rstrip()
        raise
    stored = ", ".join(variable for variable, text in entries.items() if text is not None)
    told = [
        f"{f'{typed.server_url} accepts them. ' if check else ''}Stored in the keyring ({place}): {stored}.",
        "connect() finds them from now on. `aijupyter logout` removes them.",
    ]
    if nearer := [variable for variable in entries if os.environ.get(variable)]:
        told.append(f"But the environment comes first, and has {', '.join(nearer)} too.")
    return "\n".join(told)


def logout() -> str:
    """Remove from the keyring what `login` stored. What was done, in words for a person. Raises KeyringError."""
    removed = keyring.remove(VARIABLES[name][0] for name in STORED)
    return f"Removed from the keyring: {', '.join(removed)}." if removed else "The keyring held nothing of ours."


def _ask(*, server: bool, ngrok: bool) -> _Typed:
    given = os.environ.get(VARIABLES["server_url"][0]) or DEFAULT_SERVER_URL
    try:
        if not _somebody_is_there():
            raise LoginError("There is no terminal to type credentials into.", _ELSEWHERE)
        url = (input(f"The API's address [{given}]: ").strip() if server else "") or given
        url = base_url("server_url", url)
        check_private(url)
        client_id = _needed(input("Client id: "), "client id")
        credentials = Credentials(client_id, _hidden("Client secret"), _hidden("JWT"))
        return _Typed(url, credentials, _hidden("ngrok's token") if ngrok else None)
    except EOFError:
        raise LoginError("The input ended before everything was typed.", _ELSEWHERE) from None
    except NotImplementedError:  # a kernel whose front end takes no input
        raise LoginError("This notebook is run without anybody to type into it.", _ELSEWHERE) from None


def _somebody_is_there() -> bool:
    """Whether there is a terminal, or a kernel, which asks by way of its front end."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None or (sys.stdin is not None and sys.stdin.isatty())


def _hidden(what: str) -> Secret:
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # it would go on, and show what is typed
        try:
            return Secret(_needed(getpass.getpass(f"{what} (not shown): "), what))
        except getpass.GetPassWarning:
            raise LoginError("Nothing can be typed unseen here.", _ELSEWHERE) from None


def _needed(text: str, what: str) -> str:
    if not text.strip():
        raise LoginError(f"No {what} was typed.", "Run it again.")
    return text.strip()


def _try(server_url: str, credentials: Credentials) -> None:
    """One token call, as a session makes it."""
    portal = Portal("aijupyter-login")
    portal.start()
    try:
        portal.call(_sign_in, server_url, credentials, timeout=CHECK_SECONDS)
    except TimeoutError:
        raise ProviderUnreachableError(
            f"{server_url} gave no answer within {CHECK_SECONDS:g} s.", "Try again later, or with --no-check."
        ) from None
    except ProviderUnreachableError as error:
        raise ProviderUnreachableError(error.problem, "Check the network, or try again with --no-check.") from None
    finally:
        portal.stop()


async def _sign_in(server_url: str, credentials: Credentials) -> None:
    transport = Transport(server_url, credentials)
    try:
        await transport.sign_in()
    finally:
        await transport.close()
