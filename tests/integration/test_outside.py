"""Jobs of a provider outside, through the stand-in for ngrok's agent with the real pyngrok, and through a real sshd."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from double import Plan
from ngrok_stand_in import StandIn
from outside import OutsideDouble
from postgres import free_port
from sshd import SshdMissingError, ssh_server
from until import until

import aijupyter
from aijupyter.models import JobState
from aijupyter.session import Session

MIB = 1024 * 1024
MANY = 200


@dataclass
class WayIn:
    """Settings that open a tunnel, and how it is cut and mended from the other side."""

    settings: dict[str, Any]
    cut: Callable[[], None]
    mend: Callable[[], None]
    keeps_its_url: bool = True


@pytest.fixture
def ngrok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WayIn:
    """The agent dies; a new one opens the account's domain again."""
    stand_in = StandIn.installed(tmp_path / "ngrok", monkeypatch)
    settings = {"delivery": "ngrok", "ngrok_token": "good-token", "ngrok_domain": "me.ngrok.example"}
    return WayIn(settings, stand_in.kill, lambda: None)


@pytest.fixture
def wandering(ngrok: WayIn) -> WayIn:
    """The same without a domain: the new agent has another URL."""
    settings = {name: value for name, value in ngrok.settings.items() if name != "ngrok_domain"}
    return WayIn(settings, ngrok.cut, ngrok.mend, keeps_its_url=False)


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WayIn]:
    """The server is stopped and started again."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    try:
        with ssh_server(tmp_path / "sshd") as server:
            (home / ".ssh").mkdir(parents=True, mode=0o700)
            shutil.copy(server.known_hosts, home / ".ssh" / "known_hosts")
            listen = f"127.0.0.1:{free_port()}"
            settings = {"delivery": "ssh", "ssh": server.host, "ssh_key": server.key, "ssh_listen": listen}
            yield WayIn(settings, server.stop, server.start)
    except SshdMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["ngrok", "wandering", "ssh"])
def way_in(request: pytest.FixtureRequest) -> WayIn:
    """Each of the tunnels."""
    found: WayIn = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def provider() -> Iterator[OutsideDouble]:
    """It tells what it fetched by its digest."""
    with OutsideDouble(Plan(response=lambda recording: transcript(hashlib.sha256(recording).hexdigest()))) as double:
        yield double


def transcript(text: str) -> dict[str, Any]:
    """An answer that says a text."""
    return {"transcript": text, "confidence": 1.0, "words": [], "speakerCount": 0, "utterances": []}


def recording(folder: Path, number: int, size: int) -> Path:
    """A file that is audio by its first bytes, and like no other."""
    path = folder / f"{number:03}.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVE" + number.to_bytes(4, "big") * (size // 4))
    return path


def only_by_the_public_side(provider: OutsideDouble, ai: Session) -> bool:
    """Whether the provider never went to the receiver itself."""
    return bool(provider.reached) and not any(address in ai.status.receiver_url for address in provider.reached)


def test_a_job_from_outside(way_in: WayIn, provider: OutsideDouble, tmp_path: Path) -> None:
    """A recording of some MiB is fetched in ranges, and an answer of 8 MiB comes back, both by the public side."""
    provider.plan.response = lambda recording: transcript(hashlib.sha256(recording).hexdigest() * (8 * MIB // 64))
    file = recording(tmp_path, 1, 5 * MIB)
    with aijupyter.connect(**provider.credentials, **way_in.settings, poll_seconds=60) as ai:
        call = ai.transcribe(file).result(timeout=60)
        assert only_by_the_public_side(provider, ai)
        assert ai.status.way_in is not None
        assert ai.status.way_in.up
    assert len(call.text) == 8 * MIB
    assert call.text.startswith(hashlib.sha256(file.read_bytes()).hexdigest())
    assert provider.posted == [200]


def test_nothing_is_lost_when_it_is_cut(way_in: WayIn, provider: OutsideDouble, tmp_path: Path) -> None:
    """Cut in the middle of many jobs, it comes back by itself; what was delivered meanwhile is asked for.

    Where it comes back at another URL, recordings that were not fetched by then make failed jobs, to be asked again.
    """
    provider.plan.late = 0.3
    provider.fetch_seconds = 30.0 if way_in.keeps_its_url else 2.0
    files = [recording(tmp_path, number, 4096) for number in range(MANY)]
    threads = set(threading.enumerate())
    with aijupyter.connect(**provider.credentials, **way_in.settings, poll_seconds=0.5) as ai:
        batch = ai.map(ai.transcribe, files)
        until(lambda: len(provider.posted) >= MANY // 5)
        way_in.cut()
        until(lambda: ai.status.way_in is not None and not ai.status.way_in.up)
        until(lambda: provider.lost > 0)
        way_in.mend()
        batch.result(timeout=120)
        retried = batch.retry()
        batch.result(timeout=120)
        assert ai.status.way_in is not None
        assert (ai.status.way_in.up, ai.status.way_in.drops) == (True, 1)
        assert only_by_the_public_side(provider, ai)
        assert {job.state for job in batch} == {JobState.SUCCEEDED}
        said = {job.recording: job.result().text for job in batch}
    assert said == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert len(provider.submissions()) == MANY + retried
    assert retried == 0 or not way_in.keeps_its_url
    until(lambda: set(threading.enumerate()) <= threads)
