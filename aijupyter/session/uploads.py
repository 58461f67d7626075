"""Files that come through the browser: private while they come, kept beside the notebook once they are asked about."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from aijupyter.errors import MediaError
from aijupyter.media import HEAD_BYTES, sniff
from aijupyter.session.sources import not_known

MOST_BYTES_OF_NAME = 150
_FORBIDDEN = set('<>:"/\\|?*')
"""In the names of files, by one system or another."""


class Upload:
    """A file on its way, or arrived: `name` is made safe, `size` what is to come and `received` what has, in bytes."""

    def __init__(self, name: str, size: int, private: Path) -> None:
        self.name = safe_name(name)
        self.size = size
        self.received = 0
        self.kept: Path | None = None
        self.id = secrets.token_hex(8)
        self._private = private / self.id
        self._private.touch(mode=0o600)
        self._digest = hashlib.sha256()
        self._head = b""
        self._lock = threading.Lock()

    @property
    def arrived(self) -> bool:
        """Whether all of it is there."""
        return self.received >= self.size

    def write(self, offset: int, data: bytes | memoryview) -> int:
        """Take the bytes from `offset` on; how many there are now. What comes twice or out of turn is not taken."""
        with self._lock:
            if offset == self.received and not self.arrived:
                with self._private.open("ab") as file:
                    file.write(data)
                self._digest.update(data)
                self._head += bytes(data[: HEAD_BYTES - len(self._head)])
                self.received += len(data)
            return self.received

    def problem(self, *, any_format: bool = False) -> MediaError | None:
        """What keeps it from being asked about, if anything."""
        if self.kept is not None and not self.kept.is_file():
            return MediaError(f"{self.kept} is not there any more.", "Upload it again.", source=self.name)
        if not self.arrived:
            return MediaError(f"{self.name} is still on its way.", "Wait until it is here.", source=self.name)
        if not self.size:
            return MediaError(f"{self.name} is empty.", "Check how it was made or copied.", source=self.name)
        return None if any_format or sniff(self._head) else not_known(self.name)

    def same_as(self, other: Upload) -> bool:
        """Whether another one holds the same."""
        return self._digest.digest() == other._digest.digest()

    def is_in(self, path: Path) -> bool:
        """Whether a file holds the same."""
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest() == self._digest.digest()
        except OSError:
            return False

    def keep(self, path: Path) -> None:
        """Copy it to `path`, where no file is yet. Raises FileExistsError, or OSError."""
        with path.open("xb") as file:
            try:
                with self._private.open("rb") as private:
                    shutil.copyfileobj(private, file)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        self.kept = path
        self.discard()

    def discard(self) -> None:
        """Remove the private copy."""
        with contextlib.suppress(OSError):
            self._private.unlink()


class Uploads:
    """Those of one panel. Until `keep` they lie in a private folder that goes with the kernel.

    `folder` is where they are kept then: a folder below the current one, so that the code that asks about them works
    again tomorrow, and the player finds what it plays. No file there is ever written over.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._private: tempfile.TemporaryDirectory[str] | None = None
        self._all: tuple[Upload, ...] = ()
        self._lock = threading.RLock()

    def __iter__(self) -> Iterator[Upload]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def begin(self, name: str, size: int) -> Upload:
        """Expect a file of `size` bytes."""
        with self._lock:
            if self._private is None:
                self._private = tempfile.TemporaryDirectory(prefix="aijupyter-uploads-", ignore_cleanup_errors=True)
            upload = Upload(name, size, Path(self._private.name))
            self._all = (*self._all, upload)
            return upload

    def find(self, upload_id: str) -> Upload | None:
        """One by its id."""
        return next((upload for upload in self._all if upload.id == upload_id), None)

    def drop(self, upload_id: str) -> None:
        """Forget one. What is kept already stays where it is."""
        with self._lock:
            gone = self.find(upload_id)
            self._all = tuple(upload for upload in self._all if upload is not gone)
        if gone is not None:
            gone.discard()

    def places(self) -> tuple[Path, ...]:
        """Where each is kept, or would be."""
        taken: dict[Path, Upload] = {}
        for upload in self._all:
            place = upload.kept or self._free(upload, taken)
            taken.setdefault(place, upload)
        return tuple(taken)

    def keep(self) -> tuple[Path, ...]:
        """Write those that have arrived and are not yet kept into the folder; where each is. Raises MediaError."""
        with self._lock:
            arrived = [upload for upload in self._all if upload.arrived]
            try:
                if arrived:
                    self.folder.mkdir(parents=True, exist_ok=True)
                for upload in arrived:
                    self._keep(upload)
            except OSError as error:
                mend = "Make room, or put the recording there yourself and write down its path."
                raise MediaError(f"The folder {self.folder} cannot be written to: {error.strerror}.", mend) from error
        return tuple(dict.fromkeys(upload.kept for upload in arrived if upload.kept is not None))

    def _keep(self, upload: Upload) -> None:
        while upload.kept is None:
            place = self._free(upload, {})
            if os.path.lexists(place):
                upload.kept = place
                upload.discard()
            else:
                with contextlib.suppress(FileExistsError):  # somebody else was quicker: the next name, then
                    upload.keep(place)

    def _free(self, upload: Upload, taken: dict[Path, Upload]) -> Path:
        """The first place for it that holds the same already, or nothing."""
        stem, suffix = Path(upload.name).stem, Path(upload.name).suffix
        for number in itertools.count(1):
            place = self.folder / (upload.name if number == 1 else f"{stem}-{number}{suffix}")
            if place in taken:
                if taken[place].same_as(upload):
                    return place
            elif not os.path.lexists(place) or upload.is_in(place):
                return place
        raise AssertionError  # pragma: no cover  # there is always another number


def safe_name(name: str) -> str:
    """A file's name that leads nowhere else and that every system takes, as near to the given one as can be."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join("_" if letter in _FORBIDDEN or not letter.isprintable() else letter for letter in last)
    stem, suffix = os.path.splitext(kept.strip(" ."))  # noqa: PTH122  # of a name, not of a path
    room = MOST_BYTES_OF_NAME - len(suffix.encode())
    if room < 1:
        stem, suffix, room = stem + suffix, "", MOST_BYTES_OF_NAME
    stem = stem.encode()[:room].decode(errors="ignore").strip()
    return (stem or "recording") + suffix
