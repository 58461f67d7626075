"""Which recordings a person names: a path, a glob or a URL in a line, or many of them in a cell."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

from aijupyter.errors import MediaError, MediaNotFoundError, OptionError
from aijupyter.magics.words import QUOTES
from aijupyter.media import is_url

MOST_TOLD = 5
"""So many of a cell's wrong lines are told one by one."""


def one_recording(words: list[str]) -> str:
    """The recording that a line names. Raises MediaError, or OptionError where it names none or several."""
    many = "For many, begin the cell with %%aijupyter and write one path, glob or URL in each line below."
    if not words:
        raise OptionError("No recording is named.", "Name it after the operation: %aijupyter transcribe call.wav")
    if len(words) > 1:
        raise OptionError(
            f"A line takes one recording, and here are {len(words)}: {', '.join(words)}.",
            f'A name with spaces needs quotes: "{" ".join(words)}". {many}',
        )
    word = words[0]
    if is_url(word) or os.path.exists(_expanded(word)):  # noqa: PTH110  # unlike Path.exists it never raises
        return word if is_url(word) else _expanded(word)
    if glob.has_magic(word):
        raise OptionError(f"A line takes one recording, and {word} may be many.", many)
    raise MediaNotFoundError(
        f"There is no file {word}.", f"Check the path; the current folder is {Path.cwd()}.", source=word
    )


def one_text(words: list[str], names: dict[str, Any]) -> Any:
    """What a line gives an operation on texts: what a variable holds, where a lone word names one, else the text."""
    if not words:
        raise OptionError("No text is given.", 'Give one: %aijupyter punctuate "how are you"; or a variable\'s name.')
    return names[words[0]] if len(words) == 1 and words[0] in names else " ".join(words)


def many_recordings(cell: str) -> list[str]:
    """The recordings that a cell names, one path, glob or URL in each line, each once and in their order.

    `#` begins a comment, `~` is the home folder, and quotes around a line are taken off. Raises MediaNotFoundError for
    lines that match nothing, so that nothing is sent where something is wrong.
    """
    found: dict[str, None] = {}
    wrong: list[str] = []
    for number, line in enumerate(cell.splitlines(), start=2):  # the first line of the cell is the magic's own
        text = _without_comment(line)
        matches = _matching(text) if text else []
        found |= dict.fromkeys(matches)
        if text and not matches:
            wrong.append(f"line {number}: {_what_is_wrong(text)}")
    if wrong:
        more = [f"and {len(wrong) - MOST_TOLD} more lines"] if len(wrong) > MOST_TOLD else []
        raise MediaNotFoundError(
            f"Nothing was sent. {'; '.join([*wrong[:MOST_TOLD], *more])}.",
            f"Write one path, glob or URL in each line. The current folder is {Path.cwd()}.",
            source=cell,
        )
    if not found:
        raise MediaError("The cell names no recording.", "Write one path, glob or URL in each line of it.")
    return list(found)


def _without_comment(line: str) -> str:
    """What a line names. A `#` within a name, as in call#2.wav or a URL, begins no comment."""
    text = line.strip()
    if text[:1] in QUOTES and text.count(text[:1]) > 1:
        end = text.index(text[0], 1)
        if not text[end + 1 :].strip() or text[end + 1 :].lstrip().startswith("#"):
            return text[1:end]
    if text.startswith("#"):
        return ""
    for mark in (" #", "\t#"):
        text = text.partition(mark)[0]
    return text.strip()


def _matching(text: str) -> list[str]:
    """The recordings of one line. A file that is called like a glob is meant itself."""
    if is_url(text):
        return [text]
    path = _expanded(text)
    if os.path.isfile(path):  # noqa: PTH113  # unlike Path.is_file it never raises
        return [path]
    matches = glob.glob(path, recursive=True) if glob.has_magic(path) else []  # noqa: PTH207  # it takes absolute ones
    return sorted(match for match in matches if os.path.isfile(match))  # noqa: PTH113  # see above


def _what_is_wrong(text: str) -> str:
    path = _expanded(text)
    if os.path.isdir(path):  # noqa: PTH112  # unlike Path.is_dir it never raises
        return f"{text} is a folder (its files are {Path(text) / '*.wav'} or such)"
    if glob.has_magic(text):
        return f"no file matches {text}"
    return f"there is no file {text}"


def _expanded(text: str) -> str:
    return os.path.expanduser(text)  # noqa: PTH111  # unlike Path's it leaves an unknown user's name as it is
