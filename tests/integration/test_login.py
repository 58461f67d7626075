"""Logging in as a person does it, in a terminal and in a notebook: typed unseen, checked, stored, and found again."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from double import CLIENT_ID, CLIENT_SECRET, JWT, ProviderDouble
from kernels import Kernel, kernel
from keyrings import FILE

TOKEN = "2abc-of-ngrok"
ACCOUNT = {
    "aijupyter RC_APP_CLIENT_ID": CLIENT_ID,
    "aijupyter RC_APP_CLIENT_SECRET": CLIENT_SECRET,
    "aijupyter RC_USER_JWT": JWT,
}
SECRETS = (CLIENT_SECRET, JWT, TOKEN, "a-wrong-secret")
TYPED = (CLIENT_ID, CLIENT_SECRET, JWT)


@pytest.fixture(autouse=True)
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a keyring that the processes of a test share."""
    file = tmp_path / "keyring.json"
    monkeypatch.setenv(FILE, str(file))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.FileKeyring")
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[1]}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return file


@pytest.fixture
def server(double: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> ProviderDouble:
    """The double, which the environment names as the API."""
    monkeypatch.setenv("RC_SERVER_URL", double.url)
    return double


class Terminal:
    """The command in a terminal of its own; what a person would see of it is in `seen`."""

    def __init__(self, *arguments: str) -> None:
        import pty  # noqa: PLC0415  # not in Windows

        self._master, theirs = pty.openpty()
        command = [sys.executable, "-m", "aijupyter.cli", *arguments]
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.seen = ""

    def type(self, prompt: str, text: str) -> None:
        """Wait for a prompt, then type."""
        self._read_until(lambda: prompt in self.seen.rpartition("\n")[2])
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Wait for the command's end."""
        self._read_until(lambda: self.process.poll() is not None)
        status = self.process.wait(30)
        self._read(0.1)
        return status

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait(30)
        os.close(self._master)

    def _read_until(self, condition: object) -> None:
        deadline = time.monotonic() + 60
        while not condition():  # type: ignore[operator]  # a function
            assert time.monotonic() < deadline, self.seen
            assert self._read(0.05) or self.process.poll() is None or condition(), self.seen  # type: ignore[operator]

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            self.seen += os.read(self._master, 65536).decode()
        except OSError:  # the other end is closed
            return False
        return True


@pytest.fixture
def terminal() -> Iterator[type[Terminal]]:
    """Terminals, which are closed in the end."""
    if os.name != "posix":
        pytest.skip("there are no pseudo-terminals")
    made: list[Terminal] = []

    class Closed(Terminal):
        def __init__(self, *arguments: str) -> None:
            super().__init__(*arguments)
            made.append(self)

    yield Closed
    for one in made:
        one.close()


def stored(keyring: Path) -> dict[str, str]:
    """What the keyring holds."""
    return json.loads(keyring.read_text()) if keyring.exists() else {}


def test_login_and_logout_in_a_terminal(terminal: type[Terminal], server: ProviderDouble, keyring: Path) -> None:
    """Three answers, one token call, three entries and the server; nothing typed unseen is seen, nor listed by ps."""
    shell = terminal("login", "--ngrok")
    shell.type("Client id: ", f"{CLIENT_ID}\n")
    shell.type("Client secret (not shown): ", f"{CLIENT_SECRET}\n")
    shell.type("JWT (not shown): ", f"  {JWT} \n")
    listed = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    shell.type("ngrok's token (not shown): ", f"{TOKEN}\n")
    assert shell.end() == 0
    assert f"{server.url} accepts them. Stored in the keyring (keyrings FileKeyring)" in shell.seen
    assert "the environment comes first, and has RC_SERVER_URL" in shell.seen
    assert not any(secret in shell.seen + listed for secret in SECRETS)
    assert stored(keyring) == {
        **ACCOUNT,
        "aijupyter RC_SERVER_URL": server.url,
        "aijupyter NGROK_AUTHTOKEN": TOKEN,
    }
    assert len(server.asked) == 1
    again = terminal("logout")
    assert again.end() == 0
    assert "Removed from the keyring: RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET, RC_USER_JWT, RC_SERVER_URL" in again.seen
    assert stored(keyring) == {}
    none = terminal("logout")
    assert none.end() == 0
    assert "held nothing of ours" in none.seen


def test_a_later_login_replaces_the_whole_account(terminal: type[Terminal], keyring: Path) -> None:
    """The server of an older login does not get the credentials of this one; ngrok's token stays."""
    older = {"aijupyter RC_SERVER_URL": "https://older.example", "aijupyter NGROK_AUTHTOKEN": TOKEN}
    keyring.write_text(json.dumps({**older, "aijupyter RC_USER_JWT": "older"}))
    shell = terminal("login", "--no-check")
    for prompt, text in zip(("Client id: ", "Client secret", "JWT"), TYPED, strict=True):
        shell.type(prompt, f"{text}\n")
    assert shell.end() == 0
    assert "accepts them" not in shell.seen
    assert stored(keyring) == {**ACCOUNT, "aijupyter NGROK_AUTHTOKEN": TOKEN}


def test_credentials_that_are_refused(terminal: type[Terminal], server: ProviderDouble, keyring: Path) -> None:
    """The provider's words and the mend; the keyring stays as it was."""
    keyring.write_text(json.dumps(ACCOUNT))
    shell = terminal("login")
    for prompt, text in (("Client id: ", CLIENT_ID), ("Client secret", "a-wrong-secret"), ("JWT", JWT)):
        shell.type(prompt, f"{text}\n")
    assert shell.end() == 1
    assert "Invalid assertion" in shell.seen
    assert "Nothing was stored. Check RC_APP_CLIENT_ID" in shell.seen
    assert "Traceback" not in shell.seen
    assert not any(secret in shell.seen for secret in SECRETS)
    assert stored(keyring) == ACCOUNT


def test_a_server_that_is_not_there(terminal: type[Terminal], keyring: Path) -> None:
    """The address can be asked for too; where nobody answers, the way without a check is named."""
    shell = terminal("login", "--server")
    shell.type("The API's address [https://platform.ringcentral.com]: ", "http://127.0.0.1:9\n")
    for prompt, text in zip(("Client id: ", "Client secret", "JWT"), TYPED, strict=True):
        shell.type(prompt, f"{text}\n")
    assert shell.end() == 1
    assert "http://127.0.0.1:9 cannot be reached" in shell.seen
    assert "--no-check" in shell.seen
    assert stored(keyring) == {}
    clear = terminal("login", "--server")
    clear.type("The API's address", "http://api.example\n")
    assert clear.end() == 1
    assert "in the clear" in clear.seen


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        ("\x03", 130, "interrupted: nothing was stored"),
        ("\x04", 1, "The input ended before everything was typed."),
        ("\n", 1, "No JWT was typed."),
    ],
)
def test_a_person_who_gives_up(terminal: type[Terminal], keyring: Path, key: str, status: int, words: str) -> None:
    """Ctrl-C, Ctrl-D or nothing at all: a line, and nothing stored."""
    shell = terminal("login", "--no-check")
    shell.type("Client id: ", f"{CLIENT_ID}\n")
    shell.type("Client secret", f"{CLIENT_SECRET}\n")
    shell.type("JWT", "")
    if key == "\x03":
        os.kill(shell.process.pid, signal.SIGINT)
    else:
        shell.type("JWT", key)
    assert shell.end() == status
    assert words in shell.seen
    assert "Traceback" not in shell.seen
    assert CLIENT_SECRET not in shell.seen
    assert stored(keyring) == {}


def test_a_keyring_that_fails_half_way(
    terminal: type[Terminal], keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there before is there again, and the keyring's own words, which quote the secret, are not shown."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.FussyKeyring")
    before = {"aijupyter RC_APP_CLIENT_ID": "older", "aijupyter RC_SERVER_URL": "https://older.example"}
    keyring.write_text(json.dumps(before))
    shell = terminal("login", "--no-check")
    for prompt, text in zip(("Client id: ", "Client secret", "JWT"), TYPED, strict=True):
        shell.type(prompt, f"{text}\n")
    assert shell.end() == 1
    assert "The keyring refused: it failed (PasswordSetError)." in shell.seen
    assert not any(secret in shell.seen for secret in SECRETS)
    assert stored(keyring) == before


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("keyring.backends.null.Keyring", "this system has none"),
        ("no.such.Backend", "its backend is not installed"),
    ],
)
def test_where_there_is_no_keyring(
    terminal: type[Terminal], monkeypatch: pytest.MonkeyPatch, backend: str, words: str
) -> None:
    """Nothing is asked; the file that serves instead is described to the letter."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    shell = terminal("login")
    assert shell.end() == 1
    assert words in shell.seen
    for line in ("touch ~/aijupyter.env && chmod 600 ~/aijupyter.env", "RC_USER_JWT=...", "env_file='~/aijupyter.env'"):
        assert line in shell.seen
    assert "Client id" not in shell.seen


def test_without_a_terminal(keyring: Path) -> None:
    """What comes by a pipe is not taken, for it would have to be shown somewhere first; the other ways are named."""
    command = [sys.executable, "-m", "aijupyter.cli", "login"]
    done = subprocess.run(command, input="\n".join(TYPED), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "There is no terminal to type credentials into." in done.stderr
    assert "file .env that only you can read" in done.stderr
    assert stored(keyring) == {}


def test_without_the_package(tmp_path: Path) -> None:
    """What to install is named."""
    code = "import sys; sys.modules['keyring'] = None; import aijupyter.cli as c; sys.exit(c.main([sys.argv[1]]))"
    for action, words in (("login", "pip install 'aijupyter[keyring]'"), ("logout", "not installed")):
        done = subprocess.run(
            [sys.executable, "-c", code, action], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr


@pytest.fixture
def notebook() -> Iterator[Kernel]:
    """A kernel with the extension."""
    with kernel() as running:
        assert running.run("%load_ext aijupyter\nimport aijupyter").ok
        yield running


def test_login_in_a_notebook(server: ProviderDouble, notebook: Kernel, keyring: Path, wav: Path) -> None:
    """The front end hides what is typed; connect() then finds the account, works, and says where it came from."""
    refused, _ = notebook.answer("%aijupyter login", CLIENT_ID, "a-wrong-secret", JWT)
    assert refused.error == "AuthenticationError"
    assert "Nothing was stored. Check RC_APP_CLIENT_ID" in refused.err
    cell, prompts = notebook.answer("%aijupyter login --ngrok", *TYPED, TOKEN)
    assert cell.ok, cell.err
    assert [hidden for _, hidden in prompts] == [False, True, True, True]
    assert "accepts them. Stored in the keyring" in cell.out
    notebook.run("import os; del os.environ['RC_SERVER_URL']")
    used = notebook.run(
        f"ai = aijupyter.connect()\nprint((await ai.transcribe({wav.name!r})).text)\nai.config\n"
        "print(ai.config.set_index('setting').loc[['jwt', 'server_url'], ['value', 'source']].to_dict('index'))"
    )
    assert "Good morning." in used.out
    assert "'jwt': {'value': '***', 'source': 'keyring RC_USER_JWT'}" in used.out
    shown = notebook.run(
        "display(ai.config, ai.settings, vars(ai.settings), ai.settings.jwt, f'{ai.settings.jwt:>30}')\n"
        "%aijupyter config\n%aijupyter doctor\nai.close()"
    )
    assert shown.ok, shown.err
    out = notebook.run("%aijupyter logout")
    assert "Removed from the keyring: RC_APP_CLIENT_ID" in out.out
    assert stored(keyring) == {}
    told = notebook.run("%aijupyter traceback")
    for one in (refused, cell, used, shown, out, told):
        assert not any(secret in str(one.messages) + str(one.reply) for secret in SECRETS)


def test_a_notebook_that_nobody_types_into(notebook: Kernel, keyring: Path) -> None:
    """Run by nbclient, interrupted, or ended: an error with the mend, at once, and nothing stored."""
    told = notebook.run("%aijupyter login")
    assert told.error == "LoginError"
    assert "run without anybody to type" in told.err
    assert "in a terminal on this machine" in told.err
    ended, _ = notebook.answer("%aijupyter login --no-check", CLIENT_ID, "\x04")
    assert "The input ended" in ended.err
    asked = notebook.begin("%aijupyter login --no-check", stdin=True)
    notebook.asked()
    notebook.client.input(CLIENT_ID)
    notebook.asked()
    notebook.interrupt()
    stopped = notebook.finish(asked)
    assert stopped.error == "LoginError"
    assert "Interrupted: nothing was stored." in stopped.err
    assert stored(keyring) == {}
    slip = notebook.run(f"%aijupyter login --jwt {JWT}")
    assert "does not belong into a notebook" in slip.err
    assert "Did you mean --no-check?" in notebook.run("%aijupyter login --nocheck").err
    assert "--ngrok" in notebook.complete("%aijupyter login --n")
