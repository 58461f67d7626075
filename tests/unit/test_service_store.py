"""The service's store by itself: what it keeps, for how long, and what it leaves on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aijupyter.models import Operation, VoicePrint
from aijupyter.service.alive import Registry
from aijupyter.service.jobs import ServiceJob
from aijupyter.service.options import Credentials
from aijupyter.service.server import opened
from aijupyter.service.store import EnrolledVoice

ROOT = Path(__file__).parents[2]


def ended(job_id: str, size: int = 10, lifetime: timedelta = timedelta(days=7), ago: float = 0.0) -> ServiceJob:
    """A job that has ended, with an answer of so many characters."""
    made = ServiceJob(job_id, "r", "/ai", Operation.PUNCTUATE, "http://x/hush", None, {"texts": ["hush"]}, lifetime)
    made.succeed("x" * size)
    made.completed = datetime.now(UTC) - timedelta(seconds=ago)
    return made


def bytes_of(folder: Path) -> bytes:
    """All that lies in a folder."""
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_the_store_keeps_what_there_is_room_for(tmp_path: Path) -> None:
    """The oldest answers make room, large ones sooner; jobs under way never, and the newest stays whatever its size."""
    async with opened(tmp_path / "service.db") as store:
        for place, (name, size) in enumerate((("a", 1), ("b", 1), ("c", 1), ("d", 99), ("e", 500))):
            job = ended(name, size, ago=10 - place)
            await store.add(job, "me")
            await store.end(job)
            if name != "b":  # whose answer is still to be posted
                await store.delivered(job)
            await store.tidy(most=2, most_bytes=100)
            kept = "".join([other for other in "abcde" if await store.find(other, "me")])
            assert kept == {"a": "a", "b": "ab", "c": "abc", "d": "bcd", "e": "be"}[name]


async def test_expired_jobs_are_removed(tmp_path: Path) -> None:
    """From the answers at once, from the disk when the store is tidied."""
    async with opened(tmp_path / "service.db") as store:
        job = ended("a-job-to-expire", lifetime=timedelta(seconds=0.2))
        await store.add(job, "me")
        await store.end(job)
        await store.delivered(job)
        assert await store.find(job.job_id, "me") is not None
        await asyncio.sleep(max(0.0, (job.expires - datetime.now(UTC)).total_seconds()))
        assert await store.find(job.job_id, "me") is None
        assert b"a-job-to-expire" in (tmp_path / "service.db-wal").read_bytes()
        await store.tidy(10, 1000)
        assert b"a-job-to-expire" not in bytes_of(tmp_path)


async def test_a_job_is_its_clients_alone(tmp_path: Path) -> None:
    """Another client's status call does not know it."""
    async with opened(tmp_path / "service.db") as store:
        await store.add(ended("1"), "me")
        assert await store.find("1", "me")
        assert await store.find("1", "you") is None


async def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Its times to the millisecond, its options, and its content's file."""
    async with opened(tmp_path / "service.db") as store:
        file = store.new_file()
        file.write_bytes(b"sound")
        job = ServiceJob("1", "2", "/ai", Operation.TRANSCRIBE, "http://x", file, {"a": [1, "ä"]}, timedelta(days=7))
        await store.add(job, "me")
        read = await store.find("1", "me")
        assert read is not None
        assert (read.envelope(), read.media, read.options, read.webhook) == (
            job.envelope(),
            file,
            job.options,
            "http://x",
        )


async def test_credentials_are_made_once(tmp_path: Path) -> None:
    """The next start finds those of the first."""
    for secret in ("first", "second"):
        async with opened(tmp_path / "service.db") as store:
            found = await store.credentials(lambda secret=secret: Credentials("id", secret, "jwt"))
            assert found.client_secret == "first"


async def test_a_deleted_voice_leaves_nothing(tmp_path: Path) -> None:
    """What tells a person by the voice is overwritten, not only hidden; that there was one is kept for the 410."""
    async with opened(tmp_path / "service.db") as store:
        print_ = VoicePrint((0.123456789, 0.5), 13.0, 14.0)
        assert await store.save_voice(EnrolledVoice("jane", print_, 0))
        assert not await store.save_voice(EnrolledVoice("jane", print_, 0)), "somebody else was faster"
        known = await store.voice("jane")
        assert known is not None
        assert (known.print, known.revision) == (print_, 1)
        assert await store.forget_voice("jane") is True
        assert b"0.123456789" not in bytes_of(tmp_path)
        assert not await store.save_voice(known), "what is added to a deleted voice does not bring it back"
        assert await store.forget_voice("jane") is False
        assert await store.forget_voice("joe") is None


async def test_files_of_nobody_are_removed(tmp_path: Path) -> None:
    """What a killed service was writing goes; what a living one writes stays."""
    async with opened(tmp_path / "service.db") as store:
        own = store.new_file()
        own.write_bytes(b"x")
        stray = store.folder / "dead-1"
        stray.write_bytes(b"x")
        await store.tidy(10, 10)
        assert own.exists()
        assert not stray.exists()
        own.unlink()


CHILD = """
import os, sys, time
from pathlib import Path
from aijupyter.service.alive import Registry
registry = Registry(Path(sys.argv[1]))
registry.enter()
if sys.argv[2] == "fork" and os.fork() == 0:
    time.sleep(30)
print(registry.id, os.getpid(), flush=True)
time.sleep(30)
"""


@pytest.mark.skipif(os.name != "posix", reason="forks and kills")
@pytest.mark.parametrize("kind", ["plain", "fork"])
def test_a_killed_service_is_dead(tmp_path: Path, kind: str) -> None:
    """At once, though a process that it forked lives on."""
    own = Registry(tmp_path)
    own.enter()
    command = [sys.executable, "-c", CHILD, str(tmp_path), kind]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True) as child:
        assert child.stdout is not None
        try:
            other, _ = child.stdout.readline().split()
            assert own.living() == {own.id, other}
            child.kill()
            child.wait(10)
            assert own.living() == {own.id}
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, 9)
    own.leave()
    own.leave()
    assert not tmp_path.exists() or not list(tmp_path.iterdir())
