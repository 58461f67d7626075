"""What is logged: without secrets, quiet by default, with events that machines can read and that are documented."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aijupyter
from aijupyter.config import Secret
from aijupyter.logs import hush, logger, without_secrets

PACKAGE = Path(aijupyter.__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs" / "logging.md"
SECRET = Secret("s3cret-of-the-test")
PLAIN = SECRET.reveal()


class InFull(logging.Formatter):
    """Writes all that a record holds."""

    def format(self, record: logging.LogRecord) -> str:
        """The usual line, and every attribute."""
        return f"{super().format(record)}\n{vars(record)}"


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """What a plain handler writes of the logger `aijupyter.of_the_test`, in full."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(InFull())
    log = logging.getLogger("aijupyter.of_the_test")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield stream
    log.removeHandler(handler)


def log() -> logging.Logger:
    """One of our loggers; asking twice is the same as asking once."""
    assert logger("aijupyter.of_the_test") is logger("aijupyter.of_the_test")
    assert len(logger("aijupyter.of_the_test").filters) == 1
    return logger("aijupyter.of_the_test")


def test_a_secret_in_the_message_or_its_arguments(told: io.StringIO) -> None:
    """Wherever in a message it is, and whatever object it comes out of."""
    log().info("it is %s", PLAIN)
    log().info("it is %(secret)s", {"secret": PLAIN})
    log().info("it is %r", [PLAIN])
    log().info(f"it is {PLAIN}")
    assert PLAIN not in told.getvalue()
    assert told.getvalue().count("'msg': 'it is ***'") == 3


def test_a_secret_in_what_is_beside_the_message(told: io.StringIO) -> None:
    """Structured fields keep numbers and plain texts as they are."""
    log().info("done", extra={"event": "e", "where": f"at {PLAIN}", "list": [PLAIN], "number": 3, "none": None})
    assert PLAIN not in told.getvalue()
    assert "'where': 'at ***'" in told.getvalue()
    assert "'number': 3" in told.getvalue()
    assert "'none': None" in told.getvalue()


def test_a_secret_in_chained_exceptions(told: io.StringIO) -> None:
    """The text of each error in the chain is told, and none of their secrets; no frames are left to look into."""
    try:
        try:
            int(f"first {PLAIN}")
        except ValueError as error:
            raise KeyError(PLAIN, "second") from error
    except KeyError:
        log().exception("it failed", stack_info=True)
    assert PLAIN not in told.getvalue()
    assert "'first ***'" in told.getvalue()
    assert "direct cause" in told.getvalue()
    assert "'exc_info': None" in told.getvalue()


def test_arguments_that_do_not_fit(told: io.StringIO) -> None:
    """A slip in a log call neither raises nor loses the message."""
    log().info("%s and %s", "one")
    assert "%s and %s (TypeError in its arguments)" in told.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "POST https://x.example/base/d/{} 200",
        "GET /m/{}.wav",
        "https://media.example/content?access_token={}&x=1",
        "{{'Authorization': 'Bearer {}'}}",
        "authorization: Basic {}",
        "Authorization={}",
        "postgresql://me:{}@host/db",
        "host=h password={} dbname=d",
        'authtoken: "{}"',
        "{{'assertion': '{}'}}",
        "Bearer {}",
        "path {} of a job",
    ],
)
def test_what_looks_like_a_secret(text: str) -> None:
    """Secrets that nobody told us of are known by where they stand, or how they look."""
    for _ in range(20):
        unknown = secrets.token_urlsafe(32)
        shown = without_secrets(text.format(unknown))
        assert unknown not in shown
        assert "***" in shown
    assert shown.replace("***", "") in text.format("").replace("{}", "")


@pytest.mark.parametrize(
    "text",
    [
        "job 96d7a8ae-1d6f-4f6e-9d9b-0b8f6c0d5a11 is succeeded: answered by webhook",
        "/d/ is where deliveries go, /m/short is nothing",
        "the ledger /home/me/.local/share/aijupyter/ledger.db, host 127.0.0.1:8080",
        "Basic facts about bearer tokens",
        "https://platform.ringcentral.com/ai/status/v1/jobs/96d7a8ae-1d6f-4f6e-9d9b-0b8f6c0d5a11",
    ],
)
def test_what_only_sounds_like_one(text: str) -> None:
    """Ids, paths and words are left alone, or a log would be of no use."""
    assert without_secrets(text) == text


def test_nothing_is_printed_by_default() -> None:
    """Without any handler Python would write warnings to standard error, and so into a cell."""
    code = (
        "import logging, aijupyter\nfrom aijupyter.logs import hush, logger\nhush('theirs')\n"
        "logger('aijupyter.session').error('ours')\nlogging.getLogger('theirs').error('theirs')\n"
    )
    environment = {"PYTHONPATH": str(PACKAGE.parent), "PATH": ""}
    command = [sys.executable, "-c", code]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


def test_another_packages_logger(told: io.StringIO) -> None:
    """One that is hushed tells no secret either."""
    name = "of_another_package"
    hush(name)
    hush(name)
    handler = logging.StreamHandler(told)
    logging.getLogger(name).addHandler(handler)
    logging.getLogger(name).warning("token %s", PLAIN)
    logging.getLogger(name).removeHandler(handler)
    assert "token ***" in told.getvalue()
    assert len(logging.getLogger(name).handlers) == 1


def test_the_formatter_of_the_docs(told: io.StringIO) -> None:
    """The ten lines in the docs write each event as JSON."""
    code = re.search(r"```python\n(import json, logging\n.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    names: dict[str, type[logging.Formatter]] = {}
    exec(code[1].partition("logging.getLogger")[0], names)
    handler = logging.StreamHandler(stream := io.StringIO())
    handler.setFormatter(names["JSONLines"]())
    log().addHandler(handler)
    log().info("job %s is asked", "k", extra={"event": "job.asked", "job": "k"})
    log().removeHandler(handler)
    said = json.loads(stream.getvalue())
    assert (said["event"], said["job"], said["message"]) == ("job.asked", "k", "job k is asked")


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the package."""
    for file in PACKAGE.rglob("*.py"):
        yield file.relative_to(PACKAGE), ast.parse(file.read_text(encoding="utf-8"))


def events() -> dict[str, set[str]]:
    """The events in the code, with the fields that stand beside each."""
    found: dict[str, set[str]] = {}
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                values = dict(zip(keys, node.values, strict=False))
                name = getattr(values.get("event"), "value", None)
                if isinstance(name, str) and ("." in name or name == "bug"):
                    found.setdefault(name, set()).update(set(keys) - {"event"})
    return found


def documented() -> dict[str, set[str]]:
    """The events in the docs' table, with their fields."""
    row = re.compile(r"^\| `([a-z_.]+)` \| \w+ \|[^|]*\|([^|]*)\|$", re.MULTILINE)
    found = row.findall(DOCUMENT.read_text(encoding="utf-8"))
    return {name: set(re.findall(r"`(\w+)`", fields)) for name, fields in found}


def test_every_event_is_documented() -> None:
    """No event in the code without its row, no row without an event, and the fields are those."""
    told = documented()
    assert len(events()) > 12
    assert set(events()) == set(told)
    for name, fields in events().items():
        assert fields <= told[name], name


def test_fields_do_not_hide_a_records_own() -> None:
    """Logging raises KeyError for a field that a record has itself."""
    own = {*vars(logging.makeLogRecord({})), "message", "asctime"}
    assert not own & set().union(*events().values())


def test_every_logger_of_the_package_is_one_that_redacts() -> None:
    """The service runs in a process of its own, whose log is redacted where it is shown."""
    code = re.compile(r"logging\.getLogger\(__name__\)")
    plain = {str(path) for path in PACKAGE.rglob("*.py") if code.search(path.read_text(encoding="utf-8"))}
    assert {path for path in plain if "service" not in Path(path).parts} == {str(PACKAGE / "__init__.py")}
