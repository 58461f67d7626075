"""A session: what answers, where answers arrive, where they are kept."""

from __future__ import annotations

from aijupyter.session import Session
from aijupyter.views.html import CARD, tag

CELL = "text-align:left;padding:1px 14px 1px 0;border:0;background:none"


def session_facts(session: Session) -> list[tuple[str, str]]:
    """What there is to say of a session, label by label. No URL that leads to this kernel: outputs are saved."""
    status = session.status
    facts = [
        ("Session", "closed" if not status.open else "open" if status.answering else "open, but its service has ended"),
        ("AI", "embedded service, on this machine" if status.embedded else status.server),
    ]
    if status.open:
        facts.append(("Receiver", reached(session)))
    if status.embedded and status.open:
        facts.append(("Models", status.models))
    return [*facts, ("Ledger", str(status.ledger)), ("Under way", f"{status.under_way} jobs")]


def reached(session: Session) -> str:
    """How answers come to the receiver, in words; the URL itself is `session.status.public_url`."""
    way = session.status.way_in
    if way is None:
        return ""
    trouble = "" if way.up else "; it dropped, and is opened again"
    if way.name == "status" and way.problem:
        trouble = f" ({way.problem})"
    return f"{way.words}{trouble}"


def session_text(session: Session) -> str:
    """The facts as aligned lines."""
    return "\n".join(f"{label:<11} {value}" for label, value in session_facts(session))


def session_html(session: Session) -> str:
    """The facts as a card."""
    rows = (
        tag("tr", tag("td", label, style=f"{CELL};opacity:0.7"), tag("td", value, style=CELL), style="background:none")
        for label, value in session_facts(session)
    )
    return tag("div", tag("table", *rows, style="border:0;border-collapse:collapse;margin:0"), style=CARD)
