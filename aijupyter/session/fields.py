"""What can be set of a question, described: for whatever lets a person choose, by mouse or by command."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aijupyter.api import operations
from aijupyter.errors import OptionError
from aijupyter.session.verbs import VERBS, Verbs


class Kind(StrEnum):
    """What a field takes."""

    FLAG = "flag"
    """True or False; None where the provider decides."""
    WHOLE = "whole"
    """A whole number, or None."""
    TEXT = "text"
    """A text, or None."""
    TEXTS = "texts"
    """A list of texts, or None."""
    CHOICE = "choice"
    """One of `choices`, or None."""
    CHOICES = "choices"
    """A list of some of `choices`."""


@dataclass(frozen=True, slots=True)
class Field:
    """An option of a verb: its name in Python, what it takes, what holds when it is left out, and what it is for.

    `label` is what a person calls it, `common` whether it is one of the few that most questions are about, `required`
    whether it must be given.
    """

    name: str
    kind: Kind
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    label: str = ""
    common: bool = False
    required: bool = False

    def is_default(self, value: Any) -> bool:
        """Whether a value says no more than leaving the option out does."""
        if value is None or value == "" or (isinstance(value, list | tuple) and not value):
            return True
        if isinstance(self.default, tuple):
            return isinstance(value, list | tuple) and tuple(value) == self.default
        return type(value) is type(self.default) and bool(value == self.default)


_ABOUT = {  # what a person calls it, and what it is for
    "summary_type": ("Kind of summary", "sentences of the conversation itself, or new ones, long or short"),
    "insights": ("Insights", "what to find out; All is every one"),
    "enable_speaker_diarization": ("Tell speakers apart", "who said what, and not only what was said"),
    "enable_punctuation": ("Punctuation", "write punctuation and capitals"),
    "speaker_count": ("Speakers", "how many people speak; counted when left out"),
    "speaker_ids": ("Enrolled speakers", "ids of enrolled speakers to look for; all of them must exist"),
    "separate_speaker_per_channel": ("One speaker per channel", "each channel of the recording is one speaker"),
    "enable_voice_activity_detection": ("Skip silence", "detect voice activity, and leave out what is no speech"),
    "speech_contexts": ("Phrases to expect", "names and terms that come up, so that they are heard right"),
    "language_code": ("Language", "the language spoken"),
    "audio_type": ("Kind of recording", "a call, a meeting, a voicemail; it helps to understand it"),
    "source": ("Origin", "where the recording comes from, in your words"),
    "encoding": ("File format", "the API's word for it; found out from the file when left out"),
    "fresh": ("Ask again", "ask, and pay, again, although the same was asked before"),
}
_COMMON = {"insights", "enable_speaker_diarization", "enable_punctuation", "speaker_count", "speech_contexts"}
_COMMON_OF = {
    "identify": {"speaker_ids"},
    "emotions": {"audio_type"},
    "punctuate": {"fresh"},
    "summarize": {"summary_type"},
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "language_code": operations.LANGUAGES,
    "audio_type": operations.AUDIO_TYPES,
    "encoding": operations.ENCODINGS,
    "insights": operations.INSIGHTS,
    "summary_type": operations.SUMMARY_TYPES,
}
_KINDS = {"bool": Kind.FLAG, "int": Kind.WHOLE, "str": Kind.TEXT, "Sequence[str]": Kind.TEXTS}


def fields_of(verb: str) -> tuple[Field, ...]:
    """The options of a verb (`"analyze"`), in its own order. Raises OptionError for no verb."""
    if verb not in VERBS:
        raise OptionError(f"There is no operation {verb!r}.", f"There are: {', '.join(VERBS)}.", option="operation")
    parameters = inspect.signature(getattr(Verbs, verb)).parameters.values()
    return tuple(_field(verb, parameter) for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)


def _field(verb: str, parameter: inspect.Parameter) -> Field:
    name, choices = parameter.name, _CHOICES.get(parameter.name, ())
    kind = _KINDS[str(parameter.annotation).removesuffix(" | None")]
    if choices:
        kind = Kind.CHOICES if kind is Kind.TEXTS else Kind.CHOICE
    label, help_ = _ABOUT[name]
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    common = name in _COMMON_OF.get(verb, _COMMON)
    return Field(name, kind, default, help_, choices, label, common, required)
