"""A real `aijupyter serve` process, and a plain client that knows the contract and nothing of our code."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from dotenv import dotenv_values

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass
class Served:
    """A service process and its credentials."""

    process: subprocess.Popen[str]
    env: Mapping[str, str]
    said: str

    def kill(self) -> None:
        """SIGKILL: it gets no chance to put anything in order."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> str:
        """Ctrl-C; what it said at the end."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        assert err == ""
        return out


@contextmanager
def serve(
    folder: Path, *options: str, engine: str = "contract_engine:ContractEngine", **environment: str
) -> Iterator[Served]:
    """`aijupyter serve` in a folder, until the block ends."""
    path = os.pathsep.join([str(ROOT), str(HERE)])
    file = folder / "service.env"
    command = [sys.executable, "-m", "aijupyter.cli", "serve", "--engine", engine, "--credentials-file", str(file)]
    with subprocess.Popen(
        [*command, *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said = ""
            assert process.stdout is not None
            while "Ctrl-C" not in said:
                line = process.stdout.readline()
                if not line:
                    raise AssertionError(process.communicate()[1])
                said += line
            yield Served(process, {name: str(value) for name, value in dotenv_values(file).items()}, said)
        finally:
            with contextlib.suppress(OSError):
                process.kill()


@dataclass
class Answer:
    """An answer: status, headers, and JSON where there is any."""

    status: int
    headers: Mapping[str, str]
    json: Any

    def faulty(self) -> set[str]:
        """The parameters that a 400 complains of, in the contract's words."""
        assert self.status == 400, self
        for fault in self.json["errors"]:
            assert fault["errorCode"] == "CAI-101"
            assert f"Parameter [{fault['parameterName']}] is invalid." in fault["message"]
        return {fault["parameterName"] for fault in self.json["errors"]}


class Caller:
    """Calls a service of the contract."""

    def __init__(self, env: Mapping[str, str], http: ClientSession) -> None:
        self._env = env
        self._http = http
        self.url = env["RC_SERVER_URL"].rstrip("/")
        self.token = ""

    async def log_in(self) -> Answer:
        """The token call; its token is used from now on."""
        basic = base64.b64encode(
            f"{self._env['RC_APP_CLIENT_ID']}:{self._env['RC_APP_CLIENT_SECRET']}".encode()
        ).decode()
        answer = await self.call(
            "POST",
            "/restapi/oauth/token",
            data={"grant_type": GRANT, "assertion": self._env["RC_USER_JWT"]},
            headers={"Authorization": f"Basic {basic}"},
        )
        self.token = answer.json["access_token"]
        return answer

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """Any call."""
        options = {"headers": {"Authorization": f"Bearer {self.token}"}, "allow_redirects": False} | options
        async with self._http.request(method, self.url + path, **options) as answer:
            body = await answer.read()
            return Answer(answer.status, answer.headers, await answer.json() if body else None)

    async def submit(self, path: str, body: Any, *, webhook: str | None = "http://127.0.0.1:9/nobody") -> Answer:
        """An asynchronous operation."""
        return await self.call("POST", path, json=body, params={} if webhook is None else {"webhook": webhook})

    async def status(self, job_id: str) -> Answer:
        """The status call."""
        return await self.call("GET", f"/ai/status/v1/jobs/{job_id}")

    async def ended(self, job_id: str, seconds: float = 30.0) -> Any:
        """The envelope once the job is no longer in progress."""
        async with asyncio.timeout(seconds):
            while True:
                envelope = (await self.status(job_id)).json
                if envelope["status"] != "InProgress":
                    return envelope
                await asyncio.sleep(0.02)  # it happens in another process


@asynccontextmanager
async def caller(env: Mapping[str, str]) -> AsyncIterator[Caller]:
    """A caller that has logged in."""
    async with ClientSession() as http:
        calling = Caller(env, http)
        await calling.log_in()
        yield calling
