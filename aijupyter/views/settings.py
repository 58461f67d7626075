"""Settings as a table: what is set, to what, and where that came from. Secrets are masked."""

from __future__ import annotations

from aijupyter.config import Settings
from aijupyter.config.rows import DEFAULT, settings_rows
from aijupyter.views.forms import Bundle, bundle
from aijupyter.views.html import CARD, Markup, tag

CELL = "text-align:left;vertical-align:top;padding:2px 18px 2px 0;border:0;background:none;white-space:normal"
_COLUMNS = ("setting", "value", "source")


def settings_bundle(settings: Settings, **_kinds: object) -> Bundle:
    """The settings as a table and as text."""
    return bundle(settings_text(settings), settings_html(settings))


def settings_text(settings: Settings) -> str:
    """The rows in aligned columns."""
    rows = [_COLUMNS, *settings_rows(settings)]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:<{first}}  {value:<{second}}  {source}".rstrip() for name, value, source in rows)


def settings_html(settings: Settings) -> str:
    """The rows as a card; what is not a default stands out."""
    head = tag("tr", *(tag("th", name, scope="col", style=f"{CELL};opacity:0.7") for name in _COLUMNS))
    rows = (_row(*row) for row in settings_rows(settings))
    table = tag("table", tag("thead", head), tag("tbody", *rows), style="border:0;border-collapse:collapse;margin:0")
    return tag("div", table, style=CARD)


def _row(name: str, value: str, source: str) -> Markup:
    quiet = ";opacity:0.7" if source == DEFAULT else ""
    cells = (
        tag("th", name, scope="row", style=f"{CELL};white-space:nowrap;font-weight:{400 if quiet else 600}{quiet}"),
        tag("td", value, style=f"{CELL};font-family:monospace{quiet}"),
        tag("td", source, style=f"{CELL}{quiet}"),
    )
    return tag("tr", *cells, style="background:none")
