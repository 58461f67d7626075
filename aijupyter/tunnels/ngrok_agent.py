"""ngrok's agent by pyngrok: joined where one runs, else started; asked for an endpoint; ended where it is ours.

Everything here blocks, each call within a bound, and is called from worker threads.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyngrok import conf, exception, ngrok, process

from aijupyter.config import Secret
from aijupyter.errors import TunnelError
from aijupyter.logs import hush
from aijupyter.tunnels import ngrok_errors
from aijupyter.tunnels.ngrok_fetch import fetch_agent
from aijupyter.tunnels.ngrok_start import end_agent, start_agent

# Without any handler the agent's complaints would be printed, into whatever cell runs just then.
hush("pyngrok", "pyngrok.agent", "pyngrok.installer", "pyngrok.ngrok", "pyngrok.process", "pyngrok.process.ngrok")

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
    named = os.environ.get("PYNGROK_NGROK_PATH") or conf.PyngrokConfig().ngrok_path  # older ones do not look there
    path = usual if process.is_process_running(usual) else named
    if process.is_process_running(path):
        running = process.get_process(conf.PyngrokConfig(ngrok_path=path))
        return Agent(str(running.api_url), running, seconds=patience.api)
    if not Path(path).exists():
        fetch_agent(path, cancel, patience.download)
    running = start_agent(path, token, cancel, patience.start)
    _NAMES[running] = set()
    return Agent(str(running.api_url), running, seconds=patience.api)


def _running_agent(apis: Sequence[str], seconds: float) -> Agent | None:
    """An agent of this user's that another process started on this machine."""
    for api in apis:
        agent = Agent(api, seconds=seconds)
        with contextlib.suppress(TunnelError):
            if is_trusted(urlsplit(api).port or 80):
                agent.endpoints()
                return agent
    return None


def is_trusted(port: int) -> bool:
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
    with contextlib.suppress(TunnelError):
        if agent.is_alive and agent.endpoints():  # somebody joined it
            return
    del _NAMES[running]
    end_agent(running)


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
