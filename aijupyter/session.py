"""Session: the composition root, the only module that names concrete parts. It owns their start and their stop."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib.util
import logging
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from aijupyter import embedded
from aijupyter.api import operations
from aijupyter.api.auth import Credentials
from aijupyter.api.transport import Transport
from aijupyter.config import Secret, Settings, is_local
from aijupyter.dispatch import Dispatcher
from aijupyter.envelope import Envelope, parse_envelope
from aijupyter.errors import (
    CONNECT_AGAIN,
    AIJupyterError,
    ConfigurationError,
    JobError,
    JobNotFoundError,
    LocalExtraMissingError,
    MediaError,
    MediaNotFoundError,
    PortalError,
    SessionClosedError,
)
from aijupyter.jobs import Job, JobBook
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.media import MediaSource, is_url, open_local, open_url, shown_url, stamp
from aijupyter.models import JobRecord, JobState, Recording, now
from aijupyter.portal import Portal
from aijupyter.protocols import Tunnel
from aijupyter.receiver.server import Receiver
from aijupyter.reconcile import Reconciler
from aijupyter.tunnels.fixed import FixedTunnel
from aijupyter.tunnels.ngrok import NgrokTunnel
from aijupyter.verbs import Verbs

if TYPE_CHECKING:
    import pandas as pd

    from aijupyter.results import Result

log = logging.getLogger(__name__)

EMBEDDED_POLL_SECONDS = 10.0
START_SECONDS = 60.0
STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """What a session is doing. `server` is the API's address, `public_url` where deliveries are sent.

    `answering` is False when the session is closed or its embedded service has ended.
    """

    open: bool
    answering: bool
    embedded: bool
    server: str
    public_url: str
    receiver_url: str
    ledger: Path
    under_way: int
    models: str


class Session(Verbs):
    """A line to the AI: it asks, receives and remembers. `aijupyter.connect` makes it, `close` or a `with` ends it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._book = JobBook()
        self._portal = Portal()
        self._lock = threading.Lock()
        self._service: embedded.EmbeddedService | None = None
        self._undo: list[Callable[[], object]] = []
        self._parts: _Parts | None = None
        self._pid = os.getpid()

    def start(self) -> Self:
        """Start everything, and undo all of it where a part cannot. Does nothing when open."""
        with self._lock:
            if self._parts is None:
                try:
                    self._start()
                except BaseException:
                    self._stop()
                    raise
        return self

    def close(self) -> None:
        """Stop everything that `start` started. Jobs go on at the provider; waits for them end with an error."""
        if self._portal.is_own_thread():
            raise PortalError("A session cannot be closed from its own background thread.", "Close it from a cell.")
        with self._lock:
            self._stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def status(self) -> SessionStatus:
        """What the session is doing now."""
        parts = self._parts
        service = self._service if parts else None
        models = (service.models_state or {}).get("message", "not loaded yet") if service else ""
        return SessionStatus(
            open=parts is not None,
            answering=parts is not None and (service is None or service.alive),
            embedded=self.settings.uses_embedded,
            server=parts.server.url if parts else self.settings.server_url,
            public_url=parts.base_url if parts else "",
            receiver_url=parts.receiver.url if parts else "",
            ledger=self.settings.ledger,
            under_way=len(self._book.under_way()),
            models=str(models),
        )

    def __repr__(self) -> str:
        status = self.status
        where = "embedded AI service" if status.embedded else status.server
        return f"<Session {'open' if status.open else 'closed'}: {where}, {status.under_way} jobs under way>"

    def job(self, job_id: str) -> Job[Any]:
        """Pick a job up again, by the provider's id or by our key. Raises JobNotFoundError."""
        parts = self._open_parts()
        job = self._book.get(job_id)
        if job is not None and not job.given_up:
            return job
        record = self._portal.call(parts.ledger.find, job_id)
        if record is None:
            raise JobNotFoundError(
                f"The ledger holds no job {job_id!r}.", "ai.jobs() lists those it holds.", job_id=job_id
            )
        job = self._new_job(record)
        body = self._portal.call(parts.ledger.answer, record.key)
        if body is not None:
            job.update(record, parse_envelope(body))
        elif record.state is JobState.WRITTEN or (not record.state.final and record.server != parts.server.name):
            job.fail(_elsewhere(record))
        return self._book.add(job)

    def jobs(self) -> pd.DataFrame:
        """Every job that the ledger holds, the newest first. See `results.listing.job_frame` for the columns."""
        from aijupyter.results.listing import job_frame  # noqa: PLC0415  # pandas is loaded when first needed

        return job_frame(self._portal.call(self._open_parts().ledger.jobs))

    def _ask(self, request: operations.AudioRequest, media: MediaSource, encoding: str | None) -> Job[Any]:
        operations.check_choice("encoding", encoding, operations.ENCODINGS)
        parts = self._open_parts()
        if isinstance(media, str) and is_url(media):
            name, recording = shown_url(media), partial(parts.open_url, media, encoding)
        else:
            opened = open_local(media, spool=parts.spool, encoding=encoding)
            name, recording = opened.name, partial(_ready, opened)
        record = JobRecord(
            key=str(uuid.uuid4()),
            path=token_urlsafe(32),
            server=parts.server.name,
            operation=request.operation,
            recording=name,
            options=request.options(),
            state=JobState.WRITTEN,
            created=now(),
        )
        job = self._new_job(record)
        try:
            self._portal.post(parts.begin, job, request, recording)
        except PortalError:
            raise SessionClosedError("The session was closed.", CONNECT_AGAIN) from None
        return job

    def _new_job(self, record: JobRecord) -> Job[Any]:
        return Job(record, portal=self._portal, read=_read)

    def _open_parts(self) -> _Parts:
        if self._parts is None:
            raise SessionClosedError("The session is closed.", CONNECT_AGAIN)
        if os.getpid() != self._pid:
            raise SessionClosedError("The session belongs to the process that made it.", "Connect in this one too.")
        return self._parts

    def _start(self) -> None:
        server = self._find_server()
        spool = Path(tempfile.mkdtemp(prefix="aijupyter-"))
        self._undo.append(lambda: shutil.rmtree(spool, ignore_errors=True))
        self._portal.start()
        self._undo.append(self._portal.stop)
        parts = _Parts(self.settings, self._book, spool, server)
        self._undo.append(lambda: self._portal.call(parts.close, timeout=STOP_SECONDS))
        self._portal.call(parts.open, timeout=START_SECONDS)
        atexit.register(self.close)
        self._undo.append(lambda: atexit.unregister(self.close))
        self._parts = parts

    def _stop(self) -> None:
        self._parts = None
        if os.getpid() != self._pid:  # a forked copy must not undo what its parent uses
            self._undo.clear()
        while self._undo:
            undo = self._undo.pop()
            try:
                undo()
            except Exception:
                log.exception("a part of the session could not be stopped")

    def _find_server(self) -> _Server:
        settings = self.settings
        if not settings.uses_embedded:
            assert settings.client_id and settings.client_secret and settings.jwt  # noqa: S101, PT018  # checked by load
            credentials = Credentials(settings.client_id, settings.client_secret, settings.jwt)
            return _Server(settings.server_url, settings.server_url, credentials)
        if settings.engine == "local" and importlib.util.find_spec("faster_whisper") is None:
            raise LocalExtraMissingError(
                "The embedded AI service needs the packages of the 'local' extra.",
                "Install them: pip install 'aijupyter[local]'. Or give an account's credentials: see the README.",
            )
        service = embedded.acquire(model=settings.model, engine=settings.engine)
        self._service = service
        self._undo.append(lambda: embedded.release(service))
        self._undo.append(service.subscribe(self._hear))
        credentials = Credentials(service.client_id, Secret(service.client_secret), Secret(service.jwt))
        return _Server(f"embedded:{service.client_id[:8]}", service.url, credentials)

    def _hear(self, event: dict[str, Any]) -> None:
        """Take over what the embedded service tells. Called from its reader's thread."""
        match event.get("event"):
            case "progress":
                job = self._book.get(str(event.get("jobId")))
                if job is not None:
                    job.advance(float(event.get("share") or 0.0))
            case "gone" if self._parts is not None:
                with contextlib.suppress(AIJupyterError):
                    self._portal.submit(self._parts.service_gone, str(event.get("message")))


@dataclass(frozen=True, slots=True)
class _Server:
    """Where to ask, and with what credentials; `name` is what the ledger calls it."""

    name: str
    url: str
    credentials: Credentials


class _Parts:
    """What lives in the portal's loop while a session is open."""

    def __init__(self, settings: Settings, book: JobBook, spool: Path, server: _Server) -> None:
        self.server = server
        self.spool = spool
        self.ledger = SQLiteLedger(settings.ledger)
        self.dispatcher = Dispatcher(ledger=self.ledger, book=book, lender=self)
        self.receiver = Receiver(self.dispatcher, host=settings.host, port=settings.port, max_body=settings.max_body)
        self.base_url = ""
        self._settings = settings
        self._book = book
        self._stack = contextlib.AsyncExitStack()

    async def open(self) -> None:
        """Start each part; `close` stops those that were started, in reverse."""
        stack = self._stack
        await self.ledger.open()
        stack.push_async_callback(self.ledger.close)
        await self.receiver.start()
        stack.push_async_callback(self.receiver.stop)
        tunnel = _choose_tunnel(self._settings, self.server.url)
        self.base_url = await tunnel.open(self.receiver.url)
        stack.push_async_callback(tunnel.close)
        self._transport = Transport(self.server.url, self.server.credentials)
        stack.push_async_callback(self._transport.close)
        stack.push_async_callback(self.dispatcher.close)
        seconds = self._settings.poll_seconds
        if self._settings.uses_embedded:
            seconds = min(seconds, EMBEDDED_POLL_SECONDS)
        reconciler = Reconciler(book=self._book, dispatcher=self.dispatcher, ask=self._job_status, seconds=seconds)
        reconciling = asyncio.create_task(reconciler.run(), name="reconcile")
        stack.callback(reconciling.cancel)

    async def close(self) -> None:
        """Stop everything, in reverse."""
        await self._stack.aclose()

    def begin(
        self,
        job: Job[Any],
        request: operations.AudioRequest,
        recording: Callable[[], Awaitable[Recording]],
    ) -> None:
        """Start the way of a job."""

        async def send(uri: str, encoding: str, in_flight: Callable[[bool], None]) -> operations.Accepted:
            body = request.body(operations.Media(encoding, content_uri=uri))
            webhook = self.receiver.delivery_url(self.base_url, job.record.path)
            return await operations.submit(self._transport, request.path, body, webhook=webhook, in_flight=in_flight)

        self.dispatcher.begin(job, recording, send)

    def lend(self, recording: Recording) -> tuple[str, Callable[[], None]]:
        """A URI for the recording, and what ends the loan."""
        if recording.url is not None or recording.path is None:
            return recording.url or "", lambda: None
        path = recording.path
        try:
            changed = stamp(path) != recording.stamp
            name, uri = self.receiver.share(self.base_url, path, recording.content_type, recording.stamp)
        except OSError as error:
            raise MediaNotFoundError(f"{path} is gone: {error}.", "Check the path.", source=str(path)) from error
        if changed:
            self.receiver.shelf.withdraw(name)
            raise MediaError(f"{path} changed after it was asked about.", "Ask again.", source=str(path))

        def end() -> None:
            self.receiver.shelf.withdraw(name)
            if recording.temporary:
                path.unlink(missing_ok=True)

        return uri, end

    async def open_url(self, url: str, encoding: str | None) -> Recording:
        """A look at a recording that is named by its URL."""
        async with aiohttp.ClientSession(trust_env=not is_local(url)) as http:
            return await open_url(url, http=http, encoding=encoding)

    async def service_gone(self, message: str) -> None:
        """End what waits for an embedded service that is no more."""
        for job in self._book.under_way():
            error = SessionClosedError(message, "Connect again and ask again: ai = aijupyter.connect().")
            await self.dispatcher.expire(job, error)

    async def _job_status(self, job_id: str) -> bytes:
        return (await operations.job_status(self._transport, job_id)).body


def _choose_tunnel(settings: Settings, server_url: str) -> Tunnel:
    """How the server reaches the receiver: a server on this machine needs no way from outside."""
    if settings.uses_embedded:  # whatever public URL is set: what it is promised stays on this machine
        return FixedTunnel()
    if settings.public_url is not None:
        return FixedTunnel(settings.public_url)
    if is_local(server_url):
        return FixedTunnel()
    if settings.ngrok_token is not None:
        return NgrokTunnel(settings.ngrok_token)
    raise ConfigurationError(
        f"{server_url} cannot reach this machine: there is no public URL for its answers.",
        "Give your own: connect(public_url='https://...') or AIJUPYTER_PUBLIC_URL; or set NGROK_AUTHTOKEN for ngrok.",
    )


def _read(record: JobRecord, envelope: Envelope) -> Result:
    from aijupyter.results import read_result  # noqa: PLC0415  # pandas is loaded when first needed

    return read_result(record, envelope)


def _elsewhere(record: JobRecord) -> JobError:
    return JobError(
        f"Job {record.id} is {record.state} in another session's hands, so this one cannot wait for it.",
        f"If that session still works, its answer will be in the ledger: ai.job({record.key!r}) again. Else ask again.",
        job_id=record.id,
    )


async def _ready(recording: Recording) -> Recording:
    return recording
