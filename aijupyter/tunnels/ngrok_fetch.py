"""Fetching ngrok's agent with pyngrok, in a process of its own: it can be ended, and what it prints is not seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from aijupyter.errors import TunnelMissingError, TunnelTimeoutError
from aijupyter.tunnels.ngrok_errors import in_short

_INSTALL = "import sys; from pyngrok import installer; installer.install_ngrok(sys.argv[1])"
_MEND = (
    "Install it from ngrok.com/download and set PYNGROK_NGROK_PATH to it, or take another way: ssh, a public URL of "
    "your own, or status calls alone (docs/tunnels.md)."
)


def fetch_agent(path: str, cancel: threading.Event, seconds: float) -> None:
    """Put the agent at `path`, whole or not at all. Raises TunnelMissingError or TunnelTimeoutError."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=".fetching-", dir=Path(path).parent)
    except OSError as error:
        raise TunnelMissingError(
            f"ngrok's agent is not installed, and {Path(path).parent} cannot be written to: {error.strerror}.", _MEND
        ) from None
    try:
        fetched = Path(folder, Path(path).name)
        _install(fetched, folder, cancel, seconds)
        fetched.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _install(target: Path, folder: str, cancel: threading.Event, seconds: float) -> None:
    child = subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-P", "-c", _INSTALL, str(target)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": folder, "TEMP": folder, "TMP": folder},
        start_new_session=os.name == "posix",  # interrupting a cell must not end it
    )
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline and not cancel.is_set():
            try:
                _, said = child.communicate(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            if child.returncode == 0 and target.is_file():
                return
            reason = in_short(said.strip().rpartition("\n")[2].partition(": ")[2]) or f"status {child.returncode}"
            raise TunnelMissingError(f"ngrok's agent is not installed and could not be downloaded: {reason}.", _MEND)
    finally:
        child.kill()
        child.communicate()
    raise TunnelTimeoutError(f"ngrok's agent could not be downloaded within {seconds:g} s.", _MEND)
