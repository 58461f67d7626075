"""A team on one PostgreSQL ledger: several processes, and a receiver that stands alone and outlives them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from double import ProviderDouble
from postgres import ENCODED
from until import until

import aijupyter
from aijupyter import errors
from aijupyter.session import Session

pytest_plugins = ("ledger_fixtures",)

TRANSCRIPT = "Good morning. How can I help?"

MEMBER = """
import json, sys
import aijupyter
order = json.loads(sys.stdin.readline())
with aijupyter.connect(**order["connect"]) as ai:
    jobs = [ai.transcribe(path) for path in order["ask"]] + [ai.job(key) for key in order["wait"]]
    print(json.dumps([job.key for job in jobs]), flush=True)
    print(json.dumps([job.result(timeout=60).text for job in jobs]), flush=True)
    sys.stdin.readline()
"""


@contextmanager
def member(
    settings: dict[str, object], *, ask: list[Path] = (), wait: list[str] = ()
) -> Iterator[subprocess.Popen[str]]:  # type: ignore[assignment]
    """A process of the team, which asks and waits; its first line are the keys, its second the texts."""
    order = {"connect": settings, "ask": [str(path) for path in ask], "wait": list(wait)}
    command = [sys.executable, "-c", MEMBER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> list[str]:
    """The next line that a member says."""
    assert process.stdout is not None
    said: list[str] = json.loads(process.stdout.readline())
    return said


@contextmanager
def receiver(ledger: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`aijupyter receive` on its own: the process, and its address."""
    command = [sys.executable, "-m", "aijupyter.cli", "receive"]
    environment = {**os.environ, "AIJUPYTER_LEDGER": ledger}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            found = re.search(r"http://\S+?(?=,)", told)
            assert found, told
            assert ENCODED not in told
            yield process, found[0]
        finally:
            process.kill()


@pytest.fixture
def settings(double: ProviderDouble, postgres_url: str) -> dict[str, object]:
    """How the members connect."""
    return {**double.credentials, "ledger": postgres_url, "poll_seconds": 60}


def files(folder: Path, count: int, wav: Path) -> list[Path]:
    """Recordings of different content."""
    paths = [folder / f"call-{number}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(wav.read_bytes() + bytes(number))
    return paths


def test_two_processes_and_a_receiver(
    double: ProviderDouble, settings: dict[str, object], wav: Path, tmp_path: Path
) -> None:
    """Each asks and waits for what the other asked; all answers come to the one receiver, and wake both."""
    double.plan.slow = 1
    paths = files(tmp_path, 6, wav)
    with receiver(str(settings["ledger"])) as (_, url):
        shared = {**settings, "delivery": "shared", "public_url": url}
        with member(shared, ask=paths[:3]) as one, member(shared, ask=paths[2:]) as two:
            mine, theirs = line(one), line(two)
            assert mine[2] == theirs[0]
            with member(shared, wait=[*mine, *theirs]) as three:
                line(three)
                assert line(one) == [TRANSCRIPT] * 3
                assert line(two) == [TRANSCRIPT] * 4
                assert line(three) == [TRANSCRIPT] * 7
    assert len(double.submissions()) == 6
    assert double.posted == [200] * 6
    assert not [entry for entry in double.asked if "/status/" in entry[1]]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_the_receiver_outlives_the_kernels(
    double: ProviderDouble, settings: dict[str, object], wav: Path, tmp_path: Path
) -> None:
    """The kernel that asked is killed; the answers come all the same, and another one reads them."""
    double.plan.late = 1.5
    with receiver(str(settings["ledger"])) as (process, url):
        shared = {**settings, "delivery": "shared", "public_url": url}
        with member(shared, ask=files(tmp_path, 3, wav)) as one:
            keys = line(one)
            until(lambda: len(double.fetched) == 3)
            one.send_signal(signal.SIGKILL)
        until(lambda: double.posted == [200] * 3)
        with aijupyter.connect(**shared) as ai:  # type: ignore[arg-type]
            assert [ai.job(key).result(timeout=10).text for key in keys] == [TRANSCRIPT] * 3
        process.terminate()
        assert process.wait(timeout=10) == 0


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_members_jobs_are_taken_over(
    double: ProviderDouble, settings: dict[str, object], wav: Path, tmp_path: Path
) -> None:
    """By a session that is open already, within its lease."""
    double.plan.deliver = "never"
    with aijupyter.connect(**{**settings, "poll_seconds": 0.3}) as ai:  # type: ignore[arg-type]
        with member(settings, ask=files(tmp_path, 2, wav)) as one:
            keys = line(one)
            until(lambda: len(double.jobs) == 2)
            jobs = [ai.job(key) for key in keys]
            one.send_signal(signal.SIGKILL)
        for job in double.jobs.values():
            job.update(status="Success", response={"transcript": "Kept.", "words": []})
        assert [job.result(timeout=30).text for job in jobs] == ["Kept."] * 2
    assert len(double.submissions()) == 2


def test_the_password_is_shown_nowhere(
    settings: dict[str, object], wav: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by the session, nor by its settings, nor by an error."""
    caplog.set_level("DEBUG")
    with aijupyter.connect(**settings) as ai:  # type: ignore[arg-type]
        shown = repr((ai, ai.settings, ai.status, ai.transcribe(wav).result(timeout=10)))
    with pytest.raises(errors.LedgerError) as caught:
        aijupyter.connect(**{**settings, "ledger": str(settings["ledger"]).replace("127.0.0.1:", "127.0.0.1:1")})  # type: ignore[arg-type]
    assert ENCODED not in shown + str(caught.value) + caplog.text
    done = subprocess.run(
        [sys.executable, "-m", "aijupyter.cli", "receive", "--ledger", str(settings["ledger"])],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "AIJUPYTER_LEDGER" in done.stderr


def test_a_receiver_on_a_file(double: ProviderDouble, wav: Path, tmp_path: Path) -> None:
    """On one machine a SQLite file does: kernels on it hear of what the receiver wrote. Strange paths are refused."""
    ledger = str(tmp_path / "shared.db")
    with receiver(ledger) as (_, url):
        with aijupyter.connect(
            **double.credentials, ledger=ledger, delivery="shared", public_url=url, poll_seconds=60
        ) as ai:
            ask: Session = ai
            assert ask.transcribe(wav).result(timeout=20).text == TRANSCRIPT
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(urllib.request.Request(f"{url}/d/guessed", data=b"{}"), timeout=5)
    assert double.posted == [200]
