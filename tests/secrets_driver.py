"""A process that meets with everything that can happen, logs all of it at DEBUG, and writes down what must not be seen.

It leaves in the current folder: `all.log`, `said.txt` (representations, errors, tracebacks, the list of processes),
`export.db`, and `secrets.json`: every secret by its name, and those that an export holds of need.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from double import CLIENT_SECRET, JWT, ProviderDouble
from until import until

import aijupyter
from aijupyter import embedded
from aijupyter.jobs import Job
from aijupyter.models import JobState
from aijupyter.session import Session

NGROK_TOKEN = "2ngrokTokenOfTheTest_7QpZ"
MEDIA_TOKEN = "media-access-token-of-the-test"
SECOND_JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0ZXN0In0.c2lnbmF0dXJl"

said: list[str] = []
secrets: dict[str, str] = {}


def say(*things: object) -> None:
    """What a person could have shown."""
    said.extend(text for thing in things for text in (repr(thing), str(thing), f"{thing}"))


def fails(function: Callable[[], object]) -> BaseException:
    """Call what must fail; its error in every form."""
    try:
        function()
    except Exception as error:  # noqa: BLE001  # whatever it is
        said.append("".join(traceback.format_exception(error)))
        say(error, vars(error))
        with contextlib.suppress(Exception):
            said.append(repr(pickle.dumps(error)))
        return error
    raise AssertionError("it did not fail")


def post(ai: Session, path: str, body: bytes) -> int:
    """Post to the receiver."""
    request = urllib.request.Request(f"{ai.status.receiver_url}/d/{path}", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def keep(job: Job[Any]) -> Job[Any]:
    """Remember a job's path, and show the job."""
    secrets[f"path of {job.key}"] = job.record.path
    say(job, job.record)
    return job


def go_well(ai: Session, double: ProviderDouble) -> None:
    """A file, a URL with a token in it, a repeat, a delivery that cannot be read, a stray."""
    double.plan.repeat = 2
    job = keep(ai.transcribe("call.wav"))
    call = job.result(timeout=30)
    say(call, call.raw, job, job.record, job.history, ai.jobs())
    say(keep(ai.analyze(f"{double.url}/recording.wav?access_token={MEDIA_TOKEN}", encoding="Wav")))
    post(ai, job.record.path, b"no JSON")
    post(ai, job.record.path, b'{"jobId": "another", "status": "Success", "response": {}}')
    post(ai, job.record.path, b'{"status": 3}')
    say(ai.strays())


def go_wrong(ai: Session, double: ProviderDouble) -> None:
    """A failure, a refusal, a token that is refused, a penalty, a wait that ends, one that is cancelled."""
    plan = double.plan
    plan.fail = [{"errorCode": "CAI-101", "message": "Parameter [contentUri] is invalid"}]
    fails(lambda: keep(ai.transcribe("call.wav", fresh=True)).result(timeout=30))
    plan.fail = None
    plan.refusal = (400, {"errors": [{"errorCode": "CAI-101", "message": "no"}]})
    fails(lambda: keep(ai.transcribe("call.wav", fresh=True)).result(timeout=30))
    plan.refusal, plan.refuse_tokens, plan.penalties = None, 1, ["1"]
    keep(ai.transcribe("call.wav", fresh=True)).result(timeout=30)
    plan.deliver = "never"
    waits = keep(ai.transcribe("call.wav", fresh=True))
    fails(lambda: waits.result(timeout=0.1))
    asyncio.run(cancelled(waits))
    fails(lambda: ai.transcribe("nowhere.wav"))
    waits.watch(lambda: int(f"a watcher that fails with {waits.record.path} and {CLIENT_SECRET}"))
    post(ai, waits.record.path, b'{"status": "InProgress"}')
    until(lambda: waits.state is JobState.RUNNING)
    plan.hang_up = True
    fails(lambda: keep(ai.transcribe("call.wav", fresh=True)).result(timeout=30))
    plan.hang_up = False


async def cancelled(job: Job[Any]) -> None:
    """Await a job, and give that up."""
    task = asyncio.ensure_future(job.wait())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def go_away(double: ProviderDouble) -> None:
    """An API that refuses the credentials, and one that is not there."""
    with aijupyter.connect(**{**double.credentials, "jwt": SECOND_JWT}) as ai:
        fails(lambda: keep(ai.transcribe("call.wav", fresh=True)).result(timeout=30))
    with aijupyter.connect(**double.credentials) as ai:
        double.stop_listening()
        fails(lambda: keep(ai.transcribe("call.wav", fresh=True)).result(timeout=30))
        double.listen_again()


def kill_the_service() -> None:
    """The embedded service is killed while its session is open."""
    with aijupyter.connect(embedded=True, engine="secrets_driver:SlowEngine") as ai:
        service = ai._service
        assert isinstance(service, embedded.EmbeddedService)
        assert service.pid is not None
        secrets["the service's secret"], secrets["the service's jwt"] = service.client_secret, service.jwt
        job = keep(ai.transcribe("call.wav", fresh=True))
        until(lambda: job.state is JobState.SUBMITTED)
        token = ai._desk.open_parts().transport._tokens._token
        assert token is not None
        secrets["the service's token"] = token.reveal()
        listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        said.append(listed)
        environ = Path(f"/proc/{service.pid}/environ")
        said.append(environ.read_text() if environ.exists() else "")
        say(ai, service, ai.settings, ai.status, ai.stats().to_string())
        os.kill(service.pid, signal.SIGKILL)
        fails(lambda: job.result(timeout=30))


class SlowEngine:
    """Runs inside the embedded service, and does not end."""

    def __init__(self, model: str, cache: object) -> None:
        pass

    def load(self, report: Callable[[str], None]) -> None:
        """Nothing to load."""

    def analyze(self, task: object, report: Callable[[float], None]) -> dict[str, Any]:
        """Be at it until killed."""
        time.sleep(60)
        return {}


def media_names(double: ProviderDouble) -> Iterator[tuple[str, str]]:
    """The names under which files were lent."""
    for number, (_, _, body) in enumerate(double.submissions()):
        name = str(body.get("contentUri", "")).rpartition("/m/")[2].partition(".")[0]
        if "/" not in name and name:
            yield f"lent file {number}", name


def main() -> None:
    """All of it."""
    logging.basicConfig(level="DEBUG", filename="all.log")
    secrets.update({"client secret": CLIENT_SECRET, "jwt": JWT, "second jwt": SECOND_JWT, "media": MEDIA_TOKEN})
    secrets["ngrok"] = os.environ["NGROK_AUTHTOKEN"] = NGROK_TOKEN
    if "LEDGER_PASSWORD" in os.environ:
        secrets["ledger password"] = os.environ.pop("LEDGER_PASSWORD")
    with ProviderDouble() as double:
        account = double.credentials
        os.environ["RC_APP_CLIENT_SECRET"], os.environ["RC_USER_JWT"] = account["client_secret"], account["jwt"]
        with aijupyter.connect(**account, poll_seconds=0.3) as ai:
            say(ai, ai.settings, ai.status)
            go_well(ai, double)
            go_wrong(ai, double)
            say(ai.stats().to_string(), vars(ai.settings), ai.settings.sources)
            double.plan.deliver = "after"
            with aijupyter.connect(**account, poll_seconds=0.3, verify="status") as verifying:
                keep(verifying.transcribe("call.wav", fresh=True)).result(timeout=30)
            ai.export_ledger("export.db")
            rows = ai.jobs()
            ended = set(rows["key"][rows["state"].isin(["succeeded"])])
        go_away(double)
        if "--no-service" not in sys.argv:
            kill_the_service()
        secrets.update({f"token {number}": token for number, token in enumerate(double.tokens)})
        secrets.update(media_names(double))
    needed = [name for name in secrets if name.startswith("path of ") and name.removeprefix("path of ") not in ended]
    Path("secrets.json").write_text(json.dumps({"secrets": secrets, "needed": needed}))
    Path("said.txt").write_text("\n".join(said))


if __name__ == "__main__":
    main()
