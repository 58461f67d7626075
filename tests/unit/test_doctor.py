"""The doctor: what is well passes, what is wrong says what to do, and nothing makes it raise."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aijupyter import errors
from aijupyter.cli import main
from aijupyter.doctor import CHECKS, Check, Patient, Report, examine, fine, moot
from aijupyter.views.doctor import doctor_bundle

SECRETS = {"RC_APP_CLIENT_SECRET": "the-client-secret", "RC_USER_JWT": "the-jwt", "NGROK_AUTHTOKEN": "the-token"}


def found(report: Report) -> dict[str, Check]:
    """The checks by name."""
    return {check.name: check for check in report.checks}


def set_account(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    """Credentials of an account far away, in the environment."""
    for name, value in {"RC_APP_CLIENT_ID": "the-id", **SECRETS, **more}.items():
        monkeypatch.setenv(name, value)


def add_package(folder: Path, name: str, version: str, requires: tuple[str, ...] = ()) -> None:
    """A package as an installer leaves it, as far as its metadata go."""
    metadata = folder / f"{name}-{version}.dist-info"
    metadata.mkdir(parents=True)
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")


def test_here_all_is_well() -> None:
    """Where the tests run nothing stands in the way; it is quick, and leaves nothing on the disk."""
    started = time.process_time()
    report = examine()
    assert report.ok, str(report)
    assert time.process_time() - started < 2
    assert list(found(report)) == list(CHECKS)
    assert not Path(os.environ["AIJUPYTER_LEDGER"]).parent.exists()
    assert "to be made at the first start" in found(report)["Ledger"].said
    assert found(report)["Kernel"].ok is None


def test_no_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which credentials were found and where, and never what they are, in no form."""
    set_account(monkeypatch)
    report = examine(offline=True)
    told = found(report)["Credentials"].said
    assert "environment RC_USER_JWT" in told
    plain_and_html, _ = doctor_bundle(report)
    for form in (str(report), report.to_json(), *plain_and_html.values()):
        assert not any(secret in form for secret in SECRETS.values())


@pytest.mark.parametrize(
    ("name", "value", "check", "said", "mend"),
    [
        ("AIJUPYTER_PORT", "eighty", "Settings", "port is 'eighty'", "a number"),
        ("AIJUPYTER_EMBEDDED", "perhaps", "Settings", "embedded is 'perhaps'", "true or false"),
        (
            "RC_USER_JWT",
            "the-jwt",
            "Settings",
            "credentials are incomplete: RC_APP_CLIENT_ID",
            "connect(embedded=True)",
        ),
        ("AIJUPYTER_ENGINE", "nosuch", "Embedded AI", "no engine 'nosuch'", "AIJUPYTER_ENGINE"),
        ("AIJUPYTER_ENGINE", "nosuch.one:Engine", "Embedded AI", "no engine 'nosuch.one:Engine'", "Installed are"),
        ("AIJUPYTER_ENGINE", "..:Engine", "Embedded AI", "no engine '..:Engine'", "Installed are"),
        ("AIJUPYTER_ENGINE", "nosuch:Engine", "Embedded AI", "no engine 'nosuch:Engine'", "AIJUPYTER_ENGINE"),
        ("AIJUPYTER_MODEL", "./nosuch", "Embedded AI", "holds no model.bin", "AIJUPYTER_MODEL"),
        ("AIJUPYTER_MODEL", "~nosuch/model", "Embedded AI", "holds no model.bin", "AIJUPYTER_MODEL"),
        ("AIJUPYTER_HOST", "192.0.2.1", "Receiver", "cannot listen on 192.0.2.1", "AIJUPYTER_HOST"),
        ("AIJUPYTER_LEDGER", "/dev/null/ledger.db", "Ledger", "cannot be made", "AIJUPYTER_LEDGER"),
    ],
)
def test_what_is_wrong_says_what_to_do(
    name: str, value: str, check: str, said: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each setting that cannot be is a line of its own kind, with the mend, and the other checks go on."""
    monkeypatch.setenv(name, value)
    report = examine()
    assert [one.name for one in report.failed] == [check]
    assert said in found(report)[check].said
    assert mend in found(report)[check].mend
    assert found(report)["Python"].ok
    assert report.summary == "1 thing to do."


def test_an_account_needs_a_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a public URL status calls ask for answers; a hub, status calls or an embedded service need none."""
    set_account(monkeypatch, NGROK_AUTHTOKEN="")
    way_in = {"Way in": CHECKS["Way in"]}
    (check,) = examine(checks=way_in).checks
    assert check.ok
    assert "no public URL" in check.said
    assert "AIJUPYTER_PUBLIC_URL" in check.mend
    for name, value, said in (
        ("AIJUPYTER_DELIVERY", "status", "status calls"),
        ("AIJUPYTER_EMBEDDED", "1", "embedded service"),
    ):
        with monkeypatch.context() as one:
            one.setenv(name, value)
            (check,) = examine(checks=way_in).checks
            assert check.ok is None
            assert said in check.said
    monkeypatch.setenv("AIJUPYTER_DELIVERY", "shared")
    (check,) = examine(checks=way_in).checks
    assert check.ok is False
    assert "AIJUPYTER_PUBLIC_URL" in check.mend


def test_the_ledger_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that is there is opened; what is no ledger, or is damaged, is told and not touched."""
    path = tmp_path / "other.db"
    monkeypatch.setenv("AIJUPYTER_LEDGER", str(path))
    path.write_bytes(b"not a database, but long enough to be taken for one" * 30)
    check = found(examine())["Ledger"]
    assert check.ok is False
    assert "connect(ledger=" in check.mend
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE mine (a)")
    assert "no ledger" in found(examine())["Ledger"].said
    path.unlink()
    path.mkdir()
    assert found(examine())["Ledger"].ok is False


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed port that somebody else holds is found out before the session is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("AIJUPYTER_PORT", str(other.getsockname()[1]))
        check = found(examine())["Receiver"]
    assert check.ok is False
    assert "AIJUPYTER_PORT" in check.mend


@pytest.mark.parametrize(
    ("name", "version", "check", "said"),
    [
        ("aiohttp", "3.0", "Packages", "aiohttp 3.0 is installed, and >=3.14 is needed"),
        ("ipykernel", "7.0.1", "Packages", "ipykernel 7.0.1 is installed"),
        ("jupyterlab_widgets", "1.1.7", "Widgets", "an old jupyterlab_widgets"),
    ],
)
def test_packages_of_a_wrong_version(
    name: str, version: str, check: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are too old or known to be broken are named, those of the extras too."""
    add_package(tmp_path / "packages", name, version)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    assert said in found(examine())[check].said
    assert "pip install" in found(examine())[check].mend


def test_packages_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is required is missed; an extra that is not installed is only mentioned."""
    wanted = ("aiohttp", "no-such-package>=1", "no-such-database>=1; extra == 'postgres'")
    add_package(tmp_path / "packages", "aijupyter", "9.9", wanted)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    assert found(examine())["Packages"].said == "no-such-package is missing."


def test_nothing_makes_it_raise() -> None:
    """A check that breaks is a line itself, without what the exception says, which may be secret."""

    def broken(_patient: Patient) -> tuple[bool | None, str, str]:
        raise ValueError("postgresql://user:password@host")

    def refused(_patient: Patient) -> tuple[bool | None, str, str]:
        raise errors.LedgerError("It does not open.", "Name another.")

    report = examine(checks={"A": broken, "B": refused, "C": lambda _: fine("Well."), "D": lambda _: moot("Not here.")})
    assert [check.ok for check in report.checks] == [False, False, True, None]
    assert "ValueError" in str(report)
    assert "password" not in report.to_json()
    assert found(report)["B"] == Check("B", ok=False, said="It does not open.", mend="Name another.")
    assert report.summary == "2 things to do."


def test_the_table_escapes() -> None:
    """What is said may come from a file's name or a setting."""
    report = examine(checks={"<b>": lambda _: fine("<script>", "<img>")})
    html = doctor_bundle(report)[0]["text/html"]
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 0 and lines for people, or JSON for programs; status 1 where there is something to do."""
    assert main(["doctor"]) == 0
    assert "Nothing stands in the way." in capsys.readouterr().out
    monkeypatch.setenv("AIJUPYTER_PORT", "eighty")
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert [check["name"] for check in told["checks"] if check["ok"] is False] == ["Settings"]
    assert main(["doctor", "--env-file", "nowhere.env"]) == 1


def test_it_loads_little() -> None:
    """A doctor who comes quickly: neither models, frames nor widgets are loaded."""
    heavy = "{'pandas', 'ipywidgets', 'faster_whisper', 'av', 'altair', 'IPython'}"
    code = f"import sys\nfrom aijupyter.cli import main\nmain(['doctor'])\nprint({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
