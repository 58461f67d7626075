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
from shapes import check

from aijupyter.errors import LocalExtraMissingError, MediaError, ModelsMissingError
from aijupyter.models import AnalysisTask, Operation
from aijupyter.service.engines.audio import opened
from aijupyter.service.engines.local import LocalEngine

ROOT = Path(__file__).resolve().parents[2]
TWO_VOICES = ROOT / "aijupyter" / "samples" / "two-voices.mp3"
HAPPY_RIDER = TWO_VOICES.with_name("happy-rider.mp3")
WORKSHOP = TWO_VOICES.with_name("workshop-appointment.mp3")
SOUND = (Operation.TRANSCRIBE, Operation.DIARIZE, Operation.IDENTIFY, Operation.EMOTIONS, Operation.ANALYZE)
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
        """The agent asked five questions and the customer two, and all is as the contract writes it."""
        check(Operation.ANALYZE, analysis)
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

    def test_expected_expressions(self, engine: LocalEngine, tmp_path: Path) -> None:
        """A name that is expected is written as it was given; it is not heard where nobody says it."""
        with opened(HAPPY_RIDER) as (track,):
            start = write_wav(tmp_path / "start.wav", track.read(0, 6))
        contexts = [{"phrases": ["Harbor Bicycles"]}]
        answer = ask(engine, Operation.TRANSCRIBE, start, speechContexts=contexts)["transcript"]
        assert answer.count("Harbor Bicycles") == 1
        assert "Harbor" not in ask(engine, Operation.TRANSCRIBE, ONE_SENTENCE, speechContexts=contexts)["transcript"]

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


def two_channels(path: Path) -> Path:
    """The agent's turns of happy-rider.mp3 on the left channel, the customer's on the right, for twenty seconds."""
    turns = json.loads(HAPPY_RIDER.with_suffix(".json").read_text(encoding="utf-8"))["turns"]
    with opened(HAPPY_RIDER) as (track,):
        samples = track.read(0, 20)
    time = np.arange(samples.size) / 16_000
    sides = []
    for speaker in ("agent", "customer"):
        own = [t for t in turns if t["speaker"] == speaker]
        speaking = np.any([(time >= t["start"] - 0.1) & (time < t["end"] + 0.1) for t in own], axis=0)
        sides.append(np.where(speaking, samples, 0.0))
    stereo = (np.stack(sides, axis=1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16_000, 0, "NONE", ""))
        file.writeframes(stereo.tobytes())
    return path


@pytest.mark.models
class TestSpeakers:
    """Who speaks when, and whether the engine knows the voice."""

    def test_diarization_without_text(self, engine: LocalEngine) -> None:
        """One voice, its times, and no text; by voice activity, no longer than before."""
        whole = ask(engine, Operation.DIARIZE, ONE_SENTENCE)
        assert whole["speakerCount"] == 1
        (one,) = whole["utterances"]
        assert set(one) == {"start", "end", "speakerId"}
        voiced = ask(engine, Operation.DIARIZE, ONE_SENTENCE, enableVoiceActivityDetection=True)["utterances"]
        assert one["start"] <= voiced[0]["start"] < voiced[-1]["end"] <= one["end"]

    def test_a_channel_is_a_speaker(self, engine: LocalEngine, tmp_path: Path) -> None:
        """Each channel is transcribed by itself and is one speaker, in the order in which they speak."""
        options = {"enableSpeakerDiarization": True, "separateSpeakerPerChannel": True}
        answer = ask(engine, Operation.TRANSCRIBE, two_channels(tmp_path / "two.wav"), **options)
        assert answer["speakerCount"] == 2
        said = {who: " ".join(u["text"] for u in answer["utterances"] if u["speakerId"] == who) for who in "01"}
        assert "Daniel" in said["0"]
        assert "wonderful" in said["1"]
        assert "thank you for calling" not in said["1"].lower()
        starts = [unit["start"] for unit in answer["utterances"]]
        assert starts == sorted(starts)

    def test_an_enrolled_voice_in_another_recording(self, engine: LocalEngine, tmp_path: Path) -> None:
        """The agent, enrolled from one call, is found in another; the customer is nobody that is known."""
        turns = json.loads(HAPPY_RIDER.with_suffix(".json").read_text(encoding="utf-8"))["turns"]
        with opened(HAPPY_RIDER) as (track,):
            own = np.concatenate([track.read(t["start"], t["end"]) for t in turns if t["speaker"] == "agent"])
        half = own.size // 2
        first = engine.voice_print(str(write_wav(tmp_path / "first.wav", own[:half])))
        known = engine.voice_print(str(write_wav(tmp_path / "second.wav", own[half:])), first)
        assert known.speech_seconds > first.speech_seconds > 3
        assert known.audio_seconds == pytest.approx(own.size / 16_000, abs=0.1)
        truth = json.loads(WORKSHOP.with_suffix(".json").read_text(encoding="utf-8"))["turns"]
        task = AnalysisTask(Operation.IDENTIFY, str(WORKSHOP), {}, {"daniel": known})
        answer = engine.analyze(task, lambda _: None)
        assert isinstance(answer, dict)
        assert {unit["speakerId"] for unit in answer["utterances"]} == {"daniel", "UserNotIdentified"}
        assert speaker_time_error(truth, answer["utterances"]) < 0.05
        at = next(turn for turn in truth if turn["speaker"] == "agent")
        assert next(u for u in answer["utterances"] if u["end"] > at["start"] + 1)["speakerId"] == "daniel"
        assert all(0.5 <= unit["confidence"] <= 1 for unit in answer["utterances"])

    @pytest.mark.parametrize("kind", ["silence", "noise"])
    def test_no_voice_to_enroll(self, engine: LocalEngine, tmp_path: Path, kind: str) -> None:
        """A recording in which nobody speaks enrolls nobody."""
        noise = np.random.default_rng(1).normal(scale=0.05 if kind == "noise" else 0.0, size=10 * 16_000)
        with pytest.raises(MediaError, match="Nobody speaks"):
            engine.voice_print(str(write_wav(tmp_path / "nobody.wav", noise)))


@pytest.mark.models
@pytest.mark.parametrize("operation", list(Operation))
def test_every_answer_is_as_the_contract_writes_it(engine: LocalEngine, operation: Operation) -> None:
    """Every operation, without any option that could be left out."""
    options: dict[str, Any] = {
        "texts": ["hello there how are you"],
        "utterances": [{"text": "The library opens at eight."}],
    }
    answer = engine.analyze(AnalysisTask(operation, str(ONE_SENTENCE), options), lambda _: None)
    check(operation, answer)
    assert answer


@pytest.mark.models
class TestEmotions:
    """Emotion recognition by itself."""

    def test_a_bare_list(self, engine: LocalEngine) -> None:
        """An entry for each utterance, with a label of the contract's six."""
        task = AnalysisTask(Operation.EMOTIONS, str(ONE_SENTENCE))
        answer = engine.analyze(task, lambda _: None)
        assert isinstance(answer, list)
        (one,) = answer
        assert set(one) == {"start", "end", "emotion", "confidence"}
        assert one["emotion"] in {"Anger", "Excitement", "Frustration", "Joy", "Sadness", "Neutral"}
        assert 0 < one["confidence"] <= 1

    def test_silence(self, engine: LocalEngine, tmp_path: Path) -> None:
        """Nobody, no feelings, no voices, and an empty answer is a valid one."""
        silent = str(write_wav(tmp_path / "silence.wav", np.zeros(16_000)))
        answers = {op: engine.analyze(AnalysisTask(op, silent), lambda _: None) for op in SOUND}
        for operation, answer in answers.items():
            check(operation, answer)
        assert answers[Operation.EMOTIONS] == []
        assert answers[Operation.DIARIZE] == {"speakerCount": 0, "utterances": []}
        assert answers[Operation.IDENTIFY] == {"utterances": []}


@pytest.mark.models
def test_memory_does_not_grow_with_the_recording(engine: LocalEngine, tmp_path: Path) -> None:
    """Forty minutes, most of them quiet, take hardly more than a sentence does; all three sentences are heard."""
    with opened(ONE_SENTENCE) as (track,):
        sentence = track.read(0, track.seconds)
    long = np.zeros(40 * 60 * 16_000, dtype=np.float32)
    for minute in (3, 20, 38):
        long[minute * 960_000 : minute * 960_000 + sentence.size] = sentence
    write_wav(tmp_path / "long.wav", long)
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from aijupyter.models import AnalysisTask, Operation\n"
        "from aijupyter.service.engines.local import LocalEngine\n"
        f"engine = LocalEngine(cache=Path({str(engine.cache)!r}))\n"
        "def most(file):\n"
        "    answer = engine.analyze(AnalysisTask(Operation.TRANSCRIBE, file), lambda _: None)\n"
        "    return answer['transcript'].lower().count('library'), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"print(*most({str(ONE_SENTENCE)!r}), *most({str(tmp_path / 'long.wav')!r}))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, timeout=240, capture_output=True, text=True
    )
    short_count, short, long_count, grown = map(int, done.stdout.split())
    assert (short_count, long_count) == (1, 3)
    unit = 1 << (20 if sys.platform == "darwin" else 10)
    assert (grown - short) / unit < 130


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
    body = b"\x03caf\xe9 \xff\xfe"
    frame = b"TIT2" + len(body).to_bytes(4, "big") + b"\0\0" + body
    titled = tmp_path / "titled.mp3"
    titled.write_bytes(b"ID3\x03\0\0\0\0\0" + bytes([len(frame)]) + frame + TWO_VOICES.read_bytes())
    with opened(titled) as strange, opened(TWO_VOICES) as usual:
        assert strange[0].seconds == pytest.approx(usual[0].seconds, abs=1)
