"""No secret gets out: not by a log, an export, a representation, a traceback, a list of processes, or a widget."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from double import CLIENT_SECRET, JWT, ProviderDouble
from kernels import Kernel, kernel
from postgres import ENCODED, PASSWORD

import aijupyter
from aijupyter.api import operations
from aijupyter.config import Settings
from aijupyter.errors import AIJupyterError, ConfigurationError

pytest_plugins = ("ledger_fixtures",)

TESTS = Path(__file__).parents[1]
DRIVER = TESTS / "secrets_driver.py"
MEDIA_TOKEN = "media-access-token-of-the-test"


class Left(NamedTuple):
    """What a process left, and what it must not have told; an export needs some of that."""

    folder: Path
    secrets: dict[str, str]
    needed: set[str]

    def told_in(self, *names: str) -> list[tuple[str, str]]:
        """The secrets that are in these files, by their names."""
        texts = {name: (self.folder / name).read_bytes() for name in names}
        return [
            (file, name) for file, text in texts.items() for name, one in self.secrets.items() if one.encode() in text
        ]


def drive(folder: Path, recording: Path, *options: str, **environment: str) -> Left:
    """Run the process that meets with everything."""
    (folder / "call.wav").write_bytes(recording.read_bytes())
    variables = {**os.environ, "AIJUPYTER_LEDGER": str(folder / "ledger.db"), "PYTHONASYNCIODEBUG": "1", **environment}
    command = [sys.executable, str(DRIVER), *options]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""
    told = json.loads((folder / "secrets.json").read_text())
    return Left(folder, told["secrets"], set(told["needed"]))


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """A process that met with everything, on a ledger in a file, with the embedded service killed at the end."""
    return drive(tmp_path_factory.mktemp("driver"), TESTS / "recordings" / "one-sentence.wav")


def test_the_log_at_debug(left: Left) -> None:
    """Everything that our code and the libraries below it log, tracebacks included."""
    log = (left.folder / "all.log").read_text()
    assert len(left.secrets) > 20
    assert left.told_in("all.log") == []
    for happened in ("succeeded", "unconfirmed", "answered 401", "over the rate limit", "a watcher of job", "held"):
        assert happened in log or happened in (left.folder / "said.txt").read_text(), happened
    assert "Traceback" in log
    assert "***" in log


def test_representations_errors_and_the_list_of_processes(left: Left) -> None:
    """All public objects, errors with what they carry, their tracebacks, `ps`, and the child's environment."""
    said = (left.folder / "said.txt").read_text()
    assert left.told_in("said.txt") == []
    for shown in (
        "<Session open",
        "Secret('***')",
        "JobTimeoutError",
        "aijupyter.service",
        "PATH=",
        "<EmbeddedService",
    ):
        assert shown in said, shown


def test_an_exported_ledger(left: Left) -> None:
    """Only the paths on which an answer may still come are in it."""
    with closing(sqlite3.connect(left.folder / "export.db")) as db:
        rows = "\n".join(map(str, (row for (table,) in _tables(db) for row in db.execute(f"SELECT * FROM {table}"))))
    told = {name for name, one in left.secrets.items() if one in rows}
    assert told <= left.needed
    assert told
    assert {name for _, name in left.told_in("export.db")} <= left.needed
    assert rows.count("spent:") >= 3


def _tables(db: sqlite3.Connection) -> list[tuple[str]]:
    return db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()


def test_a_ledger_with_a_password(postgres_url: str, tmp_path: Path) -> None:
    """On PostgreSQL neither the password nor anything else is told."""
    recording = TESTS / "recordings" / "one-sentence.wav"
    left = drive(tmp_path, recording, "--no-service", AIJUPYTER_LEDGER=postgres_url, LEDGER_PASSWORD=PASSWORD)
    left.secrets["encoded password"] = ENCODED
    assert left.told_in("all.log", "said.txt") == []


CHAIN = """
def chained(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except Exception as error:
        raise RuntimeError('of the person') from error
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kernel, ProviderDouble]]:
    """A kernel with a session, its credentials in the environment."""
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "call.wav").write_bytes((TESTS / "recordings" / "one-sentence.wav").read_bytes())
    with ProviderDouble() as double, pytest.MonkeyPatch.context() as patch:
        double.plan.deliver = "never"
        account = double.credentials
        patch.chdir(folder)
        patch.setenv("AIJUPYTER_LEDGER", str(folder / "ledger.db"))
        patch.setenv("RC_SERVER_URL", account["server_url"])
        patch.setenv("RC_APP_CLIENT_ID", account["client_id"])
        patch.setenv("RC_APP_CLIENT_SECRET", CLIENT_SECRET)
        patch.setenv("RC_USER_JWT", JWT)
        patch.setenv("RECORDING_URL", f"{double.url}/recording.wav?access_token={MEDIA_TOKEN}")
        with kernel() as running:
            started = running.run(
                "%load_ext aijupyter\nimport os, aijupyter\nfrom aijupyter.api import operations\n"
                "ai = aijupyter.connect(poll_seconds=0.3)\n"
                "of_a_url = ai.transcribe(os.environ['RECORDING_URL'], encoding='Wav')\n" + CHAIN
            )
            assert started.ok, started.err
            yield running, double
            running.run("ai.close()")


def secrets_in(text: str, running: Kernel, double: ProviderDouble) -> list[str]:
    """The secrets of the session that are in a text."""
    paths = running.run("print(*(job.record.path for job in ai._book.under_way()))").out.split()
    names = [str(body.get("contentUri", "")).rpartition("/")[2].partition(".")[0] for *_, body in double.submissions()]
    known = [CLIENT_SECRET, JWT, MEDIA_TOKEN, *double.tokens, *paths, *(name for name in names if len(name) > 30)]
    assert len(known) > 4
    return [secret for secret in known if secret in text]


@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose"])
def test_tracebacks_in_a_cell(shell: tuple[Kernel, ProviderDouble], mode: str) -> None:
    """Verbose ones show the variables of every frame, also of the causes; `%tb` shows the last one again."""
    running, double = shell
    running.run(f"%xmode {mode}")
    told = ""
    asking = "parts = ai._desk.parts\nchained(ai._call, operations.job_status, parts.transport, 'no-such-job')"
    unauthorized = f"ai._desk.parts.transport._tokens._token = None\n{asking}"
    for code in (
        "chained(ai.transcribe, 'nowhere.wav')",
        "chained(ai.transcribe('call.wav').result, timeout=0.5)",
        "chained(of_a_url.result, timeout=0)",
        asking,
        "ai._call(operations.job_status, ai._desk.parts.transport, 'no-such-job')",
        "%env AIJUPYTER_PORT=a\nchained(aijupyter.connect)",
        "%env AIJUPYTER_PORT=0\nchained(aijupyter.connect, host='256.0.0.1')",
    ):
        cell = running.run(code)
        assert not cell.ok, code
        told += cell.err + cell.out + running.run("%tb").err + running.run("%aijupyter traceback").out
    double.stop_listening()
    for code in (asking, unauthorized, f"{unauthorized}  # once more"):
        cell = running.run(code)
        assert "ProviderUnreachableError" in cell.err
        told += cell.err + cell.out + running.run("%tb").out
    double.listen_again()
    assert "RuntimeError" in told
    if mode == "Verbose":
        assert "transport.py" in told
        assert "{...}" in told  # frames whose variables would tell are among them
    assert secrets_in(told, running, double) == []


def test_what_a_token_calls_answer_shows(shell: tuple[Kernel, ProviderDouble]) -> None:
    """An answer without a life of its token is refused, and a verbose traceback does not show the answer."""
    running, double = shell
    running.run("%xmode Verbose")
    code = (
        "from aijupyter.api.wire import Reply\nfrom aijupyter.api.auth import TokenSource\n"
        "async def answer(*args, **kwargs):\n"
        "    return Reply(200, {'x': 'in-a-header'}, b'{\"access_token\": \"' + os.urandom(0) + b'abc' * 9 + b'\"}')\n"
        "source = TokenSource(ai._desk.parts.server.credentials, answer)\n"
        "chained(ai._call, source.token)"
    )
    cell = running.run(code)
    assert "AuthenticationError" in cell.err
    assert "abc" * 9 not in cell.err
    assert secrets_in(cell.err, running, double) == []


def frames(error: BaseException | None) -> Iterator[tuple[str, str]]:
    """Every variable of every frame of an error and of those that would be shown with it: where, and its value."""
    while error is not None:
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_globals["__name__"] != __name__:
                where = f"{frame.f_code.co_filename}:{line}"
                yield from ((f"{where} {name}", repr(value)) for name, value in frame.f_locals.items())
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_no_variable_of_any_frame_holds_a_secret(double: ProviderDouble, wav: Path) -> None:
    """Some tools show all of them: for wrong settings, an unknown job, an API that is away, with a token or without."""
    caught: list[BaseException] = []

    def fails(function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        with pytest.raises(AIJupyterError) as error:
            function(*args, **kwargs)
        caught.append(error.value)

    account = double.credentials
    fails(aijupyter.connect, **account, port="a")
    fails(aijupyter.connect, **account, host="256.0.0.1")
    fails(aijupyter.connect, ledger="postgresql://me:password-of-the-test@127.0.0.1:1/db", embedded=True)
    with aijupyter.connect(**account) as ai:
        transport = ai._desk.open_parts().transport
        fails(ai._call, operations.job_status, transport, "no-such-job")
        double.stop_listening()
        fails(ai._call, operations.job_status, transport, "no-such-job")
        transport._tokens._token = None
        fails(ai._call, operations.job_status, transport, "no-such-job")
        double.listen_again()
        double.plan.fail = [{"errorCode": "CAI-101", "message": "no"}]
        fails(ai.transcribe(wav).result, timeout=20)
    known = [CLIENT_SECRET, JWT, "password-of-the-test", *double.tokens]
    held = [where for error in caught for where, value in frames(error) if any(one in value for one in known)]
    assert sum(1 for error in caught for _ in frames(error)) > 50
    assert held == []


def test_widgets_hold_no_secret(shell: tuple[Kernel, ProviderDouble]) -> None:
    """Their state goes to the browser, and is saved by some front ends."""
    running, double = shell
    cell = running.run(
        "import json, ipywidgets\n"
        "shown = [aijupyter.widget(each) for each in (ai.transcribe('call.wav'), ai.jobs(), ai.panel())]\n"
        "batch = ai.map(ai.transcribe, ['call.wav', os.environ['RECORDING_URL']])\n"
        "shown.append(aijupyter.widget(batch))\n"
        "print(json.dumps([each.get_state() for each in shown], default=repr))"
    )
    assert cell.ok, cell.err
    assert len(cell.out) > 1000
    assert secrets_in(cell.out, running, double) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("RC_SERVER_URL=https://elsewhere.example", "names a server"),
        ("AIJUPYTER_PUBLIC_URL=https://elsewhere.example", "names a public URL"),
        ("AIJUPYTER_SSH=me@elsewhere.example", "names an SSH host"),
        ("NGROK_AUTHTOKEN=theirs-and-not-mine", "names ngrok's token"),
    ],
)
def test_an_env_file_may_not_say_where_things_go(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that are not from the file, or the answers to them, would go where its author likes."""
    (tmp_path / ".env").write_text(f"{line}\n", encoding="utf-8")
    assert Settings.load(embedded=True).embedded
    for name in ("RC_APP_CLIENT_ID", "RC_APP_CLIENT_SECRET", "RC_USER_JWT"):
        monkeypatch.setenv(name, "mine-and-only-mine")
    with pytest.raises(ConfigurationError, match=said):
        Settings.load()
    for name in ("RC_APP_CLIENT_ID", "RC_APP_CLIENT_SECRET", "RC_USER_JWT"):
        monkeypatch.delenv(name)
        with (tmp_path / ".env").open("a", encoding="utf-8") as file:
            file.write(f"{name}=theirs\n")
    assert Settings.load().has_credentials
