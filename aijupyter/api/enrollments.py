"""Speaker enrollment: the synchronous calls that keep an account's known voices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aijupyter.api.operations import ENCODINGS, LANGUAGES, SPEAKER_ID, check_choice, check_speaker_ids
from aijupyter.api.transport import Transport
from aijupyter.errors import OptionError, UnexpectedAnswerError

PATH = "/ai/audio/v1/enrollments"
PAGE_SIZE = 100
MAX_PAGES = 1000
ENOUGH_SECONDS = 12.0
"""An enrollment is complete once its speech is longer than this."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """One enrolled voice. Durations are in seconds; `complete` once the speech exceeds 12 s. `raw` is the answer."""

    speaker_id: str
    complete: bool
    quality: str | None
    speech_seconds: float | None
    enrolled_seconds: float | None
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def missing_seconds(self) -> float:
        """How much more speech is needed before the voice can be looked for."""
        return 0.0 if self.complete else max(0.0, ENOUGH_SECONDS - (self.speech_seconds or 0.0))

    def __repr__(self) -> str:
        known = "" if self.speech_seconds is None else f", {self.speech_seconds:.1f} s of speech"
        quality = f", {self.quality}" if self.quality else ""
        if self.complete:
            return f"<Speaker {self.speaker_id}: complete{quality}{known}>"
        add = f"about {self.missing_seconds:.0f} s more are needed: ai.add_audio({self.speaker_id!r}, ...)"
        return f"<Speaker {self.speaker_id}: not complete{known}; {add}>"


async def enroll(
    transport: Transport, speaker_id: str, content: str, *, encoding: str, language_code: str = "en-US"
) -> Enrollment:
    """Make a voice known by a base64 sample of 12 to 30 s. Raises ConflictError when the id exists."""
    check_speaker_ids([speaker_id])
    body = {"speakerId": speaker_id, **_sample(content, encoding, language_code)}
    return _enrollment((await transport.request("POST", PATH, body=body)).object())


async def add_audio(
    transport: Transport, speaker_id: str, content: str, *, encoding: str, language_code: str = "en-US"
) -> Enrollment:
    """Add a base64 sample to a known voice. Raises NotFoundError."""
    body = _sample(content, encoding, language_code)
    return _enrollment((await transport.request("PATCH", _path(speaker_id), body=body)).object())


async def speaker(transport: Transport, speaker_id: str) -> Enrollment:
    """One enrolled voice. Raises NotFoundError."""
    return _enrollment((await transport.request("GET", _path(speaker_id))).object())


async def speakers(transport: Transport, *, partial: bool = True) -> list[Enrollment]:
    """Every enrolled voice, over all pages; with `partial` also those that want more audio."""
    found: list[Enrollment] = []
    for page in range(1, MAX_PAGES + 1):
        params = {"partial": str(partial).lower(), "perPage": str(PAGE_SIZE), "page": str(page)}
        answer = (await transport.request("GET", PATH, params=params)).object()
        records = answer.get("records") or []
        found += [_enrollment(record) for record in records]
        paging = answer.get("paging") or {}
        if not records or page >= int(paging.get("totalPages") or 1):
            break
    return found


async def forget(transport: Transport, speaker_id: str) -> None:
    """Delete a voice. Raises NotFoundError for one never enrolled, GoneError for one deleted before."""
    await transport.request("DELETE", _path(speaker_id))


def _path(speaker_id: str) -> str:
    if not SPEAKER_ID.fullmatch(speaker_id):
        raise OptionError(f"{speaker_id!r} is no speaker id.", "Use letters, digits and underscores only.")
    return f"{PATH}/{speaker_id}"


def _sample(content: str, encoding: str, language_code: str) -> dict[str, str]:
    check_choice("encoding", encoding, ENCODINGS)
    check_choice("language_code", language_code, LANGUAGES)
    return {"encoding": encoding, "languageCode": language_code, "content": content}


def _enrollment(answer: Mapping[str, Any]) -> Enrollment:
    """Earlier versions of the API write `enrollmentId` for `speakerId`."""
    speaker_id = answer.get("speakerId") or answer.get("enrollmentId")
    if not speaker_id:
        raise UnexpectedAnswerError("An enrollment was answered without its id.", status=HTTPStatus.OK)
    return Enrollment(
        str(speaker_id),
        bool(answer.get("enrollmentComplete")),
        answer.get("enrollmentQuality"),
        _seconds(answer.get("totalSpeechDuration")),
        _seconds(answer.get("totalEnrollDuration")),
        answer,
    )


def _seconds(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
