"""The service for a person at a terminal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dotenv import dotenv_values

HERE = Path(__file__).parent
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


class EndlessEngine:
    """Loads for ever."""

    def __init__(self, model: str, cache: object) -> None:
        self.model = model

    def load(self, report: Callable[[str], None]) -> None:
        """Never returns."""
        report("Loading without end.")
        threading.Event().wait()


@contextmanager
def terminal(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`aijupyter serve` in a folder, with an engine that answers at once."""
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    environment = os.environ | {"PYTHONPATH": path, "TMPDIR": str(folder.parent)}
    engine = () if "--engine" in options else ("--engine", "test_embedded:QuickEngine")
    with subprocess.Popen(
        [sys.executable, "-m", "aijupyter.cli", "serve", *engine, *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def greeting(process: subprocess.Popen[str], *words: str) -> str:
    """What it says before it waits, and until it has said the words."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if all(word in said for word in ("Ctrl-C", *words)):
            return said
    assert process.stderr is not None
    raise AssertionError(process.stderr.read())


@POSIX
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_to_end(tmp_path: Path, ending: signal.Signals) -> None:
    """Credentials in a private file that works, no secret on the screen, no traceback, no file left."""
    with terminal(tmp_path) as process:
        said = greeting(process)
        file = tmp_path / "aijupyter-service.env"
        assert file.stat().st_mode & 0o777 == 0o600
        values = dotenv_values(file)
        assert set(values) == {"RC_SERVER_URL", "RC_APP_CLIENT_ID", "RC_APP_CLIENT_SECRET", "RC_USER_JWT"}
        assert values["RC_SERVER_URL"] is not None
        assert values["RC_SERVER_URL"] in said
        process.send_signal(ending)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert err == ""
    assert f'aijupyter.connect(env_file="{file.as_posix()}")' in said + out
    secrets = [value for name, value in values.items() if name != "RC_SERVER_URL"]
    assert not [secret for secret in secrets if str(secret) in said + out]
    assert not list(tmp_path.iterdir())


@POSIX
def test_it_ends_at_once_though_the_engine_works(tmp_path: Path) -> None:
    """Ctrl-C does not wait for a computation that may take an hour."""
    with terminal(tmp_path, "--engine", "test_embedded_standalone:EndlessEngine") as process:
        greeting(process, "Models: Loading without end.")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert err == ""
    assert not list(tmp_path.iterdir())


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """With what to do about it, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with terminal(tmp_path, "--port", str(port)) as process:
            _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"Port {port}" in err
    assert "another port" in err
    assert "Traceback" not in err


def test_nobody_elses_file_is_replaced(tmp_path: Path) -> None:
    """A file with an account's real credentials survives being named by mistake; our own stale one is replaced."""
    (tmp_path / ".env").write_text("RC_USER_JWT=precious")
    with terminal(tmp_path, "--credentials-file", ".env") as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "exists already" in err
    assert (tmp_path / ".env").read_text() == "RC_USER_JWT=precious"


@POSIX
def test_a_stale_file_of_a_killed_service_is_replaced(tmp_path: Path) -> None:
    """After SIGKILL the file stays behind; the next service takes its place."""
    file = tmp_path / "aijupyter-service.env"
    with terminal(tmp_path) as process:
        greeting(process)
        process.kill()
        process.wait(10)
    stale = file.read_text()
    with terminal(tmp_path) as process:
        greeting(process)
        assert file.read_text() != stale
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert not file.exists()


def test_an_unknown_engine_is_named(tmp_path: Path) -> None:
    """With those that are installed."""
    with terminal(tmp_path, "--engine", "nonesuch") as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "nonesuch" in err
    assert "local" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--limit", "0"), "10/60"),
        (("--rehearse", "7/soon"), "a seed"),
        (("--store", "."), "--store FILE"),
        (("--fetch-from", "everywhere"), "loopback"),
    ],
)
def test_what_it_cannot_do_is_told(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    """With what to give instead, no traceback and no file left."""
    with terminal(tmp_path, *options) as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode in {1, 2}
    assert words in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


@POSIX
def test_what_is_unusual_is_said(tmp_path: Path) -> None:
    """A budget, a rehearsal, and where jobs outlast it; at the end, what the rehearsal did."""
    with terminal(tmp_path, "--rehearse", "7", "--store", "kept.db") as process:
        said = greeting(process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert err == ""
    assert "10 requests in 60 s" in said
    assert "seed 7" in said
    assert "kept.db" in said
    assert "Rehearsal 7: 0 jobs, 0 requests; no trouble." in out
    assert [file.name for file in tmp_path.iterdir()] == ["kept.db"]
