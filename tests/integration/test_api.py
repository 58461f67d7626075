"""The API client on its own against the double: every operation's request, and the enrollment calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from double import ProviderDouble

from aijupyter import errors
from aijupyter.api import enrollments, operations
from aijupyter.api.auth import Credentials
from aijupyter.api.transport import Transport
from aijupyter.config import Secret

MEDIA = operations.Media("Wav", content_uri="https://example.com/call.wav")


@pytest.fixture
async def transport(double: ProviderDouble) -> AsyncIterator[Transport]:
    """A way to the double."""
    known = double.credentials
    credentials = Credentials(known["client_id"], Secret(known["client_secret"]), Secret(known["jwt"]))
    way = Transport(double.url, credentials)
    yield way
    await way.close()


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (operations.TranscribeRequest(), {}),
        (operations.DiarizeRequest(speaker_count=2), {"speakerCount": 2}),
        (operations.IdentifyRequest(speaker_ids=["anna"]), {"speakerIds": ["anna"]}),
        (operations.EmotionsRequest(), {}),
        (operations.AnalyzeRequest(), {"insights": ["All"]}),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_audio_operation(
    transport: Transport, double: ProviderDouble, request_: operations.AudioRequest, body: dict[str, Any]
) -> None:
    """Each goes to its path with its options and is told its job."""
    double.plan.deliver = "never"
    media = {"contentUri": MEDIA.content_uri, "encoding": "Wav", "languageCode": "en-US"}
    accepted = await operations.submit(transport, request_.path, request_.body(MEDIA), webhook="http://127.0.0.1:9/d")
    assert accepted.job_id in double.jobs
    assert accepted.request_id
    assert double.submissions() == [("POST", request_.path, {**media, **body})]


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (operations.PunctuateRequest(texts=["hello there"]), {"texts": ["hello there"]}),
        (
            operations.SummarizeRequest(utterances=[{"text": "Hello."}], summary_type="All"),
            {"utterances": [{"text": "Hello."}], "summaryType": "All"},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_text_operation(
    transport: Transport,
    double: ProviderDouble,
    request_: operations.PunctuateRequest | operations.SummarizeRequest,
    body: dict[str, Any],
) -> None:
    """The same for texts."""
    double.plan.deliver = "never"
    await operations.submit(transport, request_.path, request_.body(), webhook="http://127.0.0.1:9/d")
    assert double.submissions() == [("POST", request_.path, body)]


@pytest.mark.parametrize("name", ["speakerId", "enrollmentId"])
async def test_a_voice_from_first_to_last(transport: Transport, double: ProviderDouble, name: str) -> None:
    """Enroll, look, add audio, forget; whatever version of the API names the id."""
    double.voice_name = name
    fresh = await enrollments.enroll(transport, "anna", "UklGRg==", encoding="Wav")
    assert (fresh.speaker_id, fresh.complete) == ("anna", False)
    assert double.asked[-1][2] == {
        "speakerId": "anna",
        "encoding": "Wav",
        "languageCode": "en-US",
        "content": "UklGRg==",
    }
    grown = await enrollments.add_audio(transport, "anna", "UklGRg==", encoding="Wav")
    assert (grown.complete, grown.quality, grown.speech_seconds, grown.enrolled_seconds) == (True, "Good", 14.5, None)
    assert await enrollments.speaker(transport, "anna") == grown
    await enrollments.forget(transport, "anna")
    assert await enrollments.speakers(transport) == []


async def test_all_pages_of_voices(transport: Transport, double: ProviderDouble) -> None:
    """The list is complete, however many pages it takes."""
    double.voices = {f"voice_{number}": {"speakerId": f"voice_{number}"} for number in range(250)}
    assert [voice.speaker_id for voice in await enrollments.speakers(transport)] == list(double.voices)


async def test_what_enrollment_refuses(transport: Transport, double: ProviderDouble) -> None:
    """Twice, never, no more: each has its own error, with the provider's words."""
    double.voices = {"here": {"speakerId": "here"}, "gone": None}
    with pytest.raises(errors.ConflictError, match="CAI-104"):
        await enrollments.enroll(transport, "here", "UklGRg==", encoding="Wav")
    with pytest.raises(errors.NotFoundError, match="never enrolled"):
        await enrollments.speaker(transport, "nobody")
    with pytest.raises(errors.GoneError, match="deleted"):
        await enrollments.forget(transport, "gone")
    with pytest.raises(errors.OptionError, match="no speaker id"):
        await enrollments.speaker(transport, "../jobs")
    with pytest.raises(errors.OptionError, match="encoding"):
        await enrollments.add_audio(transport, "here", "UklGRg==", encoding="Flac")
