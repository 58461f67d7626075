"""What the ledger asks of a storage, so that all that it does is written once, in standard SQL."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from aijupyter.errors import LedgerError
from aijupyter.ledger.endings import Ending
from aijupyter.ledger.rows import Row

News = Callable[[Sequence[str]], None]
"""Told the keys of jobs that another ledger changed."""


class Database(ABC):
    """A connection to a storage, used from one thread.

    `name` is the storage's for messages, without secrets. `locking` ends a SELECT whose rows are going to be changed.
    `ends_at_once` says whether `end` can do what it is for. `writer` marks the steps in the history that were written
    through it.
    """

    may_hang = False
    """Whether a call may never be answered, as by a server that stands still: then it has a deadline."""

    locking = ""
    ends_at_once = False
    scrub_pause = 0.0
    """How many seconds lie between two scrubs at least; 0 where each commit that needs one is followed by one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.writer = secrets.randbits(47)
        self.changed: list[str] = []
        """The keys of jobs whose state the transaction changes."""
        self.scrub_due = False
        """Something was forgotten, and its bytes may still lie around."""
        self.pack_due = False
        """A body was stored to be packed later."""
        self.begun = False

    @abstractmethod
    def open(self) -> None:
        """Connect, refuse what is no ledger, and migrate."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect. Idempotent."""

    @abstractmethod
    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """What a query finds. Placeholders are question marks."""

    def rows_at_once(self, columns: Sequence[str], rest: str, values: Sequence[Any]) -> list[Row]:
        """What a query finds, in any order and without BLOBs, at as few steps as the storage can."""
        return self.rows(f"SELECT {', '.join(columns)} {rest}", values)

    @abstractmethod
    def do(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Change something. How many rows were."""

    def end(self, endings: Sequence[Ending]) -> bool:  # noqa: ARG002  # most cannot
        """End jobs with their first answers in one step, if each is as it was seen; else change nothing and say so."""
        return False

    @abstractmethod
    def begin(self) -> None:
        """Begin a transaction that may write."""

    @abstractmethod
    def commit(self) -> None:
        """Make it durable, and tell other ledgers what it changed."""

    @abstractmethod
    def rollback(self) -> None:
        """Take it back, also where it or the connection has ended already."""

    def cut(self) -> None:  # noqa: B027  # most cannot
        """From another thread: end what hangs in the connection's thread. What is done there then fails."""

    @property
    def broken(self) -> bool:
        """Whether the connection was lost, so that nothing more can be tried with it."""
        return False

    @abstractmethod
    def explain(self, error: Exception) -> LedgerError | None:
        """What to tell a person about the storage's error; None for an error that is not the storage's."""

    def exclude(self, name: str) -> None:  # noqa: B027  # most need not do anything
        """Keep others that name the same out, until the transaction ends. Not needed where writers come one by one."""

    def seconds(self, at: datetime) -> float:
        """The moment by the clock that all who share the storage agree on, in seconds since 1970."""
        return at.timestamp()

    @abstractmethod
    def scrub(self) -> None:
        """Clear away the bytes of what was forgotten; `scrub_due` stays true where that must be tried again."""

    @abstractmethod
    def listen(self, tell: News) -> None:
        """Tell from now on what others changed, from `look` or from a thread of its own."""

    @abstractmethod
    def deafen(self) -> None:
        """End that. Idempotent."""

    def look(self) -> None:  # noqa: B027  # most need not do anything
        """Look for what others changed, where the storage does not say it by itself."""

    @property
    def settle_due(self) -> bool:
        """Whether so much was written that `settle` is to be called when nothing waits."""
        return False

    def settle(self) -> None:  # noqa: B027  # most need not do anything
        """Do what would have to be done sooner or later, and would then keep a write waiting."""

    @property
    def must_look(self) -> bool:
        """Whether `look` is to be called every now and then."""
        return False
