"""%aijupyter in a real kernel: asking by lines and cells, errors in a few lines, help, the Tab key, and leaving."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from call_log import call
from double import CLIENT_SECRET, JWT, ProviderDouble
from kernels import Kernel, kernel

LOAD = "%load_ext aijupyter"


@pytest.fixture
def account(double: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> ProviderDouble:
    """The double, with its credentials where a kernel finds them: in its environment."""
    for name, value in (
        ("RC_SERVER_URL", double.url),
        ("RC_APP_CLIENT_ID", double.credentials["client_id"]),
        ("RC_APP_CLIENT_SECRET", double.credentials["client_secret"]),
        ("RC_USER_JWT", double.credentials["jwt"]),
    ):
        monkeypatch.setenv(name, value)
    return double


@pytest.fixture
def notebook() -> Iterator[Kernel]:
    """A kernel with the extension."""
    with kernel() as running:
        assert running.run(LOAD).ok
        yield running


@pytest.mark.usefixtures("account")
def test_a_line_asks(notebook: Kernel, wav: Path) -> None:
    """Where no session is open one is started; the variable holds the job at once, and the job is shown."""
    asked = notebook.run(f"%aijupyter transcribe {wav.name} as call")
    assert "Connected to http://127.0.0.1" in asked.out
    assert "The session is in ai" in asked.out
    assert "<Job" in asked.plain
    assert notebook.run("print(type(call).__name__, (await call).text)").out == "Job Good morning. How can I help?\n"
    again = notebook.run(f"%aij transcribe {wav.name}")
    assert (again.out, again.err) == ("", "")
    assert "<Job" in again.plain
    assert notebook.run("print(_ is ai.job(call.id))").out == "True\n"
    assert notebook.run(f"job = %aij transcribe {wav.name}\nprint(job.id == call.id)").out == "True\n"


def test_options_reach_the_api(account: ProviderDouble, notebook: Kernel, wav: Path) -> None:
    """What is written in the line is what the provider is asked; variables of the notebook are filled in."""
    notebook.run(f"name, much = {wav.stem!r}, 2")
    line = (
        "%aijupyter analyze {name}.wav --insights KeyPhrases Topics --speaker-count $much as job --audio-type Meeting"
    )
    asked = notebook.run(f"{line}\nawait job")
    assert asked.ok, asked.reply
    ((_, path, body),) = account.submissions()
    assert path.endswith("analyze-interaction")
    assert (body["insights"], body["speakerCount"], body["audioType"]) == (["KeyPhrases", "Topics"], 2, "Meeting")


@pytest.mark.usefixtures("account")
def test_waiting_gives_the_result(notebook: Kernel, wav: Path) -> None:
    """With --wait the variable holds the result, shown in the job's place; without one it is the line's value."""
    waited = notebook.run(f"%aijupyter transcribe {wav.name} as call --wait")
    assert "<Job" in waited.plain
    assert "Good morning." in waited.updated[-1]["text/html"]
    assert notebook.run("print(call.text)").out == "Good morning. How can I help?\n"
    free = notebook.run(f"%aijupyter transcribe {wav.name} --wait")
    assert "Good morning." in free.shown[-1]["text/html"]


def test_a_failed_wait_tells_why(account: ProviderDouble, notebook: Kernel, wav: Path) -> None:
    """The provider's words, in a few lines on the error output; the variable still holds the job."""
    account.plan.fail = [{"errorCode": "CAI-120", "message": "The audio is silent"}]
    failed = notebook.run(f"%aijupyter transcribe {wav.name} as call --wait")
    assert failed.error == "JobFailedError"
    assert failed.err.startswith("JobFailedError: ")
    assert "The audio is silent" in failed.err
    assert "Traceback (most" not in failed.err
    assert notebook.run("print(call.state)").out == "failed\n"


def test_a_cell_asks_about_many(account: ProviderDouble, notebook: Kernel, wav: Path) -> None:
    """One path or glob in each line makes a batch; a line that matches nothing sends nothing at all."""
    for number in range(3):
        Path(f"c{number}.wav").write_bytes(wav.read_bytes() + bytes(number + 1))
    wrong = notebook.run("%%aijupyter transcribe as calls\nc*.wav\nnowhere.wav\n")
    assert "line 3: there is no file nowhere.wav" in wrong.err
    assert account.asked == []
    cell = '%%aijupyter transcribe as calls --wait\n# all of them\nc?.wav\n"call.wav"  # and this\nc1.wav\n'
    asked = notebook.run(cell)
    assert asked.err == ""
    assert "<Batch of 4" in asked.plain
    told = notebook.run("print(type(calls).__name__, calls.counts, [job.recording for job in calls])").out
    assert told == "Batch {'succeeded': 4} ['c0.wav', 'c1.wav', 'c2.wav', 'call.wav']\n"


@pytest.mark.usefixtures("account")
def test_jobs_are_listed(notebook: Kernel, wav: Path) -> None:
    """The frame of ai.jobs(), shown where the line ends the cell, or in a variable."""
    assert "There is no session in ai" in notebook.run("%aijupyter jobs").err
    notebook.run(f"%aijupyter transcribe {wav.name} as call --wait")
    listed = notebook.run("%aijupyter jobs --state succeeded --since '1 day'")
    assert "call.wav" in listed.plain
    assert notebook.run("%aijupyter jobs --state failed as none\nprint(len(none))").out == "0\n"
    assert "Give a time such as" in notebook.run("%aijupyter jobs --since yesterdayish").err


def test_slips_of_the_pen(account: ProviderDouble, notebook: Kernel, wav: Path) -> None:
    """Each ends its cell with one block that holds the mend; nothing is started or sent."""
    for line, words in (
        ("%aijupyter transcirbe call.wav", "Did you mean transcribe?"),
        ("%aijupyter transcribe call.wav --speaker-cont 2", "Did you mean --speaker-count?"),
        ("%aijupyter transcribe call.wav as class", "no name for a variable"),
        ("%aijupyter transcribe call.wav as ai", "ai holds the session"),
        ("%aijupyter transcribe 'call.wav", "never closed"),
        ("%aijupyter transcribe my call.wav", '"my call.wav"'),
        ("%%aijupyter status\ncall.wav", "Write it in a line"),
        ("%%aijupyter transcribe call.wav\ncall.wav", "stands behind"),
        ("ai = 3\n%aijupyter transcribe call.wav", "--name ai2"),
    ):
        told = notebook.run(line)
        assert told.error == "OptionError"
        assert words in told.err, line
        assert re.match(r"OptionError: [^\n]+\n", told.err), line
        assert "aijupyter/magics" not in told.err
        assert told.out == ""
    missing = notebook.run("del ai\n%aijupyter transcribe nowhere.wav").err
    assert missing.startswith("MediaNotFoundError: There is no file nowhere.wav.\nCheck the path")
    assert account.asked == []
    assert notebook.run("print('ai' in globals())").out == "False\n"


@pytest.mark.usefixtures("account")
def test_the_traceback_on_request(notebook: Kernel) -> None:
    """The block names no file of ours; %aijupyter traceback does, also after another error; %debug can start there."""
    assert "There was no error" in notebook.run("%aijupyter traceback").out
    told = notebook.run("%aijupyter transcribe nowhere.wav")
    assert "recordings.py" not in told.err
    assert "recordings.py" in notebook.run("%aijupyter traceback").out
    assert notebook.run("import sys\nprint(type(sys.last_value).__name__)").out == "MediaNotFoundError\n"
    assert not notebook.run("1/0").ok
    assert "recordings.py" in notebook.run("%aijupyter traceback").out
    notebook.run("import aijupyter\nai = aijupyter.connect()")
    notebook.run("ai.transcribe('elsewhere.wav')")
    assert "elsewhere.wav" in notebook.run("%aijupyter traceback").out


def test_settings_are_shown_without_secrets(account: ProviderDouble, notebook: Kernel) -> None:
    """Every setting with its source, as text and as HTML; of the session, or what connect() would take now."""
    Path(".env").write_text("AIJUPYTER_POLL_SECONDS=5\n")
    notebook.run("%env NGROK_AUTHTOKEN=the-token")
    before = notebook.run("%aijupyter config")
    assert "What connect() would take now" in before.out
    (forms,) = before.shown
    for words in ("poll_seconds", "5.0", ".env AIJUPYTER_POLL_SECONDS", "environment RC_USER_JWT", "***", "default"):
        assert words in forms["text/plain"]
        assert words in forms["text/html"]
    after = notebook.run("%aijupyter start --port 0\n%aijupyter config\nai.settings")
    assert "The settings of the session in ai" in after.out
    assert re.search(r"port +0 +argument", after.plain)
    for cell in (before, after):
        assert not any(secret in str(cell.messages) for secret in (CLIENT_SECRET, JWT, "the-token"))
    assert "AIJUPYTER_POLL_SECONDS" not in notebook.run("%aijupyter config --env-file nowhere.env").plain
    assert "no env_file" in notebook.run("%aijupyter stop\n%aijupyter config --env-file nowhere.env").err


@pytest.mark.usefixtures("account")
def test_the_doctor_makes_a_visit(notebook: Kernel) -> None:
    """A table of checks, before and with a session; the kernel, its loop and its widgets are well."""
    (forms,) = notebook.run("%aijupyter doctor").shown
    lines = {line[6:21].strip(): line for line in forms["text/plain"].splitlines() if line[6:7].strip()}
    assert lines["Kernel"].startswith("ok")
    assert "loop runs" in lines["Kernel"]
    assert lines["Widgets"].startswith("ok")
    assert "RC_USER_JWT" in forms["text/plain"]
    assert "<table" in forms["text/html"]
    assert "Nothing stands in the way." in forms["text/html"]
    (forms,) = notebook.run("%aijupyter start\n%aijupyter doctor").shown
    assert "Open, with 0 jobs under way" in forms["text/plain"]


@pytest.mark.usefixtures("account")
def test_sessions_under_other_names(notebook: Kernel, wav: Path) -> None:
    """--name chooses the session; settings are taken at the start, and refused for one that is open."""
    assert "Use it as lab" in notebook.run("%aijupyter start --name lab --poll-seconds 7").out
    assert notebook.run("print(lab.settings.poll_seconds)").out == "7.0\n"
    assert "Stop it first" in notebook.run("%aijupyter start --name lab --poll-seconds 8").err
    assert "<Job" in notebook.run(f"%aijupyter transcribe {wav.name} --name lab").plain
    assert notebook.run("print('ai' in globals(), len(lab.jobs()))").out == "False 1\n"
    assert "lab holds the session" in notebook.run(f"%aijupyter transcribe {wav.name} as lab").err
    assert "Stopped" in notebook.run("%aijupyter stop --name lab").out
    assert "Use it as lab" in notebook.run("%aijupyter start --name lab --poll-seconds 8").out
    assert notebook.run("print(lab.settings.poll_seconds)").out == "8.0\n"


def test_the_accounts_calls(account: ProviderDouble, notebook: Kernel) -> None:
    """A line lists them into a variable and shows them; the frame can be asked about as it is."""
    account.calls.records = [call(number, account.url) for number in range(3)]
    notebook.run("%aijupyter start")
    listed = notebook.run('%aijupyter recordings --since "2026-10-26" --direction inbound as calls')
    assert "401500000001" in listed.plain
    assert notebook.run("print(len(calls), len(await ai.map(ai.transcribe, calls)))").out == "2 2\n"


def test_help_and_the_tab_key(notebook: Kernel) -> None:
    """Help is for reading; the Tab key, as JupyterLab asks for it, completes with and without jedi."""
    Path("my call.wav").touch()
    for code in ("%aijupyter --help", "%aij -h"):
        told = notebook.run(code)
        assert "%aijupyter transcribe call.wav as call" in told.out
        assert told.err == ""
    own = notebook.run("%aijupyter analyze --help")
    assert "--insights NAME" in own.out
    assert "KeyPhrases" in own.out
    assert own.ok
    assert own.err == ""
    (page,) = notebook.run("%aijupyter?").reply["payload"]
    assert "%%aijupyter analyze --insights All as calls" in page["data"]["text/plain"]
    for jedi in (True, False):
        notebook.run(f"%config IPCompleter.use_jedi = {jedi}")
        assert notebook.complete("%aijupyter ")[:2] == ["transcribe", "analyze"]
        assert notebook.complete("x = 1\n%aij sta") == ["start", "status", "stats"]
        assert notebook.complete("%aijupyter analyze --insights Key") == ["KeyPhrases"]
        assert notebook.complete("%aijupyter transcribe my") == ['"my call.wav"']
        assert notebook.complete("%%aijupyter transcribe as calls\nmy") == ["my call.wav"]
        assert "print" in notebook.complete("pri")
    notebook.run("import aijupyter\nfrom aijupyter import Settings\nlab = aijupyter.Session(Settings())")
    assert notebook.complete("%aijupyter status --name ") == ["lab"]


@pytest.mark.usefixtures("account")
def test_it_goes_without_a_trace(notebook: Kernel, wav: Path) -> None:
    """Unloading takes magics and completion away and leaves the session; loading again brings them once."""
    notebook.run("%aijupyter start")
    assert notebook.run("%unload_ext aijupyter").ok
    gone = notebook.run("%aijupyter status")
    assert "not found" in gone.err + str(gone.reply)
    assert "transcribe" not in notebook.complete("%aijupyter ")
    assert "Good morning." in notebook.run(f"print((await ai.transcribe({wav.name!r})).text)").out
    for way in ("%load_ext aijupyter", "%reload_ext aijupyter"):
        assert notebook.run(way).ok
        assert "Session     open" in notebook.run("%aijupyter status").out
        assert notebook.complete("%aijupyter an") == ["analyze"]


def test_a_broken_setting_is_told(notebook: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be started says why, with the mend, by the magic and by the doctor."""
    notebook.run("import os\nos.environ['AIJUPYTER_PORT'] = 'eighty'")
    told = notebook.run("%aijupyter start")
    assert told.err.startswith("ConfigurationError: port is 'eighty'.\nIt must be a number")
    (forms,) = notebook.run("%aijupyter doctor").shown
    assert re.search(r"to do Settings +port is 'eighty'", forms["text/plain"])
    assert "1 thing to do." in forms["text/html"]
    assert "AIJUPYTER_PORT" not in os.environ


@pytest.mark.usefixtures("account")
def test_texts_by_a_magic(notebook: Kernel, wav: Path) -> None:
    """A line's own words, what a variable holds, and the lines of a cell."""
    said = notebook.run('%aijupyter punctuate "how are you" --wait')
    assert said.ok, said.err
    assert "How are you." in said.shown[-1]["text/html"]
    cell = notebook.run("%%aijupyter punctuate as lines --wait\nhow are you\n\nfine")
    assert cell.ok, cell.err
    assert notebook.run("print(lines.texts['after'].tolist())").out == "['How are you.', 'Fine.']\n"
    assert notebook.run(f"%aijupyter transcribe {wav.name} as call --wait").ok
    summary = notebook.run("%aijupyter summarize call --summary-type All as short --wait")
    assert "A greeting." in summary.updated[-1]["text/html"]
    assert "Summary: not made." in summary.updated[-1]["text/html"]
    assert notebook.run("print(short.recording)").out == f"{wav.name}\n"
    assert "no conversation" in notebook.run("%aijupyter summarize ai").err


@pytest.mark.usefixtures("account")
def test_speakers_by_magics(notebook: Kernel, wav: Path) -> None:
    """Enrolled, completed, listed, looked for, joined into a conversation, and forgotten."""
    notebook.run("%aijupyter start")
    assert "not complete" in notebook.run(f"%aijupyter enroll ann {wav.name}").plain
    assert "complete, Good" in notebook.run(f"%aijupyter add-audio ann {wav.name}").plain
    assert "ann" in notebook.run("%aijupyter speakers as voices").plain
    assert notebook.run("print(voices['speaker'].tolist())").out == "['ann']\n"
    heard = notebook.run(f"%aijupyter identify {wav.name} --speaker-ids ann --wait")
    assert "unknown" in heard.shown[-1]["text/html"]
    assert "needs speaker_ids" in notebook.run(f"%aijupyter identify {wav.name}").err
    run = notebook.run(f"await ai.transcribe({wav.name!r}, enable_speaker_diarization=False)\nai.diarize({wav.name!r})")
    assert run.ok, run.err
    joined = notebook.run(f"whole = ai.conversation({wav.name!r})\ndisplay(whole)\nawait whole")
    assert "<Joint of" in joined.plain
    assert "ann" in joined.shown[-1]["text/html"]
    assert "deleted" in notebook.run("%aijupyter forget-speaker ann").out
    assert "deleted before" in notebook.run("%aijupyter forget-speaker ann").err
    assert "enroll takes ID and RECORDING" in notebook.run("%aijupyter enroll ann").err
