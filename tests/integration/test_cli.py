"""The command line as a person at a shell sees it: readable, without a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def aijupyter(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "aijupyter.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["demo", "nowhere.wav"], 1, "There is no file nowhere.wav"),
        (["demo", "."], 1, "is a folder"),
        (["serve", "--engine", "nosuch"], 1, "There is no engine 'nosuch'"),
        (["serve", "--port", "none"], 2, "invalid int value"),
        (["frobnicate"], 2, "invalid choice"),
        ([], 2, "required"),
    ],
)
def test_errors_are_told_without_a_traceback(arguments: list[str], status: int, words: str) -> None:
    """Each wrong call ends with a status for scripts and words for people."""
    done = aijupyter(*arguments)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_audio(tmp_path: Path) -> None:
    """The error names the file and the formats that are known."""
    (tmp_path / "notes.txt").write_text("These are notes.")
    done = aijupyter("demo", str(tmp_path / "notes.txt"))
    assert done.returncode == 1
    assert "notes.txt is no recording" in done.stderr
    assert "WAV, MP3" in done.stderr


@pytest.mark.models
def test_the_demo_does_the_main_job() -> None:
    """From the sample to its transcript and frames, and where to go next."""
    done = aijupyter("demo")
    assert (done.returncode, done.stderr) == (0, "")
    for words in ("receiver  http://127.0.0.1:", "succeeded", "Speaker 1", "call.speakers", "talk_ratio", "%load_ext"):
        assert words in done.stdout
