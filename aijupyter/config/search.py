"""The search for settings: place after place, each asked only for what those before it did not give."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aijupyter.config import colab, keyring, ngrok
from aijupyter.config.places import (
    ARGUMENT,
    COLAB,
    CREDENTIALS,
    ENVIRONMENT,
    KEYRING,
    NGROK,
    VARIABLES,
    first_set,
    read_env_file,
)
from aijupyter.config.skipping import Skipped
from aijupyter.logs import logger

log = logger(__name__)

OWN = (ARGUMENT, ENVIRONMENT, KEYRING, COLAB, NGROK)
"""Places that nobody but the person writes to. A file .env may have come with its folder."""

Read = Callable[[list[str]], dict[str, str]]

_ROUTINE = (keyring.NOT_INSTALLED, keyring.NO_BACKEND)


@dataclass(frozen=True, slots=True)
class Found:
    """A value as it was written, the place where, and its name there."""

    value: Any = field(repr=False)
    place: str
    name: str = ""

    @property
    def source(self) -> str:
        """Place and name, for a person."""
        return f"{self.place} {self.name}".rstrip()


class Search:
    """What was found so far, by setting, and which places were passed over, with the reason."""

    def __init__(self) -> None:
        self.found: dict[str, Found] = {}
        self.skipped: dict[str, str] = {}
        self._mute: set[str] = set()

    def take_written(self, arguments: Mapping[str, Any], env_file: str | Path | None) -> None:
        """Arguments, environment and .env. Raises ConfigurationError where the file cannot be read."""
        self.found = {name: Found(value, ARGUMENT) for name, value in arguments.items() if value is not None}
        self._take(ENVIRONMENT, os.environ)
        self._take(str(env_file), read_env_file(env_file))

    def ask_for_account(self, *, seconds: float) -> None:
        """The keyring, then Colab's secrets, for those of the account's credentials that are missing.

        A place's server is taken only with a credential of the same place: it is where that one belongs.
        """
        for place, read in self._stores(seconds):
            missing = [name for name in CREDENTIALS if name not in self.found]
            if missing:
                values = self._ask(place, read, [*missing, "server_url"])
                if any(CREDENTIALS[name] in values for name in missing):
                    self._take(place, values)

    def ask_for_ngrok(self, *, seconds: float) -> None:
        """The keyring, Colab's secrets, and last ngrok's own configuration, for its token."""
        for place, read in self._stores(seconds):
            if "ngrok_token" not in self.found:
                self._take(place, self._ask(place, read, ["ngrok_token"]))
        if "ngrok_token" not in self.found:
            for name, token in self._ask(NGROK, ngrok.read, ["ngrok_token"]).items():
                self.found["ngrok_token"] = Found(token, NGROK, name)

    def foreign(self, name: str) -> str | None:
        """The file that gives this setting beside credentials which are not from that file, if one does."""
        given = self.found.get(name)
        if given is None or given.place in OWN:
            return None
        places = {self.found[one].place for one in CREDENTIALS if one in self.found}
        return None if places <= {given.place} else given.place

    def _stores(self, seconds: float) -> list[tuple[str, Read]]:
        stores: list[tuple[str, Read]] = []
        if seconds:
            stores.append((KEYRING, lambda variables: keyring.read(variables, seconds=seconds)))
        if colab.is_here():
            stores.append((COLAB, colab.read))
        return stores

    def _ask(self, place: str, read: Read, names: Iterable[str]) -> dict[str, str]:
        """What a place holds of these; nothing where it does not answer, and then it is not asked again."""
        if place in self._mute:
            return {}
        try:
            return read([VARIABLES[name][0] for name in names if name not in self.found])
        except Skipped as skipped:
            self.skipped[place] = skipped.reason
            log.debug("%s: %s", place, skipped.reason)
            if skipped.found is None:
                self._mute.add(place)
            return dict(skipped.found or {})

    def _take(self, place: str, values: Mapping[str, str]) -> None:
        for name, variable in first_set(values).items():
            self.found.setdefault(name, Found(values[variable], place, variable))


def is_trouble(reason: str) -> bool:
    """Whether a place was passed over for more than not being there."""
    return reason not in _ROUTINE
