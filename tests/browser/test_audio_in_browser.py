"""The player's sound in a real browser, fed by the real Audio: it plays what is there, and never hangs."""

from __future__ import annotations

import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audio_page import Kernel, sound_page
from playwright.sync_api import Page
from tones import BEGIN, pitch, write_tones

SECONDS = 70

LISTEN = """async (moments) => {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  context.createMediaElementSource(sound.element).connect(analyser).connect(context.destination);
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  const heard = [];
  for (const moment of moments) {
    sound.seek(moment, { play: true });
    const { element } = sound;
    while (element.seeking || element.currentTime < moment + 0.3) await new Promise(requestAnimationFrame);
    analyser.getFloatFrequencyData(spectrum);
    const bin = spectrum.indexOf(Math.max(...spectrum));
    heard.push([sound.time, bin * context.sampleRate / analyser.fftSize]);
  }
  return heard;
}"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of a minute in which each second has its own pitch for almost as long."""
    path = tmp_path_factory.mktemp("audio") / "call.mp3"
    return write_tones(path, SECONDS, codec="libmp3lame", length=0.9, flags="+qscale", global_quality="472")


@pytest.fixture
def shown(recording: Path) -> Iterator[tuple[Page, Kernel]]:
    """A page with the recording's sound, and its kernel."""
    with sound_page(recording) as (page, kernel):
        yield page, kernel


def wait(page: Page, condition: str, seconds: float = 20) -> None:
    """Wait until something is so of `sound`, and its `element`."""
    page.wait_for_function(f"() => {{ const element = sound.element; return {condition}; }}", timeout=1000 * seconds)


def facts(page: Page) -> dict[str, Any]:
    """What a person would see of the sound."""
    return dict(page.evaluate("({ time: sound.time, state: sound.state, paused: sound.paused, said: sound.message })"))


def ranges(page: Page) -> list[list[float]]:
    """What of the recording is in the browser, from second to second."""
    return list(
        page.evaluate(
            "(() => { const b = sound.element.buffered; "
            "return Array.from({ length: b.length }, (_, i) => [b.start(i), b.end(i)]); })()"
        )
    )


def test_nothing_is_sent_before_it_is_asked_for(shown: tuple[Page, Kernel]) -> None:
    """A player that nobody touches asks for nothing."""
    page, kernel = shown
    assert facts(page) == {"time": 0, "state": "idle", "paused": True, "said": ""}
    assert kernel.asked == []


def test_it_plays_across_pieces_to_the_end_and_again(shown: tuple[Page, Kernel]) -> None:
    """From a place near the end it plays through all pieces without stopping, ends, and starts over."""
    page, _ = shown
    page.evaluate("window.waits = 0")
    page.evaluate("sound.seek(58.2, { play: true })")
    assert facts(page)["time"] == 58.2
    assert facts(page)["paused"] is False
    wait(page, "sound.state === 'ready' && element.currentTime > 58.4")
    page.evaluate("sound.element.addEventListener('waiting', () => { window.waits += sound.element.ended ? 0 : 1; })")
    wait(page, "element.ended")
    assert page.evaluate("window.waits") == 0
    assert facts(page)["time"] == pytest.approx(SECONDS, abs=0.1)
    assert facts(page)["state"] == "ready"
    page.evaluate("sound.play()")
    wait(page, "element.currentTime > 0.2 && element.currentTime < 30 && !sound.paused")


def test_what_is_heard_is_what_is_there(shown: tuple[Page, Kernel]) -> None:
    """Wherever a person goes, forwards and backwards, the tone of that second sounds."""
    page, _ = shown
    moments = [second + BEGIN + 0.15 for second in (30, 3, 61, 29, 0, 44)]
    for moment, (time, hertz) in zip(moments, page.evaluate(LISTEN, moments), strict=True):
        assert moment + 0.3 <= time < moment + 0.7
        assert hertz == pytest.approx(pitch(int(moment)), abs=12)


def test_a_seek_while_paused_loads_and_waits(shown: tuple[Page, Kernel]) -> None:
    """A click on a line moves the position at once, fetches a little, and plays when asked to."""
    page, kernel = shown
    page.evaluate("sound.seek(20, { play: false })")
    assert facts(page)["time"] == 20
    wait(page, "sound.state === 'ready'")
    wait(page, "element.buffered.end(0) > 45")
    assert facts(page)["time"] == 20
    assert ranges(page)[0][0] == pytest.approx(19.5, abs=0.03)
    assert kernel.asked[-1]["until"] == 50
    page.evaluate("sound.play()")
    wait(page, "element.currentTime > 20.2")
    page.evaluate("sound.pause()")
    assert facts(page)["paused"]
    assert page.evaluate("states") == ["idle", "loading", "ready"]


def test_speed(shown: tuple[Page, Kernel]) -> None:
    """A speed set before and while it plays holds, and keeps the pitch."""
    page, _ = shown
    page.evaluate("sound.rate = 2")
    page.evaluate("sound.seek(5, { play: true })")
    wait(page, "element.currentTime > 5.2")
    assert page.evaluate("[sound.rate, sound.element.playbackRate, sound.element.preservesPitch]") == [2, 2, True]
    page.evaluate("sound.rate = 0.5")
    assert page.evaluate("sound.rate") == 0.5


def test_many_seeks_ask_for_few_streams(shown: tuple[Page, Kernel]) -> None:
    """While a person drags, not every place on the way is fetched; the last one is."""
    page, kernel = shown
    page.evaluate("for (let at = 0; at < 60; at += 0.5) sound.seek(at)")
    wait(page, "sound.state === 'ready'")
    assert facts(page)["time"] == 59.5
    assert len(kernel.asked) < 6
    assert kernel.asked[-1]["from"] == pytest.approx(59)


def test_a_piece_that_is_lost_is_fetched_again(shown: tuple[Page, Kernel]) -> None:
    """Notebook servers drop messages when there are too many: the sound goes on all the same."""
    page, kernel = shown
    kernel.lost = lambda content: content["stream"] == 1 and content.get("piece") == 2
    page.evaluate("sound.seek(1, { play: true })")
    wait(page, "element.buffered.length === 1 && element.buffered.end(0) > 69")
    assert {content["stream"] for content in kernel.asked} == {1, 2}
    assert len(ranges(page)) == 1


def test_a_busy_kernel_is_waited_for(shown: tuple[Page, Kernel]) -> None:
    """Where no answer comes it says so, asks again, and plays when the kernel is free."""
    page, kernel = shown
    kernel.busy.set()
    page.evaluate("sound.seek(10, { play: true })")
    assert facts(page)["state"] == "loading"
    wait(page, "sound.message.includes('busy')")
    kernel.busy.clear()
    wait(page, "element.currentTime > 10.2", 40)
    assert facts(page)["said"] == ""


def test_a_failure_is_told_and_can_be_mended(tmp_path: Path) -> None:
    """A file that is not there: said so, and play tries again."""
    path = tmp_path / "call.mp3"
    with sound_page(path, 5) as (page, _):
        page.evaluate("sound.play()")
        wait(page, "sound.state === 'failed'")
        assert "no longer where it was" in facts(page)["said"]
        assert facts(page)["paused"]
        write_tones(path, 5, codec="libmp3lame")
        page.evaluate("sound.play()")
        wait(page, "element.currentTime > 0.2")
        assert facts(page)["said"] == ""


def test_far_away_sound_is_given_back(tmp_path: Path) -> None:
    """Three hours never fill the browser's memory: of what was heard long before or after, nothing is kept."""
    path = tmp_path / "call.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        for _ in range(180):
            file.writeframes(bytes(range(256)) * 1875)
    with sound_page(path) as (page, kernel):
        for place in (0, 9000, 30, 5000):
            page.evaluate(f"sound.seek({place}, {{ play: true }})")
            wait(page, f"sound.state === 'ready' && element.currentTime > {place}.1")
        wait(page, "element.buffered.length === 1 && element.buffered.start(0) > 4990")
        assert all(content["until"] - content["from"] < 320 for content in kernel.asked)


def test_mp4_where_webm_is_unknown(recording: Path) -> None:
    """Safari's kind of stream plays as well."""
    with sound_page(recording) as (page, kernel):
        page.evaluate("""() => {
          const known = MediaSource.isTypeSupported;
          MediaSource.isTypeSupported = (type) => known(type) && type.startsWith("audio/mp4");
        }""")
        moments = [second + BEGIN + 0.15 for second in (12, 50)]
        for moment, (_, hertz) in zip(moments, page.evaluate(LISTEN, moments), strict=True):
            assert hertz == pytest.approx(pitch(int(moment)), abs=12)
        assert kernel.asked[0]["types"] == ["mp4"]


def test_without_pyav_a_small_file_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel cannot decode, the browser does, from the place that was asked for."""
    path = write_tones(tmp_path / "call.wav", 20, codec="pcm_s16le", length=0.9)
    monkeypatch.setitem(sys.modules, "av", None)
    with sound_page(path) as (page, _):
        ((time, hertz),) = page.evaluate(LISTEN, [12 + BEGIN + 0.15])
        assert 12.5 < time < 13.5
        assert hertz == pytest.approx(pitch(12), abs=12)
        page.evaluate("sound.seek(3)")
        wait(page, "element.currentTime > 3.1 && element.currentTime < 12")


def test_one_player_at_a_time(shown: tuple[Page, Kernel]) -> None:
    """Starting one player stops another; each has its own place in the recording."""
    page, _ = shown
    page.evaluate("sound.seek(10, { play: true })")
    wait(page, "element.currentTime > 10.1")
    page.evaluate("window.other = new Sound(model, sound.duration); other.seek(40, { play: true })")
    wait(page, "other.element.currentTime > 40.1")
    assert facts(page)["paused"]
    assert 10 < facts(page)["time"] < 15


def test_a_destroyed_player_is_silent(shown: tuple[Page, Kernel]) -> None:
    """After destroy it makes no sound, tells nothing, and the kernel is told."""
    page, _ = shown
    page.evaluate("sound.seek(10, { play: true })")
    wait(page, "element.currentTime > 10.1")
    page.evaluate("sound.destroy(); sound.destroy(); sound.play(); sound.seek(5)")
    assert facts(page)["state"] == "none"
    assert facts(page)["paused"]
    assert page.evaluate("model.listeners.size") == 0
    page.wait_for_function("() => model.sent.at(-1).do === 'end'")
    assert page.evaluate("sound.element.hasAttribute('src')") is False


def test_nothing_to_hear(shown: tuple[Page, Kernel]) -> None:
    """Where there is no recording there is no state but that, and nothing breaks."""
    page, _ = shown
    page.evaluate("window.none = new Sound(null, null); none.play(); none.seek(5); none.pause(); none.rate = 2")
    assert page.evaluate("[none.state, none.time, none.paused, none.rate]") == ["none", 0, True, 2]
    page.evaluate("none.destroy()")
