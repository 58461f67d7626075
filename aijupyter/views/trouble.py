"""The traceback of an error, for who asks for it: a cell shows an error of ours as one block."""

from __future__ import annotations

import sys
import traceback

from aijupyter.telling import masked, printable


def full_traceback(error: BaseException | None = None) -> str:
    """Python's own traceback of an error, with what caused it, as text; by default of the last that ended a cell.

    Values of variables are never in it, and what looks like a secret in the lines of code is masked. "" where there
    was no error.
    """
    error = getattr(sys, "last_value", None) if error is None else error
    if error is None:
        return ""
    trace = error.__traceback__
    while trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("IPython."):
        trace = trace.tb_next  # what ran the cell
    text = masked("".join(traceback.format_exception(type(error), error, trace)))
    return "\n".join(printable(line) for line in text.splitlines())
