"""The embedded service as a real process: it starts, answers, is shared, and never outlives its parent."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from aijupyter.embedded import EmbeddedService, acquire, release
from aijupyter.errors import LocalExtraMissingError, ServiceError
from aijupyter.models import AnalysisTask
from aijupyter.service.app import Service
from aijupyter.service.options import Credentials, ServiceOptions
from aijupyter.service.tokens import Tokens

HERE = Path(__file__).parent
QUICK = "test_embedded:QuickEngine"
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX processes")
PROC = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")


class QuickEngine:
    """Runs inside the child: answers at once, and prints, as a careless library would."""

    def __init__(self, model: str, cache: object) -> None:
        self.model = model

    def load(self, report: Callable[[str], None]) -> None:
        """Nothing to load."""
        report("Loading nothing.")

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> Any:
        """What it heard, in bytes."""
        print("a library's own words")  # noqa: T201  # the point of it
        report(0.5)
        report(1.0)
        return {"transcript": f"{self.model} heard {len(Path(task.audio).read_bytes())} bytes"}


class BusyEngine(QuickEngine):
    """Computes without end, holding the interpreter most of the time."""

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> Any:
        """Never returns."""
        report(0.1)
        while True:
            sum(range(1000))


class BareEngine(QuickEngine):
    """Misses its models."""

    def load(self, report: Callable[[str], None]) -> None:
        """Say what is missing."""
        raise LocalExtraMissingError("No models.", "pip install 'aijupyter[local]'")


class BrokenEngine(QuickEngine):
    """Cannot even be made."""

    def __init__(self, model: str, cache: object) -> None:
        raise RuntimeError("broken on purpose")


class Heard:
    """A subscriber that remembers, and can be waited for."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._more = threading.Condition()

    def __call__(self, event: dict[str, Any]) -> None:
        """Remember an event."""
        with self._more:
            self._events.append(event)
            self._more.notify_all()

    def wait_for(self, name: str, **fields: Any) -> dict[str, Any]:
        """The first event of this name with these fields."""
        wanted = {"event": name, **fields}

        def find() -> dict[str, Any] | None:
            return next((event for event in self._events if wanted.items() <= event.items()), None)

        with self._more:
            found = self._more.wait_for(find, 20)
        assert found is not None, self._events
        return found


@contextmanager
def started(engine: str = QUICK, **options: Any) -> Iterator[tuple[EmbeddedService, Heard]]:
    """A running service with a subscriber."""
    service, heard = EmbeddedService(engine=engine, **options), Heard()
    service.subscribe(heard)
    try:
        service.start()
        yield service, heard
    finally:
        service.stop()


def until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def gone(pid: int) -> bool:
    """Whether a process is no more, or only waits to be buried by init."""
    status = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return Path("/proc/self").exists() and " Z " in status.read_text()
    except (ProcessLookupError, FileNotFoundError):
        return True


def call(url: str, authorization: str, data: bytes | None = None, **headers: str) -> Any:
    """One HTTP call; the JSON it answers."""
    with urlopen(Request(url, data, {"Authorization": authorization, **headers}), timeout=10) as answer:
        return json.load(answer)


def token(service: EmbeddedService) -> str:
    """A bearer header from the service's credentials."""
    basic = base64.b64encode(f"{service.client_id}:{service.client_secret}".encode()).decode()
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": service.jwt}
    answer = call(f"{service.url}/restapi/oauth/token", f"Basic {basic}", urlencode(form).encode())
    return f"Bearer {answer['access_token']}"


def submit(service: EmbeddedService, bearer: str) -> str:
    """Submit a small recording; the job's id."""
    body = {"content": base64.b64encode(b"sound").decode(), "encoding": "Wav", "languageCode": "en-US"}
    url = f"{service.url}/ai/audio/v1/async/speech-to-text?webhook=http://127.0.0.1:9/"
    answer = call(url, bearer, json.dumps(body).encode(), **{"Content-Type": "application/json"})
    return str(answer["jobId"])


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own for temporary files, here and in the processes it starts."""
    for name in ("TMPDIR", "TEMP"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_child_becomes_ready_and_answers() -> None:
    """Start, token, job, progress, answer; what the engine prints does not disturb the events."""
    with started(model="the model") as (service, heard):
        bearer = token(service)
        job_id = submit(service, bearer)
        heard.wait_for("progress", jobId=job_id, share=1.0)
        status = f"{service.url}/ai/status/v1/jobs/{job_id}"
        assert until(lambda: call(status, bearer)["status"] != "InProgress")
        assert call(status, bearer)["response"] == {"transcript": "the model heard 5 bytes"}
        assert service.models_state == heard.wait_for("models", state="ready")


def test_another_service_does_not_take_its_credentials() -> None:
    """Each process has credentials of its own."""
    with started() as (one, _), started() as (other, _):
        one.client_secret = other.client_secret
        with pytest.raises(HTTPError) as refusal:
            token(one)
        assert refusal.value.code == 401
        refusal.value.close()


def test_stop_leaves_nothing(temporary_files: Path) -> None:
    """No process, no thread, no open file, no folder; and stopping again, or starting again, is fine."""
    with started():
        pass
    threads, files = set(threading.enumerate()), open_files()
    for _ in range(3):
        with started() as (service, heard):
            pid = service.pid
            service.stop()
            assert pid is not None
            assert gone(pid)
            assert not service.alive
            service.start()
            assert service.alive
            service.start()
        service.stop()
        assert not [event for event in heard._events if event["event"] == "gone"]
    assert set(threading.enumerate()) == threads
    assert open_files() == files
    assert not list(temporary_files.iterdir())


def open_files() -> int:
    """How many files this process holds open."""
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208  # not a path


def test_stop_ends_a_busy_engine_at_once() -> None:
    """A computation that never ends does not hold the stop up for long."""
    with started("test_embedded:BusyEngine") as (service, heard):
        submit(service, token(service))
        heard.wait_for("progress")
        pid, begun = service.pid, time.monotonic()
        service.stop()
        assert time.monotonic() - begun < 5
        assert pid is not None
        assert gone(pid)


PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs inherit deaf ears
from aijupyter.embedded import EmbeddedService
service = EmbeddedService(engine=sys.argv[1])
service.start()
print(service.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def parent_of_service(engine: str = QUICK) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another Python process that runs an embedded service: the process, and the service's pid."""
    root = str(HERE.parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, str(HERE)])}
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, engine],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=os.name == "posix",
    )
    assert process.stdout is not None
    with process:
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@POSIX
def test_killing_the_parent_ends_the_child(temporary_files: Path) -> None:
    """SIGKILL leaves the parent no chance to clean up; the child goes all the same, with its folder."""
    with parent_of_service() as (parent, child):
        assert not gone(child)
        assert list(temporary_files.iterdir())
        parent.kill()
        assert until(lambda: gone(child))
        assert until(lambda: not list(temporary_files.iterdir()))


@POSIX
def test_interrupting_the_parents_group_spares_the_child() -> None:
    """The kernel's interrupt goes to its whole process group; the service is not in it."""
    with parent_of_service() as (parent, child):
        os.killpg(os.getpgid(parent.pid), signal.SIGINT)
        assert os.getpgid(child) != parent.pid
        os.kill(child, signal.SIGINT)
        parent.wait(10)
        assert until(lambda: gone(child)), "the parent ended, so the child does"
    with started() as (service, _):
        assert service.pid is not None
        os.kill(service.pid, signal.SIGINT)
        assert token(service), "an interrupt alone changes nothing"


@POSIX
def test_a_forked_process_neither_keeps_nor_ends_the_service() -> None:
    """A worker forked from the kernel holds copies of the pipes, and must let go of them."""
    fork = "import os, time\nif os.fork() == 0:\n    service.stop()\n    time.sleep(30)\n    os._exit(0)\n"
    code = PARENT.replace("sys.stdin.read()", fork + "sys.stdin.read()")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)])}
    command = [sys.executable, "-W", "ignore", "-c", code, QUICK]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            assert not until(lambda: gone(child), 0.5), "the fork's stop is not the parent's"
            parent.kill()
            assert until(lambda: gone(child)), "though the fork still sleeps"
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


@PROC
def test_secrets_are_neither_on_the_command_line_nor_in_the_environment() -> None:
    """Nor in a repr: whoever lists processes or objects sees none."""
    with started() as (service, _):
        shown = [Path(f"/proc/{service.pid}/{name}").read_bytes().decode() for name in ("cmdline", "environ")]
        for secret in (service.client_id, service.client_secret, service.jwt):
            assert not [text for text in (*shown, repr(service), repr(vars(service)["_child"])) if secret in text]


@PROC
def test_the_service_does_not_get_the_accounts_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine is somebody else's code, and a process's environment is easy to read."""
    for name in ("RC_APP_CLIENT_SECRET", "RC_USER_JWT", "NGROK_AUTHTOKEN", "AIJUPYTER_LEDGER"):
        monkeypatch.setenv(name, f"the-account's-{name}")
    with started() as (service, _):
        environ = Path(f"/proc/{service.pid}/environ").read_text()
        assert "PATH=" in environ
        assert "the-account's" not in environ


@PROC
def test_it_listens_on_this_machine_alone() -> None:
    """No other machine can reach its port, and nothing else of it listens."""
    with started() as (service, _):
        port = int(service.url.rpartition(":")[2])
        sockets = {str(file.readlink()) for file in Path(f"/proc/{service.pid}/fd").iterdir() if file.is_symlink()}
        listening = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{service.pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                    listening.add(fields[1])
        assert listening == {f"0100007F:{port:04X}"}


def test_every_path_wants_the_token() -> None:
    """All that the service answers, but the token call itself, which wants the credentials."""
    options = ServiceOptions(scratch=Path())
    nothing: Any = None
    tokens = Tokens(Credentials("i", "s", "j"), 60)
    application = Service(tokens, nothing, nothing, nothing, options, None).application()
    routes = [(route.method, route.resource.canonical) for route in application.router.routes() if route.resource]
    assert len(routes) > 8
    with started() as (service, _):
        for method, path in routes:
            for header in ({}, {"Authorization": "Bearer guessed"}):
                url = service.url + re.sub(r"{\w+}", "x", path)
                data = b"{}" if method in {"POST", "*"} else None
                with pytest.raises(HTTPError) as refusal:
                    urlopen(Request(url, data, header, method="POST" if method == "*" else method), timeout=10)
                assert refusal.value.code == 401, path
                refusal.value.close()


def test_an_unknown_engine_is_a_clear_error() -> None:
    """The error names those that are installed."""
    with pytest.raises(ServiceError, match=r"no engine 'nonesuch'.*\n.*local"), started("nonesuch"):
        pass


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("no_such_module:Engine", "No module named"),
        ("test_embedded:NoSuchEngine", "NoSuchEngine"),
        ("test_embedded:BrokenEngine", "broken on purpose"),
    ],
)
def test_an_engine_that_cannot_be_made_is_a_clear_error(engine: str, words: str) -> None:
    """Whatever is wrong with it, the caller reads it."""
    threads = set(threading.enumerate())
    with pytest.raises(ServiceError, match=words), started(engine):
        pass
    assert set(threading.enumerate()) == threads


def test_a_start_that_takes_too_long_is_a_clear_error() -> None:
    """And leaves no process behind."""
    service = EmbeddedService(engine=QUICK)
    with pytest.raises(ServiceError, match="did not start within"):
        service.start(timeout=0.001)
    assert service.pid is None
    with pytest.raises(ServiceError):
        _ = service.url


def test_a_start_that_fails_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even in a traceback that shows the locals of every frame; and nothing is left of it."""
    service = EmbeddedService(engine="nonesuch")
    with pytest.raises(ServiceError) as caught:
        service.start()
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "nonesuch" in shown
    assert not [secret for secret in (service.client_id, service.client_secret, service.jwt) if secret in shown]
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(ServiceError, match="its own executable"):
        service.start()


def test_missing_models_are_told() -> None:
    """The service starts without them, and says what to do."""
    with started("test_embedded:BareEngine") as (service, heard):
        event = heard.wait_for("models", state="missing")
        assert "pip install" in event["message"]
        assert service.models_state == event


def test_a_death_is_told_and_a_dead_one_is_replaced() -> None:
    """Subscribers hear of it; the next to ask gets a new process; the old holder's release harms nobody."""
    heard = Heard()
    first = acquire(engine=QUICK)
    try:
        unsubscribe = first.subscribe(heard)
        assert acquire(engine=QUICK) is first
        release(first)
        assert first.alive, "one holder is left"
        assert first.pid is not None
        os.kill(first.pid, signal.SIGTERM)
        assert "ended" in heard.wait_for("gone")["message"]
        unsubscribe()
        unsubscribe()
        second = acquire(engine=QUICK)
        try:
            assert second is not first
            release(first)
            assert second.alive
        finally:
            release(second)
        assert not second.alive
    finally:
        release(first)


def test_a_failing_subscriber_does_not_deafen_the_others() -> None:
    """Each is called, whatever the one before it raised."""
    service, heard = EmbeddedService(engine=QUICK), Heard()

    def fail(_: dict[str, Any]) -> None:
        raise RuntimeError("a subscriber's own fault")

    service.subscribe(fail)
    service.subscribe(heard)
    try:
        service.start()
        heard.wait_for("models", state="ready")
    finally:
        service.stop()


def test_the_working_folder_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even when files in it are called as modules of the service are."""
    for name in ("aiohttp.py", "queue.py", "aijupyter.py"):
        (tmp_path / name).write_text("raise RuntimeError('the wrong module')")
    monkeypatch.chdir(tmp_path)
    with started() as (service, _):
        assert token(service)
