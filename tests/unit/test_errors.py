"""The error tree: as drawn, as it is, and as it survives the ledger."""

from __future__ import annotations

import inspect
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aijupyter import errors
from aijupyter.errors import AIJupyterError, Fault, JobError, MediaError, ProviderError, dump_error, load_error
from aijupyter.telling import masked

LINE = re.compile(r"^(?P<indent>[ │]*)(?:[├└]── )?(?P<name>\w+Error)(?: +\((?P<kin>\w+)\))?")
FAULTS = (Fault("CAI-101", "Parameter [speakerCount] is invalid.", "speakerCount"), Fault("CAI-102", "Ach, Größe!"))

CLASSES = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AIJupyterError)),
    key=lambda kind: kind.__name__,
)


def test_errors_travel_between_processes() -> None:
    """Every error survives pickling with what it carries, and those of the operating system's kin have no number."""
    for kind in (errors.MediaNotFoundError, errors.JobTimeoutError, errors.RateLimitedError):
        extra = {"retry_after": 3.0} if kind is errors.RateLimitedError else {}
        error = kind("a problem", "a mend", **extra)
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), vars(again)) == (kind, vars(error))
        assert getattr(error, "errno", None) is None


def drawn_tree() -> dict[str, tuple[str | None, str | None]]:
    """For each class of the module's docstring: its parent there, and its kin in the standard library."""
    tree: dict[str, tuple[str | None, str | None]] = {}
    above: list[tuple[int, str]] = []
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        found = LINE.match(line)
        if found is None or not line.startswith((" ", "│")):
            continue
        column = found.start("name")
        above = [(place, name) for place, name in above if place < column]
        tree[found["name"]] = (above[-1][1] if above else None, found["kin"])
        above.append((column, found["name"]))
    return tree


def real_tree() -> dict[str, tuple[str | None, str | None]]:
    """The same of the classes themselves."""
    tree: dict[str, tuple[str | None, str | None]] = {}
    for kind in CLASSES:
        ours = [base.__name__ for base in kind.__bases__ if issubclass(base, AIJupyterError)]
        kin = [base.__name__ for base in kind.__bases__ if not issubclass(base, AIJupyterError)]
        assert len(ours) <= 1
        assert len(kin) <= 1
        tree[kind.__name__] = (ours[0] if ours else None, kin[0] if kin and kin != ["Exception"] else None)
    return tree


def made(kind: type[AIJupyterError]) -> AIJupyterError:
    """An error with every detail that its class can carry."""
    details: dict[str, Any] = {
        "option": "speaker_count",
        "source": "call.mp3",
        "path": "/home/me/ledger.db",
        "status": 418,
        "faults": FAULTS,
        "request_id": "a-request",
        "job_id": "a-job",
        "retry_after": 12.5,
    }
    names = set()
    for base in kind.__mro__:
        if base.__module__ == errors.__name__ and "__init__" in vars(base):
            names |= set(inspect.signature(base.__init__).parameters)
    return kind("It is wrong.", "Mend it.", **{name: value for name, value in details.items() if name in names})


def test_the_tree_is_as_it_is_drawn() -> None:
    """The docstring draws exactly the classes that there are, below their parents, with their kin."""
    assert len(CLASSES) > 30
    assert drawn_tree() == real_tree()


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_caught_by_its_kin(kind: type[AIJupyterError]) -> None:
    """`except ValueError` and the like catch ours, and so does the root."""
    kin = drawn_tree()[kind.__name__][1]
    standard = getattr(__import__("builtins"), kin) if kin else AIJupyterError
    with pytest.raises(standard):
        raise made(kind)
    with pytest.raises(AIJupyterError):
        raise made(kind)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_says_what_is_wrong_and_what_to_do(kind: type[AIJupyterError]) -> None:
    """The text is the problem and the mend, also for the kin of OSError, whose own texts differ."""
    assert str(made(kind)) == "It is wrong.\nMend it."
    error = made(kind)
    assert (error.problem, error.mend) == ("It is wrong.", "Mend it.")


def test_an_error_without_a_mend() -> None:
    """Where nothing can be advised no empty line is left."""
    assert str(errors.LedgerError("The ledger failed.")) == "The ledger failed."


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_the_ledger(kind: type[AIJupyterError]) -> None:
    """Written as JSON and read again, an error is of its class and carries all that it carried."""
    error = made(kind)
    error.add_note("a note of whoever caught it")
    again = load_error(json.loads(json.dumps(dump_error(error))))
    assert type(again) is kind
    assert str(again) == str(error)
    carried = {name: value for name, value in vars(error).items() if name != "__notes__"}
    assert vars(again) == carried
    assert carried.keys() >= {"problem", "mend"}


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        (ProviderError, {"status": 418, "faults": FAULTS, "request_id": "a-request"}),
        (errors.RateLimitedError, {"retry_after": 12.5, "faults": FAULTS}),
        (JobError, {"job_id": "a-job"}),
        (errors.JobFailedError, {"job_id": "a-job", "faults": FAULTS}),
        (MediaError, {"source": "call.mp3"}),
        (errors.OptionError, {"option": "speaker_count"}),
        (errors.LedgerError, {"path": "/home/me/ledger.db"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_errors_carry(kind: type[AIJupyterError], details: dict[str, Any]) -> None:
    """A program finds what it needs as attributes, not in the text."""
    error = made(kind)
    assert {name: getattr(error, name) for name in details} == details


def test_a_provider_error_shows_its_first_fault() -> None:
    """The first fault's parts are at hand; without faults they are None."""
    error = made(errors.BadRequestError)
    assert isinstance(error, ProviderError)
    assert error.error_code == "CAI-101"
    assert error.message == "Parameter [speakerCount] is invalid."
    assert error.parameter_name == "speakerCount"
    bare = ProviderError("no reason")
    assert (bare.error_code, bare.message, bare.parameter_name) == (None, None, None)


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "ErrorOfTomorrow", "problem": "New.", "mend": "Upgrade.", "colour": "red"},
        {"kind": "JobError", "problem": "New.", "mend": "Upgrade.", "colour": "red"},
        {"kind": "Fault", "problem": "New.", "mend": "Upgrade."},
        {"problem": "New.", "mend": "Upgrade."},
    ],
    ids=["unknown kind", "unknown detail", "no error", "no kind"],
)
def test_what_another_version_wrote_down(data: dict[str, Any]) -> None:
    """An error that is not of this version is still an error with its text."""
    assert str(load_error(data)) == "New.\nUpgrade."


def test_a_fault_in_words() -> None:
    """Code, message and parameter, as far as they are there."""
    assert str(FAULTS[0]) == "CAI-101: Parameter [speakerCount] is invalid. (parameter speakerCount)"
    assert str(Fault("", "Too quiet.")) == "Too quiet."


FAILS = "from aijupyter.errors import JobFailedError\ntry:\n    1 / 0\nexcept Exception as e:\n    "
FAILS += "raise JobFailedError('It failed.\\x1b[2J', 'Ask again.', job_id='p-7') from e  # token='abc'"


def ended(*command: str) -> subprocess.CompletedProcess[str]:
    """What a process said before it ended."""
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60, check=False)


def test_an_error_in_ipython_is_one_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong, what to do, which job and which line; no frames, no other errors, nothing secret, no commands."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shown = ended("-m", "IPython", "--colors=NoColor", "-c", FAILS).stdout
    said, mend, job, where, more = shown.splitlines()
    assert (said, mend, job) == ("JobFailedError: It failed.?[2J", "Ask again.", "Job p-7")
    assert where.startswith("Cell In[1], line 5: raise JobFailedError(")
    assert where.endswith("from e  # token='***'")
    assert more == "The traceback: %load_ext aijupyter, then %aijupyter traceback"


def test_colours_where_ipython_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class stands out; where it was is faint."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shown = ended("-m", "IPython", "--colors=Linux", "-c", FAILS).stdout
    assert shown.startswith("\033[1;31mJobFailedError\033[0m: \033[1mIt failed.?[2J\033[0m\nAsk again.\n")


def test_the_traceback_is_there_for_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, with what caused it, without the frames of IPython and what looks like a secret."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    cells = f"get_ipython().run_cell({FAILS!r})\nfrom aijupyter.views.trouble import full_traceback\n"
    shown = ended("-m", "IPython", "--colors=NoColor", "-c", f"{cells}print(full_traceback())").stdout
    trace = shown.partition("%aijupyter traceback\n")[2]
    for part in (
        "Traceback (most recent call last)",
        "ZeroDivisionError",
        "direct cause",
        "JobFailedError: It failed.?",
    ):
        assert part in trace
    assert "run_code" not in trace.rpartition("Traceback (most recent")[2]
    assert "'abc'" not in trace
    assert "\x1b" not in trace


def test_a_script_has_pythons_own_traceback() -> None:
    """Outside IPython nothing is changed."""
    done = ended("-c", FAILS)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert "ZeroDivisionError" in done.stderr
    assert done.stderr.endswith("aijupyter.errors.JobFailedError: It failed.\x1b[2J\nAsk again.\n")


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ('connect(client_secret="s3cret", port=1)', 'connect(client_secret="***", port=1)'),
        ("{'jwt': 's3cret'}", "{'jwt': '***'}"),
        ("ledger='postgresql://me:s3cret@host/db'", "ledger='postgresql://***@host/db'"),
        ("fetch('https://host/a?access_token=s3cret&b=s3cret')", "fetch('https://host/a?access_token=***&b=***')"),
        ("token = make(1)", "token = make(1)"),
        ("ai.transcribe('call.wav')", "ai.transcribe('call.wav')"),
    ],
)
def test_masked(code: str, shown: str) -> None:
    """Values of telling names, passwords and queries of URLs are hidden; other code is as it was."""
    assert masked(code) == shown
