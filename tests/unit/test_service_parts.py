"""The service's parts that need no server: addresses, tokens, the worker's news, the pipe to a parent."""

from __future__ import annotations

import contextlib
import io
import json
import os
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aijupyter.errors import ModelsMissingError, ServiceError
from aijupyter.models import AnalysisTask, Operation
from aijupyter.service.child import WAITING_EVENTS, EventWriter
from aijupyter.service.finding import find_engine
from aijupyter.service.jobs import ServiceJob
from aijupyter.service.options import Credentials
from aijupyter.service.reach import is_loopback, without_query
from aijupyter.service.tokens import JWT_BEARER, TOKEN_LIMIT, Tokens
from aijupyter.service.worker import Worker


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine(host: str) -> None:
    """Names and numbers that can only be this machine."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "example.com", "localhost.example.com", "10.0.0.1", "0.0.0.0", "0x7f.1", "::"])
def test_other_machines(host: str) -> None:
    """Whatever else it looks like, it is not taken for this machine."""
    assert not is_loopback(host)


def test_a_shown_address_has_no_secrets() -> None:
    """Neither the query, nor a user's password, nor a fragment."""
    assert without_query("https://me:pw@host:8/a/b?access_token=hush#x") == "https://host:8/a/b"


def test_credentials_are_never_shown() -> None:
    """Not in a repr."""
    assert "hush" not in repr(Credentials("hush", "hush", "hush"))


def test_tokens_do_not_pile_up() -> None:
    """The oldest make room: a client that asks anew for every call fills no memory."""
    tokens = Tokens(Credentials("id", "secret", "jwt"), 3600)
    basic, form = f"Basic {b64encode(b'id:secret').decode()}", {"grant_type": JWT_BEARER, "assertion": "jwt"}
    granted = [tokens.grant(basic, form)["access_token"] for _ in range(TOKEN_LIMIT + 1)]
    tokens.check(f"Bearer {granted[-1]}")
    with pytest.raises(Exception, match="OAU-149"):
        tokens.check(f"Bearer {granted[0]}")


def job(job_id: str, response: str = "") -> ServiceJob:
    """A job whose addresses are secrets."""
    made = ServiceJob(job_id, "2", "/ai", Operation.TRANSCRIBE, "http://x/hush", "http://y/hush", {}, timedelta(days=7))
    if response:
        made.succeed(response)
    return made


def test_a_job_shows_neither_its_webhook_nor_its_recording() -> None:
    """Both addresses can carry secrets."""
    assert "hush" not in repr(job("1"))


class Forgetful:
    """An engine whose models can be missing."""

    def __init__(self) -> None:
        self.missing = True

    def load(self, report: Callable[[str], None]) -> None:
        """Fail while the models are missing."""
        report("Looking for the models.")
        if self.missing:
            raise ModelsMissingError("No models.", "Fetch them.")

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> Any:
        """Report backwards and out of range, as an engine should not."""
        for share in (-1.0, 0.5, 0.2, 7.0):
            report(share)
        return {"operation": task.operation}


def test_models_that_come_later_are_found() -> None:
    """A failed load is tried again, so that installing the models needs no restart."""
    events: list[Any] = []
    engine = Forgetful()
    worker = Worker(engine, events.append, retry_seconds=0)
    worker.prepare()
    engine.missing = False
    assert json.loads(worker.analyze("job", AnalysisTask(Operation.ANALYZE, "x"))) == {"operation": "analyze"}
    states = [event["state"] for event in events if event["event"] == "models"]
    assert states == ["loading", "loading", "missing", "loading", "loading", "ready"]
    shares = [event["share"] for event in events if event["event"] == "progress"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_parent_that_does_not_read_holds_nobody_up() -> None:
    """Events that find no room are dropped; those written are whole lines."""
    reading, writing = os.pipe()
    out = os.fdopen(writing, "wb")
    writer = EventWriter(out)
    for number in range(WAITING_EVENTS * 5):
        writer.emit({"event": "progress", "number": number, "filler": "x" * 100})
    with os.fdopen(reading, "rb") as pipe:
        assert json.loads(pipe.readline())["number"] == 0
    writer.close()
    with contextlib.suppress(OSError):
        out.close()


def test_a_broken_pipe_is_no_reason_to_stop() -> None:
    """The service goes on until its stdin says that the parent is gone."""

    class Broken(io.BytesIO):
        def write(self, _: Any) -> int:
            raise BrokenPipeError

    writer = EventWriter(Broken())
    for _ in range(3):
        writer.emit({"event": "progress"})
    writer.close()
    assert not writer._thread.is_alive()


@pytest.mark.parametrize("name", ["nonesuch", "a:b:c", ":", "os:nothing", "no_such_module:x", "os:getcwd"])
def test_an_engine_that_is_not_there(name: str) -> None:
    """Whatever is wrong with the name, it is a ServiceError with a mend."""
    with pytest.raises(ServiceError) as caught:
        find_engine(name, "tiny.en")
    assert caught.value.mend


def test_an_engine_by_module_and_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called with the model and the cache, and loads nothing yet."""
    (tmp_path / "my_engine.py").write_text("class Mine:\n    def __init__(self, **options): self.options = options\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert vars(find_engine("my_engine:Mine", "tiny.en"))["options"] == {"model": "tiny.en", "cache": None}
