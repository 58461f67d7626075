"""What the doctor says: a line for each check."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass

WIDTH = 100
_WORDS = {True: "ok", False: "to do", None: "-"}
_INDENT = 6 + 15


Finding = tuple[bool | None, str, str]
"""What a check found: whether it is as it should be (None: it does not apply here), what is so, and what to do."""


def fine(said: str, mend: str = "") -> Finding:
    """All is as it should be; `mend` may advise."""
    return True, said, mend


def wrong(said: str, mend: str) -> Finding:
    """Something is to be done."""
    return False, said, mend


def moot(said: str, mend: str = "") -> Finding:
    """It does not apply here; `mend` may advise."""
    return None, said, mend


def unknown() -> Finding:
    """It cannot be told before the settings can be read."""
    return moot("Not known before the settings can be read.")


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `ok` is None where it does not apply here; `mend` says what to do, and may advise there too."""

    name: str
    ok: bool | None
    said: str
    mend: str = ""

    @property
    def word(self) -> str:
        """How it went, in a word."""
        return _WORDS[self.ok]

    def __str__(self) -> str:
        lines = textwrap.wrap(self.said, WIDTH - _INDENT, break_on_hyphens=False) or [""]
        if self.mend:
            lines += textwrap.wrap(f"> {self.mend}", WIDTH - _INDENT, subsequent_indent="  ", break_on_hyphens=False)
        return f"{self.word:<6}{self.name:<15}" + f"\n{' ' * _INDENT}".join(lines)


@dataclass(frozen=True, slots=True)
class Report:
    """All lines. Its text is for a terminal, `to_json` for programs; a notebook shows it as a table."""

    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """What there is to do."""
        return tuple(check for check in self.checks if check.ok is False)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def summary(self) -> str:
        """The whole in a sentence."""
        number = len(self.failed)
        return "Nothing stands in the way." if not number else f"{number} {'thing' if number == 1 else 'things'} to do."

    def to_json(self) -> str:
        """`{"ok": ..., "checks": [{"name", "ok", "said", "mend"}, ...]}`."""
        return json.dumps({"ok": self.ok, "checks": [asdict(check) for check in self.checks]}, indent=2)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.checks), "", self.summary])

    __repr__ = __str__
