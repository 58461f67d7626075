"""HTML that cannot be anything but what it says: every text is escaped here, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape

# Every number has its leading 0, or JupyterLab's sanitizer takes the style away; so `anywhere` has its forerunner.
CARD = (
    "font:14px/1.5 system-ui,sans-serif;border:1px solid rgba(128,128,128,0.35);border-radius:8px;padding:12px 16px;"
    "max-width:860px;box-sizing:border-box;word-wrap:break-word;overflow-wrap:anywhere"
)
QUIET = "opacity:0.7;font-size:12px"
CHIP = (
    "display:inline-block;border-radius:10px;padding:0 8px;margin:2px 4px 2px 0;font-size:12px;"
    "background:rgba(128,128,128,0.16)"
)
STEERING = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\ufeff]")
"""Control characters and overrides of direction; static/common.js has the same."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *content: object, style: str = "", **attributes: str) -> Markup:
    """An element. Content that is no Markup is escaped, as are the attributes."""
    given: Mapping[str, str] = {**({"style": style} if style else {}), **attributes}
    inside = "".join(f' {key.replace("_", "-")}="{escape(value)}"' for key, value in given.items())
    return Markup(f"<{name}{inside}>{join(content)}</{name}>")


def join(parts: Iterable[object]) -> Markup:
    """Several pieces in a row; what is no Markup is escaped, and what could steer the layout made visible."""
    return Markup("".join(part if isinstance(part, Markup) else escape(harmless(str(part))) for part in parts))


def harmless(text: str) -> str:
    """The text with a sign in the place of each character that would rather act than be seen."""
    return STEERING.sub("\ufffd", text)


def bar(share: float, colour: str, width: str = "120px") -> Markup:
    """A horizontal bar, filled to `share` (0 to 1)."""
    percent = 100 * min(1.0, max(0.0, share))
    filled = tag("div", style=f"width:{percent:.0f}%;height:100%;border-radius:4px;background:{colour}")
    frame = f"display:inline-block;vertical-align:middle;width:{width};height:8px;border-radius:4px"
    return tag("div", filled, style=f"{frame};background:rgba(128,128,128,0.2)")
