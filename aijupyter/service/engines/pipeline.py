"""The local engine's models, loaded, and the way from an audio file to the contract's responses.

Only the `local` extra brings what this module and those it imports need, which is why LocalEngine imports it late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aijupyter.errors import MediaError
from aijupyter.models import AnalysisTask, VoicePrint
from aijupyter.service.engines import activity, chat, identification, responses, turns, weights
from aijupyter.service.engines.audio import Track, opened
from aijupyter.service.engines.diarization import tell_apart
from aijupyter.service.engines.identification import Match
from aijupyter.service.engines.insights import interaction
from aijupyter.service.engines.moods import moods
from aijupyter.service.engines.turns import Utterance
from aijupyter.service.engines.voices import Span, VoiceEncoder
from aijupyter.service.engines.words import Recognizer, Word, phrases_of

Options = Mapping[str, Any]
Progress = Callable[[float], None]

_DECODED, _HEARD, _TOLD_APART = 0.05, 0.8, 0.95
"""The shares of the work that are done after each step."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording's tracks, what was said on them, and which enrolled speaker each label is."""

    tracks: Sequence[Track]
    said: list[Utterance]
    who: Mapping[str, Match]


class Pipeline:
    """Decodes, hears the words, tells the speakers apart, and reads insights out of what was said."""

    def __init__(self, model: str, cache: Path, report: Callable[[str], None]) -> None:
        """Find or fetch the models (see weights) and load them."""
        speech = weights.speech_model(model, cache, report)
        voice = weights.voice_model(cache, report)
        report(f"Loading the speech model {model}")
        self._recognizer = Recognizer(speech)
        self._encoder = VoiceEncoder(voice)

    def transcribe(self, task: AnalysisTask, report: Progress) -> dict[str, Any]:
        """The response to a transcription."""
        diarized = bool(task.options.get("enableSpeakerDiarization", False))
        with self._heard(task, report, diarize=diarized) as heard:
            said = heard.said if task.options.get("enablePunctuation", True) else responses.unpunctuated(heard.said)
            return responses.transcription(identification.renamed(said, heard.who), diarized=diarized)

    def diarize(self, task: AnalysisTask, report: Progress) -> dict[str, Any]:
        """The response to a speaker diarization: how many speak, and who when."""
        with self._heard(task, report) as heard:
            found = [
                (span, label, heard.who.get(label, Match())) for span, label in self._segments(heard, task.options)
            ]
        named = [
            responses.segment(span, match.name or label, match.confidence if match.name else None)
            for span, label, match in found
        ]
        return {"speakerCount": len({entry["speakerId"] for entry in named}), "utterances": named}

    def identify(self, task: AnalysisTask, report: Progress) -> dict[str, Any]:
        """The response to a speaker identification: which enrolled speaker speaks when."""
        with self._heard(task, report) as heard:
            found = [(span, heard.who.get(label, Match())) for span, label in self._segments(heard, task.options)]
        return {
            "utterances": [
                responses.segment(span, match.name or identification.UNKNOWN, match.confidence) for span, match in found
            ]
        }

    def emotions(self, task: AnalysisTask, report: Progress) -> list[dict[str, Any]]:
        """The response to an emotion recognition."""
        with self._heard(task, report) as heard:
            return moods(heard.tracks, heard.said)

    def analyze(self, task: AnalysisTask, report: Progress) -> dict[str, Any]:
        """The response to an interaction analysis."""
        with self._heard(task, report) as heard:
            said = identification.renamed(heard.said, heard.who)
            return interaction(heard.tracks, said, task.options, chat.from_environment)

    def voice_print(self, audio: str, known: VoicePrint | None) -> VoicePrint:
        """The voice in a recording; see aijupyter.protocols.Engine."""
        with opened(audio) as tracks:
            spans = activity.speech(tracks[0])
            if not spans:
                raise MediaError(f"Nobody speaks in {audio}.", "Give a recording of the speaker's voice.", source=audio)
            return identification.print_of(tracks[0], spans, self._encoder, known)

    @contextmanager
    def _heard(self, task: AnalysisTask, report: Progress, *, diarize: bool = True) -> Iterator[Heard]:
        """What was said in a recording, by whom where that is asked for; its tracks are closed afterwards."""
        separate = diarize and bool(task.options.get("separateSpeakerPerChannel", False))
        with opened(task.audio, separate=separate) as tracks:
            report(_DECODED)
            words = [self._words(tracks, number, task.options, report) for number in range(len(tracks))]
            report(_HEARD)
            said: list[Utterance] = []
            for number, (track, heard) in enumerate(zip(tracks, words, strict=True)):
                channel = number if len(tracks) > 1 else None
                speakers = self._speakers(track, heard, task.options, channel) if diarize else None
                said += turns.utterances(heard, speakers, number)
            said.sort(key=lambda u: (u.start, u.end))
            who = identification.matches(said, tracks, self._encoder, task.voices) if diarize else {}
            report(_TOLD_APART)
            yield Heard(tracks, said, who)

    def _words(self, tracks: Sequence[Track], number: int, options: Options, report: Progress) -> list[Word]:
        def heard(share: float) -> None:
            report(_DECODED + (_HEARD - _DECODED) * (number + share) / len(tracks))

        return self._recognizer.words(tracks[number], heard, phrases=phrases_of(options), language=_language(options))

    def _speakers(self, track: Track, words: list[Word], options: Options, channel: int | None) -> list[str]:
        """The speaker of each word: a channel that is somebody's own has one, else voices are told apart."""
        if channel is not None:
            return [str(channel)] * len(words)
        return tell_apart(track, words, self._encoder, _speaker_count(options))

    def _segments(self, heard: Heard, options: Options) -> list[tuple[Span, str]]:
        """When each label speaks: whole utterances, or, where that is asked for, only while there is a voice."""
        if not options.get("enableVoiceActivityDetection", False):
            return [((said.start, said.end), said.speaker or "0") for said in heard.said]
        spans = [activity.speech(track) for track in heard.tracks]
        return [(span, said.speaker or "0") for span, said in activity.voiced(heard.said, spans)]


def _language(options: Options) -> str:
    return str(options.get("languageCode") or "en-US").partition("-")[0].lower()


def _speaker_count(options: Options) -> int:
    """The number of speakers where it is known; 0 where it is not (the contract also allows -1 for that)."""
    return max(0, int(options.get("speakerCount") or 0))
