"""A session on the embedded service: started with it, shared, mourned and ended with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from until import until

import aijupyter
from aijupyter import errors

QUICK = "test_embedded:QuickEngine"
BUSY = "test_embedded:BusyEngine"


def test_without_credentials_the_embedded_service_answers(wav: Path) -> None:
    """The recording goes to a process of its own and back through the receiver; progress is told on the way."""
    with aijupyter.connect(engine=QUICK) as ai:
        assert ai.status.embedded
        job = ai.transcribe(wav)
        seen: list[float | None] = []
        job.watch(lambda: seen.append(job.progress))
        assert job.result(timeout=20).text == f"tiny.en heard {wav.stat().st_size} bytes"
        until(lambda: ai.status.models == "The models are loaded.")


def test_two_sessions_share_one_process(wav: Path) -> None:
    """Models are loaded once in a kernel; the process ends with the last session."""
    one, two = aijupyter.connect(engine=QUICK), aijupyter.connect(engine=QUICK)
    assert one.status.server == two.status.server
    one.close()
    assert two.transcribe(wav).result(timeout=20).text
    service = two._service
    assert service is not None
    two.close()
    assert service.pid is None


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])
@pytest.mark.parametrize("fetch_from", ["loopback", "public"])
def test_wherever_the_receiver_listens_it_is_reached(wav: Path, host: str, fetch_from: str) -> None:
    """What the service may fetch does not keep it from the kernel's own receiver."""
    with aijupyter.connect(engine=QUICK, host=host, fetch_from=fetch_from) as ai:
        assert ai.transcribe(wav).result(timeout=20).text


def test_a_private_network_is_not_reached_unless_it_is_allowed(wav: Path) -> None:
    """Though the kernel can fetch from there; the error says what to set, and with that it is fetched."""
    with other_machine(wav.parent) as base:
        with aijupyter.connect(engine=QUICK) as ai:
            with pytest.raises(errors.JobFailedError, match="private network") as caught:
                ai.transcribe(f"{base}/{wav.name}").result(timeout=20)
            assert 'connect(fetch_from="any")' in str(caught.value)
        with aijupyter.connect(engine=QUICK, fetch_from="any") as ai:
            assert ai.transcribe(f"{base}/{wav.name}", fresh=True).result(timeout=20).text


@contextmanager
def other_machine(folder: Path) -> Iterator[str]:
    """A server that is reached at an address that is not loopback, nor public."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            own = probe.getsockname()[0]
        except OSError:
            own = "127.0.0.1"
    if ip_address(own).is_global or ip_address(own).is_loopback:
        pytest.skip("this machine is in no private network")
    with ThreadingHTTPServer((own, 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{own}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_job_ends_when_the_service_dies(wav: Path) -> None:
    """A killed service does not leave a cell waiting, and the next session works."""
    with aijupyter.connect(engine=BUSY) as ai:
        job = ai.transcribe(wav)
        until(lambda: job.state == "submitted")
        assert ai._service is not None
        assert ai._service.pid is not None
        os.kill(ai._service.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        with pytest.raises(errors.SessionClosedError, match="embedded service ended"):
            job.result(timeout=20)
    with aijupyter.connect(engine=QUICK) as ai:
        assert ai.transcribe(wav).result(timeout=20).text
        with pytest.raises(errors.JobError, match="BusyEngine"):
            ai.job(job.key).result(timeout=1)
    with aijupyter.connect(engine=BUSY) as ai:  # what the dead one had is done again by one like it
        until(lambda: ai.job(job.key).history["cause"].str.contains("has ended").any())
        until(lambda: ai.job(job.key).state == "submitted" or ai.job(job.key).state == "running")


def test_a_recording_the_engine_cannot_read(tmp_path: Path) -> None:
    """What is audio by its first bytes only fails as a job, with the service's words."""
    path = tmp_path / "broken.wav"
    path.write_bytes(b"RIFF\x00\x00\x00\x00WAVEnothing")
    with aijupyter.connect(engine="test_embedded_session:StrictEngine") as ai:
        with pytest.raises(errors.JobFailedError, match="no audio") as caught:
            ai.transcribe(path).result(timeout=20)
        assert caught.value.faults[0].parameter == "contentUri"


class StrictEngine:
    """Finds no audio in anything."""

    def __init__(self, model: str, cache: object) -> None:
        """Nothing to keep."""

    def load(self, report: Callable[[str], None]) -> None:
        """Nothing to load."""

    def analyze(self, task: object, report: Callable[[float], None]) -> dict[str, object]:
        """Refuse."""
        raise errors.MediaError("There is no audio in it.", "Check the file.")


def test_the_local_extra_is_missed_at_once() -> None:
    """Without the packages of the local extra, connect() says what to install, before anything is started."""
    script = (
        "import sys; sys.modules['faster_whisper'] = None\n"  # as if it were not installed
        "import aijupyter, threading\n"
        "try:\n    aijupyter.connect()\n"
        "except ImportError as error:\n    print(type(error).__name__, error.mend, threading.active_count())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("LocalExtraMissingError Install them: pip install 'aijupyter[local]'.")
    assert done.stdout.rstrip().endswith("1")


def test_no_thread_is_left(wav: Path) -> None:
    """After close the process is as it was."""
    before = set(threading.enumerate())
    with aijupyter.connect(engine=QUICK) as ai:
        ai.transcribe(wav).result(timeout=20)
    until(lambda: set(threading.enumerate()) <= before)
