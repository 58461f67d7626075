"""How errors are told to a person: what may be secret is masked, and a cell ends with one block instead of frames."""

from __future__ import annotations

import linecache
import re
import sys
from traceback import walk_tb
from types import TracebackType
from typing import Any

_SECRETS = (
    re.compile(r"(?i)((?:secret|token|jwt|passw\w*|api_?key)[\w'\"]*\s*[=:]\s*[rbf]*)(['\"]).*?\2"),
    re.compile(r"()()(?<=://)[^/\s'\"@]+(?=@)"),
    re.compile(r"([?&][\w.-]+=)()[^&'\"\s]+"),
)
_RED, _BOLD, _FAINT, _PLAIN = "\033[1;31m", "\033[1m", "\033[2m", "\033[0m"


def printable(text: str) -> str:
    """A line that others wrote, for a terminal, where control characters are commands."""
    return "".join(character if character.isprintable() else "?" for character in text)


def masked(code: str) -> str:
    """Code or text without what may be secret in it: values of telling names, passwords and queries of URLs."""
    for secret in _SECRETS:
        code = secret.sub(r"\1\2***\2", code)
    return code


def block(error: Exception) -> list[str]:
    """What is wrong, what to do, where it happened, and how to see more: no frames of ours, and no other errors."""
    shell = _shell()
    red, bold, faint, plain = ("",) * 4 if _is_colourless(shell) else (_RED, _BOLD, _FAINT, _PLAIN)
    problem, *rest = masked(str(error)).splitlines() or [""]
    lines = [f"{red}{type(error).__name__}{plain}: {bold}{printable(problem)}{plain}", *map(printable, rest)]
    job_id = getattr(error, "job_id", "")
    if job_id and job_id not in str(error):
        lines.append(f"Job {printable(job_id)}")
    ask = "%aijupyter traceback" if _knows_us(shell) else "%load_ext aijupyter, then %aijupyter traceback"
    where = _own_line(error.__traceback__, shell)
    return [*lines, *(f"{faint}{line}{plain}" for line in (where, f"The traceback: {ask}") if line)]


def _own_line(trace: TracebackType | None, shell: Any) -> str:
    """The last line of the person's own cells that led to the error; "" where there was none."""
    own = [(frame, line) for frame, line in walk_tb(trace) if frame.f_globals.get("__name__") == "__main__"]
    for frame, number in reversed(own):
        file = frame.f_code.co_filename
        code = linecache.getline(file, number).strip()
        if code:
            named = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(file)
            said = "" if code.startswith("get_ipython()") else f": {printable(masked(code))}"  # a magic, to Python
            return f"{' '.join(named) if named else 'File ' + file}, line {number}{said}"
    return ""


def _shell() -> Any:
    """The running IPython shell; None outside IPython, without importing it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _is_colourless(shell: Any) -> bool:
    return str(getattr(shell, "colors", "nocolor")).lower() == "nocolor"


def _knows_us(shell: Any) -> bool:
    return shell is not None and shell.find_line_magic("aijupyter") is not None
