"""The local engine's models, loaded, and the way from an audio file to the contract's responses.

Only the `local` extra brings what this module and those it imports need, which is why LocalEngine imports it late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aijupyter.service.engines import responses, turns, weights
from aijupyter.service.engines.audio import decode
from aijupyter.service.engines.insights import interaction
from aijupyter.service.engines.turns import Utterance
from aijupyter.service.engines.voices import VoiceEncoder
from aijupyter.service.engines.words import Recognizer, phrases_of

Options = Mapping[str, Any]
Progress = Callable[[float], None]

_DECODED, _HEARD, _TOLD_APART = 0.05, 0.8, 0.95
"""The shares of the work that are done after each step."""


class Pipeline:
    """Decodes, hears the words, tells the speakers apart, and reads insights out of what was said."""

    def __init__(self, model: str, cache: Path, report: Callable[[str], None]) -> None:
        """Find or fetch the models (see weights) and load them."""
        speech = weights.speech_model(model, cache, report)
        voice = weights.voice_model(cache, report)
        report(f"Loading the speech model {model}")
        self._recognizer = Recognizer(speech)
        self._encoder = VoiceEncoder(voice)

    def transcribe(self, audio: str, options: Options, report: Progress) -> dict[str, Any]:
        """The response to a transcription."""
        diarized = bool(options.get("enableSpeakerDiarization", False))
        _, said = self._heard(audio, options, report, diarize=diarized)
        if not options.get("enablePunctuation", True):
            said = responses.unpunctuated(said)
        return responses.transcription(said, diarized=diarized)

    def analyze(self, audio: str, options: Options, report: Progress) -> dict[str, Any]:
        """The response to an interaction analysis."""
        samples, said = self._heard(audio, options, report, diarize=True)
        return interaction(samples, said, options)

    def _heard(
        self, audio: str, options: Options, report: Progress, *, diarize: bool
    ) -> tuple[NDArray[np.float32], list[Utterance]]:
        """The recording's samples and what was said in it, by whom where that is asked for."""
        samples = decode(audio)
        report(_DECODED)
        words = self._recognizer.words(
            samples,
            lambda share: report(_DECODED + (_HEARD - _DECODED) * share),
            phrases=phrases_of(options),
            language=_language(options),
        )
        report(_HEARD)
        speakers = turns.speakers(samples, words, self._encoder, _speaker_count(options)) if diarize else None
        report(_TOLD_APART)
        return samples, turns.utterances(words, speakers)


def _language(options: Options) -> str:
    return str(options.get("languageCode") or "en-US").partition("-")[0].lower()


def _speaker_count(options: Options) -> int:
    """The number of speakers where it is known; 0 where it is not (the contract also allows -1 for that)."""
    return max(0, int(options.get("speakerCount") or 0))
