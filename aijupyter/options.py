"""Options by either name, Python's or the API's, and values as people write them, with errors that help."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import ParamSpec, TypeVar

from aijupyter.errors import OptionError

P = ParamSpec("P")
R = TypeVar("R")
E = TypeVar("E", bound=StrEnum)


def named_options(function: Callable[P, R]) -> Callable[P, R]:
    """Let keyword arguments be written as the API writes them; OptionError for unknown and for missing ones."""
    parameters = inspect.signature(function).parameters.values()
    known = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    needed = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is one.empty]

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        names = {name: name if name in known else _snake(name) for name in kwargs}
        for given, name in names.items():
            if name not in known:
                raise _unknown(function.__name__, given, known)
            if given != name and name in names:
                raise OptionError(f"{name} is given twice, also as {given}.", "Give it once.", option=name)
        for name in needed:
            if name not in names.values():
                raise OptionError(f"{function.__name__} needs {name}.", f"Give it: {name}=...", option=name)
        return function(*args, **{names[given]: value for given, value in kwargs.items()})  # type: ignore[arg-type]

    return call


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _unknown(verb: str, given: str, known: list[str]) -> OptionError:
    near = difflib.get_close_matches(_snake(given), known, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return OptionError(f"{verb} has no option {given!r}.", f"{hint}There are: {', '.join(known)}.", option=given)


def choice(option: str, value: str, choices: type[E]) -> E:
    """A member of an enumeration by its value. Raises OptionError that lists them."""
    try:
        return choices(value)
    except ValueError:
        raise OptionError(
            f"{option} is {value!r}.", f"It must be one of {', '.join(choices)}.", option=option
        ) from None


def time_ago(option: str, value: datetime | timedelta | str) -> datetime:
    """A time (without a zone: this machine's), or how long ago, such as `"2 days"`. Raises OptionError."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, timedelta):
        return datetime.now(UTC) - value
    found = _AMOUNT.fullmatch(str(value).strip())
    word = found[2].lower() if found else ""
    unit = next((unit for unit in _UNITS if word and unit.startswith(word)), None)
    try:
        if found and unit:
            return datetime.now(UTC) - timedelta(**{unit: float(found[1])})
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise OptionError(
            f"{option} is {value!r}.",
            "Give a time such as '2026-11-22 10:00', or how long ago: '2 days'.",
            option=option,
        ) from None


def size_in_bytes(option: str, value: int | str) -> int:
    """A number of bytes, or a size such as `"500 MB"`. Raises OptionError."""
    found = _AMOUNT.fullmatch(str(value).strip())
    unit = found[2].upper().removesuffix("B") if found else "?"
    if found is None or unit not in _SIZES:
        raise OptionError(f"{option} is {value!r}.", "Give bytes, or a size such as '500 MB'.", option=option)
    return int(float(found[1]) * _SIZES[unit])


_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")
_UNITS = ("days", "hours", "minutes", "seconds", "weeks")
_SIZES = {"": 1} | {letter: 1000**n for n, letter in enumerate("KMGT", 1)}
_SIZES |= {f"{letter}I": 1024**n for n, letter in enumerate("KMGT", 1)}
