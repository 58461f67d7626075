"""A magic's line as words: quoted as a shell would take it, each with its place, for parsing and for completion."""

from __future__ import annotations

import os
from dataclasses import dataclass

from aijupyter.errors import OptionError

QUOTES = "\"'"
ESCAPES = os.name != "nt"
"""Whether a backslash makes the next character an ordinary one. In Windows it stands in every path."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word without its quotes. It begins at `start` of the line; `quote` is one that was opened and not closed."""

    text: str
    start: int
    quoted: bool = False
    quote: str = ""


def split(line: str) -> list[str]:
    """The line's words. Raises OptionError where a quote is not closed."""
    words = scan(line)
    if words and words[-1].quote:
        raise OptionError(
            f"A quote ({words[-1].quote}) is opened and never closed.",
            'Put what holds spaces or quotes between others, such as "my call.wav".',
        )
    return [word.text for word in words]


def scan(line: str) -> list[Word]:
    """The words of a line that may not be finished yet: an open quote goes to its end."""
    words: list[Word] = []
    place = 0
    while place < len(line):
        if line[place].isspace():
            place += 1
        else:
            word, place = _next(line, place)
            words.append(word)
    return words


def _next(line: str, start: int) -> tuple[Word, int]:
    text, place, quote, quoted = "", start, "", False
    while place < len(line) and (quote or not line[place].isspace()):
        character = line[place]
        if character == quote:
            quote = ""
        elif not quote and character in QUOTES:
            quote, quoted = character, True
        elif ESCAPES and character == "\\" and quote != "'" and place + 1 < len(line):
            place += 1
            text += line[place]
        else:
            text += character
        place += 1
    return Word(text, start, quoted, quote), place


def quoted(text: str, quote: str = "") -> str:
    """The text as one word of a line; with `quote`, one that a person has begun with it."""
    if not quote and not any(character.isspace() or character in QUOTES + "\\" * ESCAPES for character in text):
        return text
    mark = quote or ('"' if '"' not in text else "'")
    if ESCAPES and mark == '"':
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f"{mark}{text}{mark}"
