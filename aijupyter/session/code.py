"""What was chosen by mouse as the Python that does the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aijupyter.media import is_url, shown_url
from aijupyter.session.sources import Found

WIDE = 88
"""Longer lines are broken."""
LEFT_OUT = "# What may be secret in an address is left out here."


def as_code(verb: str, found: Found, options: Mapping[str, Any], *, secrets: bool = True) -> str:
    """The call that asks about what was found: of the verb itself for one recording, of `ai.map` for many.

    Without `secrets`, addresses are written without what may be secret in them.
    """
    media = _Media(found, secrets=secrets)
    given = [f"{name}={literal(value)}" for name, value in options.items()]
    if media.single is not None:
        call = _call(f"job = ai.{verb}", [media.single, *given])
    else:
        call = _call("batch = ai.map", [f"ai.{verb}", media.many, *given])
    return "\n".join([*media.above, call])


class _Media:
    """How the recordings are written: `single` or `many`, and the lines that come before."""

    def __init__(self, found: Found, *, secrets: bool) -> None:
        self._secrets = secrets
        self._hidden = self._imported = self._homely = False
        items = self._items(found)
        lone = len(items) == 1 and not items[0].startswith("*")
        self.single = items[0] if lone else None
        alone = len(items) == 1 and items[0].startswith("*")
        self.many = items[0][1:] if alone else _bracketed(items)
        self.above = [
            *(["from glob import glob"] if self._imported else []),
            *(["from os.path import expanduser"] if self._homely else []),
            *([""] if self._imported else []),
            *([LEFT_OUT] if self._hidden else []),
            *([] if items else ["# No recording is chosen yet."]),
        ]

    def _items(self, found: Found) -> list[str]:
        """One for each line; for each recording, where lines name some twice or find more than recordings."""
        whole = [source for line in found.lines for source in line.sources]
        exact = all(line.pattern or line.sources == (line.text,) for line in found.lines)
        if exact and tuple(whole) == found.sources:
            return [self._pattern(line.pattern) if line.pattern else self._source(line.text) for line in found.lines]
        return [self._source(source) for source in found.sources]

    def _source(self, source: str) -> str:
        shown = source if self._secrets or not is_url(source) else shown_url(source)
        self._hidden |= shown != source
        return literal(shown)

    def _pattern(self, text: str) -> str:
        self._imported = True
        pattern = literal(text)
        if text.startswith("~"):
            self._homely = True
            pattern = f"expanduser({pattern})"
        deep = ", recursive=True" if "**" in text else ""
        return f"*sorted(glob({pattern}{deep}))"


def literal(value: Any) -> str:
    """A value as Python writes it, texts in double quotes where nothing in them needs an escape."""
    if isinstance(value, str):
        plain = value.isprintable() and '"' not in value and "\\" not in value
        return f'"{value}"' if plain else ascii(value)
    if isinstance(value, list | tuple):
        return _bracketed([literal(one) for one in value])
    return repr(value)


def _bracketed(items: Sequence[str]) -> str:
    line = f"[{', '.join(items)}]"
    if len(line) <= WIDE and "\n" not in line:
        return line
    return "[\n" + "".join(f"    {item},\n" for item in items) + "]"


def _call(function: str, arguments: Sequence[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= WIDE and "\n" not in line:
        return line
    indented = ("    " + argument.replace("\n", "\n    ") for argument in arguments)
    return f"{function}(\n" + "".join(f"{argument},\n" for argument in indented) + ")"
