"""Texts that nobody should see: how they hide, and how they are taken out of other texts."""

from __future__ import annotations

import base64
import json
from typing import NoReturn, Self
from urllib.parse import quote, quote_plus, unquote, urlsplit
from weakref import WeakValueDictionary

MASK = "***"
SHORTEST = 6
"""Shorter secrets are not looked for: they would be found everywhere."""

_URL_SAFE = str.maketrans("+/", "-_")


class Secret:
    """A text that shows itself to nobody: `reveal()` is the one way to it.

    It is masked when printed, formatted or copied into other data, and cannot be pickled. While it lives, `redact`
    knows it.
    """

    __slots__ = ("__weakref__", "_forms", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._forms: tuple[str, ...] | None = None
        _alive[id(self)] = self

    def reveal(self) -> str:
        """The text itself. Never log or show it."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __format__(self, specification: str) -> str:
        return format(repr(self), specification)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _known: object) -> Self:
        return self

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("A secret is not pickled, for a pickle is plain to read: pass it on with reveal().")

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(None)

    @property
    def forms(self) -> tuple[str, ...]:
        """The text in every form that it may be written in. As secret as the text."""
        if self._forms is None:
            self._forms = tuple(_forms(self._text))
        return self._forms


# By identity: of two equal ones that a set would hold as one, the other may live longer.
_alive: WeakValueDictionary[int, Secret] = WeakValueDictionary()


def known_secrets() -> frozenset[str]:
    """The texts of all secrets that are alive. For tests and for redacting; never log or show them."""
    return frozenset(secret.reveal() for secret in _living())


def redact(text: str) -> str:
    """The text with `***` in the place of every secret that is alive.

    Found are secrets of six characters and more, also percent-encoded, escaped as in JSON or Python, within base64
    (as in `Authorization: Basic`), and the password of a secret URL. Safe to call from any thread.
    """
    found = {form for secret in _living() for form in secret.forms if form in text}
    for form in sorted(found, key=len, reverse=True):  # one may be a part of another
        text = text.replace(form, MASK)
    return text


def _living() -> list[Secret]:
    held = (reference() for reference in _alive.valuerefs())
    return [secret for secret in held if secret is not None]


def _forms(text: str) -> set[str]:
    texts = {text, *_passwords(text)}
    forms = {form for one in texts for form in (one, *_escaped(one))}
    forms |= {form for one in texts if len(one) >= SHORTEST for form in _within_base64(one)}
    return {form for form in forms if len(form) >= SHORTEST}


def _passwords(text: str) -> set[str]:
    """The password of a URL, as it stands there and as it is sent."""
    try:
        password = urlsplit(text).password if "://" in text else None
    except ValueError:
        password = None
    return {password, unquote(password)} if password else set()


def _escaped(text: str) -> set[str]:
    encoded = {quote(text, safe=""), quote(text), quote_plus(text)}
    return {*encoded, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}


def _within_base64(text: str) -> set[str]:
    """What base64 makes of the text wherever it stands in a longer one: three ways, by what is before it."""
    found = set()
    data = text.encode("utf-8", "surrogateescape")
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data).decode("ascii")
        whole = encoded[-(-8 * before // 6) : 8 * (before + len(data)) // 6]  # characters that are of the text alone
        found |= {whole, whole.translate(_URL_SAFE)}
    return found
