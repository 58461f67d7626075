"""The sessions that a notebook holds in its variables."""

from __future__ import annotations

from typing import Any

from aijupyter.connecting import announcement, connect
from aijupyter.errors import OptionError, SessionClosedError
from aijupyter.session import Session


def session_in(names: dict[str, Any], name: str) -> Session | None:
    """The session in a variable, open or closed; None where there is none."""
    held = names.get(name)
    return held if isinstance(held, Session) else None


def needed_session(names: dict[str, Any], name: str) -> Session:
    """The same. Raises SessionClosedError where there is none."""
    session = session_in(names, name)
    if session is None:
        raise SessionClosedError(f"There is no session in {name}.", f"Start one: {_start(name)}")
    return session


def open_session(names: dict[str, Any], name: str, settings: dict[str, Any]) -> tuple[Session, bool]:
    """The open session in a variable, and whether it was there and open before.

    Opens one with the settings, or the closed one again where there are none. Raises what `connect` raises, and
    OptionError where the variable holds something else.
    """
    session = session_in(names, name)
    if session is not None and session.status.answering:
        return session, True
    if session is None and name in names:
        raise OptionError(f"{name} holds something else.", f"Name another variable: {_start(f'{name}2')}")
    if session is not None:
        session.close()  # what is left of one whose service has ended
    if session is None or settings:
        session = names[name] = connect(**settings)
    else:
        session.start()
        print(announcement(session))  # noqa: T201  # the caller's own cell
    return session, False


def _start(name: str) -> str:
    return "%aijupyter start" + ("" if name == "ai" else f" --name {name}")
