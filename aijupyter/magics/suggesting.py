"""What could be written next in a line or a cell of `%aijupyter`."""

from __future__ import annotations

import os
import re
from typing import Any

from aijupyter.errors import AIJupyterError
from aijupyter.magics.options import ACTIONS, BINDING, fields_for, flags_of, understand
from aijupyter.magics.words import Word, quoted, scan
from aijupyter.session import Session
from aijupyter.session.fields import Field, Kind
from aijupyter.session.verbs import AUDIO_VERBS, VERBS

Suggested = tuple[str, str, list[str]]
"""The end of the line that is replaced, what kind of thing it is, and by what."""

NOTHING: Suggested = ("", "", [])
_LINE = re.compile(r"^(?:\s*|.*=\s*)(%%?)aij(?:upyter)?\s+(.*)$")
_CELL = re.compile(r"^\s*%%aij(?:upyter)?\s")
_SOUND = (".wav", ".mp3", ".m4a", ".mp4", ".mov", ".ogg", ".opus", ".webm", ".avi", ".aac")
_PATHS = {"ledger", "env_file", "model"}
_MOST_PATHS = 200


def suggest(before: str, head: str, names: dict[str, Any]) -> Suggested:
    """What may follow `before`, the line up to the cursor. `head` is the cell's first line, where that is another."""
    if _CELL.match(head):
        text = before.lstrip()
        return text, "path", _paths(text, sounds=True)
    line = _LINE.match(before)
    if line is None:
        return NOTHING
    words = scan(line[2])
    at_word = bool(words) and (bool(words[-1].quote) or not line[2][-1:].isspace())
    current = words.pop() if at_word else Word("", len(line[2]))
    written = line[2][current.start :]
    many = line[1] == "%%"
    if not words:
        return written, "keyword", _beginning(current.text, [*VERBS, *([] if many else [*ACTIONS, "--help"])])
    return _next(words, current, written, names, many=many)


def _next(words: list[Word], current: Word, written: str, names: dict[str, Any], *, many: bool) -> Suggested:
    """What may follow these words; `many` where the recordings are in the cell below."""
    action, *before = (word.text for word in words)
    if action not in (*ACTIONS, *VERBS):
        return NOTHING
    if before[-1:] == ["as"]:
        return written, "statement", _beginning(current.text, ["calls" if many or action not in VERBS else "call"])
    free = [] if current.quoted else _beginning(current.text, _options(action, before))
    if written.startswith("-"):
        return written, "option", free
    flag, given = _last_option(before)
    one = next((one for one in fields_for(action) if flag in flags_of(one)), None)
    if one is not None and one.kind is not Kind.FLAG and "as" not in given:
        listed = one.kind in {Kind.CHOICES, Kind.TEXTS}
        if listed or not given:
            fragment, kind, found = _values(one, given, current, written, names)
            return fragment, kind, [*found, *(free if listed and given and not written else [])]
    paths = []
    if action in AUDIO_VERBS and not many and not _names_recording(action, before):
        paths = [quoted(path, written[:1] if current.quoted else "") for path in _paths(current.text, sounds=True)]
    binding = _beginning(current.text, ["as"]) if action in BINDING and "as" not in before else []
    return written, "path" if paths else "option", [*paths, *binding, *free]


def _last_option(before: list[str]) -> tuple[str | None, list[str]]:
    """The option that was written last, and what stands behind it."""
    place = next((place for place, word in reversed(list(enumerate(before))) if word.startswith("-")), None)
    return (None, []) if place is None else (before[place], before[place + 1 :])


def _names_recording(action: str, before: list[str]) -> bool:
    """Whether a line names its recording already."""
    try:
        return bool(understand(action, before).recordings)
    except AIJupyterError:  # not finished, or wrong
        return "as" in before


def _values(one: Field, given: list[str], current: Word, written: str, names: dict[str, Any]) -> Suggested:
    if one.choices:
        chosen = {text for word in given for text in word.split(",")}
        fragment = written.rpartition(",")[2]
        chosen |= set(written.split(",")[:-1])
        return fragment, "value", _beginning(fragment, [name for name in one.choices if name not in chosen])
    if one.name == "name":
        sessions = [name for name, held in names.items() if isinstance(held, Session) and not name.startswith("_")]
        return written, "instance", _beginning(current.text, sessions or ["ai"])
    if one.name in _PATHS:
        mark = written[:1] if current.quoted else ""
        return written, "path", [quoted(path, mark) for path in _paths(current.text, sounds=False)]
    return NOTHING


def _options(action: str, before: list[str]) -> list[str]:
    """The options that were not given yet."""
    return [flag for one in fields_for(action) if not set(flags_of(one)) & set(before) for flag in flags_of(one)]


def _beginning(text: str, known: list[str]) -> list[str]:
    """Those that begin so; where none does, those that would but for capitals."""
    exact = [name for name in known if name.startswith(text)]
    return exact or [name for name in known if name.casefold().startswith(text.casefold())]


def _paths(text: str, *, sounds: bool) -> list[str]:
    """The folders and files that a path begins; with `sounds` recordings, where there are any."""
    folder, name = os.path.split(text)
    where = os.path.expanduser(folder) or "."  # noqa: PTH111  # unlike Path's it leaves an unknown user's name
    try:
        with os.scandir(where) as entries:
            found = [entry for entry in entries if entry.name.startswith(name) and (name or entry.name[0] != ".")]
            folders = [f"{entry.name}/" for entry in found if entry.is_dir()]
            files = [entry.name for entry in found if not entry.is_dir()]
    except (OSError, ValueError):  # a NUL is of no path
        return []
    heard = [file for file in files if file.lower().endswith(_SOUND)] if sounds else files
    start = text[: len(text) - len(name)]
    return [start + name for name in (*sorted(heard or files), *sorted(folders))][:_MOST_PATHS]
