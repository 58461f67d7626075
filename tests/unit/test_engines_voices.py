"""Telling voices apart, on vectors and words made up for the purpose."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from aijupyter.service.engines import mel
from aijupyter.service.engines.clustering import cluster, cut, dendrogram, nearest
from aijupyter.service.engines.turns import sentences, stretches, utterances
from aijupyter.service.engines.voices import unit
from aijupyter.service.engines.words import SHORTEST_WORD, Word, bare, in_order, joined, repeats


def cloud(voices: int, each: int, spread: float, seed: int = 1) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit vectors around `voices` directions that are far apart, and whose each is."""
    random = np.random.default_rng(seed)
    centres = np.eye(voices, 32, dtype=np.float32)
    truth = np.repeat(np.arange(voices), each)
    noise = random.normal(scale=spread, size=(len(truth), 32)).astype(np.float32)
    return unit(centres[truth] + noise), truth


def said(text: str, start: float = 0.0, each: float = 0.25, gap: float = 0.05) -> list[Word]:
    """The words of a text, one after another from `start` on."""
    return [
        Word(word, start + n * (each + gap), start + n * (each + gap) + each, 0.9)
        for n, word in enumerate(text.split())
    ]


class TestClustering:
    """Voices are counted, and told apart."""

    @pytest.mark.parametrize("voices", [1, 2, 3, 5])
    def test_counts_the_voices(self, voices: int) -> None:
        """Without being told, it finds as many voices as there are, and gives each its own stretches."""
        vectors, truth = cloud(voices, each=12, spread=0.06)
        centroids = cluster(vectors, np.full(len(vectors), 2.0))
        assert len(centroids) == voices
        found = nearest(vectors, centroids)
        assert len(set(zip(found, truth, strict=True))) == voices

    def test_a_stray_is_not_a_voice(self) -> None:
        """One odd second among two minutes is a cough, not a third speaker."""
        vectors, _ = cloud(2, each=30, spread=0.06)
        stray = np.eye(1, 32, 20, dtype=np.float32)
        centroids = cluster(np.concatenate([vectors, stray]), np.array([2.0] * 60 + [1.0]))
        assert len(centroids) == 2

    @pytest.mark.parametrize("wanted", [1, 2, 3, 4])
    def test_honours_the_number_it_is_told(self, wanted: int) -> None:
        """A number of speakers that is given is kept to, whatever the voices seem to say."""
        vectors, _ = cloud(3, each=10, spread=0.08)
        assert len(cluster(vectors, np.full(30, 2.0), wanted)) == wanted

    def test_more_speakers_than_stretches(self) -> None:
        """There are never more voices than stretches of speech."""
        vectors, _ = cloud(2, each=1, spread=0.0)
        assert len(cluster(vectors, np.ones(2), 5)) == 2

    def test_nothing_to_cluster(self) -> None:
        """No speech, no voices."""
        assert cluster(np.zeros((0, 32), dtype=np.float32), np.zeros(0)).shape == (0, 32)

    def test_merges_the_nearest_first(self) -> None:
        """Average linkage joins what is nearest, and its distances rise."""
        vectors, truth = cloud(2, each=4, spread=0.03)
        merges = dendrogram(vectors)
        distances = [merge.distance for merge in merges]
        assert len(merges) == 7
        assert distances == sorted(distances)
        groups = cut(merges, 8, 6)
        assert len(set(zip(groups, truth, strict=True))) == 2


class TestWords:
    """The recogniser's pieces become words that everything after can rely on."""

    def test_pieces_become_words(self) -> None:
        """What starts without a space belongs to the word before it."""
        pieces = [Word(" 100", 0, 1, 0.9), Word("%", 1, 1.2, 0.5), Word(" sure,", 1.2, 2, 0.8), Word(" ", 2, 2, 0.1)]
        assert list(joined(pieces)) == [Word("100%", 0, 1.2, 0.5), Word("sure,", 1.2, 2, 0.8)]

    def test_times_never_go_back(self) -> None:
        """Words without duration, or that start before the last one ended, are set right."""
        ordered = in_order([Word("a", 1.0, 1.0, 1), Word("b", 0.5, 0.9, 1), Word("c", 2.9, 3.5, 1)], duration=3.0)
        assert all(word.end - word.start >= SHORTEST_WORD - 1e-9 for word in ordered)
        assert all(before.end <= after.start for before, after in pairwise(ordered))
        assert ordered[-1].end == 3.0

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Rain.", "rain"),
            ("don't", "don't"),
            ('"Mary-Ann,"', "mary-ann"),
            ("100%", "100%"),
            ("$3.50?", "$3.50"),
            ("-", ""),
        ],
    )
    def test_bare_words(self, text: str, expected: str) -> None:
        """Without punctuation, a word keeps what stands inside it."""
        assert bare(text) == expected

    @pytest.mark.parametrize(
        ("text", "loops"),
        [
            ("Daniel Bicycles, Daniel Bicycles, Daniel Bicycles", True),
            ("thank you thank you thank you", True),
            ("No, no, no. That is not right.", False),
            ("I said that I said it, and that is that.", False),
            ("one two three one two four one two five", False),
            ("", False),
        ],
    )
    def test_a_model_in_a_loop(self, text: str, loops: bool) -> None:
        """The same again and again is not what people say."""
        assert repeats(text) is loops

    def test_an_abbreviation_ends_no_sentence(self) -> None:
        """A title's or an initial's full stop is not a sentence's."""
        assert [len(s) for s in sentences(said("Is Mr. Johnson in? Yes. Dr. J. Smith too."))] == [4, 1, 4]


class TestUtterances:
    """Words become stretches, and stretches utterances."""

    def test_stretches_end_at_pauses_and_sentence_ends(self) -> None:
        """Another voice may start after a pause or a sentence."""
        words = said("Hello there. I am") + said("Daniel", start=3.0)
        assert [[w.text for w in s] for s in stretches(words)] == [["Hello", "there."], ["I", "am"], ["Daniel"]]

    def test_an_utterance_ends_where_the_speaker_changes(self) -> None:
        """Each utterance has one speaker, and its times are those of its words."""
        words = said("How are you? Fine, thanks.")
        found = utterances(words, ["0", "0", "0", "1", "1"])
        assert [(u.speaker, u.text) for u in found] == [("0", "How are you?"), ("1", "Fine, thanks.")]
        assert found[1].start == words[3].start
        assert found[1].end == words[4].end

    def test_without_speakers_a_long_pause_ends_an_utterance(self) -> None:
        """Where speakers are not told apart, pauses do the cutting."""
        found = utterances(said("One two") + said("three", start=5.0))
        assert [(u.speaker, u.text) for u in found] == [(None, "One two"), (None, "three")]

    def test_silence(self) -> None:
        """No words, no utterances."""
        assert utterances([]) == []
        assert utterances([], []) == []


class TestMel:
    """The voice encoder's ear."""

    def test_scale_is_slaneys(self) -> None:
        """15 mel at 1 kHz, 27 more at 6.4 kHz, and back again."""
        hertz = np.array([0.0, 500.0, 1000.0, 6400.0])
        np.testing.assert_allclose(mel.hertz_to_mel(hertz), [0.0, 7.5, 15.0, 42.0])
        np.testing.assert_allclose(mel.mel_to_hertz(mel.hertz_to_mel(hertz)), hertz)

    def test_a_tone_is_heard_in_its_band(self) -> None:
        """A 1 kHz tone is loudest in the band around 1 kHz, in every frame."""
        tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
        frames = mel.spectrogram(tone)
        assert frames.shape == (101, 40)
        corners = mel.mel_to_hertz(np.linspace(0, float(mel.hertz_to_mel(np.array(8000.0))), 42))
        assert set(frames[2:-2].argmax(axis=1)) == {int(np.abs(corners[1:-1] - 1000).argmin())}
