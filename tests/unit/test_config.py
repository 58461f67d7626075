"""Settings: where each value comes from, what is refused, and what is never shown."""

from __future__ import annotations

import dataclasses
import pprint
from pathlib import Path
from typing import Any

import pytest

from aijupyter.config import DEFAULT_SERVER_URL, Secret, Settings
from aijupyter.errors import ConfigurationError, CredentialsError

VARIABLES = (
    "RC_SERVER_URL",
    "RC_APP_CLIENT_ID",
    "RC_APP_CLIENT_SECRET",
    "RC_USER_JWT",
    "NGROK_URL",
    "NGROK_AUTHTOKEN",
    *(f"AIJUPYTER_{name}" for name in ("PUBLIC_URL", "EMBEDDED", "MODEL", "ENGINE", "LEDGER", "HOST", "PORT")),
    "AIJUPYTER_MAX_BODY",
    "AIJUPYTER_POLL_SECONDS",
    "AIJUPYTER_STORE",
)
ACCOUNT = {"client_id": "the-id", "client_secret": "s3cr3t-of-the-app", "jwt": "eyJ.of.me"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_nothing_is_set() -> None:
    """Without any setting the embedded service is used, and no value has a source."""
    settings = Settings.load()
    assert settings.server_url == DEFAULT_SERVER_URL
    assert settings.uses_embedded
    assert not settings.has_credentials
    assert settings.host == "127.0.0.1"
    assert settings.port == 0
    assert settings.ledger.name == "ledger.db"
    assert settings.ledger.is_absolute()
    assert settings.sources == {}


def test_argument_environment_file_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearer place wins, and `sources` tells which it was."""
    lines = ("AIJUPYTER_MODEL=of-the-file", "AIJUPYTER_HOST=file.example", "AIJUPYTER_PORT=1001")
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setenv("AIJUPYTER_HOST", "environment.example")
    monkeypatch.setenv("AIJUPYTER_PORT", "1002")
    settings = Settings.load(port=1003)
    assert (settings.model, settings.host, settings.port) == ("of-the-file", "environment.example", 1003)
    assert settings.poll_seconds == 60.0
    assert settings.sources == {
        "model": ".env AIJUPYTER_MODEL",
        "host": "environment AIJUPYTER_HOST",
        "port": "argument",
    }


def test_an_argument_of_none_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """None leaves the word to the environment; False does not."""
    monkeypatch.setenv("AIJUPYTER_MODEL", "base.en")
    monkeypatch.setenv("AIJUPYTER_EMBEDDED", "true")
    settings = Settings.load(model=None, embedded=False, **ACCOUNT)
    assert settings.model == "base.en"
    assert settings.embedded is False


def test_an_empty_variable_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that holds nothing hides no value behind it."""
    monkeypatch.setenv("AIJUPYTER_MODEL", "")
    (tmp_path / ".env").write_text("AIJUPYTER_MODEL=small.en\nAIJUPYTER_HOST=\n", encoding="utf-8")
    settings = Settings.load()
    assert settings.model == "small.en"
    assert settings.host == "127.0.0.1"


def test_the_guides_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that the provider's guide uses are understood."""
    monkeypatch.setenv("RC_SERVER_URL", "https://api.example/")
    monkeypatch.setenv("RC_APP_CLIENT_ID", "the-id")
    monkeypatch.setenv("RC_APP_CLIENT_SECRET", "the-secret")
    monkeypatch.setenv("RC_USER_JWT", "the-jwt")
    monkeypatch.setenv("NGROK_URL", "https://x.ngrok.app/")
    settings = Settings.load()
    assert (settings.server_url, settings.public_url) == ("https://api.example", "https://x.ngrok.app")
    assert settings.client_secret == Secret("the-secret")
    assert settings.jwt is not None
    assert settings.jwt.reveal() == "the-jwt"
    assert settings.has_credentials
    assert not settings.uses_embedded


def test_our_own_variable_comes_before_the_guides(monkeypatch: pytest.MonkeyPatch) -> None:
    """AIJUPYTER_PUBLIC_URL beats NGROK_URL."""
    monkeypatch.setenv("NGROK_URL", "https://x.ngrok.app")
    monkeypatch.setenv("AIJUPYTER_PUBLIC_URL", "https://hooks.example/base")
    settings = Settings.load()
    assert settings.public_url == "https://hooks.example/base"
    assert settings.sources["public_url"] == "environment AIJUPYTER_PUBLIC_URL"


def test_another_env_file(tmp_path: Path) -> None:
    """An env_file may lie anywhere, and the account can come from it."""
    file = tmp_path / "account.env"
    file.write_text(
        "RC_APP_CLIENT_ID=i\nRC_APP_CLIENT_SECRET='s'\nexport RC_USER_JWT=\"j\"\n# more\n", encoding="utf-8"
    )
    settings = Settings.load(env_file=file)
    assert settings.has_credentials
    assert settings.sources["jwt"] == f"{file} RC_USER_JWT"
    assert Settings.load(env_file=None).has_credentials is False


def test_a_missing_env_file_that_was_named() -> None:
    """A file that somebody named must exist; the customary one need not."""
    Settings.load(env_file=".env")
    with pytest.raises(ConfigurationError, match=r"no env_file 'acount\.env'"):
        Settings.load(env_file="acount.env")


def test_an_env_file_that_is_no_text(tmp_path: Path) -> None:
    """A file in another encoding is named, with what to check."""
    (tmp_path / ".env").write_bytes(b"RC_USER_JWT=\xff\xfe\x00caf\xe9")
    with pytest.raises(ConfigurationError, match="encoding"):
        Settings.load()


@pytest.mark.parametrize("missing", sorted(ACCOUNT))
def test_incomplete_credentials(missing: str) -> None:
    """One credential too few is named by its variable, and the embedded service is offered."""
    variable = {"client_id": "RC_APP_CLIENT_ID", "client_secret": "RC_APP_CLIENT_SECRET", "jwt": "RC_USER_JWT"}[missing]
    given = {name: value for name, value in ACCOUNT.items() if name != missing}
    with pytest.raises(CredentialsError, match=f"{variable} is missing") as caught:
        Settings.load(**given)
    assert "connect(embedded=True)" in caught.value.mend
    assert not any(value in str(caught.value) for value in ("s3cr3t", "eyJ"))


def test_credentials_and_the_embedded_service() -> None:
    """embedded=True needs none and wins over an account; embedded=False needs them all."""
    assert Settings.load(embedded=True, client_id="only-the-id").uses_embedded
    assert Settings.load(embedded=True, **ACCOUNT).uses_embedded
    assert not Settings.load(embedded=False, **ACCOUNT).uses_embedded
    with pytest.raises(CredentialsError, match="RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET, RC_USER_JWT are missing"):
        Settings.load(embedded=False)
    with pytest.raises(CredentialsError):
        Settings.load(server_url="https://api.example")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "http"),
        ("port", "80.5"),
        ("port", -1),
        ("port", 65536),
        ("port", True),
        ("port", float("inf")),
        ("port", float("nan")),
        ("port", []),
        ("max_body", 10),
        ("max_body", "64 MiB"),
        ("poll_seconds", 0),
        ("poll_seconds", "nan"),
        ("poll_seconds", "inf"),
        ("embedded", "maybe"),
        ("embedded", 2),
        ("server_url", "platform.ringcentral.com"),
        ("server_url", "ftp://platform.ringcentral.com"),
        ("server_url", "https://"),
        ("public_url", "hooks.example"),
        ("public_url", "http://[::1"),
    ],
)
def test_wrong_values(name: str, value: Any) -> None:
    """A value that makes no sense is refused by the setting's name, with what would do."""
    with pytest.raises(ConfigurationError, match=f"^{name} is ") as caught:
        Settings.load(**{name: value})
    assert caught.value.mend.startswith("It must be ")


def test_a_wrong_value_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's values are checked like any others."""
    monkeypatch.setenv("AIJUPYTER_PORT", "eighty")
    with pytest.raises(ConfigurationError, match="port is 'eighty'"):
        Settings.load()


def test_unknown_names() -> None:
    """A misspelt setting is refused, and those that exist are listed."""
    with pytest.raises(ConfigurationError, match="no setting 'pubic_url'") as caught:
        Settings.load(pubic_url="https://x.example")
    assert "public_url" in caught.value.mend
    with pytest.raises(ConfigurationError, match="no setting 'sources'"):
        Settings.load(sources={})


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("1", True), ("TRUE", True), ("yes", True), ("On", True), ("0", False), ("False", False), ("no", False)],
)
def test_booleans(monkeypatch: pytest.MonkeyPatch, word: str, meaning: bool) -> None:
    """The usual words for yes and no, in any case."""
    monkeypatch.setenv("AIJUPYTER_EMBEDDED", word)
    assert Settings.load(**ACCOUNT).embedded is meaning


def test_values_become_what_they_mean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Texts of the environment arrive as numbers and absolute paths, with the home folder filled in."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIJUPYTER_MAX_BODY", "2048")
    monkeypatch.setenv("AIJUPYTER_POLL_SECONDS", "1.5")
    monkeypatch.setenv("AIJUPYTER_LEDGER", "~/my/ledger.db")
    settings = Settings.load()
    assert (settings.max_body, settings.poll_seconds) == (2048, 1.5)
    assert settings.ledger == tmp_path / "home" / "my" / "ledger.db"
    assert Settings.load(ledger="here.db").ledger == tmp_path / "here.db"


def test_secrets_are_never_shown() -> None:
    """However the settings or a secret are written out, the secret is not in it."""
    settings = Settings.load(**ACCOUNT, ngrok_token="2abc-of-ngrok")
    assert settings.ngrok_token is not None
    secret = Secret("s3cr3t-of-the-app")
    shown = [
        *(repr(settings), str(settings), f"{settings}", f"{settings!r:>9}", pprint.pformat(settings)),
        *(repr(settings.sources), repr(dataclasses.asdict(settings)), repr(dataclasses.replace(settings, port=1))),
        *(repr(secret), str(secret), f"{secret}", f"{secret!s}", "%s %r" % (secret, secret), repr([secret])),  # noqa: UP031
        *(repr(ConfigurationError("x", str(secret))), repr({secret: secret})),
    ]
    for text in shown:
        assert not any(part in text for part in ("s3cr3t", "eyJ", "2abc")), text
    assert "the-id" in repr(settings)


def test_secrets_compare_by_what_they_hide() -> None:
    """Equal secrets are equal, and a text is no secret."""
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Settings.load(**{**ACCOUNT, "jwt": Secret("eyJ.of.me")}) == Settings.load(**ACCOUNT)
