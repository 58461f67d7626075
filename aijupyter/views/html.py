"""HTML that cannot be anything but what it says: every text is escaped here, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

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
SPEAKER_COLOURS = ("#3b7dd8", "#d9730d", "#2e9e6b", "#a855c7", "#c9405b", "#5f7a8a")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *content: object, style: str = "", **attributes: str) -> Markup:
    """An element. Content that is no Markup is escaped, as are the attributes."""
    given: Mapping[str, str] = {**({"style": style} if style else {}), **attributes}
    inside = "".join(f' {key.replace("_", "-")}="{escape(value)}"' for key, value in given.items())
    return Markup(f"<{name}{inside}>{join(content)}</{name}>")


def join(parts: Iterable[object]) -> Markup:
    """Several pieces in a row, those that are no Markup escaped."""
    return Markup("".join(part if isinstance(part, Markup) else escape(str(part)) for part in parts))


def bar(share: float, colour: str, width: str = "120px") -> Markup:
    """A horizontal bar, filled to `share` (0 to 1)."""
    percent = 100 * min(1.0, max(0.0, share))
    filled = tag("div", style=f"width:{percent:.0f}%;height:100%;border-radius:4px;background:{colour}")
    frame = f"display:inline-block;vertical-align:middle;width:{width};height:8px;border-radius:4px"
    return tag("div", filled, style=f"{frame};background:rgba(128,128,128,0.2)")


def clock(seconds: Any) -> str:
    """Seconds as m:ss or h:mm:ss; a dash where there are none."""
    if seconds is None or seconds != seconds or math.isinf(seconds):  # noqa: PLR0124  # NaN
        return "-"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
