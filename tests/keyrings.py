"""Keyrings of the tests' own, as the package keyring wants them: one that keeps its entries in a file, and bad ones."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, NoKeyringError, PasswordDeleteError, PasswordSetError

FILE = "TESTS_KEYRING_FILE"


class FileKeyring(KeyringBackend):
    """Keeps its entries in the file that the environment names, so that several processes share it."""

    priority = 5

    def get_password(self, service: str, username: str) -> str | None:
        """An entry."""
        return self.entries.get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write an entry."""
        self._write({**self.entries, f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        """Remove an entry, which must be there."""
        entries = self.entries
        if entries.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("not there")
        self._write(entries)

    @property
    def entries(self) -> dict[str, str]:
        """All of them, by service and name."""
        path = Path(os.environ[FILE])
        return json.loads(path.read_text()) if path.exists() else {}

    def _write(self, entries: dict[str, str]) -> None:
        Path(os.environ[FILE]).write_text(json.dumps(entries))


class FussyKeyring(FileKeyring):
    """Takes identifiers and no secrets after them: the last entry of a login fails."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write an entry, unless it is the JWT."""
        if username == "RC_USER_JWT":
            raise PasswordSetError(f"too long: {password}")
        super().set_password(service, username, password)


class _Bad(KeyringBackend):
    priority = 5

    def get_password(self, service: str, username: str) -> str | None:
        """Misbehave."""
        raise NotImplementedError

    def set_password(self, service: str, username: str, password: str) -> None:
        """Misbehave in the same way."""
        self.get_password(service, username)

    delete_password = get_password  # type: ignore[assignment]  # the same misbehaviour


class LockedKeyring(_Bad):
    """Nobody unlocked it."""

    def get_password(self, service: str, username: str) -> str | None:
        """Say so."""
        raise KeyringLocked("locked; the password is hunter2")


class BrokenKeyring(_Bad):
    """Its system service went away."""

    def get_password(self, service: str, username: str) -> str | None:
        """Fail with something that is of no library."""
        raise OSError("the bus is gone, with hunter2 on it")


class AbsentKeyring(_Bad):
    """It finds out late that there is none."""

    def get_password(self, service: str, username: str) -> str | None:
        """Say so."""
        raise NoKeyringError("none")


class HangingKeyring(_Bad):
    """It waits for somebody who never comes, until the test lets it go."""

    let_go = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        """Wait."""
        self.let_go.wait(60)
        return None


class CountingKeyring(FileKeyring):
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        """An entry."""
        self.asked.append(username)
        return super().get_password(service, username)


@contextmanager
def used(backend: KeyringBackend) -> Iterator[KeyringBackend]:
    """Use a keyring in this process."""
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        yield backend
    finally:
        keyring.set_keyring(before)
