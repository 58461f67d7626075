"""Logging by the standard library: quiet by default, with events for machines, and without secrets.

Nothing is set up here but a filter: who wants to see something says `logging.basicConfig(level="INFO")`. The events and
their fields are listed in docs/logging.md.
"""

from __future__ import annotations

import logging
import re
import traceback

from aijupyter.secret import redact

_TOKEN = r"[A-Za-z0-9_-]"  # noqa: S105  # what a token is made of
_VALUE = r"[\"']?\s*[=:]\s*[\"']?"
_SHAPES = tuple(
    (words, re.compile(shape, re.IGNORECASE), mask)
    for words, shape, mask in (
        (("/d/", "/m/"), rf"(/[dm]/){_TOKEN}{{16,}}", r"\1***"),  # a delivery path, the name of a lent file
        (
            ("token", "assertion", "client"),
            rf"((?:access_?token|refresh_?token|authtoken|assertion|client_?secret){_VALUE})[^\s&\"',;)}}]+",
            r"\1***",
        ),
        (("authorization",), rf"\b(authorization{_VALUE}(?:(?:bearer|basic)\s+)?)[^\s\"',;)}}]+", r"\1***"),
        (("bearer ", "basic "), r"\b(bearer\s+|basic\s+)(?=\S*[\d._-])[\w.~+/=-]{8,}", r"\1***"),
        (("://",), r"(://[^\s/:@]*:)[^\s/@]+(?=@)", r"\1***"),  # a URL's password
        (("password",), rf"(\bpassword{_VALUE})[^\s&\"',;)}}]+", r"\1***"),
        (("eyj",), rf"\beyJ{_TOKEN}{{8,}}\.{_TOKEN}+\.{_TOKEN}*", "***"),  # a JSON Web Token
    )
)
"""What secrets look like that are not known to us: words without which one is not looked for, and how it is found."""

_RANDOM_LENGTH = 43
_RANDOM = re.compile(rf"(?<!{_TOKEN})(?={_TOKEN}*[a-z])(?={_TOKEN}*[A-Z]){_TOKEN}{{{_RANDOM_LENGTH}}}(?!{_TOKEN})")
"""256 random bits, as we write them."""

_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
"""The attributes that every record has."""


def logger(name: str) -> logging.Logger:
    """The standard logger of that name, whose records hold no secret. Idempotent."""
    found = logging.getLogger(name)
    found.addFilter(_redacted)
    return found


def hush(*names: str) -> None:
    """Have the loggers of another package print nothing where logging is not set up, and tell no secret. Idempotent.

    A logger passes only its own records through its filter, so each that speaks is to be named.
    """
    for name in names:
        found = logger(name)
        if not any(isinstance(handler, logging.NullHandler) for handler in found.handlers):
            found.addHandler(logging.NullHandler())


def without_secrets(text: str) -> str:
    """The text with `***` for every secret that is known, and for whatever looks like one."""
    text = redact(text)
    lower = text.lower()
    for words, shape, mask in _SHAPES:
        if any(word in lower for word in words):
            text = shape.sub(mask, text)
    return _RANDOM.sub("***", text) if len(text) >= _RANDOM_LENGTH else text


def _redacted(record: logging.LogRecord) -> bool:
    """Take the secrets out of a record, before any handler or formatter sees it. It always passes.

    An exception becomes text here, once: with its frames, a handler could show their variables.
    """
    record.msg, record.args = without_secrets(_message(record)), ()
    if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
        record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
    record.exc_info = None
    record.exc_text = without_secrets(record.exc_text) if record.exc_text else None
    record.stack_info = without_secrets(record.stack_info) if record.stack_info else None
    for field, value in list(vars(record).items()):
        if field not in _OWN and not isinstance(value, bool | int | float | None):
            setattr(record, field, without_secrets(str(value)))
    return True


def _message(record: logging.LogRecord) -> str:
    """The message; one whose arguments do not fit is not lost, and does not end what logs."""
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  # an argument's own __str__ may raise anything
        return f"{record.msg} ({type(error).__name__} in its arguments)"
