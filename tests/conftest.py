"""What all tests share: an environment of their own, and the provider's double."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests/double.py, for every folder of tests

from double import ProviderDouble

ROOT = Path(__file__).parents[1]
ONE_AT_A_TIME = {
    "kernels": ("from kernels import", "from nbclient import", "from saved_notebook import"),  # two may choose one port
    "agents": ("from ngrok_stand_in import",),  # whether one is left is seen in the list of processes
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of the processes that run the tests, one has all of a file, and of files that get in one another's way."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415  # where it is installed

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid.partition("::")[0])

    return Scheduling(config, log)


@cache
def group_of(file: str) -> str:
    """The name of the group that a file of tests is in."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return next((group for group, signs in ONE_AT_A_TIME.items() if any(sign in text for sign in signs)), file)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials of the person who runs the tests: no variables, .env file, keyring or ngrok configuration of
    theirs. And a ledger that goes with the test.
    """
    for name in list(os.environ):
        if name.startswith(("RC_", "NGROK_", "AIJUPYTER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("NGROK_CONFIG", str(tmp_path / "no-ngrok.yml"))
    monkeypatch.setenv("AIJUPYTER_LEDGER", str(tmp_path / "ledger" / "ledger.db"))
    monkeypatch.setenv("AIJUPYTER_STORE", str(tmp_path / "ledger" / "service.db"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def double() -> Iterator[ProviderDouble]:
    """The provider's double, running."""
    with ProviderDouble() as provider:
        yield provider


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """A small file that is audio by its first bytes: one second of silence."""
    import wave  # noqa: PLC0415

    path = tmp_path / "call.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return path
