"""A session: what answers, where answers arrive, where they are kept."""

from __future__ import annotations

from aijupyter.session import Session
from aijupyter.views.html import CARD, tag

CELL = "text-align:left;padding:1px 14px 1px 0;border:0;background:none"


def session_facts(session: Session) -> list[tuple[str, str]]:
    """What there is to say of a session, label by label."""
    status = session.status
    facts = [
        ("Session", "closed" if not status.open else "open" if status.answering else "open, but its service has ended"),
        ("AI", f"embedded service, {status.server}" if status.embedded else status.server),
    ]
    if status.open:
        facts.append(("Receiver", status.receiver_url))
        if status.public_url != status.receiver_url:
            facts.append(("Public URL", status.public_url))
    if status.embedded and status.open:
        facts.append(("Models", status.models))
    return [*facts, ("Ledger", str(status.ledger)), ("Under way", f"{status.under_way} jobs")]


def session_text(session: Session) -> str:
    """The facts as aligned lines."""
    return "\n".join(f"{label:<11} {value}" for label, value in session_facts(session))


def session_html(session: Session) -> str:
    """The facts as a card."""
    rows = (
        tag("tr", tag("td", label, style=f"{CELL};opacity:.7"), tag("td", value, style=CELL), style="background:none")
        for label, value in session_facts(session)
    )
    return tag("div", tag("table", *rows, style="border:0;border-collapse:collapse;margin:0"), style=CARD)
