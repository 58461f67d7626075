"""A recording on its way to a browser: the right sound at the right time, in pieces, and never all of it."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tones import BEGIN, decoded, heard, write_tones
from until import until

from aijupyter.views import audio, waveform
from aijupyter.views.audio import Audio

FORMATS = {
    "wav": ("call.wav", {"codec": "pcm_s16le", "rate": 44_100}),
    "telephone wav": ("call.wav", {"codec": "pcm_alaw", "rate": 8_000}),
    "mp3, constant bit rate": ("call.mp3", {"codec": "libmp3lame", "b": "64000"}),
    "mp3, variable bit rate": ("call.mp3", {"codec": "libmp3lame", "flags": "+qscale", "global_quality": "472"}),
    "m4a": ("call.m4a", {"codec": "aac", "rate": 44_100}),
    "ogg": ("call.ogg", {"codec": "libopus", "rate": 48_000}),
    "webm without an index": ("call.webm", {"codec": "libopus", "rate": 48_000, "live": "1"}),
    "flac": ("call.flac", {"codec": "flac"}),
}
STARTS = (0.0, 17.21, 3.3, 28.9, 0.45)
DELAYS = {"webm": 312 / 48_000, "mp4": 1024 / 24_000}


class Browser:
    """What a browser asks for, and what reaches it."""

    def __init__(self, path: Path) -> None:
        self.messages: list[tuple[dict[str, Any], bytes]] = []
        self.threads: set[str] = set()
        self.audio = Audio(path, self._hear)

    def _hear(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.threads.add(threading.current_thread().name)
        self.messages.append((content, buffers[0]))

    def ask(self, stream: int, start: float, end: float, *, view: str = "one", types: Any = ("webm",)) -> None:
        """Ask for a stream, from second to second."""
        content = {"kind": "audio", "do": "stream", "view": view, "stream": stream, "types": list(types)}
        self.audio.handle({**content, "from": start, "until": end})

    def of(self, stream: int, view: str = "one") -> list[tuple[dict[str, Any], bytes]]:
        """What came of a stream."""
        return [each for each in self.messages if each[0]["stream"] == stream and each[0]["view"] == view]

    def ended(self, stream: int, view: str = "one") -> bool:
        """Whether all of a stream came, or its failure."""
        return any(content.get("last") or "failed" in content for content, _ in self.of(stream, view))

    def failure(self) -> str:
        """Ask, and have the failure that is told."""
        number = len(self.messages) + 1
        self.ask(number, 0, 1000)
        until(lambda: self.ended(number))
        return str(self.of(number)[-1][0].get("failed", "nothing failed"))


@pytest.fixture(autouse=True)
def fast_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tests wait for the pace of a comm, but the one about it."""
    monkeypatch.setattr(audio, "BYTES_PER_SECOND", 100_000_000)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A browser on a recording of a minute in MP3."""
    browser = Browser(write_tones(tmp_path / "call.mp3", 60, codec="libmp3lame"))
    yield browser
    browser.audio.close()


def running() -> list[threading.Thread]:
    """The threads of ours."""
    return [each for each in threading.enumerate() if each.name in {"aijupyter-audio", "aijupyter-waveform"}]


@pytest.mark.parametrize("kind", ["webm", "mp4"])
@pytest.mark.parametrize("name", FORMATS)
def test_what_sounds_is_what_is_there(name: str, kind: str, tmp_path: Path) -> None:
    """From wherever a browser listens, every tone comes when it is in the recording, within 30 ms."""
    file, options = FORMATS[name]
    browser = Browser(write_tones(tmp_path / file, 30, **options))  # type: ignore[arg-type]
    for number, start in enumerate(STARTS):
        browser.ask(number, start, 100, types=[kind])
        until(lambda number=number: browser.ended(number))
        pieces = browser.of(number)
        offset = pieces[0][0]["offset"]
        assert offset == pytest.approx(start - DELAYS[kind])
        first, samples, rate = decoded(b"".join(data for _, data in pieces))
        tones = heard(samples, rate, offset + first)
        assert [second for _, second in tones] == list(range(round(start), 30))
        assert max(abs(when - second - BEGIN) for when, second in tones) < 0.03
        assert pieces[-1][0]["end"] == pytest.approx(30, abs=0.06)
    browser.audio.close()


def test_a_header_says_how_long_it_is(browser: Browser, tmp_path: Path) -> None:
    """The duration is known without decoding; what is no recording has none."""
    assert browser.audio.duration == pytest.approx(60, abs=0.1)
    (tmp_path / "notes.txt").write_text("no audio")
    assert Audio(tmp_path / "notes.txt", browser._hear).duration is None
    assert Audio(tmp_path / "nothing.wav", browser._hear).duration is None
    assert running() == []


def test_only_what_is_asked_for_is_sent(browser: Browser) -> None:
    """A stream stops where the browser said, goes on when it says so, and counts its pieces."""
    browser.ask(1, 10, 20)
    until(lambda: bool(browser.of(1)) and browser.of(1)[-1][0]["end"] >= 20)
    until(lambda: not browser.audio._streams["one"].is_wanted())
    sent = len(browser.messages)
    assert 20 <= browser.messages[-1][0]["end"] < 26
    browser.ask(1, 10, 40)
    until(lambda: browser.messages[-1][0]["end"] >= 40)
    pieces = [content["piece"] for content, _ in browser.of(1)]
    assert pieces == list(range(len(pieces)))
    assert len(pieces) > sent
    assert {len(data) > 60_000 for _, data in browser.messages} == {False}
    assert browser.threads == {"aijupyter-audio"}


def test_nobody_can_ask_for_hours_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much a browser asks for, what is sent has an end."""
    monkeypatch.setattr(audio, "MOST_AHEAD_SECONDS", 10.0)
    browser = Browser(write_tones(tmp_path / "call.wav", 60, codec="pcm_s16le"))
    browser.ask(1, 0, 1e12)
    until(lambda: bool(browser.messages) and not browser.audio._streams["one"].is_wanted())
    assert 10 <= browser.messages[-1][0]["end"] < 16
    browser.audio.close()


def test_a_new_stream_takes_the_place_of_the_old_one(browser: Browser) -> None:
    """After a seek nothing more comes of what was heard before."""
    browser.ask(1, 0, 60)
    until(lambda: len(browser.of(1)) > 1)
    browser.ask(2, 50, 60)
    until(lambda: browser.ended(2))
    streams = [content["stream"] for content, _ in browser.messages]
    assert streams == sorted(streams)
    assert not browser.ended(1)
    assert browser.of(2)[0][0]["start"] == 50


def test_two_players_hear_one_recording(browser: Browser) -> None:
    """Views of one widget listen to different places, and one that is gone gets nothing more."""
    browser.ask(1, 0, 60, view="one")
    browser.ask(1, 40, 60, view="two")
    until(lambda: browser.ended(1, "one") and browser.ended(1, "two"))
    for view, start in (("one", 0), ("two", 40)):
        assert len(heard(*decoded(b"".join(data for _, data in browser.of(1, view)))[1:])) == 60 - start
    browser.audio.handle({"kind": "audio", "do": "end", "view": "one"})
    assert "one" not in browser.audio._streams


def test_all_channels_are_heard(tmp_path: Path) -> None:
    """A voice that is on one channel only is heard."""
    browser = Browser(write_tones(tmp_path / "call.wav", 5, codec="pcm_s16le", channels=2))
    browser.ask(1, 0, 5)
    until(lambda: browser.ended(1))
    samples = decoded(b"".join(data for _, data in browser.of(1)))[1]
    assert np.abs(samples.astype(int)).max() > 6000
    browser.audio.close()


def test_a_second_and_a_place_behind_the_end(tmp_path: Path) -> None:
    """The shortest recording is heard; behind its end there is nothing, and it says so."""
    browser = Browser(write_tones(tmp_path / "call.mp3", 1, codec="libmp3lame"))
    browser.ask(1, 0, 30)
    browser.ask(1, 9, 30, view="two")
    until(lambda: browser.ended(1) and browser.ended(1, "two"))
    assert len(heard(*decoded(b"".join(data for _, data in browser.of(1)))[1:])) == 1
    assert [(content["end"], content["last"], data) for content, data in browser.of(1, "two")] == [(9, True, b"")]
    browser.audio.close()


def test_what_is_missing_is_silence(tmp_path: Path) -> None:
    """Where a call broke off for seconds, what follows still sounds when the container says, from wherever heard."""
    whole, path = write_tones(tmp_path / "whole.webm", 30, codec="libopus", rate=48_000), tmp_path / "call.webm"
    with av.open(str(whole)) as source, av.open(str(path), "w") as copy:
        track = copy.add_stream("libopus", rate=48_000, layout="mono")
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None and not 10.2 < packet.dts * packet.time_base < 13.1:
                packet.stream = track
                copy.mux(packet)
    browser = Browser(path)
    for number, start in enumerate((0.0, 8.3, 11.0, 20.2)):
        browser.ask(number, start, 100)
        until(lambda number=number: browser.ended(number))
        pieces = browser.of(number)
        first, samples, rate = decoded(b"".join(data for _, data in pieces))
        tones = heard(samples, rate, pieces[0][0]["offset"] + first)
        assert [second for _, second in tones] == [
            each for each in range(30) if each >= int(start) and not 9 < each < 13
        ]
        assert max(abs(when - second - BEGIN) for when, second in tones) < 0.03
    browser.audio.close()


def test_damage_is_passed_over(tmp_path: Path) -> None:
    """Where bytes of a recording are broken, the rest is heard."""
    path = write_tones(tmp_path / "call.mp3", 30, codec="libmp3lame", b="64000")
    data = bytearray(path.read_bytes())
    broken = len(data) // 3
    data[broken : broken + 6000] = bytes(6000)
    path.write_bytes(data)
    browser = Browser(path)
    browser.ask(1, 0, 60)
    until(lambda: browser.ended(1))
    samples = decoded(b"".join(data for _, data in browser.of(1)))[1]
    assert {second for _, second in heard(samples, 24_000)} >= set(range(9)) | set(range(13, 30))
    browser.audio.close()


def test_what_cannot_be_played_says_why(tmp_path: Path) -> None:
    """A file that vanished, is empty, damaged or no audio: told to a person, without naming the machine's folders."""
    path = tmp_path / "call.mp3"
    browser = Browser(path)
    assert "no longer where it was" in browser.failure()
    path.write_bytes(b"")
    assert "is empty" in browser.failure()
    path.write_bytes(bytes(50_000))
    assert "cannot be decoded" in browser.failure()
    path.write_text("Dear Sir or Madam,\n" * 100)
    assert browser.failure() != "nothing failed"
    path.unlink()
    path.mkdir()
    assert "no longer where it was" in browser.failure()
    assert not any(str(tmp_path) in str(content) or path.name in str(content) for content, _ in browser.messages)
    browser.audio.close()


def test_a_recording_that_comes_back_is_heard(tmp_path: Path) -> None:
    """After a failure the same player plays, once there is something to play; and what is there now, not before."""
    path = tmp_path / "call.wav"
    browser = Browser(path)
    assert "no longer" in browser.failure()
    write_tones(path, 3, codec="pcm_s16le")
    assert browser.failure() == "nothing failed"
    write_tones(path, 5, codec="pcm_s16le")
    browser.ask(99, 0, 9)
    until(lambda: browser.ended(99))
    assert browser.of(99)[-1][0]["end"] == pytest.approx(5)
    path.unlink()
    assert "no longer" in browser.failure()
    browser.audio.close()


def test_nonsense_is_ignored(browser: Browser) -> None:
    """A message that is malformed starts nothing and breaks nothing."""
    for content in (
        {"kind": "audio"},
        {"kind": "audio", "view": 5, "do": "stream"},
        {"view": "one", "do": "stream", "stream": 1, "from": None, "until": 5, "types": []},
        {"view": "one", "do": "stream", "stream": 1, "from": float("nan"), "until": 5, "types": ["webm"]},
        {"view": "one", "do": "stream", "stream": 1, "from": 0, "until": 5, "types": None},
        {"view": "one", "do": "fly"},
    ):
        browser.audio.handle(content)
    assert running() == []
    assert browser.failure() == "nothing failed"


def test_close_ends_everything(browser: Browser) -> None:
    """After close no thread is left, nothing is sent, and closing again does nothing."""
    browser.ask(1, 0, 60)
    browser.audio.watch_peaks(lambda _points: None)
    until(lambda: bool(browser.messages))
    browser.audio.close()
    sent = len(browser.messages)
    browser.audio.close()
    browser.ask(2, 0, 60)
    browser.audio.watch_peaks(lambda _points: None)
    until(lambda: running() == [])
    assert len(browser.messages) == sent


def test_a_thread_that_nobody_needs_ends(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A player that was forgotten leaves no thread behind, and is heard again when it asks: from where it says."""
    monkeypatch.setattr(audio, "IDLE_SECONDS", 0.1)
    browser.ask(1, 0, 10)
    until(lambda: running() == [] and bool(browser.messages))
    browser.ask(1, 9, 20)
    until(lambda: browser.messages[-1][0]["end"] >= 20)
    begun = [content["start"] for content, _ in browser.messages if content["piece"] == 0]
    assert begun == [0, 9]


def test_a_view_that_is_gone_harms_no_other(browser: Browser) -> None:
    """Sending fails where a comm is closed; whoever else listens goes on."""
    hear = browser._hear

    def fail(content: dict[str, Any], buffers: list[bytes]) -> None:
        if content["view"] == "gone":
            raise RuntimeError("the comm is closed")
        hear(content, buffers)

    browser.audio._send = fail
    browser.ask(1, 0, 60, view="gone")
    browser.ask(1, 0, 60)
    until(lambda: browser.ended(1))


def test_bytes_are_paced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more bytes go out per second than the notebook's server lets pass, whoever asks for how much."""
    monkeypatch.setattr(audio, "BYTES_PER_SECOND", 60_000)
    browser = Browser(write_tones(tmp_path / "call.wav", 30, codec="pcm_s16le"))
    begun = time.monotonic()
    for view in ("one", "two"):
        browser.ask(1, 0, 30, view=view)
    until(lambda: browser.ended(1, "one") and browser.ended(1, "two"))
    bytes_before_the_last = sum(len(data) for _, data in browser.messages[:-1])
    assert time.monotonic() - begun >= bytes_before_the_last / 60_000
    browser.audio.close()


def test_without_pyav_a_small_file_goes_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What any browser plays itself needs no PyAV; what is large says what to install."""
    path = write_tones(tmp_path / "call.wav", 10, codec="pcm_s16le")
    monkeypatch.setitem(sys.modules, "av", None)
    browser = Browser(path)
    assert browser.audio.duration == pytest.approx(10)
    browser.ask(1, 0, 60)
    until(lambda: browser.ended(1))
    pieces = browser.of(1)
    assert b"".join(data for _, data in pieces) == path.read_bytes()
    assert pieces[0][0]["whole"] == {"type": "audio/wav", "size": path.stat().st_size}
    assert len(pieces) > 3
    monkeypatch.setattr(audio, "WHOLE_BYTES", 1000)
    assert "pip install 'aijupyter[notebook]'" in browser.failure()
    browser.audio.close()


def test_a_browser_without_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the browser takes no pieces, a small file goes as it is, and a large one is not blamed on the kernel."""
    browser = Browser(write_tones(tmp_path / "call.mp3", 5, codec="libmp3lame"))
    browser.ask(1, 0, 60, types=["ogg", 7])
    until(lambda: browser.ended(1))
    assert browser.of(1)[0][0]["whole"]["type"] == "audio/mpeg"
    monkeypatch.setattr(audio, "WHOLE_BYTES", 1000)
    browser.ask(2, 0, 60, types=[])
    until(lambda: browser.ended(2))
    assert "This browser" in browser.of(2)[0][0]["failed"]
    browser.audio.close()


def waveform_of(path: Path) -> list[bytes]:
    """All that is told of a recording's waveform."""
    told: list[bytes] = []
    listener = Audio(path, lambda *_: None)
    listener.watch_peaks(told.append)
    until(lambda: bool(told) and running() == [])
    listener.close()
    return told


@pytest.mark.parametrize("pyav", [True, False])
def test_the_waveform_shows_where_it_is_loud(pyav: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points are evenly spaced: high where a tone is, low elsewhere; the standard library is enough for WAV."""
    path = write_tones(tmp_path / "call.wav", 8, codec="pcm_s16le", channels=2)
    if not pyav:
        monkeypatch.setitem(sys.modules, "av", None)
    points = np.frombuffer(waveform_of(path)[-1], np.uint8)
    assert len(points) == 400
    loud = points.reshape(8, 50) > 100
    assert loud[:, 26:29].all()
    assert not loud[:, :24].any()
    assert not loud[:, 31:].any()
    assert points.max() == 255


def test_the_waveform_of_silence_and_of_what_is_none(wav: Path, tmp_path: Path) -> None:
    """Silence is flat; what cannot be read has no waveform, and the wait for it ends."""
    assert set(waveform_of(wav)[-1]) == {0}
    (tmp_path / "notes.txt").write_text("no audio")
    assert waveform_of(tmp_path / "notes.txt") == [b""]
    assert waveform_of(tmp_path / "nothing.mp3") == [b""]


def test_a_long_waveform_has_no_more_points_than_a_screen(tmp_path: Path) -> None:
    """Two hours are 2000 points, told while they grow, each time over the whole length."""
    path = tmp_path / "call.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        for minute in range(120):
            file.writeframes(bytes([128, 255 if minute >= 60 else 128]) * 240_000)
    told = [np.frombuffer(each, np.uint8) for each in waveform_of(path)]
    assert {len(each) for each in told} == {2000}
    assert told[-1][:990].max() < 10
    assert told[-1][1010:].min() > 245


def test_a_waveform_is_worked_out_once(tmp_path: Path) -> None:
    """The second player of a recording has the waveform of the first at once; a file that changed has its own."""
    path = write_tones(tmp_path / "call.wav", 2, codec="pcm_s16le")
    facts = path.stat()
    first = waveform_of(path)
    path.write_bytes(bytes(facts.st_size))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert waveform_of(path) == first[-1:]
    write_tones(path, 3, codec="pcm_s16le")
    assert len(waveform_of(path)[-1]) == 150


def test_what_nobody_waits_for_is_not_worked_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A player that closes early ends the work; another that waits for the same still gets it."""
    monkeypatch.setattr(waveform, "TELL_SECONDS", 0.0)
    source = Path(audio.__file__).parents[1] / "samples" / "two-voices.mp3"
    path = Path(shutil.copy(source, tmp_path / "call.mp3"))
    told: list[bytes] = []
    early, late = (Audio(path, lambda *_: None) for _ in range(2))
    early.watch_peaks(lambda _points: early.close())
    until(lambda: running() == [])
    assert waveform._known[next(reversed(waveform._known))]._whole is None
    late.watch_peaks(told.append)
    until(lambda: bool(told) and running() == [])
    assert len(told[-1]) == 2000
    assert min(told[-1][:40] + told[-1][-40:]) < 20 < max(told[-1])
