"""A session on the embedded service: started with it, shared, mourned and ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
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
