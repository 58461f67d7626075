"""What stands behind the receiver in a session, without the provider: dispatcher, job handles, a ledger on the disk."""

from __future__ import annotations

import asyncio
import secrets
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from aijupyter.envelope import Envelope
from aijupyter.jobs import Job
from aijupyter.jobs.book import JobBook
from aijupyter.jobs.dispatch import Dispatcher
from aijupyter.jobs.reconcile import Reconciler
from aijupyter.ledger.sqlite import SQLiteLedger
from aijupyter.media import dump_recording
from aijupyter.models import Delivery, JobRecord, JobState, Operation, Recording, Selection, Verdict, now
from aijupyter.receiver.app import DELIVERY_PREFIX
from aijupyter.receiver.server import Receiver

OWNER = "benchmark"
MAX_BODY = 64 << 20


def make_record(number: int, state: JobState = JobState.SUBMITTED) -> JobRecord:
    """A job of which the answer is awaited."""
    key = str(uuid.uuid4())
    return JobRecord(
        key=key,
        path=secrets.token_urlsafe(32),
        server="https://platform.ringcentral.com",
        operation=Operation.TRANSCRIBE,
        recording=f"call-{number:06}.wav",
        options={"languageCode": "en-US", "enableSpeakerDiarization": True},
        state=state,
        created=now(),
        account="12345678",
        media=dump_recording(
            Recording(f"call-{number:06}.wav", "audio/wav", "Wav", Path(f"/calls/call-{number:06}.wav"))
        ),
        host="notebook",
        fingerprint=secrets.token_hex(16),
        owner=OWNER,
        job_id=str(uuid.uuid4()),
        submitted=now(),
    )


def port_of(receiver: Receiver) -> int:
    """Where a receiver listens."""
    return urlsplit(receiver.url).port or 0


class Forgetful:
    """An Inbox that takes everything and keeps nothing."""

    async def expects(self, path: str) -> bool:  # noqa: ARG002
        """Any path will do."""
        return True

    async def accept(self, delivery: Delivery) -> Verdict:  # noqa: ARG002
        """Forget it."""
        return Verdict.ANSWERED


class Nobody:
    """The session's side that no delivery needs: nothing is sent, nothing is lent."""

    def __init__(self) -> None:
        self.book = JobBook()

    async def ask(self, job_id: str) -> bytes:
        """Nobody asks within an hour."""
        raise AssertionError(job_id)

    def recall(self, key: str) -> None:
        """Nothing was lent."""

    def changed(self, job: Job[Any]) -> None:
        """As a session does."""
        self.book.changed(job)

    def read(self, record: JobRecord, envelope: Envelope) -> Any:  # noqa: ARG002
        """The answer as it came."""
        return envelope.raw

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


class Ours:
    """A receiver that can be posted to."""

    def __init__(self, path: Path) -> None:
        self.ledger = SQLiteLedger(path)
        self.desk: Any = Nobody()
        self.dispatcher = Dispatcher(
            ledger=self.ledger,
            book=self.desk.book,
            owner=OWNER,
            expect=self._expect,
            settled=self._settled,
        )
        self.reconciler = Reconciler(inbox=self.dispatcher, ask=self.desk.ask, owner=OWNER, seconds=3600)
        self.receiver = Receiver(self.dispatcher, host="127.0.0.1", port=0, max_body=MAX_BODY)

    async def __aenter__(self) -> Self:
        await self.ledger.open()
        await self.receiver.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.receiver.stop()
        await self.ledger.close()

    def _expect(self, record: JobRecord) -> None:
        self.reconciler.expect(record)

    def _settled(self, key: str) -> None:
        self.reconciler.settled(key)

    @property
    def port(self) -> int:
        """Where the receiver listens."""
        return port_of(self.receiver)

    async def prepare(self, number: int) -> list[str]:
        """The paths of so many new jobs."""
        records = await asyncio.gather(*(self.ledger.add(make_record(place)) for place in range(number)))
        for record in records:
            self.hold(record)
        return [DELIVERY_PREFIX + record.path for record in records]

    def hold(self, record: JobRecord) -> Job[Any]:
        """All that a session has of a job whose answer is awaited: its handle, its path, its place among the silent."""
        job = self.desk.book.add(Job(record, self.desk, keep=False))
        self.reconciler.expect(record)
        return job

    async def report(self) -> dict[str, Any]:
        """What was kept, for the check that nothing was lost: jobs in all, jobs answered, what the receiver counted."""
        succeeded = Selection(states=frozenset({JobState.SUCCEEDED}))
        return {
            "jobs": await self.ledger.count(Selection()),
            "answered": await self.ledger.count(succeeded),
            "counts": dict(self.receiver.snapshot().kept),
        }
