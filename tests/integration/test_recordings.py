"""The account's recordings against the provider's double: listed page by page, asked about by row, opened by tokens."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
import re
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from call_log import MP3, NOON, call
from double import ProviderDouble
from until import until

import aijupyter
from aijupyter import errors
from aijupyter.session import Session

SINCE = NOON - timedelta(days=7)
COLUMNS = {
    "started": "datetime64[us, UTC]",
    "duration": "float64",
    "direction": "category",
    "from_number": "string",
    "from_name": "string",
    "to_number": "string",
    "to_name": "string",
    "type": "category",
    "recording": "string",
    "session": "string",
    "uri": "string",
    "raw": "object",
}


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double."""
    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as session:
        yield session


def fill(double: ProviderDouble, count: int) -> list[dict[str, Any]]:
    """Give the account so many recorded calls."""
    double.calls.records = [call(number, double.url) for number in range(count)]
    return double.calls.records


def recordings(calls: pd.DataFrame) -> list[int]:
    """Which calls a frame lists, by their numbers."""
    return [int(recording) - 401500000000 for recording in calls["recording"]]


# The list.


def test_one_row_for_each_recording(ai: Session, double: ProviderDouble) -> None:
    """The newest first, with times in UTC, seconds as floats, categories, and the whole record."""
    fill(double, 3)
    calls = ai.recordings(since=SINCE, until=NOON)
    assert {name: str(dtype) for name, dtype in calls.dtypes.items()} == COLUMNS
    first = calls.iloc[1]
    assert first["started"] == pd.Timestamp("2026-11-02 11:59", tz="UTC")
    assert (first["duration"], first["direction"], first["type"], first["session"]) == (
        61.0,
        "Inbound",
        "Automatic",
        "s-1",
    )
    assert (first["from_number"], first["from_name"], first["to_number"]) == ("+16505550001", "Caller 1", "101")
    assert first["uri"] == f"{double.url}/restapi/v1.0/account/1/recording/401500000001/content"
    assert first["raw"]["somethingNew"] == {"of": "a later version"}
    assert calls["started"].is_monotonic_decreasing
    assert not calls["direction"].cat.ordered


def test_what_is_asked_for(ai: Session, double: ProviderDouble) -> None:
    """Recorded calls alone, in detail, from a time to a time; only one direction, however it is written."""
    fill(double, 6)
    calls = ai.recordings(since="2026-10-26 12:00+00:00", until=NOON, direction="outBOUND")
    assert recordings(calls) == [0, 3]
    assert double.calls.asked == [
        {
            "recordingType": "All",
            "view": "Detailed",
            "dateFrom": "2026-10-26T12:00:00.000Z",
            "dateTo": "2026-11-02T12:00:00.000Z",
            "direction": "Outbound",
            "perPage": "1000",
            "page": "1",
        }
    ]
    assert double.calls.paths == ["/restapi/v1.0/account/~/extension/~/call-log"]


@pytest.mark.parametrize(
    ("since", "hours"), [(None, 24), ("24 hours", 24), ("7 days", 168), (timedelta(hours=2), 2), ("90 min", 1.5)]
)
def test_how_long_ago(ai: Session, double: ProviderDouble, since: Any, hours: float) -> None:
    """A day where nothing is said, as the API does; else what is said."""
    ai.recordings(since=since)
    (query,) = double.calls.asked
    asked = pd.Timestamp(query["dateTo"]) - pd.Timestamp(query["dateFrom"])
    assert asked.total_seconds() / 3600 == pytest.approx(hours, abs=0.01)


def test_everyones_calls(ai: Session, double: ProviderDouble) -> None:
    """An administrator may list those of all users."""
    fill(double, 1)
    assert len(ai.recordings(since=SINCE, everyone=True)) == 1
    assert double.calls.paths == ["/restapi/v1.0/account/~/call-log"]


@pytest.mark.parametrize("navigates", [True, False])
def test_all_pages(ai: Session, double: ProviderDouble, navigates: bool) -> None:
    """Every page is read, one after another, also where only its length says that there are more."""
    fill(double, 25)
    double.calls.most, double.calls.navigates = 10, navigates
    assert recordings(ai.recordings(since=SINCE)) == list(range(25))
    assert [query["page"] for query in double.calls.asked] == ["1", "2", "3"]


def test_a_log_that_moves_while_it_is_read(ai: Session, double: ProviderDouble) -> None:
    """New calls push others to the next page: each recording is listed once, and none is missed."""
    records = fill(double, 30)
    double.calls.most = 10
    double.calls.before_page = lambda page: records.insert(0, call(100 + page, double.url)) if page > 1 else None
    calls = ai.recordings(since=SINCE)
    assert calls["recording"].is_unique
    assert set(recordings(calls)) >= set(range(30))


def test_a_server_that_knows_one_page_only(ai: Session, double: ProviderDouble) -> None:
    """Whatever it says of a next page, the same page again is the end."""
    double.calls.answer = {"records": [call(1, double.url)], "navigation": {"nextPage": {"uri": "..."}}}
    assert recordings(ai.recordings(since=SINCE)) == [1]
    assert len(double.calls.asked) == 2


def test_a_limit_ends_the_reading(ai: Session, double: ProviderDouble) -> None:
    """No page is asked for that is not needed, and none is larger."""
    fill(double, 50)
    double.calls.most = 10
    assert recordings(ai.recordings(since=SINCE, limit=15)) == list(range(15))
    assert [(query["page"], query["perPage"]) for query in double.calls.asked] == [("1", "15"), ("2", "15")]


def test_no_calls(ai: Session) -> None:
    """The same frame, empty."""
    calls = ai.recordings()
    assert len(calls) == 0
    assert {name: str(dtype) for name, dtype in calls.dtypes.items()} == COLUMNS
    assert len(ai.map(ai.transcribe, calls).result(timeout=5)) == 0


def test_a_penalty_in_the_middle(ai: Session, double: ProviderDouble) -> None:
    """It is waited for in silence, and the reading goes on where it was."""
    fill(double, 25)
    double.calls.most = 10
    arrived: list[float] = []

    def refuse(page: int) -> None:
        arrived.append(time.monotonic())
        if page == 1:
            double.calls.refusals = [(429, {"Retry-After": "1"})]

    double.calls.before_page = refuse
    assert recordings(ai.recordings(since=SINCE)) == list(range(25))
    assert [query["page"] for query in double.calls.asked] == ["1", "2", "2", "3"]
    assert arrived[1] - arrived[0] >= 1


def test_pages_wait_for_the_budget(ai: Session, double: ProviderDouble) -> None:
    """No more pages are asked for in a window than the provider allows."""
    fill(double, 25)
    double.calls.most = 10
    group = {"X-Rate-Limit-Group": "heavy", "X-Rate-Limit-Limit": "2", "X-Rate-Limit-Window": "1"}
    double.calls.headers = group
    arrived: list[float] = []
    double.calls.before_page = lambda _: arrived.append(time.monotonic())
    assert recordings(ai.recordings(since=SINCE)) == list(range(25))
    assert arrived[2] - arrived[0] >= 1


def test_a_call_that_was_handed_on(ai: Session, double: ProviderDouble) -> None:
    """Its legs have recordings of their own: one row each, with what the leg says; the same recording is one row."""
    record = call(1, double.url)
    other = {"id": 7, "type": "OnDemand", "contentUri": f"{double.url}/restapi/v1.0/account/1/recording/7/content"}
    record["legs"] = [
        {"recording": record["recording"], "duration": 5},
        {"recording": other, "durationMs": 1500, "to": {"name": "Second line"}},
    ]
    double.calls.records = [record]
    calls = ai.recordings(since=SINCE)
    assert calls["recording"].tolist() == ["401500000001", "7"]
    assert calls["duration"].tolist() == [61.0, 1.5]
    assert calls["to_name"].tolist() == ["Front desk", "Second line"]


GARBAGE: list[Any] = [
    None,
    17,
    "text",
    [],
    {},
    {"recording": None},
    {"recording": []},
    {"recording": {}},
    {"recording": {"id": True, "contentUri": 5}},
    {"recording": {"id": 10**400}},
    {"legs": "none", "recording": {"id": "a", "contentUri": "/etc/passwd", "type": ["?"]}},
    {"startTime": "yesterday", "duration": "long", "from": "me", "to": [1], "recording": {"id": "b"}},
    {"startTime": "0001-01-01T00:00:00+14:00", "duration": -1, "direction": {}, "recording": {"id": "c"}},
    {"startTime": "9999-12-31T23:59:59Z", "duration": 10**400, "durationMs": True, "recording": {"id": 4}},
    {"from": {"phoneNumber": {}, "name": "\ud800"}, "direction": "Sideways", "recording": {"id": "d"}},
    {"legs": [None, 3, {"recording": {"id": "e", "contentUri": "https://x/?access_token=secret&a=1"}}]},
]


def test_records_of_any_shape(ai: Session, double: ProviderDouble) -> None:
    """What cannot be read is missing in its row; what is no recording makes none; nothing is raised."""
    double.calls.answer = {"records": [*GARBAGE, call(1, double.url)]}
    calls = ai.recordings(since=SINCE).set_index("recording")
    assert set(calls.index) == {"a", "b", "c", "4", "d", "e", "401500000001"}
    assert calls["uri"].isna().tolist().count(False) == 2
    assert calls.loc["e", "uri"] == "https://x/?a=1"
    assert calls["duration"].dropna().tolist() == [61.0]
    assert list(calls["direction"].cat.categories) == ["Inbound", "Outbound", "Sideways"]
    assert "9999-12-31" in str(calls.loc["4", "started"])
    assert "Sideways" in calls._repr_html_()


@pytest.mark.parametrize("answer", [{"records": None}, {"records": {}, "paging": 3, "navigation": []}, {"a": 1}])
def test_answers_of_any_shape(ai: Session, double: ProviderDouble, answer: Any) -> None:
    """An answer without records is no calls."""
    double.calls.answer = answer
    assert len(ai.recordings(since=SINCE)) == 0


def test_an_answer_that_is_none(ai: Session, double: ProviderDouble) -> None:
    """What is not of the contract at all is an error that says so."""
    double.calls.answer = [1, 2]
    with pytest.raises(errors.UnexpectedAnswerError):
        ai.recordings(since=SINCE)


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"direction": "Sideways"}, "direction"),
        ({"direction": 5}, "direction"),
        ({"limit": 0}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": True}, "limit"),
        ({"since": "soon"}, "since"),
        ({"until": "2 days"}, "since"),
        ({"everyone": "yes"}, "everyone"),
    ],
)
def test_what_cannot_be_asked(ai: Session, double: ProviderDouble, options: Any, option: str) -> None:
    """A mistake is told before anything is sent."""
    with pytest.raises(errors.OptionError) as raised:
        ai.recordings(**options)
    assert raised.value.option == option
    assert double.calls.asked == []


def test_who_may_not_read_the_log(ai: Session, double: ProviderDouble) -> None:
    """The error names the scopes of the log, not those of the AI."""
    double.calls.refusals = [(403, {})]
    with pytest.raises(errors.ForbiddenError, match="ReadCallLog"):
        ai.recordings(since=SINCE)


def test_the_embedded_service_has_no_log() -> None:
    """It says so, and what to do."""
    session = Session(aijupyter.Settings(embedded=True))
    with pytest.raises(errors.ConfigurationError, match="account's credentials"):
        session.recordings()


async def test_it_is_the_same_within_a_loop(ai: Session, double: ProviderDouble) -> None:
    """What it gives does not depend on where it is called."""
    fill(double, 1)
    assert recordings(ai.recordings(since=SINCE)) == [0]
    assert recordings(await asyncio.to_thread(lambda: ai.recordings(since=SINCE))) == [0]


def test_texts_of_others_are_escaped(ai: Session, double: ProviderDouble) -> None:
    """A caller's name is data, wherever it is shown."""
    name = "<script>alert(1)</script>"
    double.calls.records = [call(1, double.url, **{"from": {"name": name, "phoneNumber": name}})]
    calls = ai.recordings(since=SINCE)
    assert calls["from_name"].tolist() == [name]
    assert "<script>" not in calls._repr_html_()
    job = ai.transcribe(calls.iloc[0])
    job.result(timeout=10)
    assert "script" not in job.recording


# Asking about rows.


def forms(calls: pd.DataFrame) -> dict[str, Any]:
    """The ways in which a person may hand many recordings over."""
    return {
        "frame": calls,
        "part": calls[calls.duration > 60],
        "tuples": calls.itertuples(),
        "series": calls["uri"],
        "rows": (row for _, row in calls.iterrows()),
        "dicts": calls.to_dict("records"),
    }


@pytest.mark.parametrize("form", ["frame", "part", "tuples", "series", "rows", "dicts"])
def test_many_are_asked_about(ai: Session, double: ProviderDouble, form: str) -> None:
    """Each is fetched by the provider with a token, and no more is asked of it than that."""
    fill(double, 4)
    calls = ai.recordings(since=SINCE)
    expected = [1, 2, 3] if form == "part" else [0, 1, 2, 3]
    batch = ai.map(ai.transcribe, forms(calls)[form]).result(timeout=20)
    assert [job.state for job in batch] == ["succeeded"] * len(expected)
    assert list(double.fetched.values()) == [MP3] * len(expected)
    assert len(double.calls.tokens) == len(expected)
    assert {entry[2]["encoding"] for entry in double.submissions()} == {"Mpeg"}
    again = ai.map(ai.transcribe, calls).result(timeout=20)
    assert {job.id for job in batch} <= {job.id for job in again}
    assert len(double.submissions()) == 4


@pytest.mark.parametrize("row", ["series", "tuple", "dict"])
def test_one_is_asked_about(ai: Session, double: ProviderDouble, row: str) -> None:
    """A row of the frame is a recording, with a name that tells which and gives nobody's number away."""
    fill(double, 2)
    calls = ai.recordings(since=SINCE)
    one: Any = {"series": calls.iloc[1], "tuple": list(calls.itertuples())[1], "dict": calls.to_dict("records")[1]}[row]
    job = ai.transcribe(one)
    assert job.recording == "2026-11-02 11:59 Inbound *0001 (401500000001)"
    assert job.result(timeout=10).text
    assert ai.transcribe(one).id == job.id
    assert ai.transcribe(f"{calls['uri'][1]}?access_token=mine").id == job.id


def test_a_recording_without_an_address(ai: Session, double: ProviderDouble) -> None:
    """It is listed, and is one failed job among the others, which can be retried."""
    fill(double, 2)[1]["recording"].pop("contentUri")
    calls = ai.recordings(since=SINCE)
    assert calls["uri"].isna().tolist() == [False, True]
    batch = ai.map(ai.transcribe, calls).result(timeout=10)
    assert [job.state for job in batch] == ["succeeded", "failed"]
    assert "401500000001" in batch[1].recording
    assert "no address" in str(batch[1].error)
    assert batch.retry() == 1
    with pytest.raises(errors.MediaError, match="no address"):
        ai.transcribe(calls.iloc[1])


def test_what_is_not_many(ai: Session, double: ProviderDouble) -> None:
    """A frame of something else, one row for many, and many for one: each is told apart."""
    fill(double, 1)
    calls = ai.recordings(since=SINCE)
    with pytest.raises(errors.OptionError, match="uri"):
        ai.map(ai.transcribe, pd.DataFrame({"path": ["call.wav"]}))
    with pytest.raises(errors.OptionError, match="One row"):
        ai.map(ai.transcribe, calls.iloc[0])
    with pytest.raises(errors.MediaError, match=r"ai\.map"):
        ai.transcribe(calls)  # type: ignore[arg-type]


def test_another_format(ai: Session, double: ProviderDouble) -> None:
    """An account may record otherwise: then `encoding` says so."""
    fill(double, 1)
    ai.transcribe(ai.recordings(since=SINCE).iloc[0], encoding="Wav").result(timeout=10)
    assert double.submissions()[0][2]["encoding"] == "Wav"


async def test_the_page_about_it_tells_the_truth(double: ProviderDouble) -> None:
    """The examples of docs/recordings.md run, one after another."""
    double.calls.records = [call(number, double.url, result="Accepted") for number in range(4)]
    text = (Path(__file__).parents[2] / "docs" / "recordings.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n([^%]*?)```", text)
    assert len(blocks) == 2
    with aijupyter.connect(**double.credentials) as ai:
        names: dict[str, Any] = {"ai": ai}
        for block in (*blocks, "results = calls.raw.str['result']"):
            code = compile(block, "recordings.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running = eval(code, names)
            if running is not None:
                await running
    assert names["heard"].merge(names["calls"], left_on="id", right_on="recording")["from_name"].notna().all()
    assert names["results"].tolist() == ["Accepted"] * 2
    assert all(f"`{column}`" in text for column in COLUMNS)


# The token.


def token_of(entry: tuple[str, str, Any]) -> str:
    """The token in a submission's URL."""
    return str(entry[2]["contentUri"]).partition("?access_token=")[2]


def test_a_refused_token_is_renewed_in_the_url_as_well(ai: Session, double: ProviderDouble) -> None:
    """The request that goes after a 401 names the new token in its header and in its body."""
    fill(double, 1)
    calls = ai.recordings(since=SINCE)
    double.plan.refuse_tokens = 1
    ai.transcribe(calls.iloc[0]).result(timeout=10)
    first, second = double.submissions()
    assert [token_of(first), token_of(second)] == double.tokens
    assert double.calls.tokens == [double.tokens[-1]]


def test_a_restart_fetches_a_token_anew(double: ProviderDouble) -> None:
    """A job that was written and not sent is sent by the next session, which has a token of its own."""
    fill(double, 1)
    with aijupyter.connect(**double.credentials) as ai:
        calls = ai.recordings(since=SINCE)
        double.plan.penalties = ["3600"]
        keys = [ai.transcribe(calls.iloc[0]).key, ai.analyze(f"{calls['uri'][0]}?access_token=mine").key]
        until(lambda: len(double.submissions()) == 1)
    with aijupyter.connect(**double.credentials) as ai:
        for key in keys:
            ai.job(key).result(timeout=10)
    assert double.calls.tokens == [double.tokens[-1]] * 2


def test_others_tokens_stay_with_them(ai: Session, double: ProviderDouble) -> None:
    """A URL that looks like a recording of the provider's and is somebody else's gets no token."""
    fill(double, 1)
    for host in ("localhost", "127.0.0.2"):
        url = ai.recordings(since=SINCE)["uri"][0].replace("127.0.0.1", host)
        ai.transcribe(url, encoding="Mpeg", fresh=True)
        until(lambda host=host: any(host in str(entry[2]) for entry in double.submissions()))  # type: ignore[misc]
    assert all("access_token" not in entry[2]["contentUri"] for entry in double.submissions())


@pytest.mark.parametrize("way", ["succeeds", "refused", "fails", "fails by status", "cut"])
def test_the_token_is_nowhere(
    double: ProviderDouble, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """Not in the ledger, a log, a repr, an error or an export, also where the provider repeats the whole URL."""
    caplog.set_level(logging.DEBUG)
    fill(double, 1)
    shown: list[str] = []

    def echo(text: str) -> dict[str, str]:
        return {"errorCode": "CAI-101", "message": f"Parameter [contentUri] is invalid: {text}", "parameterName": text}

    with aijupyter.connect(**double.credentials, poll_seconds=0.2) as ai:
        calls = ai.recordings(since=SINCE)
        url = f"{calls['uri'][0]}?access_token={double.tokens[0]}"
        if way == "refused":
            double.plan.refusal = (400, {"errors": [echo(url)]})
        if way.startswith("fails"):
            double.plan.fail = [echo(url), echo(url.replace("=", "%3D"))]
        if way == "fails by status":
            double.plan.deliver = "never"
        if way == "cut":
            double.plan.hang_up, double.plan.deliver = True, "never"
        job = ai.transcribe(calls.iloc[0])
        if way == "fails by status":
            until(lambda: bool(double.jobs))
            next(iter(double.jobs.values())).update(status="Fail", response={"errors": [echo(url)]})
        until(job.done)
        try:
            shown.append(repr(job.result(timeout=1)))
        except errors.AIJupyterError as error:
            shown += [repr(error), str(error), "".join(traceback.format_exception(error)), repr(vars(error))]
        shown += [repr(job), repr(job.record), json.dumps(job.raw), job.history.to_csv(), ai.jobs().to_csv()]
        shown += [calls.to_csv(), repr(ai.status), repr(threading.enumerate())]
        ai.export_ledger(tmp_path / "export.db")
        ledger = ai.settings.ledger
    assert isinstance(ledger, Path)
    if way != "cut":
        assert ("***" in "".join(shown)) is (way != "succeeds")
    files = [file for folder in (ledger.parent, tmp_path) for file in folder.rglob("*") if file.is_file()]
    assert ledger in files
    for token in double.tokens:
        assert all(token.encode() not in file.read_bytes() for file in files)
        assert all(token not in text for text in [*shown, caplog.text])
    assert "+1650" not in caplog.text
    assert "Caller" not in caplog.text


# Files that nobody can fetch.


@pytest.fixture
def unreachable(double: ProviderDouble) -> Iterator[Session]:
    """A session into which there is no way, with a server that is not on this machine, by its name."""
    with aijupyter.connect(**double.credentials, delivery="status", poll_seconds=0.2) as session:
        session._desk.open_parts().gateway._near = False  # one elsewhere would need a certificate here
        yield session


def test_a_file_goes_within_the_request(unreachable: Session, double: ProviderDouble, wav: Path) -> None:
    """The provider gets its very bytes, also when it is asked twice."""
    double.plan.penalties = ["1"]
    job = unreachable.transcribe(wav)
    job.result(timeout=20)
    assert double.fetched[job.id] == wav.read_bytes()
    assert [set(entry[2]) >= {"content", "encoding"} for entry in double.submissions()] == [True, True]
    assert "contentUri" not in double.submissions()[0][2]


def test_a_file_that_is_too_large(unreachable: Session, double: ProviderDouble, wav: Path) -> None:
    """It says how much is too much, and what to do; nothing is sent."""
    with wav.open("ab") as file:
        file.truncate(33 * 2**20)
    with pytest.raises(errors.MediaError, match=r"32 MiB(.|\n)*public_url"):
        unreachable.transcribe(wav).result(timeout=10)
    assert double.submissions() == []


def test_a_file_that_changes_while_it_waits(unreachable: Session, double: ProviderDouble, wav: Path) -> None:
    """It is read when the request leaves, and only if it is still the one that was asked about."""
    double.plan.penalties = ["2"]
    job = unreachable.transcribe(wav)
    until(lambda: len(double.submissions()) == 1)
    wav.write_bytes(wav.read_bytes() + b"more")
    with pytest.raises(errors.MediaError, match="changed"):
        job.result(timeout=20)
    assert len(double.submissions()) == 1
