"""The live views of jobs, batches and lists: what they tell a browser, and what they do when it asks."""

from __future__ import annotations

import itertools
import json
import pickle
import time
import wave
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import comm
import pandas as pd
import pytest
from comm.base_comm import BaseComm
from double import ProviderDouble
from ipywidgets.widgets.widget import _instances  # what the front end would find by its id
from test_views import HOSTILE, Reader
from until import until

import aijupyter
from aijupyter.envelope import Envelope, parse_envelope
from aijupyter.errors import BadRequestError, SessionClosedError
from aijupyter.jobs import Batch, Job
from aijupyter.jobs.book import JobBook
from aijupyter.models import JobRecord, JobState, JobSummary, Operation, now
from aijupyter.portal import Portal
from aijupyter.results.listing import JobFrame, history_frame, job_frame
from aijupyter.session import Session
from aijupyter.session.desk import SessionDesk
from aijupyter.views.batch import batch_bundle, batch_html, batch_widget
from aijupyter.views.forms import WIDGET
from aijupyter.views.job import job_bundle, job_html, job_widget
from aijupyter.views.jobs import PAGE_ROWS, jobs_bundle, jobs_widget
from aijupyter.views.joint import joint_bundle
from aijupyter.views.player import Player


class Page(list[dict[str, Any]]):
    """The messages that a page gets, and what a person does there."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = itertools.count()

    def ask(self, box: Any, kind: str, **details: Any) -> dict[str, Any]:
        """Press a button of a card, and wait for the answer."""
        card, asked = box.children[0], next(self._asked)
        card._handle_custom_msg({"kind": kind, "view": "v", "asked": asked, **details}, [])
        until(lambda: any(answer.get("asked") == asked for answer in list(self)))
        return next(answer for answer in self if answer.get("asked") == asked)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    """A front end that remembers what cards say to it."""
    page = Page()

    class Told(BaseComm):
        def publish_msg(self, msg_type: str, data: Any = None, *_: Any, **__: Any) -> None:
            json.dumps(data)  # a browser gets nothing else
            if (data or {}).get("method") == "custom":
                page.append(data["content"])

    monkeypatch.setattr(comm, "create_comm", Told)
    return page


@pytest.fixture
def portal() -> Iterator[Portal]:
    """What jobs need to live."""
    portal = Portal()
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the double."""
    with aijupyter.connect(**double.credentials, poll_seconds=0.3) as session:
        yield session


def recordings(folder: Path, count: int) -> list[Path]:
    """So many short recordings, each with content of its own."""
    paths = [folder / f"call-{number:02}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(number.to_bytes(4, "little") * 400)
    return paths


def a_job(portal: Portal, **fields: Any) -> Job[Any]:
    """A handle."""
    defaults: dict[str, Any] = {
        "key": "k-1",
        "path": "s3cret-path",
        "server": "s",
        "operation": Operation.ANALYZE,
        "recording": "call.wav",
        "options": {},
        "state": JobState.SUBMITTED,
        "created": now(),
    }
    return Job(JobRecord(**{**defaults, **fields}), SessionDesk(portal, JobBook()))


def moved(job: Job[Any], **fields: Any) -> JobRecord:
    """The job's record, later."""
    return JobRecord(**{**{name: getattr(job.record, name) for name in job.record.__slots__}, **fields})


async def update(job: Job[Any], record: JobRecord, answer: Envelope | None = None) -> None:
    """A change that comes from the background."""
    job.update(record, answer)


def shown(box: Any) -> dict[str, Any]:
    """What a card says."""
    card: dict[str, Any] = box.children[0].card
    return card


def test_a_job_under_way(portal: Portal) -> None:
    """A person sees what is asked of which recording, and how far it is."""
    job = a_job(portal)
    assert "%" not in Reader(job_html(job)).text
    job.advance(0.4)
    assert "width:40%" in job_html(job)
    text = Reader(job_html(job)).text
    assert all(part in text for part in ("submitted", "call.wav", "analyze", "k-1"))


def test_a_job_that_ended(portal: Portal) -> None:
    """A success says how long it took; an error says what is wrong and what to do."""
    begun = now()
    done = a_job(portal, state=JobState.SUCCEEDED, created=begun, ended=begun + timedelta(seconds=12.5))
    assert "Took 12.5 s." in Reader(job_html(done)).text
    failed = a_job(portal)
    failed.fail(SessionClosedError("The session was closed.", "Connect again."))
    text = Reader(job_html(failed)).text
    assert all(part in text for part in ("unfinished", "The session was closed.", "Connect again."))


def test_hostile_texts_in_a_job(portal: Portal) -> None:
    """Neither a file's name nor a provider's error nor its id can be more than text."""
    job = a_job(portal, recording=HOSTILE, job_id=HOSTILE)
    job.fail(BadRequestError(HOSTILE, HOSTILE))
    assert Reader(job_html(job)).text.count("<script>") == 4


def test_a_job_in_every_form(portal: Portal, page: Page) -> None:
    """Text, HTML and a live widget."""
    job = a_job(portal)
    bundle, _ = job_bundle(job)
    assert bundle["text/plain"] == repr(job)
    assert bundle["text/html"] == job_html(job)
    assert shown(_instances[bundle[WIDGET]["model_id"]])["state"] == "submitted"


def test_a_card_follows_its_job(portal: Portal, page: Page) -> None:
    """What it says changes with the job, from whatever thread, until it is over; nothing of it is secret."""
    job = a_job(portal)
    box = job_widget(job)
    assert shown(box)["progress"] is None
    job.advance(0.4)
    until(lambda: shown(box)["progress"] == 0.4)
    portal.call(update, job, moved(job, state=JobState.FAILED, ended=now(), error={"problem": "No.", "mend": "Do."}))
    until(lambda: shown(box)["state"] == "failed")
    assert shown(box)["error"] == {"problem": "No.", "mend": "Do."}
    assert shown(box)["over"]
    until(lambda: not job.watched)
    assert "s3cret" not in json.dumps(shown(box))


def test_an_unconfirmed_job_may_end_well(portal: Portal, page: Page) -> None:
    """It tells its trouble and can be given up; the trouble goes when the job goes on after all."""
    job = a_job(portal, state=JobState.UNCONFIRMED)
    box = job_widget(job)
    assert (shown(box)["cancel"], shown(box)["tone"], shown(box)["over"]) == ("Give up", "odd", False)
    assert "not known whether it was received" in shown(box)["error"]["problem"]
    portal.call(update, job, moved(job, state=JobState.RUNNING))
    until(lambda: shown(box)["state"] == "running")
    assert (shown(box)["cancel"], shown(box)["error"]) == (None, None)


def test_a_job_that_was_asked_long_ago(portal: Portal, page: Page) -> None:
    """A handle on a job that existed before says so."""
    assert shown(job_widget(a_job(portal, created=now() - timedelta(days=2))))["earlier"]
    assert not shown(job_widget(a_job(portal)))["earlier"]


def test_the_answer_comes_into_the_same_output(ai: Session, wav: Path, page: Page) -> None:
    """Below each card of the job, once it is there, without any cell running; the job's way can be read."""
    job = ai.transcribe(wav)
    first, second = job_widget(job), job_widget(job)
    for box in (first, second):
        until(lambda box=box: len(box.children) == 2)
        assert isinstance(box.children[1], Player)
        assert shown(box)["state"] == "succeeded"
    steps = page.ask(first, "history")["steps"]
    assert [step["state"] for step in steps] == ["written", "sending", "submitted", "succeeded"]
    assert steps[0]["at"] == pytest.approx(job.created.timestamp(), abs=1)


def test_an_ended_job_brings_its_answer(ai: Session, wav: Path, page: Page) -> None:
    """A saved notebook shows what was said; where the answer cannot be read any more, what to do."""
    job = ai.map(ai.transcribe, [wav]).result(timeout=20)[0]
    html = job_bundle(job)[0]["text/html"]
    assert "Good morning. How can I help?" in html
    ai.close()
    bundle, _ = job_bundle(job)
    assert "aijupyter.connect()" in bundle["text/html"]
    box = _instances[bundle[WIDGET]["model_id"]]
    until(lambda: (shown(box)["error"] or {}).get("mend") == "Connect again: ai = aijupyter.connect().")


def test_a_result_that_is_no_conversation(portal: Portal, page: Page) -> None:
    """It is shown as the card that it is."""
    job = a_job(portal, operation=Operation.SUMMARIZE, recording=HOSTILE)
    box = job_widget(job)
    answer = parse_envelope(b'{"jobId": "p-1", "status": "Success", "response": {}}')
    portal.call(update, job, moved(job, state=JobState.SUCCEEDED, ended=now()), answer)
    until(lambda: len(box.children) == 2)
    assert "In their words: not made." in Reader(box.children[1].value).text


def test_cancelling_from_the_card(ai: Session, double: ProviderDouble, wav: Path, page: Page) -> None:
    """While it waits a press cancels it; when it was sent the card says that it goes on."""
    double.plan.penalties = ["30"]
    job = ai.transcribe(wav)
    box = job_widget(job)
    until(lambda: job.state is JobState.WRITTEN and len(job.history) > 2 and shown(box)["cancel"] == "Cancel")
    assert (shown(box)["place"], shown(box)["state"]) == (0, "written")
    until(lambda: shown(box)["eta"] > 10)  # it is told anew as the line moves
    assert "note" not in page.ask(box, "cancel")
    until(lambda: shown(box)["state"] == "cancelled")
    assert page.ask(box, "cancel")["note"]["problem"] == "It was sent already, and goes on."


def test_closing_the_session_of_a_shown_job(double: ProviderDouble, wav: Path, page: Page) -> None:
    """The cards say that nobody follows any more, and how to go on."""
    double.plan.deliver = "never"
    with aijupyter.connect(**double.credentials) as ai:
        job, batch = ai.transcribe(wav), ai.map(ai.analyze, [wav], insights=["All"])
        boxes = [job_widget(job), batch_widget(batch)]
        until(lambda: job.state is JobState.SUBMITTED and batch.counts == {"submitted": 1})
    until(lambda: shown(boxes[0])["state"] == "unfinished")
    assert "Connect again" in shown(boxes[0])["error"]["mend"]
    until(lambda: groups(boxes[1]) == {"unfinished": 1})
    assert "Connect again" in shown(boxes[1])["error"]["mend"]
    assert page.ask(boxes[0], "history")["note"] == {
        "problem": "The session is closed.",
        "mend": "Connect again: ai = aijupyter.connect().",
    }


def groups(box: Any) -> dict[str, int]:
    """The counts that a card shows."""
    return {group["name"]: group["count"] for group in shown(box)["groups"] if group["count"]}


def test_a_batch_under_way(portal: Portal, page: Page) -> None:
    """One bar with counts, the failures by name, live until it is over and after; hostile names stay text."""
    jobs = [a_job(portal, key="k-1"), a_job(portal, key="k-2", recording=HOSTILE)]
    batch = Batch(lambda _: jobs[0], total=4)
    for job in jobs:
        batch.feed("call.wav", job)
    bundle, _ = batch_bundle(batch)
    assert bundle["text/plain"] == "<Batch of 4: 2 waiting, 2 submitted>"
    box = _instances[bundle[WIDGET]["model_id"]]
    assert groups(box) == {"under way": 2, "waiting": 2}
    jobs[1].fail(BadRequestError(HOSTILE, "Do better."))
    batch.finish()
    text = Reader(batch_html(batch)).text
    assert "1 of 2" in text
    assert text.count("<script>") == 2
    jobs[0].fail(SessionClosedError("Closed.", "Connect."))
    until(lambda: (shown(box)["done"], shown(box)["total"], shown(box)["over"]) == (2, 2, True))


def test_the_jobs_of_a_batch(ai: Session, double: ProviderDouble, tmp_path: Path, page: Page) -> None:
    """A person reads them page by page and group by group, opens an answer and closes it, and asks again."""
    paths = recordings(tmp_path, 5)
    paths[3].write_text("These are notes.")
    batch = ai.map(ai.transcribe, paths)
    box = batch_widget(batch)
    until(lambda: shown(box)["over"])
    assert groups(box) == {"succeeded": 4, "failed": 1}
    second = page.ask(box, "page", **{"from": 2, "size": 2})
    assert (second["total"], [row["recording"] for row in second["rows"]]) == (5, ["call-02.wav", "call-03.wav"])
    (failed,) = page.ask(box, "page", groups=["failed"])["rows"]
    assert failed["state"] == "failed"
    assert "no recording" in failed["error"]
    page.ask(box, "open", row=second["rows"][0]["row"])
    player = box.children[1]
    assert isinstance(player, Player)
    page.ask(box, "open", row=failed["row"])
    assert "no recording" in shown(box.children[1])["error"]["problem"]
    assert player.comm is None  # what is not seen any more takes no room in the browser
    page.ask(box, "close")
    assert len(box.children) == 1
    recordings(tmp_path, 5)
    assert page.ask(box, "retry")["note"]["problem"] == "1 job asked again."
    until(lambda: groups(box) == {"succeeded": 5})


def test_cancelling_a_batch_from_its_card(ai: Session, double: ProviderDouble, tmp_path: Path, page: Page) -> None:
    """The button counts what it would give up, and then says what it did."""
    double.plan.penalties = ["30"]
    batch = ai.map(ai.transcribe, recordings(tmp_path, 12))
    box = batch_widget(batch)
    until(lambda: batch.counts.get("written", 0) > 8 and groups(box).get("waiting") == batch.counts["written"])
    assert shown(box)["cancel"] == groups(box)["waiting"]
    assert "jobs given up; what was sent goes on" in page.ask(box, "cancel")["note"]["problem"]
    until(lambda: groups(box).get("cancelled", 0) > 8)
    assert (shown(box)["cancel"], shown(box)["cancelled"]) == (0, groups(box)["cancelled"])


def test_a_listing_that_breaks(ai: Session, wav: Path, page: Page) -> None:
    """What kept the recordings from being listed is on the card, and what to do."""

    def broken() -> Iterator[Path]:
        yield wav
        raise RuntimeError("the disk is gone")

    box = batch_widget(ai.map(ai.transcribe, broken()))
    until(lambda: shown(box)["error"] is not None)
    assert "the disk is gone" in shown(box)["error"]["problem"]


def test_ten_thousand_jobs_do_not_flood_the_browser(portal: Portal, page: Page) -> None:
    """A card is told seldom and little however many jobs change, and a page of them is no more than was asked for."""
    jobs = [a_job(portal, key=f"k-{number}", recording=f"call-{number}.wav") for number in range(10_000)]
    batch = Batch(lambda _: None, total=len(jobs))
    told: list[int] = []
    box = batch_widget(batch)
    began = time.monotonic()
    box.children[0].observe(lambda change: told.append(len(json.dumps(change["new"]))), "card")
    for job in jobs:
        batch.feed("call.wav", job)
    for job in jobs[:5000]:
        job.update(moved(job, state=JobState.FAILED, ended=now()))
    until(lambda: groups(box) == {"failed": 5000, "under way": 5000})
    assert len(told) <= (time.monotonic() - began) / 0.2 + 1
    assert max(told) < 2000
    answer = page.ask(box, "page", groups=["under way"], **{"from": 4990, "size": 5000})
    assert (answer["total"], len(answer["rows"])) == (5000, 10)
    assert len(page.ask(box, "page", size=5000)["rows"]) == PAGE_ROWS


def summary(number: int, **fields: Any) -> JobSummary:
    """A job in a list."""
    defaults: dict[str, Any] = {
        "id": f"p-{number}",
        "key": f"k-{number}",
        "operation": "transcribe",
        "recording": f"call-{number}.wav",
        "state": "succeeded",
        "created": f"2026-11-22T10:00:{number % 60:02}+00:00",
        "submitted": None,
        "ended": "2026-11-22T10:01:00+00:00",
    }
    return JobSummary(**{**defaults, **fields})


def test_the_list_is_a_plain_frame_to_pandas(recwarn: pytest.WarningsRecorder) -> None:
    """What is made of it is an ordinary frame; it can be copied and pickled, and says nothing of its own."""
    frame = job_frame([summary(1), summary(2, state="failed")])
    for made in (frame.head(1), frame[frame["state"] == "failed"], frame.copy(), frame.drop(columns="key")):
        assert type(made) is pd.DataFrame
    thawed = pickle.loads(pickle.dumps(frame))
    pd.testing.assert_frame_equal(thawed, frame)
    assert thawed.session is None
    frame["mine"] = 1
    assert list(recwarn) == []


def test_the_list_knows_its_session(ai: Session) -> None:
    """Without keeping it."""
    frame = ai.jobs()
    assert frame.session is ai
    other = Session(ai.settings)
    frame = frame.of(other)
    del other
    assert frame.session is None


def test_states_have_an_order() -> None:
    """Those that are under way come before the end; names of another version are kept."""
    frame = job_frame([summary(1), summary(2, state="written"), summary(3, state="archived", operation="sing")])
    assert frame.loc[frame["state"] < "succeeded", "id"].tolist() == ["p-2"]
    assert frame["state"].tolist() == ["succeeded", "written", "archived"]
    assert frame["operation"].tolist() == ["transcribe", "transcribe", "sing"]
    assert frame["state"].max() == "archived"
    assert history_frame([]).dtypes["state"].ordered


def test_a_list_in_every_form(page: Page) -> None:
    """Text and HTML are pandas' own; the table is there as long as its columns are."""
    frame = job_frame([summary(1, recording=HOSTILE)])
    bundle, _ = jobs_bundle(frame)
    assert bundle["text/plain"] == repr(frame)
    assert "dataframe" in bundle["text/html"]
    assert "<script>" not in bundle["text/html"]
    assert WIDGET in bundle
    del frame["key"]
    assert WIDGET not in jobs_bundle(frame)[0]
    assert WIDGET in jobs_bundle(job_frame([]))[0]


def listed(page: Page, frame: JobFrame, **wanted: Any) -> list[str]:
    """The ids on a page of the table."""
    return [row["id"] for row in page.ask(jobs_widget(frame), "page", **wanted)["rows"]]


def test_looking_through_a_list(page: Page) -> None:
    """By state, by a part of a name or an id, sorted either way; what is missing comes last."""
    rows = [summary(1), summary(2, state="failed"), summary(3, recording="Über.WAV", ended=None, state="running")]
    frame = job_frame([*rows, summary(4, recording="a.wav", id="x(1")])
    assert listed(page, frame) == ["p-1", "p-2", "p-3", "x(1"]
    assert listed(page, frame, groups=["failed", "running"]) == ["p-2", "p-3"]
    assert listed(page, frame, text="über") == ["p-3"]
    assert listed(page, frame, text="(") == ["x(1"]
    assert listed(page, frame, text="k-2") == ["p-2"]
    assert listed(page, frame, sort="recording") == ["x(1", "p-1", "p-2", "p-3"]
    assert listed(page, frame, sort="state", down=True) == ["p-2", "p-1", "x(1", "p-3"]
    assert listed(page, frame, sort="seconds") == ["x(1", "p-2", "p-1", "p-3"]
    assert listed(page, frame, **{"from": 2, "size": 1}) == ["p-3"]


def test_a_long_list_is_read_in_pages(page: Page) -> None:
    """The browser is never sent more than a page of a hundred thousand jobs."""
    box = jobs_widget(job_frame([summary(number) for number in range(100_000)]))
    answer = page.ask(box, "page", text="call-9999", size=100_000)
    assert (answer["total"], len(answer["rows"])) == (11, 11)
    assert len(page.ask(box, "page", size=100_000)["rows"]) == PAGE_ROWS
    assert len(json.dumps(shown(box))) < 2000


def test_opening_from_a_list(ai: Session, double: ProviderDouble, wav: Path, page: Page) -> None:
    """An answer opens below with the code that does the same; a job under way is followed; what is gone says so."""
    done = ai.transcribe(wav)
    done.result(timeout=20)
    double.plan.deliver = "never"
    going = ai.analyze(wav, insights=["Topics"])
    until(lambda: going.state is JobState.SUBMITTED)
    box = jobs_widget(ai.jobs())
    page.ask(box, "open", row=done.key)
    assert isinstance(box.children[1], Player)
    assert (shown(box)["opened"], shown(box)["code"]) == (done.key, f'ai.job("{done.key}")')
    page.ask(box, "open", row=going.key)
    assert shown(box.children[1])["state"] == "submitted"
    assert "holds no job" in page.ask(box, "open", row="forgotten")["note"]["problem"]
    ai.close()
    assert page.ask(box, "open", row=going.key)["note"]["mend"] == "Connect again: ai = aijupyter.connect()."
    lone = jobs_widget(job_frame([summary(1)]))
    assert page.ask(lone, "open", row="k-1")["note"]["mend"] == "List them again: ai.jobs()."


def test_a_conversation_that_is_made_is_seen(ai: Session, double: ProviderDouble, wav: Path, page: Page) -> None:
    """A card for each job, with what becomes of it; the player in their place once all are answered."""
    ai.transcribe(wav, enable_speaker_diarization=False).result(timeout=10)
    ai.diarize(wav).result(timeout=10)
    double.plan.late = 0.3
    joint = ai.conversation(wav)
    box = aijupyter.widget(joint)
    assert [card.card["operation"] for card in box.children] == ["transcribe", "diarize", "emotions"]
    saved = joint_bundle(joint)[0]["text/html"]
    assert "emotions" in saved
    until(lambda: len(box.children) == 1 and isinstance(box.children[0], Player))
    assert box.children[0].facts["emotions"] == ["Neutral", "Excited"]
    assert "Good morning." in joint_bundle(joint)[0]["text/html"]
    box.children[0].close()


def test_a_conversation_that_cannot_be_made_is_seen(ai: Session, double: ProviderDouble, wav: Path, page: Page) -> None:
    """The cards stay, and say why."""
    double.plan.fail = [{"errorCode": "CAI-102", "message": "No speech"}]
    joint = ai.conversation(wav)
    box = aijupyter.widget(joint)
    until(lambda: box.children[0].card["state"] == "failed")
    assert "No speech" in box.children[0].card["error"]["problem"]
    assert "No speech" in joint_bundle(joint)[0]["text/html"]
