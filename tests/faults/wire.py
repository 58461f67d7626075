"""What the double puts on the wire: recordings with a number in their samples, envelopes, and bytes by hand."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import struct
import wave
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from plan import Course
from records import Post, Submission

API = "/ai/audio/v1/async/speech-to-text"
MAGIC = b"STRM"
BIG_BYTES = 8 * 1024 * 1024
ANSWER_SECONDS = 40.0
"""How long a delivery waits for its acknowledgement: longer than the ledger waits for its lock."""


def make_wav(seed: int, number: int) -> bytes:
    """A small recording that is like no other: its samples hold the number."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(MAGIC + struct.pack("<qq", seed, number) + bytes(300))
    return file.getvalue()


def read_number(recording: bytes) -> int:
    """The number in a recording's samples. Raises ValueError for what make_wav did not make."""
    with contextlib.suppress(wave.Error, EOFError, struct.error), wave.open(io.BytesIO(recording)) as file:
        frames = file.readframes(10)
        if frames.startswith(MAGIC):
            return int(struct.unpack_from("<qq", frames, len(MAGIC))[1])
    raise ValueError("not a recording of the storm")


def transcript(seed: int, number: int | None) -> str:
    """The one right answer about a recording."""
    return f"This is recording {number} of storm {seed}."


def response(text: str, *, big: bool = False) -> dict[str, Any]:
    """A transcript's answer, of 8 MiB if it must be."""
    words = [{"word": word, "start": i / 4, "end": i / 4 + 0.2} for i, word in enumerate(text.split())]
    answer = {"transcript": text, "confidence": 0.9, "words": words, "speakerCount": 1}
    answer["utterances"] = [{"start": 0.0, "end": 2.0, "text": text, "speakerId": "0", "confidence": 0.9}]
    if big:
        word = {"word": "filler" * 10, "start": 3.0, "end": 3.1, "confidence": 0.5}
        answer["words"] = words + [word] * (BIG_BYTES // len(json.dumps(word)) + 1)
    return answer


def envelope(submission: Submission, course: Course, answer: Any, *, done: bool) -> dict[str, Any]:
    """The job's envelope, by the provider's clock as it is for this job."""
    moment = datetime.now(UTC)
    times = {"creationTime": moment, "expirationTime": moment + timedelta(days=7)}
    body: dict[str, Any] = {"jobId": submission.job_id, "api": API, "status": "InProgress"}
    if done:
        times["completionTime"] = moment
        body["status"] = "Fail" if submission.fails else "Success"
        body["response"] = answer
    turns = zip(times.items(), (1, -1, 0.3), strict=False)  # so that a job may end before it begins
    return body | {name: _written(time + course.skew * turn, course.zone) for (name, time), turn in turns}


def _written(time: datetime, zone: str) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="milliseconds") + zone


async def post_by_hand(
    url: str, body: bytes, post: Post, *, headers: dict[str, str], cut: int | None = None, slow: bool = False
) -> None:
    """POST, and note in `post` what came of it. `slow` sends byte by byte; `cut` ends after so many bytes."""
    parts = urlsplit(url)
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        return
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
        try:
            writer.write(head)
            for piece in _pieces(body[:cut], slow=slow):
                writer.write(piece)
                await writer.drain()
                if slow:
                    await asyncio.sleep(0.001)
            post.whole = cut is None
            if cut is None:
                async with asyncio.timeout(ANSWER_SECONDS):
                    post.code = int((await reader.readuntil(b"\r\n")).split()[1])
        finally:
            writer.close()


def _pieces(body: bytes, *, slow: bool) -> Iterator[bytes]:
    step = 1 if slow else 64 * 1024
    return (body[start : start + step] for start in range(0, len(body), step))
