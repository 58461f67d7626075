"""How recordings get to the provider: lent out by the receiver, named by their URL, or sent within the request."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from aijupyter.api import operations, protected
from aijupyter.api.transport import Body
from aijupyter.config import Secret, is_local
from aijupyter.errors import LedgerError, MediaError, MediaNotFoundError
from aijupyter.logs import logger
from aijupyter.media import load_recording, open_url, stamp
from aijupyter.models import JobRecord, Recording
from aijupyter.protocols import Ledger
from aijupyter.receiver.server import Receiver

log = logger(__name__)

MOST_CONTENT_BYTES = 32 * 1024 * 1024
"""A larger file is not sent within the request."""
CONTENTS_AT_ONCE = 2
"""So many files are in memory to be sent within their requests; each takes half as much again as its size."""
PIECE_BYTES = 768 * 1024
"""A file is encoded in pieces of so much, a multiple of three, so that they can be put together."""
SPOOLED_SECONDS = 7 * 86400.0
"""A private copy of a recording that no job knows is left over after so long."""


@dataclass(frozen=True, slots=True)
class Loan:
    """How a recording gets to the provider: by the URL `uri`, or within the request (`content`). Without either there
    is none, for texts are among the options.

    A `protected` one is the provider's own: its URL takes the access token of the very request that names it.
    """

    encoding: str
    uri: str = field(default="", repr=False)
    content: Recording | None = None
    protected: bool = False

    @property
    def token_seconds(self) -> float:
        """How long the request's token must be good for."""
        return protected.FETCH_SECONDS if self.protected else 0.0

    def body(self, options: Mapping[str, Any]) -> Body:
        """The request's body. What is secret or large in it is made when it leaves, and kept nowhere."""
        if self.content is None and not self.uri:
            return dict(options)
        if self.content is None and not self.protected:
            return {**operations.Media(self.encoding, content_uri=self.uri).wire(), **options}

        async def written(token: Secret) -> bytes:
            if self.content is not None:
                return await asyncio.to_thread(_with_content, self.content, options)
            media = operations.Media(self.encoding, content_uri=protected.with_token(self.uri, token))
            return json.dumps({**media.wire(), **options}).encode()

        return written


class Lender:
    """The recordings of the jobs under way. Private copies, of recordings given as bytes, lie in the folder `spool`.

    `account_at` is the account's API, whose own recordings take its token.
    """

    def __init__(self, receiver: Receiver, spool: Path, *, account_at: str | None = None) -> None:
        self.spool = spool
        self._receiver = receiver
        self._account_at = account_at
        self._contents = asyncio.Semaphore(CONTENTS_AT_ONCE)
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

    async def lend(self, record: JobRecord, base: str | None) -> Loan:
        """How a job's recording is to be sent: a file by a URL below `base`, or without one within the request.

        Raises MediaError.
        """
        url = self._urls.get(record.key)
        if url is None and record.media is None:
            raise MediaError("It is not known any more where its recording is.", "Ask again.", source=record.recording)
        recording = (
            load_recording(record.media or "{}", has_own=self._is_protected) if url is None else _named(url, record)
        )
        if recording.in_options:
            return Loan("")
        if recording.url is None:
            return await asyncio.to_thread(self._lend_file, record.key, recording, base)
        if self._is_protected(recording.url):  # a look at it would need the token too, and cost budget
            needs_token = not protected.has_token(recording.url)
            return Loan(recording.encoding or protected.ENCODING, recording.url, protected=needs_token)
        if recording.encoding:
            return Loan(recording.encoding, recording.url)
        async with aiohttp.ClientSession(trust_env=not is_local(recording.url)) as http:
            found = await open_url(recording.url, http=http)
        return Loan(found.encoding, recording.url)

    def room_for(self, loan: Loan) -> AbstractAsyncContextManager[object]:
        """Wait until there is memory for what is sent within a request."""
        return contextlib.nullcontext() if loan.content is None else self._contents

    def _is_protected(self, url: str) -> bool:
        return self._account_at is not None and protected.is_protected(url, self._account_at)

    def _lend_file(self, key: str, recording: Recording, base: str | None) -> Loan:
        path = recording.path
        assert path is not None  # noqa: S101  # a Recording has one of the two
        with _file_errors(path):
            if stamp(path) != recording.stamp:
                raise _changed(path)
            if base is None:
                _check_size(path, recording.name)
                return Loan(recording.encoding, content=recording)
            self._receiver.shelf.withdraw(self._shelved.get(key, ""))
            self._shelved[key], uri = self._receiver.share(base, path, recording.content_type, recording.stamp)
        return Loan(recording.encoding, uri)

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


def _with_content(recording: Recording, options: Mapping[str, Any]) -> bytes:
    """A body that holds the file itself, made bit by bit: nobody else runs while Python encodes a large piece.

    Raises MediaError, also where the file is not the one that was asked about.
    """
    path = recording.path
    assert path is not None  # noqa: S101  # a Recording has one of the two
    fields = {**operations.Media(recording.encoding, content="").wire(), **options}
    fields["content"] = fields.pop("content")  # the last one, and open for what comes
    body = io.BytesIO()
    body.write(json.dumps(fields).encode().removesuffix(b'"}'))
    with _file_errors(path):
        _check_size(path, recording.name)
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                body.write(base64.b64encode(piece))
        if stamp(path) != recording.stamp:
            raise _changed(path)
    body.write(b'"}')
    return body.getvalue()


def _check_size(path: Path, name: str) -> None:
    if path.stat().st_size > MOST_CONTENT_BYTES:
        raise MediaError(
            f"{name} is larger than {MOST_CONTENT_BYTES // 2**20} MiB, too large to be sent within the request, and "
            "nobody can fetch it from here.",
            "Give a public URL of the recording, or a way into this machine, such as connect(public_url=...) or ngrok.",
            source=str(path),
        )


def _changed(path: Path) -> MediaError:
    return MediaError(f"{path} changed after it was asked about.", "Ask again.", source=str(path))


@contextlib.contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Errors of the file system as ours."""
    try:
        yield
    except MediaError:  # some of them are OSErrors too
        raise
    except FileNotFoundError as error:
        raise MediaNotFoundError(f"{path} is gone: {error}.", "Check the path.", source=str(path)) from error
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error}.", "Check the file.", source=str(path)) from error


def _named(url: str, record: JobRecord) -> Recording:
    """A URL with the access token that the ledger does not keep."""
    try:
        kept = load_recording(record.media or "{}")
    except MediaError:
        return Recording(record.recording, "", "", url=url)
    return Recording(record.recording, kept.content_type, kept.encoding, url=url)
