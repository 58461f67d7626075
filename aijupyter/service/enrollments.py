"""The enrollment calls: voices that the service knows by their speakers' ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from aijupyter.errors import Fault, MediaError
from aijupyter.models import VoicePrint
from aijupyter.service.answers import RefusalError, invalid, refused
from aijupyter.service.door import Door, json_object, write_content
from aijupyter.service.options import ServiceOptions
from aijupyter.service.runner import discard
from aijupyter.service.store import EnrolledVoice, Store
from aijupyter.service.validation import page_faults, read_body, sample_faults
from aijupyter.service.workers import Workers

PATH = "/ai/audio/v1/enrollments"
COMPLETE_SECONDS = 12.0
QUALITIES = ((30.0, "High"), (20.0, "Good"), (COMPLETE_SECONDS, "Average"))
"""More speech than so many seconds makes this quality; less makes a `Poor` one. Samples of 12 to 30 s work best."""

PAGE_SIZE = 100


class Enrollments:
    """The handlers."""

    def __init__(self, door: Door, workers: Workers, store: Store, options: ServiceOptions) -> None:
        self._door = door
        self._workers = workers
        self._store = store
        self._options = options

    def add_to(self, app: web.Application) -> None:
        """Answer the five calls in `app`."""
        app.router.add_post(PATH, self._enroll)
        app.router.add_get(PATH, self._list, allow_head=False)
        app.router.add_get(f"{PATH}/{{speakerId}}", self._one, allow_head=False)
        app.router.add_patch(f"{PATH}/{{speakerId}}", self._add_audio)
        app.router.add_delete(f"{PATH}/{{speakerId}}", self._delete)

    async def _enroll(self, request: web.Request) -> web.Response:
        self._door.enter(request)
        body = await _body(request, named=True)
        speaker_id: str = body["speakerId"]
        if await self._store.voice(speaker_id) is not None:
            raise _exists(speaker_id)
        async with self._sample(body) as audio:
            voice = EnrolledVoice(speaker_id, await self._print(audio, None), 0)
        if not await self._store.save_voice(voice):
            raise _exists(speaker_id)
        return web.json_response(status_of(voice), status=201)

    async def _add_audio(self, request: web.Request) -> web.Response:
        self._door.enter(request)
        known = await self._known(request)
        async with self._sample(await _body(request, named=False)) as audio:
            while True:
                voice = EnrolledVoice(known.speaker_id, await self._print(audio, known.print), known.revision)
                if await self._store.save_voice(voice):
                    return web.json_response(status_of(voice), status=201)
                known = await self._known(request)  # somebody else added to it meanwhile

    async def _list(self, request: web.Request) -> web.Response:
        self._door.enter(request)
        faults = page_faults(request.query)
        if faults:
            raise RefusalError(400, faults)
        partial = request.query.get("partial", "false").lower() == "true"
        page, size = int(request.query.get("page", "1")), int(request.query.get("perPage", str(PAGE_SIZE)))
        found = [status_of(voice) for voice in await self._store.voices()]
        found = [status for status in found if partial or status["enrollmentComplete"]]
        paging = {"page": page, "perPage": size, "totalPages": ceil(len(found) / size)}
        return web.json_response({"paging": paging, "records": found[(page - 1) * size : page * size]})

    async def _one(self, request: web.Request) -> web.Response:
        self._door.enter(request)
        return web.json_response(status_of(await self._known(request)))

    async def _delete(self, request: web.Request) -> web.Response:
        self._door.enter(request)
        done = await self._store.forget_voice(request.match_info["speakerId"])
        if done is None:
            raise _unknown()
        if not done:
            raise refused(410, "CMN-410", "The speaker was deleted before")
        return web.Response(status=204)

    async def _known(self, request: web.Request) -> EnrolledVoice:
        voice = await self._store.voice(request.match_info["speakerId"])
        if voice is None:
            raise _unknown()
        return voice

    @asynccontextmanager
    async def _sample(self, body: Mapping[str, Any]) -> AsyncIterator[Path]:
        """The sample as a file, for as long as the block lasts."""
        file = self._options.scratch / f"{uuid4().hex}.media"
        try:
            await write_content(body["content"], file)
            yield file
        finally:
            discard(file)

    async def _print(self, audio: Path, known: VoicePrint | None) -> VoicePrint:
        try:
            return await self._workers.voice_print(str(audio), known)
        except MediaError as error:
            told = str(error).replace(str(audio), "the recording")
            raise RefusalError(400, [invalid("content", told)]) from error
        except NotImplementedError:
            raise refused(501, "CMN-501", "The engine of this service enrolls no voices") from None


def status_of(voice: EnrolledVoice) -> dict[str, Any]:
    """A voice as the contract's EnrollmentStatus. It is complete, and better than `Poor`, above 12 s of speech."""
    speech = voice.print.speech_seconds
    return {
        "speakerId": voice.speaker_id,
        "enrollmentComplete": speech > COMPLETE_SECONDS,
        "enrollmentQuality": next((quality for least, quality in QUALITIES if speech > least), "Poor"),
        "totalSpeechDuration": round(speech, 3),
        "totalEnrollDuration": round(voice.print.audio_seconds, 3),
    }


async def _body(request: web.Request, *, named: bool) -> dict[str, Any]:
    body, faults = read_body(await json_object(request))
    faults += sample_faults(body, named=named)
    if faults:
        raise RefusalError(400, faults)
    return body


def _unknown() -> RefusalError:
    return refused(404, "CMN-102", "Resource for parameter [speakerId] is not found")


def _exists(speaker_id: str) -> RefusalError:
    fault = Fault("CMN-409", f"Speaker [{speaker_id}] is enrolled already", "speakerId")
    return RefusalError(409, [fault])
