"""The doctor: what may be wrong here, each with what to do about it. It never raises.

A check is a function that gets a Patient and returns what it found, by `fine`, `wrong` or `moot`, or raises an error of
ours that says the same. `CHECKS` names those that are done, in their order: to add one, add it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from aijupyter.doctor import network, places, software
from aijupyter.doctor.patient import Patient
from aijupyter.doctor.report import Check, Finding, Report, fine, moot, wrong
from aijupyter.errors import AIJupyterError
from aijupyter.session import Session

__all__ = ["CHECKS", "Check", "Finding", "Patient", "Report", "examine", "examining", "fine", "moot", "wrong"]

Checking = Callable[[Patient], Finding]

CHECKS: Mapping[str, Checking] = MappingProxyType(
    {
        "Python": software.python,
        "Packages": software.packages,
        "Kernel": software.kernel,
        "Widgets": software.widgets,
        "Player": software.player,
        "Nested loops": software.nesting,
        "Settings": places.settings,
        "Credentials": places.credentials,
        "Session": places.session,
        "Embedded AI": places.embedded,
        "Ledger": places.ledger,
        "Receiver": places.receiver,
        "Account": network.account,
        "Rate limits": network.limits,
        "Clock": network.clock,
        "Way in": network.way_in,
    }
)


def examine(
    session: Session | None = None,
    *,
    env_file: str | Path | None = ".env",
    checks: Mapping[str, Checking] = CHECKS,
    offline: bool = False,
) -> Report:
    """Do the checks, for an open session or for what `connect(env_file=...)` would open now.

    Changes nothing, but opens the ledger as `connect` would where there is one. Where an account is set and it is not
    `offline`, the account is asked (one request of its budget) and 2 MiB go through the public URL. Never raises.
    """
    return Report(tuple(examining(session, env_file=env_file, checks=checks, offline=offline)))


def examining(
    session: Session | None = None,
    *,
    env_file: str | Path | None = ".env",
    checks: Mapping[str, Checking] = CHECKS,
    offline: bool = False,
) -> Iterator[Check]:
    """The same, each check as soon as it is done."""
    patient = Patient(session, env_file, offline=offline)
    for name, check in checks.items():
        yield Check(name, *_done(check, patient))


def _done(check: Checking, patient: Patient) -> Finding:
    try:
        return check(patient)
    except AIJupyterError as error:
        return wrong(error.problem, error.mend)
    except Exception as error:  # noqa: BLE001  # a doctor must not fall ill; what others raise may hold secrets
        mend = "Report it, please, with what you have installed: pip list."
        return wrong(f"The check itself failed: {type(error).__name__}.", mend)
