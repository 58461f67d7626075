"""Starting ngrok's agent, and ending one that we started.

It is done as pyngrok does it, by pyngrok's own NgrokProcess, which reads its log and knows when it is ready; but within
a bound (pyngrok waits for the next line, and for the local API, for ever), and without what the agent prints beside its
log, where it repeats a token that it refuses.
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyngrok import conf, process

from aijupyter.config import Secret
from aijupyter.errors import TunnelError, TunnelMissingError, TunnelTimeoutError
from aijupyter.tunnels import ngrok_errors

END_SECONDS = 3.0


def start_agent(path: str, token: Secret, cancel: threading.Event, seconds: float) -> Any:
    """A running agent with a session, as pyngrok's NgrokProcess. Raises TunnelError."""
    config = conf.PyngrokConfig(ngrok_path=path)
    config.auth_token = None  # pyngrok takes it from the environment, and would put it on the command line
    with _written_config(token) as file:
        running = process.NgrokProcess(_launch(path, file), config)
        with _limit(running.proc, cancel, seconds) as expired:
            is_up = _comes_up(running)
    if not is_up:
        end_agent(running)
        raise _trouble(running, token, f"{seconds:g}" if expired.is_set() else "")
    running.start_monitor_thread()
    with getattr(process, "_current_processes_lock", contextlib.nullcontext()):  # older ones have none
        if not process.is_process_running(path):  # so that the user's own pyngrok joins it, as we join theirs
            process._current_processes[path] = running  # noqa: SLF001
    return running


def end_agent(running: Any) -> None:
    """End it, dead or alive, and what it leaves in this process: a thread that reads its log, and the pipe."""
    child = running.proc
    if child.poll() is None:
        child.terminate()  # it says goodbye, so that its address is free at once
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(END_SECONDS)
    child.kill()  # nothing where it is dead already
    child.wait()
    atexit.unregister(child.kill)
    process.is_process_running(running.pyngrok_config.ngrok_path)  # pyngrok forgets a dead one by that
    reader = running._monitor_thread  # noqa: SLF001  # it has no name of its own
    if reader is not None:
        reader.join(END_SECONDS)
    if reader is None or not reader.is_alive():
        child.stdout.close()


@contextlib.contextmanager
def _written_config(token: Secret) -> Iterator[Path]:
    """The agent's configuration with the token, in a file that only this user can read, for as long as it starts."""
    folder = Path(tempfile.mkdtemp(prefix="aijupyter-ngrok-"))
    try:
        path = folder / "ngrok.yml"
        # What is delivered is not for the agent's local page, which every user of this machine can open.
        agent = {"authtoken": token.reveal(), "inspect_db_size": -1}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # JSON is YAML
            json.dump({"version": "3", "agent": agent}, file)
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _launch(path: str, config: Path) -> subprocess.Popen[str]:
    try:
        child = subprocess.Popen(  # noqa: S603  # the agent that pyngrok fetched, or the user named
            [path, "start", "--none", "--log", "stdout", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            start_new_session=os.name == "posix",  # interrupting a cell must not end it
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        atexit.register(child.kill)
        return child
    raise TunnelMissingError(
        f"ngrok's agent {path} cannot be run: {reason}.",
        "Check PYNGROK_NGROK_PATH and the file's permissions, or remove the file to have it fetched anew.",
    )


@contextlib.contextmanager
def _limit(child: subprocess.Popen[str], cancel: threading.Event, seconds: float) -> Iterator[threading.Event]:
    """End a process that takes too long, or is not wanted any more; whoever reads from it goes on by that."""
    over, expired = threading.Event(), threading.Event()
    deadline = time.monotonic() + seconds

    def watch() -> None:
        while not over.wait(0.05):
            if cancel.is_set() or time.monotonic() > deadline:
                expired.set()
                child.kill()
                return

    watching = threading.Thread(target=watch, name="aijupyter-ngrok-start", daemon=True)
    watching.start()
    try:
        yield expired
    finally:
        over.set()
        watching.join()


def _comes_up(running: Any) -> bool:
    """Follow its log until it is ready. False where the log ends before."""
    with contextlib.suppress(http.client.HTTPException):  # its local API speaks something else
        while line := running.proc.stdout.readline():
            running._log_startup_line(line)  # noqa: SLF001  # what pyngrok itself does with each line
            if running.healthy():
                return True
    return False


def _trouble(running: Any, token: Secret, expired: str) -> TunnelError:
    """What kept it from starting, by its log. `expired` is how many seconds it had, where that was the end."""
    said = [log.err.replace(token.reveal(), "***") for log in running.logs if log.err]
    coded = [text for text in said if ngrok_errors.code_in(text)]
    if coded or said or not expired:
        return ngrok_errors.explain((coded or said or ["its agent ended without a word"])[-1])
    if any("client session established" in (log.msg or "") for log in running.logs):
        return TunnelTimeoutError(
            "No tunnel by ngrok: its agent is connected, but its local API does not answer.",
            f"Perhaps it is too old. {ngrok_errors.TOO_OLD.mend}",
        )
    return TunnelTimeoutError(
        f"No tunnel by ngrok: its agent did not connect within {expired} s.",
        "Check the network, and try again. 'ngrok diagnose' tells what is in the way.",
    )
