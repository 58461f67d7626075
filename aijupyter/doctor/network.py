"""What is tried out over the network: the account, this machine's clock, and the way in from outside."""

from __future__ import annotations

from aijupyter.config import is_local
from aijupyter.doctor.patient import Patient
from aijupyter.doctor.report import Finding, fine, moot, unknown, wrong
from aijupyter.errors import AIJupyterError, ForbiddenError, RateLimitedError
from aijupyter.session import Session
from aijupyter.session.checking import MIB, AccountFacts
from aijupyter.session.ways import ways_in

SCOPE = "AI"
MOST_SKEW = 60.0
"""A clock that is further off, in seconds, makes tokens expire early and lists leave out calls."""

_NOT_HERE = {
    "status": "Not needed: answers are asked for by status calls (delivery).",
    "shared": "It leads to an aijupyter receive, which is not here.",
}
_OFFLINE = moot("Not tried: --offline.")
_ADVICE = (
    "To be reached: a URL of your own (AIJUPYTER_PUBLIC_URL), an SSH host (AIJUPYTER_SSH), or ngrok (NGROK_AUTHTOKEN)."
)


def account(patient: Patient) -> Finding:
    """Whether the account lets us in, and lets us ask."""
    refused = _not_asked(patient)
    if refused is not None:
        return refused
    facts = patient.account
    if isinstance(facts, ForbiddenError):
        mend = f"Give the app the {SCOPE} scope, in the provider's developer console, and make a new JWT."
        return wrong(f"It may not ask the AI: {facts.problem}", mend)
    if isinstance(facts, RateLimitedError):
        return fine(f"It lets us in, and its budget is used up for {facts.retry_after:g} s.")
    if isinstance(facts, AIJupyterError):
        return wrong(facts.problem, facts.mend)
    if facts.scopes is not None and SCOPE not in facts.scopes:
        mend = f"Give the app the {SCOPE} scope, in the provider's developer console, and make a new JWT."
        return wrong(f"It lets us in, but not with the {SCOPE} scope.", mend)
    return fine("It lets us in, and answers.")


def limits(patient: Patient) -> Finding:
    """Which rate limits the API's answers told of."""
    facts = patient.account if _not_asked(patient) is None else None
    if not isinstance(facts, AccountFacts):
        return moot("Not known: the account was not asked, or did not answer.")
    seen = [
        f"{group.group} {group.limit} in {group.window_seconds:g} s, {group.free} free"
        + (f", silent for {group.penalty_seconds:.0f} s" if group.penalty_seconds else "")
        for group in facts.budgets
    ]
    return fine(f"{'; '.join(seen)}.") if seen else moot("The API's answers name none.")


def clock(patient: Patient) -> Finding:
    """Whether this machine's clock goes as the API's does."""
    facts = patient.account if _not_asked(patient) is None else None
    if not isinstance(facts, AccountFacts) or facts.skew is None:
        return moot("Not compared: the API did not tell the time.")
    if abs(facts.skew) <= MOST_SKEW:
        return fine(f"Within {max(1, round(abs(facts.skew)))} s of the API's.")
    way = "ahead of" if facts.skew > 0 else "behind"
    mend = "Set this machine's clock by the network; on Linux: timedatectl set-ntp true."
    return wrong(f"It is {abs(facts.skew):,.0f} s {way} the API's: tokens would be taken for expired.", mend)


def way_in(patient: Patient) -> Finding:
    """Whether 2 MiB come through the public URL to the receiver, and back."""
    found = patient.settings
    if found is None:
        return unknown()
    if found.uses_embedded:
        return moot("Not needed: the embedded service is on this machine.")
    ways_in(found, found.server_url)  # raises where the way that is named lacks a setting
    if found.delivery in _NOT_HERE:
        return moot(_NOT_HERE[found.delivery])
    if patient.offline:
        return _OFFLINE
    with patient.trial() as session:
        return _tried(session)


def _tried(session: Session) -> Finding:
    way = session.status.way_in
    assert way is not None  # noqa: S101  # for the type checker: it is open
    if way.name == "status" and way.problem:
        return wrong(f"{way.problem} Until then answers are asked for by status calls.", way.mend)
    trip = session.check_way_in()
    if trip is None:
        return fine(f"Answers are asked for by status calls alone: {way.why}.", _ADVICE)
    said = f"Open {way.words} ({way.why}). {trip.size / MIB:g} MiB there and back in {trip.seconds:.2f} s, "
    return fine(f"{said}a small request in {1000 * trip.latency:.0f} ms.", _in_the_clear(session))


def _in_the_clear(session: Session) -> str:
    if session.status.public_url.startswith("http://") and not is_local(session.status.public_url):
        return "It is http, so conversations travel in the clear: put TLS in front of it."
    return ""


def _not_asked(patient: Patient) -> Finding | None:
    """Why the account is not asked; None where it is."""
    found = patient.settings
    if found is None:
        return unknown()
    if found.uses_embedded:
        return moot("Not used: the embedded service answers.")
    return _OFFLINE if patient.offline else None
