"""Recordings of every kind become tracks, and long ones take no more memory than short ones."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from aijupyter.errors import MediaError
from aijupyter.service.engines.audio import IN_MEMORY, RATE, Track, opened
from aijupyter.service.engines.words import CHUNK_SECONDS, CUT_SECONDS, chunks

SECONDS = 3.0


def beeps(seconds: float = SECONDS, rate: int = 16_000, hertz: float = 440.0) -> NDArray[np.int16]:
    """A tone that sounds in the second half of each second."""
    time = np.arange(int(seconds * rate)) / rate
    return np.round(8000 * np.sin(2 * np.pi * hertz * time) * (time % 1 >= 0.5)).astype(np.int16)


def encoded(path: Path, codec: str, container: str, rate: int, channels: list[NDArray[np.int16]]) -> Path:
    """A file of that codec; a video container gets a moving picture as well."""
    layout = "mono" if len(channels) == 1 else "stereo"
    with av.open(str(path), "w", format=container) as file:
        picture = file.add_stream("mpeg4", rate=5) if container in {"mp4", "avi"} else None
        stream = file.add_stream(codec, rate=rate, layout=layout)
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate)
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
            for _ in range(15):
                file.mux(picture.encode(av.VideoFrame(64, 64, "yuv420p")))
            file.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.stack(channels, axis=1).reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        fifo = av.AudioFifo()
        for part in resampler.resample(frame):
            fifo.write(part)
        while block := fifo.read(stream.codec_context.frame_size or 1024, partial=True):
            file.mux(stream.encode(block))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "container", "rate"),
    [
        ("plain.wav", "pcm_s16le", "wav", 44_100),
        ("telephone.wav", "pcm_mulaw", "wav", 8_000),
        ("speech.mp3", "libmp3lame", "mp3", 44_100),
        ("film.mp4", "aac", "mp4", 44_100),
        ("voice.m4a", "aac", "ipod", 44_100),
        ("talk.ogg", "libvorbis", "ogg", 44_100),
        ("talk.opus", "libopus", "ogg", 48_000),
        ("page.webm", "libopus", "webm", 48_000),
        ("lossless.flac", "flac", "flac", 16_000),
        ("old.avi", "libmp3lame", "avi", 44_100),
    ],
)
def test_every_format(tmp_path: Path, name: str, codec: str, container: str, rate: int) -> None:
    """Its length is right, and it sounds where it should."""
    try:
        av.codec.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this build of PyAV writes no {codec}")
    file = encoded(tmp_path / name, codec, container, rate, [beeps(rate=rate)])
    with opened(file) as (track,):
        assert track.seconds == pytest.approx(SECONDS, abs=0.15)
        quiet, loud = (float(np.abs(track.read(1 + at, 1.35 + at)).mean()) for at in (0.1, 0.6))
    assert loud > 20 * quiet


def test_channels_are_mixed_or_apart(tmp_path: Path) -> None:
    """Two channels are one track, or two that hold their own sound; two that are the same are one."""
    left, right = beeps(hertz=300), np.roll(beeps(hertz=500), RATE // 2)
    stereo = encoded(tmp_path / "stereo.wav", "pcm_s16le", "wav", RATE, [left, right])
    with opened(stereo) as (mixed,):
        assert np.abs(mixed.read(0.1, 0.4)).mean() > 0.05
        assert np.abs(mixed.read(0.6, 0.9)).mean() > 0.05
    with opened(stereo, separate=True) as (first, second):
        assert np.abs(first.read(0.1, 0.4)).max() < 0.01 < np.abs(first.read(0.6, 0.9)).max()
        assert np.abs(second.read(0.6, 0.9)).max() < 0.01 < np.abs(second.read(0.1, 0.4)).max()
    twice = encoded(tmp_path / "twice.wav", "pcm_s16le", "wav", RATE, [left, left])
    with opened(twice, separate=True) as tracks:
        assert len(tracks) == 1


def test_rate_and_channels_change_on_the_way(tmp_path: Path) -> None:
    """Two MP3 files put together are one recording, however different they are."""
    first = encoded(tmp_path / "a.mp3", "libmp3lame", "mp3", 16_000, [beeps(rate=16_000)])
    second = encoded(tmp_path / "b.mp3", "libmp3lame", "mp3", 44_100, [beeps(rate=44_100), beeps(rate=44_100)])
    both = tmp_path / "both.mp3"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    for separate in (False, True):
        with opened(both, separate=separate) as tracks:
            assert tracks[0].seconds == pytest.approx(2 * SECONDS, abs=0.4)


def test_no_audio(tmp_path: Path) -> None:
    """Text, and a header with nothing behind it, are refused, by name."""
    text, empty = tmp_path / "notes.txt", tmp_path / "empty.wav"
    text.write_text("no sound in here")
    with wave.open(str(empty), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
    for path in (text, empty, tmp_path / "missing.mp3"):
        with pytest.raises(MediaError) as caught, opened(path):
            pass
        assert caught.value.source == str(path)


class TestTrack:
    """A track gives back what it was given."""

    def test_reads_what_was_added(self) -> None:
        """Any stretch, at 16 bits, and nothing beyond either end; what is no number is silence."""
        sound = np.sin(np.arange(RATE, dtype=np.float32)) * np.float32(0.5)
        track = Track()
        track.add(sound[:5000])
        track.add(sound[5000:])
        track.add(np.array([np.nan, np.inf, 2.0], dtype=np.float32))
        np.testing.assert_allclose(track.read(0.25, 0.75), sound[4000:12_000], atol=1e-4)
        np.testing.assert_allclose(track.read(1.0, 9.0), [0, 0, 1], atol=1e-4)
        assert track.read(-3.0, -1.0).size == track.read(5.0, 9.0).size == track.read(0.5, 0.2).size == 0
        assert track.seconds == pytest.approx(1.0, abs=0.001)
        track.close()

    def test_a_long_one_leaves_memory(self) -> None:
        """What is more than the limit lies in a file, and is read as before."""
        track = Track()
        minute = np.zeros(60 * RATE, dtype=np.float32)
        for number in range(IN_MEMORY // (2 * minute.size) + 2):
            minute[:] = number / 100
            track.add(minute)
        assert track._file._rolled  # type: ignore[attr-defined]
        assert track.read(660.0, 660.1)[0] == pytest.approx(0.11, abs=1e-4)
        track.close()

    def test_chunks_cover_it_and_are_cut_where_it_is_quiet(self) -> None:
        """No sample is left out or read twice; a cut falls into the silence near a chunk's end."""
        track = Track()
        noise = np.random.default_rng(1).normal(scale=0.1, size=60 * RATE).astype(np.float32)
        silent = CHUNK_SECONDS - CUT_SECONDS / 2
        for minute in range(int(CHUNK_SECONDS // 60) + 2):
            time = minute * 60 + np.arange(noise.size) / RATE
            track.add(np.where((time > silent) & (time < silent + 1), 0, noise).astype(np.float32))
        pieces = list(chunks(track))
        ends = [start + samples.size / RATE for start, samples in pieces]
        assert [start for start, _ in pieces] == [0.0, *ends[:-1]]
        assert ends[-1] == track.seconds
        assert silent < ends[0] < silent + 1
        assert all(samples.size <= CHUNK_SECONDS * RATE for _, samples in pieces)
        track.close()
