"""Recordings on loan to the provider: each under a path that nobody can guess, until it is withdrawn or it ends."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import stat
import time
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from aijupyter.media import stamp
from aijupyter.receiver.naming import digest

PLAIN_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")

MEDIA_SECONDS = 86400.0

_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A pipe that took the file's place must not keep us waiting, and a link must not lead us away."""


class ChangedFileError(Exception):
    """Another recording than the one that was lent."""


@dataclass(frozen=True)
class Loan:
    """A file as it was when its stamp was `seen`. It ends at `until`, on the monotonic clock."""

    path: Path
    content_type: str
    seen: tuple[int, ...]
    until: float
    tag: str = field(default_factory=lambda: f'"{secrets.token_hex(8)}"')
    """By which a fetcher recognizes what it has a part of."""

    async def open(self) -> FileIO:
        """That very file, open. Raises OSError where it is gone, ChangedFileError where it is another."""
        return await asyncio.to_thread(self._open)

    def _open(self) -> FileIO:
        file = FileIO(os.open(self.path, _OPEN))
        try:
            self.check(file)
        except BaseException:
            file.close()
            raise
        return file

    def check(self, file: FileIO) -> None:
        """Whether what is open is still as it was. Raises ChangedFileError."""
        if stamp(file.fileno()) != self.seen:
            raise ChangedFileError

    @property
    def size(self) -> int:
        """In bytes."""
        return self.seen[2]


class MediaShelf:
    """Which files are shared just now. It lends those very files and no others, each for `seconds`."""

    def __init__(self, seconds: float = MEDIA_SECONDS) -> None:
        self._seconds = seconds
        self._loans: dict[bytes, Loan] = {}

    def __len__(self) -> int:
        now = time.monotonic()
        return sum(loan.until > now for loan in list(self._loans.values()))

    def share(self, path: Path, content_type: str, seen: tuple[int, ...] | None = None) -> str:
        """Share a file as it was when its stamp was `seen`, or as it is now. Raises OSError.

        Returns the unguessable name to serve it under, with the file's own suffix.
        """
        path = path.resolve(strict=True)
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(f"{path} is no file.")
        suffix = path.suffix.lower()
        name = secrets.token_urlsafe(32) + (suffix if PLAIN_SUFFIX.fullmatch(suffix) else "")
        self._loans[digest(name)] = Loan(path, content_type, seen or stamp(path), time.monotonic() + self._seconds)
        return name

    def withdraw(self, name: str) -> None:
        """End the sharing. Idempotent."""
        self._loans.pop(digest(name), None)

    def find(self, name: str) -> Loan | None:
        """What is lent under a name."""
        key = digest(name)
        loan = self._loans.get(key)
        if loan is not None and loan.until <= time.monotonic():
            del self._loans[key]
            return None
        return loan
