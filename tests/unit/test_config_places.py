"""Credentials from the later places: the keyring, Colab's secrets, ngrok's own configuration, and how they agree."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from keyrings import (
    FILE,
    AbsentKeyring,
    BrokenKeyring,
    CountingKeyring,
    HangingKeyring,
    LockedKeyring,
    used,
)
from until import until

from aijupyter.config import Settings, redact
from aijupyter.config import ngrok as ngrok_configuration
from aijupyter.connecting import announcement
from aijupyter.errors import ConfigurationError, CredentialsError
from aijupyter.session import Session

ACCOUNT = {
    "RC_APP_CLIENT_ID": "the-client-id",
    "RC_APP_CLIENT_SECRET": "s3cr3t-of-the-app",
    "RC_USER_JWT": "eyJ.of.me",
}
TOKEN = "2abc-of-ngrok"


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingKeyring]:
    """An empty keyring that remembers what it was asked for."""
    monkeypatch.setenv(FILE, str(tmp_path / "keyring.json"))
    with used(CountingKeyring()) as backend:
        yield backend


def keep(keyring: CountingKeyring, **entries: str) -> None:
    """Put entries into the keyring, as our login or the command keyring does."""
    for name, text in entries.items():
        keyring.set_password("aijupyter", name, text)


def test_the_keyring_gives_an_account(keyring: CountingKeyring) -> None:
    """What was stored is found, with its server, masked, and its source told."""
    keep(keyring, **ACCOUNT, RC_SERVER_URL="https://api.example/", NGROK_AUTHTOKEN=TOKEN)
    settings = Settings.load()
    assert settings.has_credentials
    assert not settings.uses_embedded
    assert settings.server_url == "https://api.example"
    assert settings.jwt is not None
    assert settings.jwt.reveal() == ACCOUNT["RC_USER_JWT"]
    assert settings.sources["jwt"] == "keyring RC_USER_JWT"
    assert settings.sources["ngrok_token"] == "keyring NGROK_AUTHTOKEN"
    assert settings.skipped == {}
    assert not any(text in f"{settings} {settings.sources}" for text in ("s3cr3t", "eyJ", "2abc"))
    assert redact(f"token {TOKEN}") == "token ***"


def test_nearer_places_come_first(keyring: CountingKeyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each place is asked only for what those before it did not give."""
    keep(keyring, **{name: f"{text}-stored" for name, text in ACCOUNT.items()})
    (tmp_path / ".env").write_text("RC_APP_CLIENT_SECRET=of-the-file\n")
    monkeypatch.setenv("RC_APP_CLIENT_ID", "of-the-environment")
    settings = Settings.load(public_url="https://hooks.example")
    assert [settings.sources[name] for name in ("client_id", "client_secret", "jwt")] == [
        "environment RC_APP_CLIENT_ID",
        ".env RC_APP_CLIENT_SECRET",
        "keyring RC_USER_JWT",
    ]
    assert keyring.asked == ["RC_USER_JWT", "RC_SERVER_URL"]


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ({"embedded": True}, []),
        ({"keyring_seconds": 0}, []),
        ({}, ["RC_APP_CLIENT_ID", "RC_APP_CLIENT_SECRET", "RC_USER_JWT", "RC_SERVER_URL"]),
        ({"client_id": "i", "client_secret": "s" * 9, "jwt": "j" * 9, "ngrok_token": "t" * 9}, []),
        ({"client_id": "i", "client_secret": "s" * 9, "jwt": "j" * 9, "delivery": "status"}, []),
        ({"client_id": "i", "client_secret": "s" * 9, "jwt": "j" * 9, "public_url": "https://h.example"}, []),
        ({"client_id": "i", "client_secret": "s" * 9, "jwt": "j" * 9, "server_url": "http://localhost:1"}, []),
        ({"client_id": "i", "client_secret": "s" * 9, "jwt": "j" * 9}, ["NGROK_AUTHTOKEN"]),
    ],
)
def test_the_keyring_is_asked_only_for_what_is_of_use(
    keyring: CountingKeyring, arguments: dict[str, object], asked: list[str]
) -> None:
    """Nobody is asked to unlock a keyring for nothing."""
    Settings.load(**arguments)
    assert keyring.asked == asked


@pytest.mark.parametrize(
    ("backend", "reason", "told"),
    [
        (LockedKeyring, "it is locked", True),
        (BrokenKeyring, "it failed (OSError)", True),
        (HangingKeyring, "it did not answer within 0.2 s", True),
        (AbsentKeyring, "this system has none that the package keyring knows", False),
    ],
)
def test_a_bad_keyring_is_passed_over(backend: type, reason: str, told: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Quietly and soon; the reason is kept, in words of ours, and told where the account is missed."""
    began = time.monotonic()
    with used(backend()), caplog.at_level(logging.DEBUG, "aijupyter"):
        settings = Settings.load(keyring_seconds=0.2)
        with pytest.raises(CredentialsError) as caught:
            Settings.load(keyring_seconds=0.2, embedded=False)
    _let_go()
    assert time.monotonic() - began < 5
    assert settings.uses_embedded
    assert settings.skipped == {"keyring": reason}
    assert settings.troubles == ([f"keyring: {reason}"] if told else [])
    assert (reason in str(caught.value)) is told
    assert (reason in announcement(Session(settings))) is told
    records = [record for record in caplog.records if record.name.startswith("aijupyter")]
    assert {record.levelno for record in records} == {logging.DEBUG}
    assert reason in caplog.text
    assert "hunter2" not in caplog.text + str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("sys.modules['keyring'] = None", "the package keyring is not installed"),
        ("os.environ['PYTHON_KEYRING_BACKEND'] = 'no.such.Backend'", "its backend is not installed"),
        ("os.environ['PYTHON_KEYRING_BACKEND'] = 'keyring.backends.fail.Keyring'", "this system has none"),
    ],
)
def test_where_there_is_no_keyring(code: str, reason: str) -> None:
    """Without the package, without a backend, or with one that is not there: the embedded service, without a word."""
    program = (
        f"import os, sys\n{code}\nimport aijupyter\nsettings = aijupyter.Settings.load()\n"
        "print(settings.uses_embedded, settings.skipped)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("True {'keyring': ")
    assert reason in done.stdout
    assert done.stderr == ""


def test_an_incomplete_account_tells_where_its_parts_are(
    keyring: CountingKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of two places may make one account; where one is missing, each that was found is told with its place."""
    keep(keyring, RC_APP_CLIENT_SECRET=ACCOUNT["RC_APP_CLIENT_SECRET"])
    monkeypatch.setenv("RC_APP_CLIENT_ID", "the-client-id")
    with pytest.raises(CredentialsError) as caught:
        Settings.load()
    told = "RC_USER_JWT is missing. Found: RC_APP_CLIENT_ID (environment), RC_APP_CLIENT_SECRET (keyring)."
    assert told in caught.value.problem
    assert "aijupyter login" in caught.value.mend
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("server", ["https://evil.example", "http://127.0.0.1:9"])
@pytest.mark.parametrize("place", ["keyring", "environment", "argument", "both"])
def test_a_folders_file_sends_nobodys_credentials_elsewhere(
    keyring: CountingKeyring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: str, place: str
) -> None:
    """A .env may name a server only for credentials of its own, wherever else the others are from."""
    (tmp_path / ".env").write_text(f"RC_SERVER_URL={server}\n")
    arguments = {"client_id": "i", "client_secret": "s" * 9, "jwt": "j" * 9} if place == "argument" else {}
    for name, text in ACCOUNT.items():
        if place == "environment":
            monkeypatch.setenv(name, text)
        elif place in {"keyring", "both"}:
            keep(keyring, **{name: text})
    if place == "both":
        (tmp_path / ".env").write_text(f"RC_SERVER_URL={server}\nRC_APP_CLIENT_ID=of-the-file\n")
    with pytest.raises(ConfigurationError, match=r"\.env names a server"):
        Settings.load(**arguments)
    named = Settings.load(**arguments, server_url="https://mine.example")
    assert named.server_url == "https://mine.example"


def test_a_stored_server_is_for_what_was_stored_with_it(
    keyring: CountingKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account of the environment is not sent where an older login led."""
    keep(keyring, RC_SERVER_URL="https://older.example")
    assert Settings.load().uses_embedded
    for name, text in ACCOUNT.items():
        monkeypatch.setenv(name, text)
    assert Settings.load().server_url == "https://platform.ringcentral.com"


# Colab. Its package cannot be installed here; the stand-in speaks the public part of google.colab.userdata.


class Colab:
    """What a person keeps in Colab's side panel, and how the browser behaves."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.forbidden: set[str] = set()
        self.gone = False
        self.asked: list[str] = []


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> Colab:
    """A Colab kernel, as far as its secrets are concerned."""
    side = Colab()
    userdata = ModuleType("google.colab.userdata")
    errors = {name: type(name, (Exception,), {}) for name in ("SecretNotFoundError", "NotebookAccessError")}
    late = type("TimeoutException", (Exception,), {})

    def get(key: str) -> str:
        side.asked.append(key)
        if side.gone:
            raise late(f"no answer for {key} in time")
        if key in side.forbidden:
            raise errors["NotebookAccessError"](key)
        if key not in side.secrets:
            raise errors["SecretNotFoundError"](key)
        return side.secrets[key]

    for name, value in {**errors, "TimeoutException": late, "get": get}.items():
        setattr(userdata, name, value)
    for name, module in (("google.colab", ModuleType("google.colab")), ("google.colab.userdata", userdata)):
        monkeypatch.setitem(sys.modules, name, module)
    return side


def test_colabs_secrets_give_an_account(colab: Colab) -> None:
    """They come after the keyring, by the same names."""
    colab.secrets = {**ACCOUNT, "NGROK_AUTHTOKEN": TOKEN}
    settings = Settings.load()
    assert settings.has_credentials
    assert settings.sources["jwt"] == "Colab's secrets RC_USER_JWT"
    assert settings.sources["ngrok_token"] == "Colab's secrets NGROK_AUTHTOKEN"
    assert "eyJ" not in repr(settings)
    colab.asked.clear()
    assert Settings.load(embedded=True).uses_embedded
    assert colab.asked == []


def test_colabs_secrets_that_are_not_to_be_had(colab: Colab) -> None:
    """Not there, not for this notebook, or not answered: passed over, and the last two are told."""
    assert Settings.load().skipped.get("Colab's secrets") is None
    colab.secrets, colab.forbidden = dict(ACCOUNT), {"RC_USER_JWT"}
    with pytest.raises(CredentialsError, match=r"this notebook may not read RC_USER_JWT") as caught:
        Settings.load()
    assert "RC_APP_CLIENT_ID (Colab's secrets)" in caught.value.problem
    colab.gone = True
    colab.asked.clear()
    settings = Settings.load()
    assert settings.uses_embedded
    assert settings.skipped["Colab's secrets"] == "they were not answered (TimeoutException)"
    assert len(colab.asked) == 1


def test_a_hanging_keyring_is_asked_once(colab: Colab) -> None:
    """Where Colab gives the account, the keyring's patience is not spent again for ngrok's token."""
    colab.secrets = dict(ACCOUNT)
    with used(HangingKeyring()):
        began = time.monotonic()
        settings = Settings.load(keyring_seconds=0.5)
        took = time.monotonic() - began
    _let_go()
    assert settings.has_credentials
    assert 0.5 <= took < 0.9


def test_colab_is_asked_in_the_main_thread_only(colab: Colab) -> None:
    """Its request goes through the kernel's own channel, which other threads must leave alone."""
    colab.secrets = dict(ACCOUNT)
    loaded: list[Settings] = []
    thread = threading.Thread(target=lambda: loaded.append(Settings.load()))
    thread.start()
    thread.join(30)
    assert loaded[0].uses_embedded
    assert "main thread" in loaded[0].skipped["Colab's secrets"]
    assert colab.asked == []


# ngrok's own configuration.


@pytest.mark.parametrize(
    "content",
    [
        f"version: '2'\nauthtoken: {TOKEN}\ntunnels: {{}}\n",
        f"version: 3\nagent:\n  authtoken: {TOKEN}\n  console_ui: false\n",
        f"authtoken: {TOKEN}\n",
    ],
)
def test_ngroks_own_token(content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The token that `ngrok config add-authtoken` wrote serves, in both versions of the file; any other place first."""
    file = tmp_path / "ngrok.yml"
    file.write_text(content)
    monkeypatch.setenv("NGROK_CONFIG", str(file))
    settings = Settings.load(**_account())
    assert settings.ngrok_token is not None
    assert settings.ngrok_token.reveal() == TOKEN
    assert settings.sources["ngrok_token"] == "ngrok's own configuration authtoken"
    assert Settings.load(**_account(), ngrok_token="another").sources["ngrok_token"] == "argument"
    assert Settings.load().ngrok_token is None
    assert TOKEN not in f"{settings!r} {settings.sources}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", None),
        (b"version: 3\nagent: [1, 2]\n", None),
        (b"- authtoken\n", None),
        (b"authtoken: 12345678\n", None),
        (b"agent: {authtoken: " + TOKEN.encode() + b"\n", "is no YAML"),
        (b"authtoken: \xff\xfe" + TOKEN.encode(), "cannot be read"),
    ],
)
def test_a_configuration_of_ngroks_that_holds_none(
    content: bytes, reason: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file without a token is as none; one that cannot be read is told, and not quoted."""
    file = tmp_path / "ngrok.yml"
    file.write_bytes(content)
    monkeypatch.setenv("NGROK_CONFIG", str(file))
    settings = Settings.load(**_account())
    assert settings.ngrok_token is None
    told = settings.skipped.get("ngrok's own configuration")
    assert told == (f"{file} {reason}" if reason == "is no YAML" else told)
    assert (reason is None) == (told is None)
    assert TOKEN not in str(told)


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_usual_places_of_ngroks_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Today's folder of settings first, then the one of version 2."""
    monkeypatch.delenv("NGROK_CONFIG")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    now, old = tmp_path / "home" / ".config" / "ngrok" / "ngrok.yml", tmp_path / "home" / ".ngrok2" / "ngrok.yml"
    assert ngrok_configuration.files() == [now, old]
    old.parent.mkdir(parents=True)
    old.write_text(f"authtoken: {TOKEN}-old\n")
    assert _token() == f"{TOKEN}-old"
    now.parent.mkdir(parents=True)
    now.write_text(f"version: 3\nagent:\n  authtoken: {TOKEN}\n")
    assert _token() == TOKEN


def test_what_is_not_asked_is_not_loaded() -> None:
    """Who needs none of the later places pays for none of their packages."""
    environment = {**os.environ, **ACCOUNT, "NGROK_AUTHTOKEN": TOKEN}
    program = (
        "import sys, aijupyter\nassert aijupyter.Settings.load().has_credentials\n"
        "print(*(name for name in ('keyring', 'yaml', 'google', 'aiohttp', 'pandas') if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []


def _account() -> dict[str, str]:
    return {"client_id": "i", "client_secret": "s" * 9, "jwt": "j" * 9}


def _token() -> str | None:
    token = Settings.load(**_account()).ngrok_token
    return token.reveal() if token is not None else None


def _let_go() -> None:
    """End the threads that were left behind with a keyring that hung."""
    HangingKeyring.let_go.set()
    until(lambda: not any(thread.name == "aijupyter-keyring" for thread in threading.enumerate()))
    HangingKeyring.let_go.clear()
