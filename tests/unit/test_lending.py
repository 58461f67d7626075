"""How a recording gets to the provider: by URL where it can be fetched, within the request where it cannot."""

from __future__ import annotations

import asyncio
import base64
import json
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aijupyter.api import protected
from aijupyter.config import Secret
from aijupyter.errors import MediaError
from aijupyter.media import dump_recording, open_local
from aijupyter.models import Delivery, JobRecord, JobState, Operation, Recording, Verdict, now
from aijupyter.receiver.server import Receiver
from aijupyter.session import lending
from aijupyter.session.lending import Lender, Loan

FAR = "https://platform.ringcentral.com"
NEAR = "http://127.0.0.1:1"
TOKEN = Secret("t0ken")
URL = "https://media.ringcentral.com/restapi/v1.0/account/1/recording/2/content"


class Nothing:
    """An Inbox that expects nothing."""

    async def expects(self, path: str) -> bool:
        """No path is known."""
        return False

    async def accept(self, delivery: Delivery) -> Verdict:
        """Nor is any delivery."""
        return Verdict.UNKNOWN


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver, listening."""
    receiver = Receiver(Nothing(), host="127.0.0.1", port=0, max_body=65536)
    await receiver.start()
    yield receiver
    await receiver.stop()


BASE = "https://hooks.example.com"


def lender(receiver: Receiver, tmp_path: Path, account_at: str | None = FAR) -> Lender:
    """A lender of the account's."""
    return Lender(receiver, tmp_path / "spool", account_at=account_at)


def job_of(recording: Recording) -> JobRecord:
    """A job that was written down."""
    return JobRecord(
        key="key",
        path="path",
        server=FAR,
        operation=Operation.TRANSCRIBE,
        recording=recording.name,
        options={},
        state=JobState.WRITTEN,
        created=now(),
        media=dump_recording(recording),
    )


async def written(loan: Loan) -> dict[str, Any]:
    """The body that leaves."""
    body = loan.body({"languageCode": "en-US"})
    found: dict[str, Any] = json.loads(await body(TOKEN)) if callable(body) else dict(body)
    return found


async def test_the_way_of_a_file(receiver: Receiver, tmp_path: Path, wav: Path) -> None:
    """By URL where the provider can fetch it, within the request where it cannot; the next time it may be otherwise."""
    there, job = lender(receiver, tmp_path), job_of(open_local(wav, spool=tmp_path))
    for base in (BASE, None, "https://elsewhere.example.com"):
        body = await written(await there.lend(job, base))
        assert body["languageCode"] == "en-US"
        if base is None:
            assert base64.b64decode(body["content"])[:4] == b"RIFF"
        else:
            assert body["contentUri"].startswith(f"{base}/m/")


async def test_a_recording_of_the_provider(receiver: Receiver, tmp_path: Path) -> None:
    """It takes the token of the request, which must last; nothing is looked up, and nothing shows it."""
    loan = await lender(receiver, tmp_path).lend(job_of(Recording("a call", "", "", url=URL)), BASE)
    assert loan.token_seconds == protected.FETCH_SECONDS
    body = await written(loan)
    assert (body["contentUri"], body["encoding"]) == (f"{URL}?access_token=t0ken", "Mpeg")
    assert "t0ken" not in repr(loan)


async def test_a_token_of_somebody_else(receiver: Receiver, tmp_path: Path) -> None:
    """It is used while it is known; after a restart the session's own takes its place."""
    there, mine = lender(receiver, tmp_path), f"{URL}?access_token=mine"
    job = job_of(Recording("a call", "", "Wav", url=mine))
    there.remember("key", mine)
    assert (await written(await there.lend(job, BASE)))["contentUri"] == mine
    there.recall("key")
    assert (await written(await there.lend(job, BASE)))["contentUri"] == f"{URL}?access_token=t0ken"
    other = job_of(Recording("a call", "", "Wav", url="https://example.com/a.wav?access_token=mine"))
    with pytest.raises(MediaError, match="never written down"):
        await there.lend(other, BASE)


async def test_the_embedded_service_gets_no_token(receiver: Receiver, tmp_path: Path) -> None:
    """It is not the provider, whatever the settings say of a server."""
    there = lender(receiver, tmp_path, account_at=None)
    url = URL.replace("https://media.ringcentral.com", NEAR)
    loan = await there.lend(job_of(Recording("a call", "", "Wav", url=url)), BASE)
    assert (await written(loan))["contentUri"] == url


async def test_contents_take_turns_off_the_loop(receiver: Receiver, tmp_path: Path) -> None:
    """Five files of 32 MiB at once take the memory of two, and hold nothing up for long."""
    big = tmp_path / "big.wav"
    big.write_bytes(b"RIFF\x00\x00\x00\x00WAVE" + bytes(32 * 2**20 - 12))
    there = lender(receiver, tmp_path)
    loans = [await there.lend(job_of(open_local(big, spool=tmp_path)), None) for _ in range(5)]
    longest = 0.0

    async def send(loan: Loan) -> int:
        body = loan.body({})
        assert callable(body)
        async with there.room_for(loan):
            made = await body(TOKEN)
            await asyncio.sleep(0.01)
            return len(made)

    async def watch() -> None:
        nonlocal longest
        while True:
            before = asyncio.get_running_loop().time()
            await asyncio.sleep(0.005)
            longest = max(longest, asyncio.get_running_loop().time() - before)

    watching = asyncio.create_task(watch())
    tracemalloc.start()
    try:
        sizes = await asyncio.gather(*map(send, loans))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        watching.cancel()
    assert sizes[0] > 32 * 2**20 * 4 / 3
    assert peak < lending.CONTENTS_AT_ONCE * 2 * lending.MOST_CONTENT_BYTES
    assert longest < 0.5
    with big.open("ab") as file:
        file.write(b"more")
    with pytest.raises(MediaError, match="changed"):
        await there.lend(job_of(Recording("big.wav", "audio/wav", "Wav", path=big, stamp=loans[0].content.stamp)), None)  # type: ignore[union-attr]
    with pytest.raises(MediaError, match="larger than 32 MiB"):
        await there.lend(job_of(open_local(big, spool=tmp_path)), None)
