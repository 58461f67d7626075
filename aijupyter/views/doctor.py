"""What the doctor says, as a table: what there is to do stands out, and what is well keeps quiet."""

from __future__ import annotations

from aijupyter.doctor import Check, Report
from aijupyter.views.forms import Bundle, bundle
from aijupyter.views.html import CARD, CHIP, QUIET, Markup, join, tag

CELL = "text-align:left;vertical-align:top;padding:3px 14px 3px 0;border:0;background:none;white-space:normal"
_COLOURS = {True: "#2a8f62", False: "#c9405b", None: "rgba(128,128,128,0.35)"}


def doctor_bundle(report: Report, **_kinds: object) -> Bundle:
    """The report as a table and as text."""
    return bundle(str(report), report_html(report))


def report_html(report: Report) -> str:
    """A card: a sentence, and a row for each check."""
    colour = _COLOURS[report.ok]
    head = tag("div", report.summary, style=f"font-weight:600;margin-bottom:6px;color:{colour}")
    rows = (_row(check) for check in report.checks)
    table = tag("table", tag("tbody", *rows), style="border:0;border-collapse:collapse;margin:0;font-size:inherit")
    return tag("div", head, table, style=CARD)


def _row(check: Check) -> Markup:
    ink = "inherit" if check.ok is None else "white"
    mark = tag(
        "span", check.word, style=f"{CHIP};margin:0;white-space:nowrap;background:{_COLOURS[check.ok]};color:{ink}"
    )
    quiet = ";opacity:0.7" if check.ok is None else ""
    said: list[object] = [tag("div", check.said)]
    if check.mend:
        said.append(tag("div", check.mend, style="font-weight:600" if check.ok is False else QUIET))
    cells = (
        tag("td", mark, style=CELL),
        tag("th", check.name, scope="row", style=f"{CELL};font-weight:600;white-space:nowrap{quiet}"),
        tag("td", join(said), style=f"{CELL}{quiet}"),
    )
    return tag("tr", *cells, style="background:none")
