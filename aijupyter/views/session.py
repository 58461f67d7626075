"""A session: what answers, where answers arrive, where they are kept."""

from __future__ import annotations

from aijupyter.config import is_local
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
    settings = session.settings
    if settings.uses_embedded:
        return "on this machine"
    if settings.delivery == "status":
        return "none; answers are asked for by status calls"
    if settings.public_url is not None:
        return "one for several kernels, at your public URL" if settings.delivery == "shared" else "at your public URL"
    return "on this machine" if is_local(settings.server_url) else "through ngrok"


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
