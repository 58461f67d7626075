"""The stand-in for ngrok's agent, put where pyngrok looks for the agent, and told how to behave.

stand_in = StandIn(folder)             # PYNGROK_NGROK_PATH=stand_in.program, STANDIN_NGROK_FOLDER=stand_in.folder
stand_in.behave(refuse=108)            # for agents that start from now on
stand_in.order("cut")                  # for those that run
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from until import until

AGENT = Path(__file__).with_name("ngrok_agent.py")


class StandIn:
    """The program, and its agents that run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "ngrok"
        folder.mkdir(parents=True, exist_ok=True)
        self.program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{AGENT}" "$@"\n')
        self.program.chmod(0o755)

    @classmethod
    def installed(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
        """Where pyngrok looks for the agent."""
        if os.name != "posix":
            pytest.skip("the stand-in is a script with a #! line")
        stand_in = cls(folder)
        monkeypatch.setenv("PYNGROK_NGROK_PATH", str(stand_in.program))
        monkeypatch.setenv("STANDIN_NGROK_FOLDER", str(folder))
        return stand_in

    def behave(self, **behaviour: object) -> None:
        """How agents behave that start from now on, in the words of ngrok_agent.Behaviour."""
        (self.folder / "behaviour.json").write_text(json.dumps(behaviour))

    def order(self, do: str, **details: object) -> None:
        """Have the agents that run do something, in the words of ngrok_agent.Agent.control."""
        for api in self.apis():
            body = json.dumps({"do": do, **details}).encode()
            with suppress(OSError):  # one that dies of it does not answer
                urllib.request.urlopen(urllib.request.Request(f"{api}/control", body), timeout=10).close()

    def apis(self) -> list[str]:
        """The local APIs of the agents that run."""
        return [(self.folder / "agents" / str(pid)).read_text() for pid in self.pids()]

    def pids(self) -> list[int]:
        """The agents that run, once they have started."""
        noted = [int(path.name) for path in (self.folder / "agents").glob("*")]
        return [pid for pid in noted if str(AGENT) in _command(pid)]

    def commands(self) -> list[str]:
        """The command lines of all agents, also of those that start."""
        listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        return [line for line in listed.splitlines() if str(AGENT) in line]

    def kill(self) -> None:
        """End the agents that run, as a person would who has had enough of them."""
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def elsewhere(self) -> Iterator[str]:
        """An agent that another process started, on the same account. Gives its local API."""
        config = self.folder / "elsewhere.yml"
        config.write_text(json.dumps({"version": "3", "agent": {"authtoken": "good-token"}}))
        command = [str(self.program), "start", "--none", "--log", "stdout", "--config", str(config)]
        before = set(self.apis())
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            until(lambda: bool(set(self.apis()) - before))
            yield (set(self.apis()) - before).pop()
        finally:
            process.kill()
            process.wait(10)


def endpoints(api: str) -> dict[str, str]:
    """The public URLs at an agent's local API, by name."""
    with urllib.request.urlopen(f"{api}/api/endpoints", timeout=10) as answer:
        return {entry["name"]: entry["url"] for entry in json.load(answer)["endpoints"]}


def make_endpoint(api: str, name: str, upstream: str) -> str:
    """An endpoint of somebody else's. Gives its URL."""
    body = json.dumps({"name": name, "upstream": {"url": upstream}}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{api}/api/endpoints", body), timeout=10) as answer:
        return str(json.load(answer)["url"])


def _command(pid: int) -> str:
    listed = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout
