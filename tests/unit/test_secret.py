"""Secrets: they hide wherever they are written, and are taken out of other texts."""

from __future__ import annotations

import base64
import copy
import dataclasses
import gc
import json
import pickle
import threading
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from aijupyter.config import Secret, known_secrets, redact

TEXT = "s3cr3t&of=the app/+é"


@dataclasses.dataclass(frozen=True)
class Holder:
    """A value that holds a secret."""

    secret: Secret


def test_it_hides_wherever_it_is_written() -> None:
    """No way to write it out, to copy it or to look into it shows the text."""
    secret = Secret(TEXT)
    shown = [
        *(repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", f"{secret:>20}", format(secret, "")),
        *(repr(copy.copy(secret)), repr(copy.deepcopy([secret])), repr(dataclasses.asdict(Holder(secret)))),
        *(json.dumps({"a": secret}, default=str), repr(Holder(secret)), repr(dir(secret))),
    ]
    for text in shown:
        assert "s3cr3t" not in text, text
    assert copy.deepcopy(secret) == secret
    with pytest.raises(TypeError, match="vars"):
        vars(secret)
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(secret)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    """A pickle would hold the text, so there is none, not even of what holds a secret."""
    for held in (Secret(TEXT), Holder(Secret(TEXT)), {"a": [Secret(TEXT)]}):
        with pytest.raises(TypeError, match="not pickled") as caught:
            pickle.dumps(held, protocol)
        assert "s3cr3t" not in str(caught.value)
    with pytest.raises(TypeError, match="not pickled"):
        Secret(TEXT).__getstate__()


def test_secrets_compare_by_what_they_hide() -> None:
    """Equal secrets are equal, and a text is no secret."""
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@pytest.mark.parametrize("user", ["", "a", "ab", "abc", "the-client-id"])
def test_it_is_taken_out_of_other_texts(user: str) -> None:
    """As it is, percent-encoded, in a form, in JSON, in a repr, and in the header of HTTP Basic."""
    secret = Secret(TEXT)
    basic = base64.b64encode(f"{user}:{TEXT}".encode()).decode()
    for text in (
        f"it was {TEXT}.",
        f"/path?key={quote(TEXT)}&more={quote(TEXT, safe='')}",
        urlencode({"assertion": TEXT}),
        json.dumps({"jwt": TEXT}),
        repr({"jwt": TEXT}),
        f"Authorization: Basic {basic}",
        f"Authorization: Basic {basic.replace('+', '-').replace('/', '_')}",
    ):
        redacted = redact(text)
        assert "***" in redacted, text
        assert "s3cr3t" not in redacted
        assert basic[len(user) + 8 : len(user) + 16] not in redacted
    assert redact("nothing of it") == "nothing of it"
    assert secret.reveal() == TEXT


def test_a_password_within_a_secret_url() -> None:
    """Drivers quote the password alone, or with its escapes undone."""
    secret = Secret("postgresql://me:pass%2Fword%21@db.example/books")
    for text in (secret.reveal(), "password=pass/word! host=db", "pass%2Fword%21"):
        assert "word" not in redact(text).removeprefix("password=")
    assert redact("db.example") == "db.example"
    broken = Secret("postgresql://[::1")
    assert redact(f"{broken.reveal()}?") == "***?"


def test_of_one_within_another_nothing_is_left() -> None:
    """A secret that begins like another does not keep the other's end from being masked."""
    short, long = Secret("abcdefgh"), Secret("abcdefgh-and-more")
    assert redact("abcdefgh-and-more, abcdefgh") == "***, ***"
    assert short != long


def test_a_short_one_is_not_looked_for() -> None:
    """Else a secret of one letter would mask that letter everywhere."""
    held = Secret("ab")
    assert redact("abracadabra") == "abracadabra"
    assert held.reveal() in known_secrets()


def test_it_is_known_while_it_lives() -> None:
    """Of two equal ones the second is known when the first is gone; then none is."""
    text = "known-while-it-lives"
    first, second = Secret(text), Secret(text)
    assert text in known_secrets()
    del first
    gc.collect()
    assert redact(f"a {text}") == "a ***"
    del second
    gc.collect()
    assert text not in known_secrets()
    assert redact(f"a {text}") == f"a {text}"


def test_many_threads_may_redact() -> None:
    """While secrets come and go, nothing is raised and nothing is shown."""
    kept, wrong = Secret("kept-all-the-while"), list[Any]()

    def work() -> None:
        try:
            for number in range(300):
                held = Secret(f"passing-{number}-{threading.get_ident()}")
                if "kept" in redact(f"{held.reveal()} kept-all-the-while"):
                    wrong.append(number)
        except Exception as error:  # noqa: BLE001  # told below
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert kept.reveal()
