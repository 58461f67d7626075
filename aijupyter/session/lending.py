"""How recordings get to the provider: lent out by the receiver, named by their URL, or sent within the request."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from pathlib import Path

import aiohttp

from aijupyter.api import operations
from aijupyter.config import Settings, is_local
from aijupyter.errors import LedgerError, MediaError, MediaNotFoundError
from aijupyter.logs import logger
from aijupyter.media import load_recording, open_url, stamp
from aijupyter.models import JobRecord, Recording
from aijupyter.protocols import Ledger
from aijupyter.receiver.server import Receiver

log = logger(__name__)

MOST_CONTENT_BYTES = 32 * 1024 * 1024
"""A larger file is not sent within the request."""
SPOOLED_SECONDS = 7 * 86400.0
"""A private copy of a recording that no job knows is left over after so long."""


class Lender:
    """The recordings of the jobs under way. Private copies, of recordings given as bytes, lie in the folder `spool`."""

    def __init__(self, receiver: Receiver, settings: Settings, server_url: str, spool: Path) -> None:
        self.spool = spool
        self.base_url = ""
        """Where the receiver is reached from outside; set when that is known."""
        self._receiver = receiver
        self._delivery = settings.delivery
        self._is_near = settings.uses_embedded or is_local(server_url)
        self._urls: dict[str, str] = {}
        self._shelved: dict[str, str] = {}
        self._copies: dict[str, str] = {}

    def remember(self, key: str, url: str) -> None:
        """A job's URL with what the ledger does not keep."""
        self._urls[key] = url

    def inherit(self, key: str, copy: str, url: str | None) -> None:
        """A job found in the ledger is sent with the private copy, or the URL, of the one that was to be asked."""
        self._copies[key] = copy
        if url is not None:
            self.remember(key, url)

    async def lend(self, record: JobRecord) -> operations.Media:
        """What to send of a job's recording. Raises MediaError."""
        url = self._urls.get(record.key)
        if url is None and record.media is None:
            raise MediaError("It is not known any more where its recording is.", "Ask again.", source=record.recording)
        recording = load_recording(record.media or "{}") if url is None else _named(url, record)
        if recording.url is not None and recording.encoding:
            return operations.Media(recording.encoding, content_uri=recording.url)
        if recording.url is not None:
            async with aiohttp.ClientSession(trust_env=not is_local(recording.url)) as http:
                found = await open_url(recording.url, http=http)
            return operations.Media(found.encoding, content_uri=recording.url)
        return await asyncio.to_thread(self._lend_file, record.key, recording)

    def _lend_file(self, key: str, recording: Recording) -> operations.Media:
        path = recording.path
        assert path is not None  # noqa: S101  # a Recording has one of the two
        try:
            if stamp(path) != recording.stamp:
                raise MediaError(f"{path} changed after it was asked about.", "Ask again.", source=str(path))
            if self._delivery != "auto" and not self._is_near:
                content = _content(path, recording.name)
                if stamp(path) == recording.stamp:
                    return operations.Media(recording.encoding, content=content)
                raise MediaError(f"{path} changed after it was asked about.", "Ask again.", source=str(path))
            base = self.base_url if self._delivery == "auto" else self._receiver.url
            self._receiver.shelf.withdraw(self._shelved.get(key, ""))
            self._shelved[key], uri = self._receiver.share(base, path, recording.content_type, recording.stamp)
        except FileNotFoundError as error:
            raise MediaNotFoundError(f"{path} is gone: {error}.", "Check the path.", source=str(path)) from error
        except OSError as error:
            if isinstance(error, MediaError):
                raise
            raise MediaError(f"{path} cannot be read: {error}.", "Check the file.", source=str(path)) from error
        return operations.Media(recording.encoding, content_uri=uri)

    def recall(self, key: str) -> None:
        """End the loan of a job's recording, and remove the private copy."""
        self._urls.pop(key, None)
        name = self._shelved.pop(key, None)
        if name is not None:
            self._receiver.shelf.withdraw(name)
        try:
            (self.spool / self._copies.pop(key, key)).unlink(missing_ok=True)
        except OSError as error:  # a job's end must not fail by what it leaves; the next session sweeps
            about = {"event": "media.left", "job": key, "error": type(error).__name__}
            log.warning("the private copy of a recording could not be removed: %s", error, extra=about)

    async def sweep(self, ledger: Ledger) -> None:
        """Remove private copies of recordings whose job has ended elsewhere, or was never written down."""
        with contextlib.suppress(OSError, LedgerError):
            for path in await asyncio.to_thread(lambda: list(self.spool.iterdir())):
                record = await ledger.find(path.name)
                age = time.time() - path.stat().st_mtime
                if record.state.final if record else age > SPOOLED_SECONDS:
                    path.unlink(missing_ok=True)


def _content(path: Path, name: str) -> str:
    if path.stat().st_size > MOST_CONTENT_BYTES:
        raise MediaError(
            f"{name} is too large to be sent within the request, and nobody can fetch it from here.",
            "Give a public URL of the recording, or a public URL of this machine: connect(public_url=...).",
            source=str(path),
        )
    return base64.b64encode(path.read_bytes()).decode()


def _named(url: str, record: JobRecord) -> Recording:
    """A URL with the access token that the ledger does not keep."""
    try:
        kept = load_recording(record.media or "{}")
    except MediaError:
        return Recording(record.recording, "", "", url=url)
    return Recording(record.recording, kept.content_type, kept.encoding, url=url)
