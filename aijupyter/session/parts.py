"""The parts of an open session, put together: the one module of the session's side that names concrete ones."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import platform
import time
import uuid
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aijupyter.api import operations
from aijupyter.api.auth import Credentials
from aijupyter.api.budget import Priority
from aijupyter.api.transport import Attempt, Transport
from aijupyter.config import Secret, Settings, data_folder, is_local
from aijupyter.errors import LedgerError, PortalError, SessionClosedError
from aijupyter.jobs.book import JobBook
from aijupyter.jobs.dispatch import Dispatcher
from aijupyter.jobs.reconcile import Reconciler
from aijupyter.jobs.sending import Sender
from aijupyter.jobs.verify import Verifier
from aijupyter.ledger.postgres import PostgresLedger
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.logs import logger
from aijupyter.media import shown_url
from aijupyter.models import UNDER_WAY, Delivery, JobRecord, JobState, Owner, now
from aijupyter.portal import Portal
from aijupyter.protocols import LEASE_SECONDS, Inbox, Ledger
from aijupyter.receiver.server import Receiver
from aijupyter.session.gateway import Gateway
from aijupyter.session.lending import Lender
from aijupyter.session.ways import ways_in

log = logger(__name__)

EMBEDDED_POLL_SECONDS = 10.0
NUDGE_SECONDS = 1.0
MOST_RELOADED = 100
LOOKING_SECONDS = (1.0, 5.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask, and with what credentials. `name` and `account` are what the ledger calls them."""

    name: str
    account: str
    url: str
    credentials: Credentials


def account_of(credentials: Credentials) -> str:
    """A short digest that tells accounts apart and says nothing of them."""
    return hashlib.sha256(credentials.client_id.encode()).hexdigest()[:8]


def make_ledger(place: Path | Secret) -> Ledger:
    """The ledger at a path, or at the URL of a PostgreSQL database."""
    return SQLiteLedger(place) if isinstance(place, Path) else PostgresLedger(place.reveal())


def make_receiver(inbox: Inbox, settings: Settings) -> Receiver:
    """The receiver that hands its deliveries to an inbox."""
    url = settings.public_url or ""
    return Receiver(
        inbox,
        host=settings.host,
        port=settings.port,
        max_body=settings.max_body,
        media_seconds=settings.media_seconds,
        prefix="" if "{port}" in url else urlsplit(url).path,
    )


def other_ledger(place: Path, *, new: bool) -> Ledger:
    """A ledger file to copy to, which must not be there yet, or from. Not open. Raises LedgerError."""
    if new and place.exists():
        raise LedgerError(f"{place} is there already.", "Name a file that is not.", path=str(place))
    if not new and not place.is_file():
        raise LedgerError(f"There is no file {place}.", "Check the path.", path=str(place))
    return SQLiteLedger(place)


def shown_place(place: Path | Secret) -> str:
    """Where the ledger is, without a password."""
    return str(place) if isinstance(place, Path) else shown_url(place.reveal())


def spool_of(place: Path | Secret) -> Path:
    """Where private copies of recordings wait for their jobs' end."""
    if isinstance(place, Path):
        return place.with_name(f"{place.name}.spool")
    return data_folder() / f"spool-{hashlib.sha256(place.reveal().encode()).hexdigest()[:8]}"


class Parts:
    """What lives in the portal's loop while a session is open."""

    def __init__(self, settings: Settings, book: JobBook, portal: Portal, server: Server) -> None:
        self.server = server
        self.owner = Owner(uuid.uuid4().hex, server.name, server.account, platform.node())
        self.ledger = make_ledger(settings.ledger)
        self.dispatcher = Dispatcher(
            ledger=self.ledger,
            book=book,
            owner=self.owner.id,
            expect=self._expect,
            settled=self._settled,
            verify=settings.verify == "status",
            held=self._held,
        )
        self.receiver = make_receiver(self.dispatcher, settings)
        near = settings.uses_embedded or is_local(server.url)
        self.gateway = Gateway(ways_in(settings, server.url), near=near, disturbed=self._disturbed)
        account_at = None if settings.uses_embedded else server.url
        self.lender = Lender(self.receiver, spool_of(settings.ledger), account_at=account_at)
        self.sender = Sender(
            ledger=self.ledger,
            dispatcher=self.dispatcher,
            post=self,
            owner=self.owner.id,
            free=settings.uses_embedded,
        )
        seconds = min(settings.poll_seconds, EMBEDDED_POLL_SECONDS if settings.uses_embedded else float("inf"))
        self.reconciler = Reconciler(inbox=self.dispatcher, ask=self._job_status, owner=self.owner.id, seconds=seconds)
        self.verifier = Verifier(ledger=self.ledger, reconciler=self.reconciler, book=book, serves=self.serves)
        self._settings = settings
        self._book = book
        self._portal = portal
        self._looking: set[asyncio.Task[None]] = set()
        self.opened = time.monotonic()
        self._stack = contextlib.AsyncExitStack()

    async def open(self) -> None:
        """Start each part; `close` stops those that were started, in reverse."""
        stack = self._stack
        await self.ledger.open()
        stack.push_async_callback(self.ledger.close)
        await self.receiver.start()
        stack.push_async_callback(self.receiver.stop)
        await self.gateway.open(self.receiver.url)
        stack.push_async_callback(self.gateway.close)
        self.transport = Transport(self.server.url, self.server.credentials)
        stack.push_async_callback(self.transport.close)
        stack.callback(self.dispatcher.give_up, _closed)
        stack.push_async_callback(self._release)
        stack.push_async_callback(self.dispatcher.close)
        stack.push_async_callback(self.sender.close)
        stack.callback(self._stop_looking)
        stack.callback(self.ledger.watch(self._hear))
        await self._claim()
        self.sender.start()
        self._claiming = asyncio.create_task(self._keep_claiming(), name="claim")
        stack.callback(self._claiming.cancel)
        for work in (self.reconciler.run(), self._nudge(), self.lender.sweep(self.ledger)):
            stack.callback(asyncio.create_task(work).cancel)
        if self._settings.verify == "status":
            self._look(self.verifier.resume())

    async def close(self) -> None:
        """Stop everything, in reverse. Jobs under way are free for the next session."""
        await self._stack.aclose()

    async def mourn(self, message: str) -> None:
        """The embedded service is no more: end every wait, and leave its jobs to the next session."""
        self._claiming.cancel()
        await self.sender.close()
        await self._release()
        self.dispatcher.give_up(lambda record: _goes_on(message, record))

    def serves(self, record: JobRecord) -> bool:
        """Whether a job was asked of this session's server by its account, or of an embedded service like its own."""
        same = self._settings.uses_embedded or record.account in {self.server.account, ""}  # of an earlier version
        return same and record.server == self.server.name

    @property
    def under_way(self) -> int:
        """How many jobs this session takes care of."""
        return len(self.sender.line) + len(self.reconciler)

    def begin(self, record: JobRecord, url: str | None) -> None:
        """Send a job that was written down; `url` is its recording's with what the ledger does not keep."""
        if url is not None:
            self.lender.remember(record.key, url)
        self.sender.enqueue(record)

    def place(self, key: str) -> tuple[int, float | None] | None:
        """A job's place in line, and the seconds until its turn."""
        place = self.sender.line.place(key)
        return None if place is None else (place, self.transport.budget.eta(place))

    # How a job gets to the provider.

    async def send(self, record: JobRecord, attempt: Attempt) -> operations.Accepted:
        """Lend the recording out and submit the question."""
        reach = await self.gateway.reach()
        loan = await self.lender.lend(record, reach.media)
        webhook = self.receiver.delivery_url(reach.deliveries, record.path)
        path = operations.PATHS[record.operation]
        body, good_for = loan.body(record.options), loan.token_seconds
        async with self.lender.room_for(loan):
            return await operations.submit(
                self.transport, path, body, webhook=webhook, good_for=good_for, attempt=attempt
            )

    def _expect(self, record: JobRecord) -> None:
        self.reconciler.expect(record)
        self.verifier.accepted(record)

    def _held(self, record: JobRecord, delivery: Delivery) -> None:
        self.verifier.held(record, delivery)

    def _disturbed(self) -> None:
        self.reconciler.hasten()

    def _settled(self, key: str) -> None:
        self.reconciler.settled(key)
        self.lender.recall(key)

    async def _job_status(self, job_id: str) -> bytes:
        # Where nothing else brings answers, status calls have their turn among the submissions.
        alone = self.gateway.is_alone or self._settings.verify == "status"
        priority = Priority.SUBMISSION if alone else Priority.POLL
        return (await operations.job_status(self.transport, job_id, priority=priority)).body

    # What goes on by itself.

    async def _claim(self) -> None:
        for record in await self.ledger.claim(self.owner, at=now()):
            about = {"event": "job.taken_over", "job": record.key, "state": record.state}
            log.info("job %s is taken over, %s", record.key, record.state, extra=about)
            self.look_after(record)
            self.dispatcher.take_over(record)

    def look_after(self, record: JobRecord) -> None:
        """Do what is to be done for a job in this session's care, if it is not done already."""
        if record.owner != self.owner.id:
            return
        if record.state is JobState.WRITTEN:
            self.sender.enqueue(record, patient=True)
        elif record.state in UNDER_WAY and record.job_id is not None:
            self.reconciler.expect(record, overdue=True)

    def look_for(self, key: str) -> None:
        """A job that could not be written down, by what the ledger said, may have been: then it is looked after."""
        self._look(self._look_for(key))

    def _look(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look_for(self, key: str) -> None:
        for seconds in LOOKING_SECONDS:
            await asyncio.sleep(seconds)
            with contextlib.suppress(LedgerError):
                record = await self.ledger.find(key)
                if record is not None:
                    self.look_after(record)
                return

    async def _keep_claiming(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 4)
            try:
                await self._claim()
            except LedgerError as error:
                about = {"event": "ledger.failed", "error": type(error).__name__}
                log.warning("the ledger could not be asked for jobs to take over: %s", error, extra=about)
            except Exception:
                log.exception("jobs could not be taken over", extra={"event": "bug"})

    async def _release(self) -> None:
        with contextlib.suppress(LedgerError):  # then the lease runs out
            await self.ledger.release(self.owner.id)

    def _hear(self, keys: Sequence[str]) -> None:
        """Another session changed jobs. Called from the ledger's thread."""
        with contextlib.suppress(PortalError):
            self._portal.post(self.dispatcher.news, keys)
            if self._settings.verify == "status":
                self._portal.post(self._look_again, keys)

    def _look_again(self, keys: Sequence[str]) -> None:
        self._look(self.verifier.look(keys))

    def _stop_looking(self) -> None:
        for task in self._looking:
            task.cancel()

    async def _nudge(self) -> None:
        """Places in line change without any job changing; and what others do for a job may go unheard."""
        rounds = 0
        while True:
            await asyncio.sleep(NUDGE_SECONDS)
            rounds += 1
            watched = [job for job in self._book.under_way() if job.watched]
            for job in watched:
                if job.state is JobState.WRITTEN:
                    job.nudge()
            if rounds % 5 == 0:
                self.dispatcher.news([job.key for job in watched if job.record.owner != self.owner.id][:MOST_RELOADED])


def _closed(record: JobRecord) -> SessionClosedError:
    return _goes_on(f"The session was closed while job {record.id} was {record.state}.", record)


def _goes_on(problem: str, record: JobRecord) -> SessionClosedError:
    return SessionClosedError(problem, f"Connect again, and it goes on by itself: ai.job({record.key!r}) waits for it.")
