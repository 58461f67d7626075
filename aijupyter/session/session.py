"""Session: what a person holds. It owns the start and the stop of the parts that do the work."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib.util
import os
import threading
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_urlsafe
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from aijupyter import embedded
from aijupyter.api.auth import Credentials
from aijupyter.api.transport import Transport
from aijupyter.config import Secret, Settings
from aijupyter.config.rows import settings_rows
from aijupyter.errors import (
    CONNECT_AGAIN,
    AIJupyterError,
    JobError,
    JobNotFoundError,
    LedgerError,
    LocalExtraMissingError,
    PortalError,
    SessionClosedError,
)
from aijupyter.jobs.book import JobBook
from aijupyter.jobs.job import Job
from aijupyter.logs import logger
from aijupyter.media import MediaSource, Texts, digest, dump_recording, is_url, open_local, shown_url, without_token
from aijupyter.models import UNDER_WAY, JobRecord, JobState, Recording, now
from aijupyter.portal import Portal
from aijupyter.protocols import Ledger
from aijupyter.session.batches import Batches, Prepared
from aijupyter.session.checking import Checking
from aijupyter.session.desk import SessionDesk
from aijupyter.session.exploring import Exploring
from aijupyter.session.gateway import GatewayStatus
from aijupyter.session.joining import Joining
from aijupyter.session.keeping import Keeping
from aijupyter.session.measures import Measure, measure
from aijupyter.session.measuring import Measuring
from aijupyter.session.parts import Parts, Server, account_of, other_ledger, shown_place
from aijupyter.session.recordings import Recordings
from aijupyter.session.rows import opened
from aijupyter.session.speakers import Speakers
from aijupyter.session.verbs import Question

if TYPE_CHECKING:
    import pandas as pd

log = logger(__name__)

T = TypeVar("T")

START_SECONDS = 300.0
STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """What a session is doing. `server` is the API's address, `public_url` where deliveries are sent, and `way_in` how
    they come there (None when it is closed).

    `answering` is False when the session is closed or its embedded service has ended. Its repr leaves out the URLs that
    lead to this kernel, for an output that shows it is saved.
    """

    open: bool
    answering: bool
    embedded: bool
    server: str = field(repr=False)
    public_url: str = field(repr=False)
    receiver_url: str = field(repr=False)
    way_in: GatewayStatus | None
    ledger: str
    under_way: int
    models: str


class Session(Batches, Joining, Recordings, Speakers, Keeping, Exploring, Checking, Measuring):
    """A line to the AI: it asks, receives and remembers. `aijupyter.connect` makes it, `close` or a `with` ends it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._book = JobBook()
        self._portal = Portal()
        self._lock = threading.Lock()
        self._service: embedded.EmbeddedService | None = None
        self._undo: list[Callable[[], object]] = []
        self._desk = SessionDesk(self._portal, self._book)
        self._pid = os.getpid()

    def start(self) -> Self:
        """Start everything, and undo all of it where a part cannot. Does nothing when open."""
        with self._lock:
            if self._desk.parts is None:
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
        parts, place = self._desk.parts, self.settings.ledger
        service = self._service if parts else None
        models = (service.models_state or {}).get("message", "not loaded yet") if service else ""
        return SessionStatus(
            open=parts is not None,
            answering=parts is not None and (service is None or service.alive),
            embedded=self.settings.uses_embedded,
            server=parts.server.url if parts else self.settings.server_url,
            public_url=parts.gateway.status.public_url if parts else "",
            receiver_url=parts.receiver.url if parts else "",
            way_in=parts.gateway.status if parts else None,
            ledger=shown_place(place),
            under_way=parts.under_way if parts else 0,
            models=str(models),
        )

    @property
    def config(self) -> pd.DataFrame:
        """Every setting, where it came from, and its value as text, secrets masked: `setting`, `value`, `source`."""
        import pandas as pd  # noqa: PLC0415  # pandas is loaded when first needed

        return pd.DataFrame(settings_rows(self.settings), columns=["setting", "value", "source"], dtype="string")

    def __repr__(self) -> str:
        status = self.status
        where = "embedded AI service" if status.embedded else status.server
        return f"<Session {'open' if status.open else 'closed'}: {where}, {status.under_way} jobs under way>"

    def job(self, job_id: str) -> Job[Any]:
        """Pick a job up again, by the provider's id or by our key. Raises JobNotFoundError."""
        parts = self._desk.open_parts()
        job = self._book.get(job_id)
        if job is not None and not job.given_up:
            return job
        record = self._portal.call(parts.ledger.find, job_id)
        if record is None:
            raise JobNotFoundError(
                f"The ledger holds no job {job_id!r}.", "ai.jobs() lists those it holds.", job_id=job_id
            )
        return self._portal.call(self._attach, record, True)

    def _peek(self, job_id: str) -> Job[Any] | None:
        record = self._call(self._ledger.find, job_id)
        return None if record is None else Job(record, self._desk, keep=False)

    def _ask(self, question: Question, media: MediaSource | Texts) -> Job[Any]:
        """Write a question down and put it in line, or find the job that exists."""
        return self._submit(self._prepare(question, media), keep=True)

    def _prepare(self, question: Question, media: MediaSource | Texts) -> Prepared:
        """All that is to be written down of a question; bytes and file objects are copied."""
        parts = self._desk.open_parts()
        key = str(uuid.uuid4())
        recording = _open(media, parts.lender.spool, question.encoding, key)
        record = JobRecord(
            key=key,
            path=token_urlsafe(32),
            server=parts.server.name,
            account=parts.server.account,
            operation=question.request.operation,
            recording=recording.name,
            options=question.request.options(),
            state=JobState.WRITTEN,
            created=now(),
            media=dump_recording(recording),
            source=dump_recording(recording) if recording.path and not recording.temporary else None,
            host=parts.owner.host if recording.path else "",
            fingerprint=question.fingerprint(digest(recording), parts.server.name),
            owner=parts.owner.id,
        )
        token_left_out = recording.url is not None and without_token(recording.url) != recording.url
        return Prepared(record, recording.url if token_left_out else None, question.fresh)

    def _submit(self, prepared: Prepared, *, keep: bool) -> Job[Any]:
        """Write a prepared question down; may be tried again with the same one after a LedgerError."""
        if self._portal.is_own_thread():
            raise PortalError("A question cannot be asked from the session's own thread.", "Ask it from a cell.")
        try:
            return self._portal.call(self._add_whole, prepared, keep)
        except PortalError:
            raise SessionClosedError("The session was closed.", CONNECT_AGAIN) from None

    async def _add_whole(self, prepared: Prepared, keep: bool) -> Job[Any]:
        """Interrupting the cell does not stop it half-way, when the job is written down and nobody sends it."""
        return await asyncio.shield(asyncio.create_task(self._add(prepared, keep)))

    async def _add(self, prepared: Prepared, keep: bool) -> Job[Any]:
        parts, record = self._desk.open_parts(), prepared.record
        written: JobRecord | None = None
        try:
            written = await parts.ledger.add(record, fresh=prepared.fresh)
        except LedgerError:  # a commit whose answer was lost may have been done, now or at the last try
            with contextlib.suppress(LedgerError):
                written = await parts.ledger.find(record.key)
            if written is None:
                parts.look_for(record.key)
                raise
        if written.key != record.key and written.media == record.media:  # one of a dead session, with what we brought
            parts.lender.inherit(written.key, record.key, prepared.url)
        elif written.key != record.key:
            parts.lender.recall(record.key)
        if written.key != record.key:
            return await self._attach(written, keep)
        job = self._book.add(Job(written, self._desk, keep=keep))
        parts.dispatcher.attend(job)
        parts.begin(written, prepared.url)
        about = {"event": "job.asked", "job": written.key, "operation": written.operation, "session": parts.owner.id}
        log.info("job %s is asked: %s %r", written.key, written.operation, written.recording, extra=about)
        return job

    async def _attach(self, record: JobRecord, keep: bool) -> Job[Any]:
        """The handle on a job of the ledger. What this session should do for it and does not, it does from now on."""
        parts = self._desk.open_parts()
        job = self._book.add(Job(record, self._desk, keep=keep))
        await parts.dispatcher.reload(record.key)  # it may have changed since, with nobody to hear of it
        if job.state in UNDER_WAY and not parts.serves(job.record):
            job.fail(_elsewhere(job.record, parts.server))
        parts.look_after(job.record)
        parts.dispatcher.attend(job)
        return job

    def _failed_job(self, record: JobRecord) -> Job[Any]:
        return Job(record, self._desk)

    def _forgotten(self, record: JobRecord) -> None:
        self._portal.post(self._desk.open_parts().dispatcher.forgotten, record.key)

    def _measures(self) -> list[Measure]:
        parts = self._desk.open_parts()

        async def read() -> list[Measure]:
            return measure(parts)

        return self._call(read)

    def _open_other(self, place: Path, *, new: bool) -> Ledger:
        return other_ledger(place, new=new)

    def _call(self, function: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        return self._desk.call(function, *args)

    @property
    def _open_parts(self) -> Parts:
        return self._desk.open_parts()

    @property
    def _transport(self) -> Transport:
        return self._open_parts.transport

    @property
    def _ledger(self) -> Ledger:
        return self._open_parts.ledger

    def _start(self) -> None:
        server = self._find_server()
        self._portal.start()
        self._undo.append(self._portal.stop)
        parts = Parts(self.settings, self._book, self._portal, server)
        self._undo.append(lambda: self._portal.call(parts.close, timeout=STOP_SECONDS))
        self._portal.call(parts.open, timeout=START_SECONDS)
        atexit.register(self.close)
        self._undo.append(lambda: atexit.unregister(self.close))
        self._desk.parts = parts
        about = {"event": "session.opened", "session": parts.owner.id, "server": server.name}
        about |= {"ledger": shown_place(self.settings.ledger), "delivery": self.settings.delivery}
        log.info("a session with %s is open", server.name, extra=about)

    def _stop(self) -> None:
        if self._desk.parts is not None:
            about = {"event": "session.closed", "session": self._desk.parts.owner.id}
            log.info("the session with %s is closed", self._desk.parts.server.name, extra=about)
        self._desk.parts = None
        if os.getpid() != self._pid:  # a forked copy must not undo what its parent uses
            self._undo.clear()
        while self._undo:
            undo = self._undo.pop()
            try:
                undo()
            except Exception:
                log.exception("a part of the session could not be stopped", extra={"event": "bug"})

    def _find_server(self) -> Server:
        settings = self.settings
        if not settings.uses_embedded:
            assert settings.client_id and settings.client_secret and settings.jwt  # noqa: S101, PT018  # checked by load
            credentials = Credentials(settings.client_id, settings.client_secret, settings.jwt)
            return Server(settings.server_url, account_of(credentials), settings.server_url, credentials)
        if settings.engine == "local" and importlib.util.find_spec("faster_whisper") is None:
            raise LocalExtraMissingError(
                "The embedded AI service needs the packages of the 'local' extra.",
                "Install them: pip install 'aijupyter[local]'. Or give an account's credentials: see the README.",
            )
        service = embedded.acquire(
            model=settings.model,
            engine=settings.engine,
            fetch_from=settings.fetch_from,
            receiver_host=settings.host,
            store=settings.store,
            executor=settings.executor,
        )
        self._service = service
        self._undo.append(lambda: embedded.release(service))
        self._undo.append(service.subscribe(self._hear))
        credentials = Credentials(service.client_id, Secret(service.client_secret), Secret(service.jwt))
        name = f"embedded:{settings.engine}:{settings.model}"
        return Server(name, account_of(credentials), service.url, credentials)

    def _hear(self, event: dict[str, Any]) -> None:
        """Take over what the embedded service tells. Called from its reader's thread."""
        match event.get("event"):
            case "progress":
                job = self._book.get(str(event.get("jobId")))
                if job is not None:
                    job.advance(float(event.get("share") or 0.0))
            case "gone" if self._desk.parts is not None:
                with contextlib.suppress(AIJupyterError):
                    self._portal.submit(self._desk.parts.mourn, str(event.get("message")))


def _open(media: MediaSource | Texts, spool: Path, encoding: str | None, key: str) -> Recording:
    if isinstance(media, Texts):
        return Recording(media.name, "", "")
    media, name = opened(media)
    if isinstance(media, str) and is_url(media):
        return Recording(name or shown_url(media), "", encoding or "", url=media)
    return open_local(media, spool=spool, encoding=encoding, spool_name=key)


def _elsewhere(record: JobRecord, server: Server) -> JobError:
    if record.server == server.name:
        problem, way = f"Job {record.id} was asked with another account.", "Connect with that one"
    else:
        problem, way = (
            f"Job {record.id} was asked of {record.server}, and this session is with another.",
            "Connect to it",
        )
    return JobError(
        problem, f"{way}, and ai.job({record.key!r}) waits for it; or ask again: fresh=True.", job_id=record.id
    )
