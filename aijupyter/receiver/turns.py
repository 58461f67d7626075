"""How soon the receiver's thread gets its turn while a cell computes.

A thread that computes in pure Python keeps the interpreter for a switch interval, 5 ms unless somebody set another,
whenever we want it back. A delivery gives it away about ten times (to read, to write, at each step of the ledger), and
sixteen at once would take a quarter of a second. With an interval of 1 ms it is a fifth of that. The interval is the
whole process's, so it is lowered only while a receiver listens, never raised, and given back as it was found.
"""

from __future__ import annotations

import sys
import threading

SWITCH_SECONDS = 0.001

_lock = threading.Lock()
_listening = 0
_found: float | None = None
_left = 0.0


def quicken() -> None:
    """Lower the interval, for one more receiver."""
    global _listening, _found, _left  # noqa: PLW0603  # so is the interval
    with _lock:
        _listening += 1
        if _listening == 1 and sys.getswitchinterval() > SWITCH_SECONDS:
            _found = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_SECONDS)
            _left = sys.getswitchinterval()


def relax() -> None:
    """For one receiver less: with the last, give the interval back, unless somebody else has set it meanwhile."""
    global _listening, _found  # noqa: PLW0603
    with _lock:
        _listening -= 1
        if _listening == 0 and _found is not None:
            if sys.getswitchinterval() == _left:
                sys.setswitchinterval(_found)
            _found = None
