"""The operating system's own store of secrets, by the package keyring, which may be slow, locked, broken or missing.

Each value is an entry of its own, for some systems' entries are short: service `aijupyter`, by its variable's name. So
`keyring set aijupyter RC_USER_JWT` in a terminal does the same as our login.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from aijupyter.config.skipping import Skipped
from aijupyter.errors import KeyringError

T = TypeVar("T")

SERVICE = "aijupyter"
NOT_INSTALLED = "the package keyring is not installed"
NO_BACKEND = "this system has none that the package keyring knows"
LOGIN_SECONDS = 60.0

_REASONS = {
    "ModuleNotFoundError": "its backend is not installed",
    "NoKeyringError": NO_BACKEND,
    "KeyringLocked": "it is locked",
    "InitError": "it could not be opened",
}
_WITHOUT = (
    "Without one, keep them in a file that only you can read:\n"
    "    touch ~/aijupyter.env && chmod 600 ~/aijupyter.env\n"
    "with these lines, written by an editor:\n"
    "    RC_APP_CLIENT_ID=...\n"
    "    RC_APP_CLIENT_SECRET=...\n"
    "    RC_USER_JWT=...\n"
    "and connect with it: aijupyter.connect(env_file='~/aijupyter.env')."
)


def read(variables: Iterable[str], *, seconds: float) -> dict[str, str]:
    """The entries that there are. Raises Skipped where the keyring does not answer within so many seconds."""
    backend = _within(seconds, _backend)

    def look() -> dict[str, str]:
        found = {variable: backend.get_password(SERVICE, variable) for variable in variables}
        return {variable: text for variable, text in found.items() if isinstance(text, str) and text}

    return _within(seconds, look)


def name() -> str:
    """What the keyring that would be used is called. Raises KeyringError, with what to do instead."""
    try:
        return str(_within(LOGIN_SECONDS, lambda: _backend().name))
    except Skipped as skipped:
        raise KeyringError(f"There is no keyring to use: {skipped.reason}.", _mend(skipped.reason)) from None


def store(values: Mapping[str, str | None]) -> None:
    """Write entries, and remove those that are None: all of them or, where one fails, none. Raises KeyringError."""
    try:
        backend = _backend()
        before = {variable: backend.get_password(SERVICE, variable) for variable in values}
        try:
            for variable, text in values.items():
                _write(backend, variable, text, before[variable])
        except BaseException:
            for variable, text in before.items():
                with contextlib.suppress(Exception):
                    _write(backend, variable, text, backend.get_password(SERVICE, variable))
            raise
    except Exception as error:  # noqa: BLE001  # backends raise whatever their systems do
        reason = _reason(error)
        raise KeyringError(f"The keyring refused: {reason}.", _mend(reason)) from None


def remove(variables: Iterable[str]) -> list[str]:
    """Remove entries. Which there were. Raises KeyringError."""
    try:
        backend = _backend()
        there = [variable for variable in variables if backend.get_password(SERVICE, variable) is not None]
        for variable in there:
            backend.delete_password(SERVICE, variable)
    except Exception as error:  # noqa: BLE001  # backends raise whatever their systems do
        reason = _reason(error)
        mend = "" if reason in {NOT_INSTALLED, NO_BACKEND} else "Unlock it, and run it again."
        raise KeyringError(f"Nothing could be removed from the keyring: {reason}.", mend) from None
    return there


def _write(backend: Any, variable: str, text: str | None, before: str | None) -> None:
    if text == before:
        return
    if text is None:
        backend.delete_password(SERVICE, variable)
    else:
        backend.set_password(SERVICE, variable, text)


def _backend() -> Any:
    """The keyring's backend. Raises Skipped where there is none that keeps anything."""
    try:
        import keyring  # noqa: PLC0415  # an extra, and slow to load
    except ImportError:
        raise Skipped(NOT_INSTALLED) from None
    backend = keyring.get_keyring()
    if backend.priority <= 0:  # stand-ins that refuse everything, or keep nothing
        raise Skipped(NO_BACKEND)
    return backend


def _within(seconds: float, function: Callable[[], T]) -> T:
    """Call it in a thread that may be left behind: a backend may wait for a person, or for ever."""
    ended: list[tuple[T | None, BaseException | None]] = []

    def work() -> None:
        try:
            ended.append((function(), None))
        except BaseException as error:  # noqa: BLE001  # told to the thread that waits
            ended.append((None, error))

    asking = threading.Thread(target=work, name="aijupyter-keyring", daemon=True)
    asking.start()
    asking.join(seconds)
    if asking.is_alive() or not ended:
        raise Skipped(f"it did not answer within {seconds:g} s")
    ((answer, error),) = ended
    if error is not None:
        raise Skipped(_reason(error)) from None
    return answer  # type: ignore[return-value]  # there is one where there is no error


def _reason(error: BaseException) -> str:
    """Why, in words of ours: theirs may hold anything."""
    if isinstance(error, Skipped):
        return error.reason
    return _REASONS.get(type(error).__name__, f"it failed ({type(error).__name__})")


def _mend(reason: str) -> str:
    if reason == NOT_INSTALLED:
        return f"Install it: pip install 'aijupyter[keyring]', and run it again. {_WITHOUT}"
    if reason == _REASONS["KeyringLocked"]:
        return f"Unlock it, and run it again. {_WITHOUT}"
    return _WITHOUT
