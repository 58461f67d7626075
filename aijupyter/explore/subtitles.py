"""Subtitles of a conversation: its lines cut to what can be read in time, as SRT and as WebVTT."""

from __future__ import annotations

import math
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from aijupyter.explore.drawing import LOOK_ALIKES

if TYPE_CHECKING:
    from aijupyter.results.transcript import Transcript

LINE_CHARACTERS, LINES = 42, 2
CUE_SECONDS = 7.0
READ_CHARACTERS = 15.0
"""In a second: for how long a line is shown that does not say when it ends, or ends too soon to be read."""
SHORTEST_SECONDS = 1.0
BREAKS = ((re.compile("[.?!…。\uff1f\uff01][\"')\\]»”\u2019]*$"), 0.3), (re.compile("[,;:、\uff0c\uff1b]$"), 0.15))
"""Good places to cut, and how far from the middle one goes for them, as a share of the whole."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once. Times in seconds; `speaker` is None where nobody is named."""

    start: float
    end: float
    speaker: str | None
    text: str


Timed = tuple[str, float, float]


def to_srt(result: Transcript, *, speakers: bool = True) -> str:
    """Numbered cues; where the speaker changes, a cue begins with the name."""
    parts = []
    for number, cue in enumerate(cues(result, named=speakers), 1):
        times = f"{_stamp(cue.start, ',')} --> {_stamp(cue.end, ',')}"
        parts.append(f"{number}\n{times}\n{_lines(_srt_text(cue.text))}\n")
    return "\n".join(parts)


def to_vtt(result: Transcript, *, speakers: bool = True) -> str:
    """WebVTT, with who speaks as its voices (`<v Agent>`)."""
    parts = ["WEBVTT\n"]
    for cue in cues(result):
        voice = f"<v {_vtt_text(cue.speaker)}>" if speakers and cue.speaker else ""
        times = f"{_stamp(cue.start, '.')} --> {_stamp(cue.end, '.')}"
        parts.append(f"{times}\n{voice}{_vtt_text(_lines(cue.text))}\n")
    return "\n".join(parts)


def cues(result: Transcript, *, named: bool = False) -> list[Cue]:
    """The lines in order of time, each as one cue or several of at most two lines and seven seconds.

    With `named` the text begins with the speaker's name where that changes.
    """
    words = result.words
    known = words[words["utterance"].notna()]
    spoken = dict(iter(known.groupby(known["utterance"].astype("int64"))))
    found: list[Cue] = []
    until, before = 0.0, None
    for number, row in enumerate(result.utterances.to_dict("records")):
        text, speaker = plain(row["text"]), speaker_name(row["speaker"])
        if not text:
            continue
        start, until = _times(row, text, until)
        tokens = _timed(text, start, until, spoken.get(number))
        if named and speaker is not None and speaker != before:
            tokens[0] = (f"{speaker}: {tokens[0][0]}", *tokens[0][1:])
        before = speaker
        found += [Cue(group[0][1], group[-1][2], speaker, _said(group)) for group in _groups(tokens)]
    return _readable(sorted(found, key=lambda cue: cue.start))


def _readable(found: list[Cue]) -> list[Cue]:
    """Those that end too soon stay until they are read, or until the next one comes."""
    following = [*(cue.start for cue in found[1:]), math.inf][: len(found)]
    return [
        replace(cue, end=max(cue.end, min(cue.start + max(SHORTEST_SECONDS, len(cue.text) / READ_CHARACTERS), coming)))
        for cue, coming in zip(found, following, strict=True)
    ]


def speaker_name(speaker: Any) -> str | None:
    """A speaker as a reader would call them; None where nobody is named."""
    name = plain(speaker)
    return f"Speaker {name}" if name.isdecimal() else name or None


def plain(text: Any) -> str:
    """A text in one line, without what steers a screen; "" for none."""
    if not isinstance(text, str):
        return ""
    return " ".join(
        "".join(" " if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} else one for one in text).split()
    )


def _times(row: dict[Any, Any], text: str, before: float) -> tuple[float, float]:
    start = before if pd.isna(row["start"]) else max(0.0, float(row["start"]))
    end = start + max(1.0, len(text) / READ_CHARACTERS) if pd.isna(row["end"]) else max(start, float(row["end"]))
    return start, end


def _timed(text: str, start: float, end: float, words: pd.DataFrame | None) -> list[Timed]:
    """The pieces of a line with their times: the words' own where there are as many, else by their length."""
    pieces = [cut for piece in text.split(" ") for cut in (_wrap(piece, LINE_CHARACTERS) or [piece])]
    if words is not None and len(words) == len(pieces) and words[["start", "end"]].notna().all(axis=None):
        starts, ends = words["start"].tolist(), words["end"].tolist()
        if starts == sorted(starts):
            return list(zip(pieces, starts, ends, strict=True))
    whole, gone, timed = sum(len(piece) + 1 for piece in pieces), 0, []
    for piece in pieces:
        first = start + (end - start) * gone / whole
        gone += len(piece) + 1
        timed.append((piece, first, start + (end - start) * gone / whole))
    return timed


def _groups(tokens: list[Timed]) -> Iterator[list[Timed]]:
    """Pieces that are shown together: what is too long is cut near its middle, where a sentence ends if one does."""
    if len(tokens) == 1 or _fits(tokens):
        yield tokens
        return
    lengths = [len(piece) + 1 for piece, _, _ in tokens]
    whole, gone, best, place = sum(lengths), 0, math.inf, 1
    for number, (piece, _, _) in enumerate(tokens[:-1], 1):
        gone += lengths[number - 1]
        cost = abs(gone / whole - 0.5) - next((gain for sign, gain in BREAKS if sign.search(piece)), 0.0)
        if cost < best:
            best, place = cost, number
    yield from _groups(tokens[:place])
    yield from _groups(tokens[place:])


def _fits(group: Sequence[Timed]) -> bool:
    if group[-1][2] - group[0][1] > CUE_SECONDS:
        return False
    said = _said(group)
    return len(said) <= LINE_CHARACTERS * LINES and len(_wrap(said, LINE_CHARACTERS)) <= LINES


def _said(group: Sequence[Timed]) -> str:
    return " ".join(piece for piece, _, _ in group)


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _lines(text: str) -> str:
    """In as many lines as are needed, of about the same length."""
    count = len(_wrap(text, LINE_CHARACTERS))
    if count <= 1:
        return text
    for width in range(math.ceil(len(text) / count), LINE_CHARACTERS + 1):
        lines = _wrap(text, width)
        if len(lines) <= count:
            return "\n".join(lines)
    return "\n".join(_wrap(text, LINE_CHARACTERS))


def _srt_text(text: str) -> str:
    """SRT knows no escapes, and players take tags, braces and arrows for more than text: they get look-alikes."""
    return text.replace("-->", "→").translate({**LOOK_ALIKES, ord("{"): "(", ord("}"): ")"})


def _vtt_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(seconds: float, comma: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{comma}{rest % 1000:03}"
