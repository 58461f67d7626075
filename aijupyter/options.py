"""Options by either name, Python's or the API's, with an error that helps where a name is neither."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from aijupyter.errors import OptionError

P = ParamSpec("P")
R = TypeVar("R")


def named_options(function: Callable[P, R]) -> Callable[P, R]:
    """Let keyword arguments be written as the API writes them, and refuse unknown ones with an OptionError."""
    parameters = inspect.signature(function).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        names = {name: name if name in known else _snake(name) for name in kwargs}
        for given, name in names.items():
            if name not in known:
                raise _unknown(function.__name__, given, known)
            if given != name and name in names:
                raise OptionError(f"{name} is given twice, also as {given}.", "Give it once.", option=name)
        return function(*args, **{names[given]: value for given, value in kwargs.items()})  # type: ignore[arg-type]

    return call


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _unknown(verb: str, given: str, known: list[str]) -> OptionError:
    near = difflib.get_close_matches(_snake(given), known, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return OptionError(f"{verb} has no option {given!r}.", f"{hint}There are: {', '.join(known)}.", option=given)
