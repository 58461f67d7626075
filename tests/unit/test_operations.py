"""The requests as they go over the wire, and options by either name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aijupyter.api.operations import (
    AnalyzeRequest,
    AudioRequest,
    DiarizeRequest,
    EmotionsRequest,
    IdentifyRequest,
    Media,
    PunctuateRequest,
    Request,
    SummarizeRequest,
    TranscribeRequest,
    wire_name,
)
from aijupyter.errors import OptionError
from aijupyter.models import Operation
from aijupyter.options import named_options

URI = Media("Wav", content_uri="https://host/call.wav")
MEDIA_WIRE = {"contentUri": "https://host/call.wav", "encoding": "Wav"}
AUDIO: dict[str, Any] = {"language_code": "en-US", "source": "Phone", "audio_type": "Meeting"}
AUDIO_WIRE = {**MEDIA_WIRE, "languageCode": "en-US", "source": "Phone", "audioType": "Meeting"}
SPEAKERS: dict[str, Any] = {
    "separate_speaker_per_channel": False,
    "speaker_count": 2,
    "speaker_ids": ("agent_7", "JaneDoe"),
    "enable_voice_activity_detection": True,
}
SPEAKERS_WIRE = {
    "separateSpeakerPerChannel": False,
    "speakerCount": 2,
    "speakerIds": ["agent_7", "JaneDoe"],
    "enableVoiceActivityDetection": True,
}

BODIES: list[tuple[AudioRequest, dict[str, Any]]] = [
    (DiarizeRequest(**AUDIO, **SPEAKERS), {**AUDIO_WIRE, **SPEAKERS_WIRE}),
    (
        TranscribeRequest(
            **AUDIO,
            **SPEAKERS,
            enable_punctuation=False,
            enable_speaker_diarization=True,
            speech_contexts=["RingCentral", "Größe"],
        ),
        {
            **AUDIO_WIRE,
            **SPEAKERS_WIRE,
            "enablePunctuation": False,
            "enableSpeakerDiarization": True,
            "speechContexts": [{"phrases": ["RingCentral", "Größe"]}],
        },
    ),
    (
        IdentifyRequest(**AUDIO, speaker_ids=["agent_7"], enable_voice_activity_detection=False),
        {**AUDIO_WIRE, "speakerIds": ["agent_7"], "enableVoiceActivityDetection": False},
    ),
    (EmotionsRequest(**AUDIO), AUDIO_WIRE),
    (
        AnalyzeRequest(**AUDIO, **SPEAKERS, insights=("Energy", "Pace"), speech_contexts=("Vienna",)),
        {
            **AUDIO_WIRE,
            **SPEAKERS_WIRE,
            "insights": ["Energy", "Pace"],
            "speechContexts": [{"phrases": ["Vienna"]}],
        },
    ),
]


@pytest.mark.parametrize(("request_", "body"), BODIES, ids=lambda value: type(value).__name__)
def test_bodies_with_every_option(request_: AudioRequest, body: dict[str, Any]) -> None:
    """Every option goes out under the contract's name, as plain JSON."""
    assert request_.body(URI) == body
    assert json.loads(json.dumps(request_.body(URI))) == body


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        (TranscribeRequest(), {}),
        (DiarizeRequest(), {}),
        (EmotionsRequest(), {}),
        (IdentifyRequest(speaker_ids=["a"]), {"speakerIds": ["a"]}),
        (AnalyzeRequest(), {"insights": ["All"]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_left_out_is_not_sent(request_: AudioRequest, options: dict[str, Any]) -> None:
    """Options that nobody set are the provider's to choose; the language is always named."""
    assert request_.body(URI) == {**MEDIA_WIRE, "languageCode": "en-US", **options}


def test_options_for_the_ledger_hold_no_media() -> None:
    """What is written down of a request has neither the recording nor its address."""
    assert TranscribeRequest(speaker_count=2).options() == {"languageCode": "en-US", "speakerCount": 2}


def test_text_bodies() -> None:
    """Punctuation and summary take texts, not recordings."""
    utterances = [{"text": "Hello.", "speakerId": "1", "start": 0.0, "end": 1.2}, {"text": "Hi."}]
    assert PunctuateRequest(texts=("hello there", "hi")).body() == {"texts": ["hello there", "hi"]}
    assert SummarizeRequest(utterances=utterances).body() == {"utterances": utterances}
    body = SummarizeRequest(utterances=tuple(utterances), summary_type="AbstractiveAll").body()
    assert body == {"utterances": utterances, "summaryType": "AbstractiveAll"}


@pytest.mark.parametrize(
    ("kind", "operation", "path"),
    [
        (TranscribeRequest, Operation.TRANSCRIBE, "/ai/audio/v1/async/speech-to-text"),
        (DiarizeRequest, Operation.DIARIZE, "/ai/audio/v1/async/speaker-diarize"),
        (IdentifyRequest, Operation.IDENTIFY, "/ai/audio/v1/async/speaker-identify"),
        (EmotionsRequest, Operation.EMOTIONS, "/ai/audio/v1/async/recognize-emotion"),
        (PunctuateRequest, Operation.PUNCTUATE, "/ai/text/v1/async/punctuate"),
        (SummarizeRequest, Operation.SUMMARIZE, "/ai/text/v1/async/summarize"),
        (AnalyzeRequest, Operation.ANALYZE, "/ai/insights/v1/async/analyze-interaction"),
    ],
)
def test_paths(kind: type[Request], operation: Operation, path: str) -> None:
    """Each operation goes to the contract's path."""
    assert (kind.operation, kind.path) == (operation, path)


@pytest.mark.parametrize(
    ("kind", "options", "named"),
    [
        (TranscribeRequest, {"language_code": "de-DE"}, "language_code"),
        (TranscribeRequest, {"audio_type": "Call center"}, "audio_type"),
        (TranscribeRequest, {"source": 7}, "source"),
        (TranscribeRequest, {"enable_punctuation": "yes"}, "enable_punctuation"),
        (TranscribeRequest, {"enable_speaker_diarization": 1}, "enable_speaker_diarization"),
        (TranscribeRequest, {"speech_contexts": "Vienna"}, "speech_contexts"),
        (TranscribeRequest, {"speech_contexts": [7]}, "speech_contexts"),
        (DiarizeRequest, {"speaker_count": 0}, "speaker_count"),
        (DiarizeRequest, {"speaker_count": -1}, "speaker_count"),
        (DiarizeRequest, {"speaker_count": 2.5}, "speaker_count"),
        (DiarizeRequest, {"speaker_count": True}, "speaker_count"),
        (DiarizeRequest, {"speaker_count": "two"}, "speaker_count"),
        (DiarizeRequest, {"separate_speaker_per_channel": "no"}, "separate_speaker_per_channel"),
        (DiarizeRequest, {"enable_voice_activity_detection": 0}, "enable_voice_activity_detection"),
        (DiarizeRequest, {"speaker_ids": "agent_7"}, "speaker_ids"),
        (DiarizeRequest, {"speaker_ids": ["agent 7"]}, "speaker_ids"),
        (DiarizeRequest, {"speaker_ids": ["agent_7\n"]}, "speaker_ids"),
        (DiarizeRequest, {"speaker_ids": [""]}, "speaker_ids"),
        (DiarizeRequest, {"speaker_ids": ["größe"]}, "speaker_ids"),
        (IdentifyRequest, {"speaker_ids": []}, "speaker_ids"),
        (
            IdentifyRequest,
            {"speaker_ids": ["a"], "enable_voice_activity_detection": "on"},
            "enable_voice_activity_detection",
        ),
        (AnalyzeRequest, {"insights": []}, "insights"),
        (AnalyzeRequest, {"insights": "All"}, "insights"),
        (AnalyzeRequest, {"insights": ["all"]}, "insights"),
        (AnalyzeRequest, {"insights": ["Pace", "Colour"]}, "insights"),
        (PunctuateRequest, {"texts": "hello"}, "texts"),
        (PunctuateRequest, {"texts": []}, "texts"),
        (PunctuateRequest, {"texts": [None]}, "texts"),
        (SummarizeRequest, {"utterances": [{"text": "a"}], "summary_type": "Short"}, "summary_type"),
        (SummarizeRequest, {"utterances": []}, "utterances"),
        (SummarizeRequest, {"utterances": ["hello"]}, "utterances"),
        (SummarizeRequest, {"utterances": [{"speakerId": "1"}]}, "utterances"),
        (SummarizeRequest, {"utterances": {"text": "hello"}}, "utterances"),
        (SummarizeRequest, {"utterances": 7}, "utterances"),
    ],
)
def test_wrong_options_are_refused_by_name(kind: type[Request], options: dict[str, Any], named: str) -> None:
    """A wrong value is refused before anything is sent: which option, and what would do."""
    with pytest.raises(OptionError) as caught:
        kind(**options)
    assert caught.value.option == named
    assert caught.value.mend
    assert isinstance(caught.value, ValueError)


def test_choices_are_listed() -> None:
    """An error about a choice lists the choices."""
    with pytest.raises(OptionError, match="'Colour'") as caught:
        AnalyzeRequest(insights=["Colour"])
    assert "TalkToListenRatio" in caught.value.mend


@pytest.mark.parametrize(("uri", "content"), [(None, None), ("https://host/a", "UklGRg==")], ids=["neither", "both"])
def test_a_recording_comes_one_way(uri: str | None, content: str | None) -> None:
    """A recording is given by its URI or by its content: exactly one of them."""
    with pytest.raises(OptionError, match=r"by its URI or by its content"):
        EmotionsRequest().body(Media("Wav", content_uri=uri, content=content))


def test_a_recording_by_its_content() -> None:
    """The content goes out as it is, and no URI with it."""
    body = EmotionsRequest().body(Media("Ogg", content="T2dnUw=="))
    assert body == {"content": "T2dnUw==", "encoding": "Ogg", "languageCode": "en-US"}


def test_an_unknown_encoding() -> None:
    """Only the API's encodings are sent."""
    with pytest.raises(OptionError, match="'mp3'") as caught:
        EmotionsRequest().body(Media("mp3", content_uri="https://host/a"))
    assert caught.value.option == "encoding"
    assert "Mpeg" in caught.value.mend


@pytest.mark.parametrize(
    ("name", "wire"), [("texts", "texts"), ("speaker_count", "speakerCount"), ("language_code", "languageCode")]
)
def test_wire_names(name: str, wire: str) -> None:
    """Python's names become the API's."""
    assert wire_name(name) == wire


@named_options
def ask(media: str, *, speaker_count: int | None = None, enable_punctuation: bool = True) -> tuple[Any, ...]:
    """A verb."""
    return media, speaker_count, enable_punctuation


@pytest.mark.parametrize(
    "options",
    [
        {"speaker_count": 2, "enable_punctuation": False},
        {"speakerCount": 2, "enablePunctuation": False},
        {"speaker_count": 2, "enablePunctuation": False},
    ],
)
def test_options_by_either_name(options: dict[str, Any]) -> None:
    """The API's names do what Python's do, and both may be mixed."""
    assert ask("call.wav", **options) == ("call.wav", 2, False)


def test_options_need_not_be_given() -> None:
    """The defaults hold, and the verb keeps its name and its help."""
    assert ask("call.wav") == ("call.wav", None, True)
    assert (ask.__name__, ask.__doc__) == ("ask", "A verb.")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("speakers_count", "Did you mean speaker_count?"),
        ("speakerCounts", "Did you mean speaker_count?"),
        ("punctuation", "There are: speaker_count, enable_punctuation."),
        ("media_", "There are: speaker_count, enable_punctuation."),
    ],
)
def test_unknown_options(name: str, hint: str) -> None:
    """An unknown option is refused, the nearest one suggested, and all are listed."""
    with pytest.raises(OptionError, match=f"ask has no option '{name}'") as caught:
        ask("call.wav", **{name: 1})
    assert hint in caught.value.mend
    assert caught.value.option == name


def test_an_option_given_twice() -> None:
    """Both names of one option at once contradict each other."""
    with pytest.raises(OptionError, match="speaker_count is given twice"):
        ask("call.wav", speaker_count=2, speakerCount=3)
