"""The local engine with its real models, on recordings whose text and turns are known exactly."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scoring import speaker_time_error, spoken, word_error_rate

from aijupyter.errors import LocalExtraMissingError, MediaError, ModelsMissingError
from aijupyter.models import AnalysisTask, Operation
from aijupyter.service.engines.local import LocalEngine

ROOT = Path(__file__).resolve().parents[2]
TWO_VOICES = ROOT / "aijupyter" / "samples" / "two-voices.mp3"
ONE_SENTENCE = ROOT / "tests" / "recordings" / "one-sentence.wav"


@pytest.fixture(scope="module")
def engine() -> LocalEngine:
    """The engine with its models loaded; the tests are skipped only where the models cannot be had."""
    engine = LocalEngine()
    try:
        engine.load(lambda _: None)
    except (ModelsMissingError, LocalExtraMissingError) as error:
        pytest.skip(str(error))
    return engine


@pytest.fixture(scope="module")
def truth() -> list[dict[str, Any]]:
    """The turns of two-voices.mp3 as they were spoken."""
    return list(json.loads(TWO_VOICES.with_suffix(".json").read_text(encoding="utf-8"))["turns"])


@pytest.fixture(scope="module")
def analysis(engine: LocalEngine) -> dict[str, Any]:
    """Everything that the engine says about two-voices.mp3."""
    return ask(engine, Operation.ANALYZE, TWO_VOICES, insights=["All"])


def ask(engine: LocalEngine, operation: Operation, audio: Path, **options: Any) -> dict[str, Any]:
    """The engine's response."""
    response = engine.analyze(AnalysisTask(operation, str(audio), options), lambda _: None)
    assert isinstance(response, dict)
    return response


def write_wav(path: Path, samples: np.ndarray) -> Path:
    """Samples in -1..1 at 16 kHz as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@pytest.mark.models
class TestAnalysis:
    """What a user is told about a conversation of two."""

    def test_hears_what_was_said(self, analysis: dict[str, Any], truth: list[dict[str, Any]]) -> None:
        """Fewer than one word in twenty is wrong."""
        reference = spoken(" ".join(turn["text"] for turn in truth))
        heard = spoken(" ".join(unit["text"] for unit in analysis["utteranceInsights"]))
        assert word_error_rate(reference, heard) < 0.05

    def test_hears_who_said_it(self, analysis: dict[str, Any], truth: list[dict[str, Any]]) -> None:
        """Two voices, and less than a twentieth of the time given to the wrong one."""
        assert analysis["speakerInsights"]["speakerCount"] == 2
        assert speaker_time_error(truth, analysis["utteranceInsights"]) < 0.05

    def test_talk_to_listen_ratio(self, analysis: dict[str, Any], truth: list[dict[str, Any]]) -> None:
        """The shares sum to 100 and are within three points of the truth."""
        values = insight(analysis["speakerInsights"]["insights"], "TalkToListenRatio")
        shares = [int(value["value"].partition(":")[0]) for value in values]
        assert sum(shares) == 100
        seconds = [sum(t["end"] - t["start"] for t in truth if t["speaker"] == who) for who in ("agent", "customer")]
        assert shares[0] == pytest.approx(100 * seconds[0] / sum(seconds), abs=3)

    def test_questions(self, analysis: dict[str, Any]) -> None:
        """The agent asked five questions and the customer two."""
        values = insight(analysis["speakerInsights"]["insights"], "QuestionsAsked")
        assert [value["value"] for value in values] == [5, 2]
        assert [len(value["questions"]) for value in values] == [5, 2]

    def test_key_phrases_and_summary(self, analysis: dict[str, Any]) -> None:
        """The bicycle is a key phrase, there are topics, and the summary is of sentences that were said."""
        phrases = insight(analysis["conversationalInsights"], "KeyPhrases")
        assert any("bicycle" in phrase["value"].lower() for phrase in phrases)
        assert insight(analysis["conversationalInsights"], "Topics")
        text = " ".join(unit["text"] for unit in analysis["utteranceInsights"])
        sentences = insight(analysis["conversationalInsights"], "ExtractiveSummary")
        assert sentences
        assert all(sentence["sentence"] in text for sentence in sentences)

    def test_emotions_that_any_reader_would_see(self, analysis: dict[str, Any]) -> None:
        """The customer is worried in the middle and glad in the end."""
        by_text = {unit["text"]: unit["insights"][0]["value"] for unit in analysis["utteranceInsights"]}
        assert next(v for text, v in by_text.items() if "worried" in text) in {"Fear", "Sadness"}
        assert next(v for text, v in by_text.items() if "wonderful" in text) == "Joy"

    def test_word_times(self, analysis: dict[str, Any]) -> None:
        """Word times never go back, and lie within their utterance."""
        for unit in analysis["utteranceInsights"]:
            words = unit["wordTimings"]
            times = [time for word in words for time in (word["start"], word["end"])]
            assert times == sorted(times)
            assert (times[0], times[-1]) == (unit["start"], unit["end"])
            assert {word["speakerId"] for word in words} == {unit["speakerId"]}

    def test_number_of_speakers_that_is_given(self, engine: LocalEngine) -> None:
        """One speaker, if the request says one."""
        answer = ask(engine, Operation.ANALYZE, TWO_VOICES, insights=["Pace"], speakerCount=1)
        assert answer["speakerInsights"]["speakerCount"] == 1


@pytest.mark.models
class TestTranscription:
    """What a user is told about a recording's words."""

    def test_one_sentence(self, engine: LocalEngine) -> None:
        """A plain sentence comes back word for word, with one time for each word."""
        expected = json.loads(ONE_SENTENCE.with_suffix(".json").read_text(encoding="utf-8"))["turns"][0]
        answer = ask(engine, Operation.TRANSCRIBE, ONE_SENTENCE)
        assert word_error_rate(spoken(expected["text"]), spoken(answer["transcript"])) == 0
        assert [word["word"] for word in answer["words"]] == answer["transcript"].split()
        assert answer["words"][-1]["end"] == pytest.approx(expected["end"], abs=0.5)
        assert 0.5 < answer["confidence"] <= 1

    def test_without_punctuation_and_with_speakers(self, engine: LocalEngine) -> None:
        """Bare words on request, and a speaker for each."""
        options = {"enablePunctuation": False, "enableSpeakerDiarization": True}
        answer = ask(engine, Operation.TRANSCRIBE, ONE_SENTENCE, **options)
        assert re.fullmatch(r"[a-z0-9' ]+", answer["transcript"])
        assert answer["speakerCount"] == 1
        assert {word["speakerId"] for word in answer["words"]} == {"0"}
        assert answer["utterances"][0]["text"] in answer["transcript"]

    def test_progress_rises_to_one(self, engine: LocalEngine) -> None:
        """What is reported never falls, and ends at one."""
        shares: list[float] = []
        engine.analyze(AnalysisTask(Operation.TRANSCRIBE, str(ONE_SENTENCE)), shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == 1.0

    @pytest.mark.parametrize("kind", ["silence", "noise", "music", "instant"])
    @pytest.mark.parametrize("operation", [Operation.TRANSCRIBE, Operation.ANALYZE])
    def test_no_words_where_nobody_speaks(
        self, engine: LocalEngine, tmp_path: Path, kind: str, operation: Operation
    ) -> None:
        """Nothing is invented for silence, noise or music, however short."""
        time = np.arange(40 * 16_000) / 16_000
        chord = sum(np.sin(2 * np.pi * f * time) for f in (262, 330, 392)) / 6 * (0.6 + 0.4 * np.sign(np.sin(4 * time)))
        sounds = {
            "silence": np.zeros(10 * 16_000),
            "noise": np.random.default_rng(1).normal(scale=0.1, size=len(time)),
            "music": chord,
            "instant": np.zeros(10),
        }
        answer = ask(engine, operation, write_wav(tmp_path / f"{kind}.wav", sounds[kind]))
        json.dumps(answer, allow_nan=False)
        if operation is Operation.TRANSCRIBE:
            assert answer == {"transcript": "", "confidence": 0.0, "words": []}
        else:
            assert answer["utteranceInsights"] == []
            assert answer["speakerInsights"]["speakerCount"] == 0


@pytest.mark.models
class TestRefusals:
    """What cannot be done is said."""

    def test_not_a_recording(self, engine: LocalEngine, tmp_path: Path) -> None:
        """A text file, an empty file and no file raise MediaError that names it."""
        text, empty = tmp_path / "notes.mp3", tmp_path / "empty.wav"
        text.write_text("not a recording at all\n" * 100)
        empty.write_bytes(b"")
        for path in (text, empty, tmp_path / "missing.wav"):
            with pytest.raises(MediaError) as caught:
                ask(engine, Operation.TRANSCRIBE, path)
            assert caught.value.source == str(path)


def test_import_is_cheap() -> None:
    """Importing the engine loads none of the local extra's packages."""
    code = (
        "import sys, aijupyter.service.engines.local as l; l.LocalEngine();"
        "print([m for m in ('numpy', 'faster_whisper', 'av', 'yake', 'vaderSentiment', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def insight(insights: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The values of the insight of that name."""
    return next(entry["values"] for entry in insights if entry["name"] == name)


@pytest.mark.models
def test_nothing_is_reported_to_anybody(engine: LocalEngine, tmp_path: Path) -> None:
    """The libraries below keep no trace of use for their makers: an analysis leaves no file outside our own cache."""
    script = (
        "from pathlib import Path\n"
        "from aijupyter.models import AnalysisTask, Operation\n"
        "from aijupyter.service.engines.local import LocalEngine\n"
        f"engine = LocalEngine(cache=Path({str(engine.cache)!r}))\n"
        f"engine.analyze(AnalysisTask(Operation.TRANSCRIBE, {str(ONE_SENTENCE)!r}), lambda _: None)\n"
    )
    quiet = {"CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"}  # they hide what we look for
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=120)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and "deviceid" in str(path).lower()] == []
    assert not list(tmp_path.rglob("*onnxruntime*"))


def test_a_title_in_a_strange_encoding_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """An ID3 title that claims UTF-8 and is none is common in old files; the sound is read all the same."""
    from aijupyter.service.engines.audio import opened  # noqa: PLC0415  # needs the local extra

    body = b"\x03caf\xe9 \xff\xfe"
    frame = b"TIT2" + len(body).to_bytes(4, "big") + b"\0\0" + body
    titled = tmp_path / "titled.mp3"
    titled.write_bytes(b"ID3\x03\0\0\0\0\0" + bytes([len(frame)]) + frame + TWO_VOICES.read_bytes())
    with opened(titled) as strange, opened(TWO_VOICES) as usual:
        assert strange[0].seconds == pytest.approx(usual[0].seconds, abs=1)
