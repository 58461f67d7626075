"""ngrok's agent by pyngrok: joined where one runs, else started; asked for an endpoint; ended where it is ours.

Everything here blocks, each call within a bound, and is called from worker threads.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import shutil
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pyngrok import conf, exception, ngrok, process

from aijupyter.config import Secret
from aijupyter.errors import TunnelError, TunnelMissingError, TunnelTimeoutError
from aijupyter.tunnels import ngrok_errors
from aijupyter.tunnels.ngrok_fetch import fetch_agent

# Without any handler the agent's complaints would be printed, into whatever cell runs just then.
logging.getLogger("pyngrok").addHandler(logging.NullHandler())

END_SECONDS = 3.0
LOCAL_APIS = ("http://127.0.0.1:4040", "http://127.0.0.1:4041")
"""Where an agent's local API answers unless it is told otherwise; the next port where that one is taken."""

_ANY_ERROR = (exception.PyngrokError, OSError, ValueError, http.client.HTTPException)
_LOCK = threading.Lock()  # one thread at a time finds, starts or ends agents
_NAMES: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()
"""The agents that we started, each with our endpoints on it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each thing may take, in seconds."""

    start: float = 20.0
    """Until the agent has a session with ngrok."""
    download: float = 90.0
    """Until the agent is fetched, where it is not installed."""
    grace: float = 20.0
    """Until a session that was lost must be back: the agent mends most losses itself."""
    look: float = 1.0
    """Between two looks at the agent's process and log."""
    api: float = 5.0
    """Until the agent's local API answers."""


class Agent:
    """A running agent: its local API, and its process where it is of this very process."""

    def __init__(self, api: str, process: Any = None, *, seconds: float = 5.0) -> None:
        self.api = api
        self.process = process
        self._seconds = seconds

    @property
    def is_alive(self) -> bool:
        """Whether its process runs; one of another process counts as running."""
        return self.process is None or self.process.proc.poll() is None

    def endpoints(self) -> dict[str, str]:
        """The public URLs of all its endpoints, by name. Raises TunnelError."""
        answer = self._ask("GET", "/api/endpoints")
        listed = answer.get("endpoints") or answer.get("tunnels") or []
        return {str(entry.get("name")): str(entry.get("url") or entry.get("public_url")) for entry in listed}

    def add(self, name: str, local_url: str, domain: str | None) -> str:
        """Lead a new endpoint to us. Returns its public URL. Raises TunnelError."""
        wanted = {"name": name, "upstream": {"url": local_url}, **({"url": f"https://{domain}"} if domain else {})}
        answer = self._ask("POST", "/api/endpoints", wanted)
        url = str(answer.get("url") or answer.get("public_url") or "")
        if not url:
            raise TunnelError("No tunnel by ngrok: its agent made an endpoint without a URL.", "Try again.")
        return url.rstrip("/")

    def remove(self, name: str) -> None:
        """End an endpoint. Raises TunnelError."""
        self._ask("DELETE", f"/api/endpoints/{name}")

    def _ask(self, method: str, path: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = ngrok.api_request(f"{self.api}{path}", method=method, data=data, timeout=self._seconds)
        except exception.PyngrokNgrokHTTPError as error:
            trouble = _refused(error.status_code, str(error.body))
        except _ANY_ERROR as error:
            trouble = TunnelError(
                f"No tunnel by ngrok: its agent's local API does not answer ({ngrok_errors.in_short(str(error))}).",
                "End the agents on this machine, and try again.",
            )
        else:
            return answer if isinstance(answer, dict) else {}
        raise trouble  # outside, so that nothing of theirs hangs on it


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of ours, and the agent that it is on."""

    agent: Agent
    name: str
    url: str


def open_endpoint(
    token: Secret,
    name: str,
    local_url: str,
    domain: str | None,
    *,
    apis: Sequence[str],
    cancel: threading.Event,
    patience: Patience,
) -> Endpoint:
    """An endpoint that leads to us, on the agent of this process or, where the account has no more, of this machine.

    `cancel` ends the wait soon. Raises TunnelError, and has then undone what it did.
    """
    with _LOCK:
        try:
            agent = _agent(token, cancel, patience)
        except TunnelError as error:
            other = (
                _running_agent(apis, patience.api)
                if ngrok_errors.code_in(error.problem) in ngrok_errors.AGENTS_USED_UP
                else None
            )
            if other is None:
                raise
            agent = other
        try:
            return _endpoint(agent, name, local_url, domain)
        except BaseException:
            _end_idle(agent)
            raise


def close_endpoint(endpoint: Endpoint) -> None:
    """End our endpoint, and the agent where we started it and nobody else has an endpoint on it. Idempotent."""
    with _LOCK:
        agent = endpoint.agent
        if agent.is_alive:
            with contextlib.suppress(TunnelError):
                agent.remove(endpoint.name)
        if agent.process in _NAMES:
            _NAMES[agent.process].discard(endpoint.name)
        _end_idle(agent)


def _endpoint(agent: Agent, name: str, local_url: str, domain: str | None) -> Endpoint:
    try:
        url = agent.add(name, local_url, domain)
    except TunnelError:
        with contextlib.suppress(TunnelError):  # it may have been made all the same
            agent.remove(name)
        raise
    if agent.process in _NAMES:
        _NAMES[agent.process].add(name)
    return Endpoint(agent, name, url)


def _agent(token: Secret, cancel: threading.Event, patience: Patience) -> Agent:
    """The agent of this process, also one that the user's own pyngrok started; else a new one."""
    usual = conf.get_default().ngrok_path
    path = usual if process.is_process_running(usual) else conf.PyngrokConfig().ngrok_path
    if not process.is_process_running(path) and not Path(path).exists():
        fetch_agent(path, cancel, patience.download)
    config = conf.PyngrokConfig(
        ngrok_path=path,
        start_new_session=os.name == "posix",  # interrupting a cell must not end it
        startup_timeout=max(1, int(patience.start)),
    )
    config.auth_token = None  # pyngrok takes it from the environment, and would put it on the command line
    with _written_config(token) as file, _Watchdog(config, cancel, patience.start) as watchdog:
        config.config_path = str(file)
        config.log_event_callback = watchdog.note
        try:
            running = process.get_process(config)
        except (exception.PyngrokError, OSError) as error:
            trouble = watchdog.trouble(error, token)
        else:
            config.log_event_callback = None
            if running.pyngrok_config is config:
                _NAMES[running] = set()
            return Agent(str(running.api_url), running, seconds=patience.api)
    _let_go(watchdog.started)
    raise trouble  # outside, so that nothing of theirs hangs on it


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


class _Watchdog:
    """Ends an agent that is too slow to start: pyngrok waits for its next line, or its API, for ever."""

    def __init__(self, config: Any, cancel: threading.Event, seconds: float) -> None:
        self._config = config
        self._cancel = cancel
        self._seconds = seconds
        self._over = threading.Event()
        self._bit = False
        self._thread = threading.Thread(target=self._watch, name="aijupyter-ngrok-start", daemon=True)
        self.started: Any = None
        """The process that pyngrok started for us, if it did."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def note(self, _: object = None) -> None:
        """Remember the process: where its start fails, pyngrok keeps no trace of it."""
        found = process._current_processes.get(self._config.ngrok_path)  # noqa: SLF001  # its lock is held for the start
        if found is not None and found.pyngrok_config is self._config:
            self.started = found

    def trouble(self, error: Exception, token: Secret) -> TunnelError:
        """What kept the agent from starting, without the token, which it repeats."""
        if isinstance(error, OSError):
            path = self._config.ngrok_path
            return TunnelMissingError(
                f"ngrok's agent {path} cannot be run: {error.strerror or error}.",
                "Check PYNGROK_NGROK_PATH and the file's permissions, or remove the file to have it fetched anew.",
            )
        said = str(getattr(error, "ngrok_error", None) or "").replace(token.reveal(), "***")
        if said or not self._bit:
            return ngrok_errors.explain(said or str(error).replace(token.reveal(), "***"))
        if any("client session established" in (log.msg or "") for log in getattr(error, "ngrok_logs", ())):
            return TunnelTimeoutError(
                "No tunnel by ngrok: its agent is connected, but its local API does not answer.",
                f"Perhaps it is too old. {ngrok_errors.TOO_OLD.mend}",
            )
        return TunnelTimeoutError(
            f"No tunnel by ngrok: its agent did not connect within {self._seconds:g} s.",
            "Check the network, and try again. 'ngrok diagnose' tells what is in the way.",
        )

    def _watch(self) -> None:
        deadline = time.monotonic() + self._seconds
        while not self._over.wait(0.05):
            self.note()
            if self.started is not None and (self._cancel.is_set() or time.monotonic() > deadline):
                self._bit = True
                self.started.proc.kill()


def _running_agent(apis: Sequence[str], seconds: float) -> Agent | None:
    """An agent of this user's that another process started on this machine."""
    for api in apis:
        agent = Agent(api, seconds=seconds)
        with contextlib.suppress(TunnelError):
            if _is_trusted(urlsplit(api).port or 80):
                agent.endpoints()
                return agent
    return None


def _is_trusted(port: int) -> bool:
    """Whether who listens there is this user or root: anybody can take a port, and would be handed our deliveries."""
    try:
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # not Linux
        return True
    listeners = [line.split() for line in lines if line.split()[3] == "0A"]
    owners = {int(fields[7]) for fields in listeners if int(fields[1].rpartition(":")[2], 16) == port}
    return owners <= {0, os.getuid()}


def _end_idle(agent: Agent) -> None:
    """End the agent if we started it and no endpoint is left on it."""
    running = agent.process
    if running not in _NAMES or _NAMES[running]:
        return
    if agent.is_alive:
        with contextlib.suppress(TunnelError):
            if agent.endpoints():  # somebody joined it
                return
        running.proc.terminate()  # it says goodbye, so that its address is free at once
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.proc.wait(END_SECONDS)
        running.proc.kill()  # nothing where it is dead already
    process.is_process_running(running.pyngrok_config.ngrok_path)  # pyngrok forgets it by that
    del _NAMES[running]
    _let_go(running)


def _let_go(running: Any) -> None:
    """What a dead agent leaves in this process: a thread that reads its output, and the pipe."""
    if running is None:
        return
    running.proc.wait(END_SECONDS)
    reader = running._monitor_thread  # noqa: SLF001  # it has no name of its own
    if reader is not None:
        reader.join(END_SECONDS)
    if reader is None or not reader.is_alive():
        running.proc.stdout.close()


def _refused(status: int, body: str) -> TunnelError:
    """The local API said no: mostly ngrok did, and the agent repeats it."""
    if status == http.HTTPStatus.NOT_FOUND and not ngrok_errors.code_in(body):
        return ngrok_errors.as_error(ngrok_errors.TOO_OLD, "its local API has no endpoints")
    try:
        data = json.loads(body)
        said = str((data.get("details") or {}).get("err") or data.get("msg") or body)
    except (ValueError, AttributeError):
        said = body
    return ngrok_errors.explain(said)
