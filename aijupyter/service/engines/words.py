"""Speech to text: a recording's words, punctuated, with times and confidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from numpy.typing import NDArray

from aijupyter.service.engines.audio import RATE, Track

WINDOW_SECONDS = 30
"""What Whisper hears at a time."""

CHUNK_SECONDS = 300.0
"""What is read and transcribed at a time, so that the memory taken does not grow with the recording."""

CUT_SECONDS = 30.0
"""A chunk ends at the quietest moment in this many seconds at its end."""

BEAM = 5
"""Hypotheses kept while decoding: on a minute of a call 5 made 4.8 % word errors; 1 made 7.9 %, a third sooner."""

BATCH = 4
"""Windows decoded together: one by one took 0.096 of real time on two cores, four 0.051, eight no less."""

SHORTEST_WORD = 0.02
"""Seconds that a word lasts at least: Whisper aligns some words to no time at all."""

CLOSING_MARKS = "\"')\u201d\u2019"
"""What may stand after the mark that ends a sentence."""

LOOPED = 5
"""Words: "no, no, no" is said by people, the same again and again by a model in a loop."""

_LOOP = re.compile(r"(?<!\S)(\S+(?: \S+){0,5})(?: \1(?!\S)){2,}")
_CUTTABLE = re.compile(r"^[^\w$€£%]+|[^\w%]+$")

_ABBREVIATION = re.compile(r"^\W*(?:mr|mrs|ms|dr|prof|st|vs|no|[a-z](?:\.[a-z])*)\.$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written, with its punctuation; `start` and `end` in seconds, `confidence` 0 to 1."""

    text: str
    start: float
    end: float
    confidence: float

    @property
    def ends_sentence(self) -> bool:
        """Whether a sentence ends with this word."""
        text = self.text.rstrip(CLOSING_MARKS)
        return text.endswith(("?", "!", "…")) or (text.endswith(".") and not _ABBREVIATION.match(text))


class Recognizer:
    """A Whisper model in CTranslate2's format, run with 8-bit weights on the processor."""

    def __init__(self, folder: Path) -> None:
        """Load the model's files from `folder`."""
        self._model = WhisperModel(str(folder), device="cpu", compute_type="int8", local_files_only=True)
        self._pipeline = BatchedInferencePipeline(self._model)

    def words(
        self,
        track: Track,
        report: Callable[[float], None],
        *,
        phrases: Sequence[str] = (),
        language: str = "en",
    ) -> list[Word]:
        """The words of a track, in order, their times never going back.

        Only stretches that the voice activity detector takes for speech are transcribed, so that silence, music and
        noise get no words. `phrases` are expected expressions (the contract's speechContexts), `report` gets the share
        done.
        """
        heard: list[Word] = []
        for start, samples in chunks(track):
            segments = []
            for segment in self._segments(samples, ", ".join(phrases), language):
                segments.append(segment)
                report(min(1.0, (start + float(segment.end)) / track.seconds))
            if phrases and any(repeats(segment.text) for segment in segments):
                # small models are now and then caught in the expressions that they were told of
                segments = list(self._segments(samples, "", language))
            heard += [
                Word(w.word, start + float(w.start), start + float(w.end), float(w.probability))
                for segment in segments
                if not _invented(segment)
                for w in segment.words
            ]
        return in_order(joined(heard), track.seconds)

    def _segments(self, samples: NDArray[np.float32], hotwords: str, language: str) -> Iterator[Any]:
        options = {
            "language": language if self._model.model.is_multilingual else "en",
            "beam_size": BEAM,
            "word_timestamps": True,
            "vad_filter": True,
            "hotwords": hotwords or None,
        }
        if samples.size <= WINDOW_SECONDS * RATE:
            # nothing to batch, and with its own time marks Whisper punctuates more faithfully
            segments, _ = self._model.transcribe(samples, condition_on_previous_text=False, **options)
            return iter(segments)
        # Without time marks: with them, a batched window ends at the last one written, and words after it are lost.
        segments, _ = self._pipeline.transcribe(samples, batch_size=BATCH, without_timestamps=True, **options)
        return iter(segments)


def chunks(track: Track) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """The track in pieces of at most CHUNK_SECONDS, cut where it is quiet: when each starts, and its samples."""
    start = 0.0
    while start < track.seconds:
        samples = track.read(start, start + CHUNK_SECONDS)
        if start + CHUNK_SECONDS < track.seconds:
            samples = samples[: _quietest(samples)]
        yield start, samples
        start += samples.size / RATE


def _quietest(samples: NDArray[np.float32]) -> int:
    """The middle of the quietest half second in the last CUT_SECONDS, as a number of samples."""
    step, width = RATE // 10, 5
    tail = samples[-int(CUT_SECONDS * RATE) :]
    power = np.square(tail[: tail.size // step * step]).reshape(-1, step).mean(axis=1)
    smooth = np.convolve(power, np.ones(width), mode="valid")
    return samples.size - tail.size + (int(np.argmin(smooth)) + width // 2) * step + step // 2


def _invented(segment: Any) -> bool:
    """Whether Whisper itself doubts that the segment is speech (the thresholds of its paper's appendix)."""
    return bool(segment.no_speech_prob > 0.6 and segment.avg_logprob < -1.0)  # noqa: PLR2004


def repeats(text: str) -> bool:
    """Whether an expression stands in a text three times or more in a row, and makes LOOPED words or more of it."""
    plain = " ".join(filter(None, map(bare, text.split())))
    return any(len(found.group().split()) >= LOOPED for found in _LOOP.finditer(plain))


def joined(pieces: Iterable[Word]) -> Iterator[Word]:
    """Whole words from the recogniser's pieces: one that starts without a space goes on the word before ("100" "%")."""
    word: Word | None = None
    for piece in pieces:
        if word is not None and piece.text[:1].strip():
            confidence = min(word.confidence, piece.confidence)
            word = Word(word.text + piece.text.rstrip(), word.start, max(word.end, piece.end), confidence)
        elif piece.text.strip():
            if word is not None:
                yield word
            word = replace(piece, text=piece.text.strip())
    if word is not None:
        yield word


def in_order(words: Iterable[Word], duration: float) -> list[Word]:
    """The words with times that never go back, each lasting SHORTEST_WORD or more, none past `duration` seconds."""
    ordered: list[Word] = []
    now = 0.0
    for word in words:
        start = min(max(word.start, now), max(0.0, duration - SHORTEST_WORD))
        end = max(min(word.end, duration), start + SHORTEST_WORD)
        now = max(now, end)
        ordered.append(replace(word, start=start, end=end))
    return ordered


def bare(text: str) -> str:
    """A word in lower case without its punctuation; what stands inside it (don't, 3.5, Mary-Ann) stays."""
    return _CUTTABLE.sub("", text).lower()


def phrases_of(options: Mapping[str, Any]) -> list[str]:
    """The phrases of a request's `speechContexts`: [{phrases: [str]}]."""
    contexts = options.get("speechContexts") or []
    return [str(phrase) for context in contexts for phrase in context.get("phrases") or [] if str(phrase).strip()]
