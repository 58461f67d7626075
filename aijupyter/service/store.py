"""What survives the service: its jobs, the enrolled voices, and the credentials it answers to.

A job is kept for the client that sent it (`account`, its client id), and belongs to the service that accepted it for as
long as that one lives. What was asked is removed at its end, where its answer goes when it was posted, and the answer
when it expires. Voices belong to all who use the store.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from aijupyter.models import Operation, VoicePrint
from aijupyter.service.alive import Registry
from aijupyter.service.database import ServiceDatabase
from aijupyter.service.jobs import ServiceJob
from aijupyter.service.options import Credentials

_CREDENTIALS = "credentials"


@dataclass(frozen=True, slots=True)
class EnrolledVoice:
    """A voice by its speaker's id. `revision` counts what was added to it."""

    speaker_id: str
    print: VoicePrint
    revision: int


class Store:
    """The store in the file at `path`; the content of jobs under way lies in a folder beside it.

    One that is not `durable` is for a service whose store ends with it.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path = path.absolute()
        self.folder = path.parent / f"{path.name}.media"
        self._database = ServiceDatabase(path, durable=durable)
        self._registry = Registry(path.parent / f"{path.name}.alive")

    async def open(self) -> None:
        """Open it, and be seen by others that use it. Raises ServiceError."""
        try:
            await self._database.open()
            await self._database.run(lambda _: self._enter())
        except BaseException:
            await self._database.close()
            raise

    async def close(self) -> None:
        """Leave it to others. Idempotent."""
        with suppress(Exception):  # whoever finds the file of a dead process takes it away
            await self._database.run(lambda _: self._leave())
        await self._database.close()

    async def credentials(self, make: Callable[[], Credentials]) -> Credentials:
        """The credentials that were kept, or those that `make` makes, kept from now on."""

        def read(db: sqlite3.Connection) -> Credentials:
            kept = _fact(db, _CREDENTIALS)
            if kept is not None:
                return Credentials(*json.loads(kept))
            made = make()
            _keep(db, _CREDENTIALS, json.dumps([made.client_id, made.client_secret, made.jwt]))
            return made

        return await self._database.run(read)

    async def last_port(self) -> int:
        """Where the last service on this store listened; 0 where there was none."""
        return int(await self._database.run(lambda db: _fact(db, "port")) or 0)

    async def keep_port(self, port: int) -> None:
        """Remember where this one listens."""
        await self._database.run(lambda db: _keep(db, "port", str(port)))

    # Jobs.

    def new_file(self) -> Path:
        """Where the content of a job that is about to be accepted goes."""
        return self.folder / f"{self._registry.id}-{uuid4().hex}"

    async def add(self, job: ServiceJob, account: str) -> None:
        """Write down a job before it is acknowledged."""
        row = {
            **_columns(job),
            "account": account,
            "owner": self._registry.id,
            "webhook": job.webhook,
            "url": job.media if isinstance(job.media, str) else None,
            "file": job.media.name if isinstance(job.media, Path) else None,
            "options": json.dumps(job.options),
        }
        statement = f"INSERT INTO jobs ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608  # constants
        await self._database.run(lambda db: db.execute(statement, tuple(row.values())))

    async def end(self, job: ServiceJob) -> None:
        """Write down how a job ended, before anybody hears of it, and forget what was asked."""
        values = (job.status, job.response, len(job.response), _seconds(job.completed), job.job_id)
        statement = """UPDATE jobs SET status = ?, response = ?, bytes = ?, completed = ?,
            url = NULL, file = NULL, options = NULL WHERE job_id = ?"""
        await self._database.run(lambda db: db.execute(statement, values))
        if isinstance(job.media, Path):
            with suppress(OSError):  # one that is still open on Windows goes when the store is tidied
                job.media.unlink(missing_ok=True)

    async def delivered(self, job: ServiceJob) -> None:
        """Its answer was posted, whatever became of that: forget where to."""
        statement = "UPDATE jobs SET delivered = 1, webhook = NULL WHERE job_id = ?"
        await self._database.run(lambda db: db.execute(statement, (job.job_id,)))

    async def find(self, job_id: str, account: str) -> ServiceJob | None:
        """The account's job; None where it is unknown or has expired."""
        statement = "SELECT * FROM jobs WHERE job_id = ? AND account = ? AND expires > ?"
        values = (job_id, account, time.time())
        row = await self._database.run(lambda db: db.execute(statement, values).fetchone())
        return None if row is None else self._job(row)

    async def claim(self, account: str) -> Sequence[ServiceJob]:
        """Take over the account's jobs whose service is dead: unfinished ones, and answers that were not posted.

        A job that others' dead services left is removed where its account goes with its service, as that of a kernel
        does: nobody can ask for it any more.
        """
        return await self._database.run(lambda db: self._claim(db, account))

    async def tidy(self, most: int, most_bytes: int) -> None:
        """Remove what has expired, the oldest answers beyond `most` of them or `most_bytes`, and files of nobody."""
        await self._database.run(lambda db: self._tidy(db, most, most_bytes))
        await self._database.scrub()

    # Voices.

    async def voices(self) -> Sequence[EnrolledVoice]:
        """All of them, by their ids."""
        statement = "SELECT * FROM voices WHERE NOT deleted ORDER BY speaker_id"
        return [_voice(row) for row in await self._database.run(lambda db: db.execute(statement).fetchall())]

    async def voice(self, speaker_id: str) -> EnrolledVoice | None:
        """One voice, or None."""
        statement = "SELECT * FROM voices WHERE speaker_id = ? AND NOT deleted"
        row = await self._database.run(lambda db: db.execute(statement, (speaker_id,)).fetchone())
        return None if row is None else _voice(row)

    async def save_voice(self, voice: EnrolledVoice) -> bool:
        """Write a voice down if it is still as it was when it was read (`revision` 0: not there); else say False."""
        values = (
            json.dumps(voice.print.vector), voice.print.speech_seconds, voice.print.audio_seconds, voice.speaker_id
        )  # fmt: skip

        def save(db: sqlite3.Connection) -> bool:
            if voice.revision == 0:
                db.execute("DELETE FROM voices WHERE speaker_id = ? AND deleted", (voice.speaker_id,))
                statement = """INSERT INTO voices
                    (vector, speech_seconds, audio_seconds, speaker_id, revision, enrolled)
                    VALUES (?, ?, ?, ?, 1, ?) ON CONFLICT DO NOTHING"""
                return db.execute(statement, (*values, time.time())).rowcount == 1
            statement = """UPDATE voices SET vector = ?, speech_seconds = ?, audio_seconds = ?, revision = revision + 1
                WHERE speaker_id = ? AND revision = ? AND NOT deleted"""
            return db.execute(statement, (*values, voice.revision)).rowcount == 1

        return await self._database.run(save)

    async def forget_voice(self, speaker_id: str) -> bool | None:
        """Remove a voice. False where it was removed before, None where it never was."""

        def forget(db: sqlite3.Connection) -> bool | None:
            statement = "UPDATE voices SET deleted = 1, vector = NULL WHERE speaker_id = ? AND NOT deleted"
            if db.execute(statement, (speaker_id,)).rowcount:
                return True
            known = db.execute("SELECT 1 FROM voices WHERE speaker_id = ?", (speaker_id,)).fetchone()
            return False if known else None

        done = await self._database.run(forget)
        await self._database.scrub()
        return done

    # Within a transaction.

    def _enter(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._registry.enter()

    def _leave(self) -> None:
        self._registry.leave()
        with suppress(OSError):
            self.folder.rmdir()  # unless there are jobs under way

    def _claim(self, db: sqlite3.Connection, account: str) -> list[ServiceJob]:
        living = tuple(self._registry.living())
        alive = f"owner IN ({', '.join('?' * len(living))})"
        kept = _fact(db, _CREDENTIALS)
        lasting = json.loads(kept)[0] if kept else account
        db.execute(
            f"DELETE FROM jobs WHERE account NOT IN (?, ?) AND NOT {alive}",  # noqa: S608  # constants
            (account, lasting, *living),
        )
        where = f"account = ? AND NOT delivered AND NOT {alive}"
        rows = db.execute(f"SELECT * FROM jobs WHERE {where} ORDER BY created", (account, *living)).fetchall()  # noqa: S608
        db.execute(f"UPDATE jobs SET owner = ? WHERE {where}", (self._registry.id, account, *living))  # noqa: S608
        return [self._job(row) for row in rows]

    def _tidy(self, db: sqlite3.Connection, most: int, most_bytes: int) -> None:
        db.execute("DELETE FROM jobs WHERE expires <= ? AND delivered", (time.time(),))
        db.execute(
            """DELETE FROM jobs WHERE job_id IN (
                SELECT job_id FROM (
                    SELECT job_id, row_number() OVER newest AS place, sum(bytes) OVER newest AS size
                    FROM jobs WHERE delivered WINDOW newest AS (ORDER BY completed DESC, rowid DESC)
                ) WHERE place > 1 AND (place > ? OR size > ?)
            )""",
            (most, most_bytes),
        )
        needed = {name for (name,) in db.execute("SELECT file FROM jobs WHERE file IS NOT NULL")}
        living = self._registry.living()
        for file in self.folder.iterdir():
            if file.name not in needed and file.name.partition("-")[0] not in living:
                with suppress(OSError):
                    file.unlink(missing_ok=True)

    def _job(self, row: sqlite3.Row) -> ServiceJob:
        return ServiceJob(
            job_id=row["job_id"],
            request_id=row["request_id"],
            api=row["api"],
            operation=Operation(row["operation"]),
            webhook=row["webhook"] or "",
            media=self.folder / row["file"] if row["file"] else row["url"],
            options=json.loads(row["options"] or "{}"),
            lifetime=timedelta(seconds=round(row["expires"] - row["created"], 3)),
            created=datetime.fromtimestamp(row["created"], UTC),
            completed=None if row["completed"] is None else datetime.fromtimestamp(row["completed"], UTC),
            status=row["status"],
            response=row["response"] or "",
        )


def _columns(job: ServiceJob) -> Mapping[str, Any]:
    names = ("job_id", "request_id", "api", "operation", "status")
    columns = {name: str(getattr(job, name)) for name in names}
    return {**columns, "created": _seconds(job.created), "expires": _seconds(job.expires)}


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _voice(row: sqlite3.Row) -> EnrolledVoice:
    known = VoicePrint(tuple(json.loads(row["vector"])), row["speech_seconds"], row["audio_seconds"])
    return EnrolledVoice(row["speaker_id"], known, row["revision"])


def _fact(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _keep(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute("INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value))
