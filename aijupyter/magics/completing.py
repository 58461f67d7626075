"""The Tab key within `%aijupyter`: actions, options, the API's names, sessions and paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aijupyter.logs import logger

log = logger(__name__)

IDENTIFIER = "aijupyter.magics"
FIRST = 1000.0
"""Before IPython's own matchers, so that they can be told to keep quiet."""


def add(shell: Any) -> None:
    """Complete in this shell. IPython before 8.6 cannot be taught."""
    try:
        from IPython.core.completer import context_matcher  # noqa: PLC0415  # not in every version
    except ImportError:
        return
    remove(shell)

    @context_matcher(identifier=IDENTIFIER, priority=FIRST)
    def match(context: Any) -> dict[str, Any]:
        return _match(context, shell.user_ns)

    shell.Completer.custom_matchers.append(match)


def remove(shell: Any) -> None:
    """Complete no more."""
    matchers = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != IDENTIFIER]


def _match(context: Any, names: dict[str, Any]) -> dict[str, Any]:
    """What IPython asks for. Where there is something, nobody else is asked."""
    from IPython.core.completer import SimpleCompletion  # noqa: PLC0415  # see add

    fragment, kind = "", ""
    found: list[str] = []
    before = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
    head = context.full_text.partition("\n")[0] if context.cursor_line else ""
    if "%aij" in before or "%%aij" in head:
        from aijupyter.magics.suggesting import suggest  # noqa: PLC0415  # %load_ext must be quick

        try:
            fragment, kind, found = suggest(before, head, names)
        except Exception:  # IPython would print it into whatever the person is writing
            log.exception("a line could not be completed")
    return {
        "completions": _simple(SimpleCompletion, found, kind),
        "matched_fragment": fragment,
        "suppress": bool(found),
        "ordered": True,
    }


def _simple(make: Any, texts: Iterable[str], kind: str) -> list[Any]:
    return [make(text=text, type=kind) for text in texts]
