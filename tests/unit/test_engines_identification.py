"""Enrolled voices, on spectrograms made up for the purpose, and with the real encoder where it is there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aijupyter.models import VoicePrint
from aijupyter.service.engines.activity import voiced
from aijupyter.service.engines.audio import RATE, Track
from aijupyter.service.engines.background import CLEAN_DECIBELS, background
from aijupyter.service.engines.identification import THRESHOLD, Match, matches, print_of, renamed, threshold
from aijupyter.service.engines.turns import Utterance
from aijupyter.service.engines.voices import HIDDEN, Span
from aijupyter.service.engines.words import Word

WHOLE, NARROW = 0, 1


class Encoder:
    """Stands for the voice encoder: each span's voice is the one whose number its start is, heard whole or narrow."""

    def embed(self, _: Track, spans: list[Span], *, narrow: bool = False) -> NDArray[np.float32]:
        """A direction of its own for each voice and way of hearing."""
        places = [2 * int(start) + (NARROW if narrow else WHOLE) for start, _ in spans]
        return np.eye(HIDDEN, dtype=np.float32)[places]


def sound(*, cutoff: float = 8000.0) -> Track:
    """Twelve seconds of speech-like noise with nothing above `cutoff` hertz."""
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=12 * RATE))
    spectrum[np.fft.rfftfreq(12 * RATE, 1 / RATE) > cutoff] = 0
    samples = np.fft.irfft(spectrum).astype(np.float32)
    return Track.of(samples * np.float32(0.1 / np.abs(samples).max()))


def said(voice: int, speaker: str, channel: int = 0) -> Utterance:
    """An utterance of one of Encoder's voices."""
    return Utterance((Word("hello", voice, voice + 1.0, 0.9),), speaker, channel)


def enrolled(voice: int, track: Track | None = None, known: VoicePrint | None = None) -> VoicePrint:
    """The print of one of Encoder's voices."""
    return print_of(track or sound(), [(voice, voice + 2.0)], Encoder(), known)  # type: ignore[arg-type]


def who(said: list[Utterance], track: Track, **voices: VoicePrint) -> dict[str, Match]:
    """The matches of what was said."""
    return matches(said, [track], Encoder(), voices)  # type: ignore[arg-type]


def test_a_known_voice_and_a_stranger() -> None:
    """The known one gets the id and much confidence; the stranger none, and much confidence that it is none."""
    found = who([said(1, "0"), said(2, "1")], sound(), ada=enrolled(1), bob=enrolled(3))
    assert (found["0"].name, found["1"].name) == ("ada", None)
    assert min(found["0"].confidence, found["1"].confidence) > 0.95
    assert [u.speaker for u in renamed([said(1, "0"), said(2, "1")], found)] == ["ada", "1"]


def test_nobody_is_enrolled() -> None:
    """Nothing is matched, and nobody renamed."""
    assert who([said(1, "0")], sound()) == {}
    assert [u.speaker for u in renamed([said(1, "0")], {})] == ["0"]


@pytest.mark.parametrize(("enrolled_at", "heard_at"), [(8000, 3500), (3500, 8000), (3500, 3500), (8000, 8000)])
def test_a_telephone_on_either_side(enrolled_at: float, heard_at: float) -> None:
    """A voice is known again where the enrollment, the call, or both came through a telephone."""
    narrow, heard = sound(cutoff=enrolled_at), sound(cutoff=heard_at)
    assert (background(narrow).narrow, background(heard).narrow) == (enrolled_at < 4000, heard_at < 4000)
    assert who([said(1, "0"), said(2, "1")], heard, ada=enrolled(1, narrow))["0"].name == "ada"


def test_prints_are_joined_by_their_speech() -> None:
    """A unit vector nearer to the part with more speech; the seconds add up."""
    once = enrolled(1)
    long = print_of(sound(), [(2.0, 8.0)], Encoder(), once)  # type: ignore[arg-type]
    assert (long.speech_seconds, long.audio_seconds) == (8.0, 24.0)
    assert np.linalg.norm(long.vector) == pytest.approx(1.0, abs=1e-4)
    new, old = long.vector[4], long.vector[2]
    assert new / old == pytest.approx(3.0, rel=0.01)


def test_a_narrow_print_becomes_whole() -> None:
    """Audio added later brings what the telephone left out."""
    joined = enrolled(1, sound(), enrolled(1, sound(cutoff=3500)))
    assert who([said(1, "0")], sound(), ada=joined)["0"].confidence > 0.9


def test_noise_lowers_the_threshold() -> None:
    """Clean speech has the full one; the noisier, the lower."""
    assert threshold(CLEAN_DECIBELS) == threshold(30.0) == THRESHOLD
    assert THRESHOLD > threshold(20.0) > threshold(15.0) > 0.75


def test_voice_activity_divides_utterances() -> None:
    """Silences inside an utterance are left out; one in which no voice is detected stays whole."""
    long = Utterance((Word("one", 1.0, 2.0, 1.0), Word("two", 8.0, 9.0, 1.0)), "0")
    assert [span for span, _ in voiced([long], [[(0.5, 2.5), (7.5, 20.0)]])] == [(1.0, 2.5), (7.5, 9.0)]
    assert [span for span, _ in voiced([long], [[]])] == [(1.0, 9.0)]
