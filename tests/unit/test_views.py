"""Views: what a person sees, and what a hostile text cannot do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances  # what the front end would find by its id

from aijupyter.config import Settings
from aijupyter.errors import BadRequestError, SessionClosedError
from aijupyter.jobs import Batch, Job
from aijupyter.jobs.book import JobBook
from aijupyter.models import JobRecord, JobState, Operation, Recording, now
from aijupyter.portal import Portal
from aijupyter.results import Interaction, Result, Transcript
from aijupyter.session import Session
from aijupyter.session.desk import SessionDesk
from aijupyter.views.batch import batch_bundle, batch_html
from aijupyter.views.conversation import MOST_LINES, conversation_html
from aijupyter.views.html import bar, clock, join, tag
from aijupyter.views.job import job_bundle, job_html
from aijupyter.views.session import session_html, session_text

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;</td></table>\n"
HARMLESS = {"div", "b", "span", "table", "tr", "td", "ul", "li"}


class Reader(HTMLParser):
    """Reads HTML as a browser would: its text, and its elements, which must all be harmless and closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.opened: list[str] = []
        self.feed(html)
        self.close()
        assert self.opened == []

    def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
        """Only these elements, and of attributes only these."""
        assert name in HARMLESS
        assert {attribute for attribute, _ in attrs} <= {"style", "tabindex", "role", "aria-label"}
        assert not any("alert" in (value or "") for _, value in attrs)
        self.opened.append(name)

    def handle_endtag(self, name: str) -> None:
        """Each ends where it should."""
        assert self.opened.pop() == name

    def handle_data(self, data: str) -> None:
        """What a person reads."""
        self.text += data


def interaction(response: Any, recording: str = "call.wav") -> Interaction:
    """An analysis that answers so."""
    return Interaction({"response": response}, operation=Operation.ANALYZE, recording=recording, job_id="p-1")


def transcript(response: Any, recording: str = "call.wav") -> Transcript:
    """A transcription that answers so."""
    return Transcript({"response": response}, operation=Operation.TRANSCRIBE, recording=recording, job_id="p-1")


def hostile_analysis(said: str) -> dict[str, Any]:
    """An analysis that says this wherever it can say something."""
    value = {"speakerId": said, "value": said, "sentence": said, "wpm": said, "groupId": said}
    values = [{**value, "questions": [{"text": said, "start": said}]}]
    names = ("Energy", "Pace", "TalkToListenRatio", "QuestionsAsked", said)
    spoken = {"speakerId": said, "text": said, "insights": [{"name": "Emotion", "value": said}]}
    kinds = ("KeyPhrases", "Topics", "ExtractiveSummary", "AbstractiveSummaryLong", "AbstractiveSummaryShort", said)
    return {
        "utteranceInsights": [{**spoken, "start": 0, "end": 1}, spoken],
        "speakerInsights": {"insights": [{"name": name, "values": values} for name in names]},
        "conversationalInsights": [{"name": kind, "values": values} for kind in kinds],
    }


def test_a_conversation_is_shown() -> None:
    """A person sees who spoke how much, what was felt and asked, and every line with its time."""
    response = {
        "utteranceInsights": [
            {
                "speakerId": "1",
                "start": 61.0,
                "end": 64.0,
                "text": "How are you?",
                "insights": [{"name": "Emotion", "value": "Joy"}],
            },
            {"speakerId": "2", "start": 64.0, "end": 65.0, "text": "Fine."},
        ],
        "speakerInsights": {
            "insights": [{"name": "Pace", "values": [{"speakerId": "1", "value": "fast", "wpm": 190}]}]
        },
        "conversationalInsights": [{"name": "Topics", "values": [{"value": "health"}]}],
    }
    text = Reader(conversation_html(interaction(response))).text
    for part in ("call.wav", "1:05", "2 speakers", "75% of the talk, 0:03", "190 words a minute", "fast", "health"):
        assert part in text
    assert text.index("1:01") < text.index("How are you?") < text.index("Joy") < text.index("Fine.")


@pytest.mark.parametrize("kind", [interaction, transcript])
def test_hostile_texts_in_a_conversation(kind: Any) -> None:
    """Whatever the provider says, and wherever, is shown as the text that it is."""
    response = {**hostile_analysis(HOSTILE), "utterances": [{"speakerId": HOSTILE, "text": HOSTILE, "start": 0}]}
    text = Reader(conversation_html(kind(response, recording=HOSTILE))).text
    assert text.count("<script>alert(1)</script>") >= 3


@pytest.mark.parametrize(
    "response",
    [
        None,
        [],
        {},
        {"utterances": [{}], "utteranceInsights": [{}]},
        {"utterances": [{"speakerId": "1"}], "utteranceInsights": [{"speakerId": "1", "insights": [{}]}]},
        {"utteranceInsights": [{"text": "x", "start": "nan", "end": "inf"}]},
        {"speakerInsights": {"insights": [{"name": "Pace", "values": [{"speakerId": "1"}]}]}},
        {"speakerInsights": {"insights": [{"name": "QuestionsAsked", "values": [{"questions": [{}]}]}]}},
        {"speakerInsights": {"insights": [{"name": "TalkToListenRatio", "values": [{"speakerId": 1, "value": 7}]}]}},
        {"conversationalInsights": [{"name": "ExtractiveSummary", "values": [{}]}]},
        {"conversationalInsights": [{"name": "Topics", "values": [{"value": None}]}]},
    ],
    ids=lambda value: str(value)[:60],
)
def test_empty_conversations(response: Any) -> None:
    """Answers that hold next to nothing are shown all the same, without a NaN in sight."""
    for result in (interaction(response), transcript(response)):
        text = Reader(conversation_html(result)).text
        assert "call.wav" in text
        assert not any(word in text for word in ("nan", "NaN", "<NA>", "None"))


def test_silence_is_said() -> None:
    """A recording without speech says so."""
    assert "No speech was heard." in Reader(conversation_html(transcript({}))).text


def test_a_long_conversation() -> None:
    """Many lines are cut, and the rest is counted."""
    utterances = [
        {"speakerId": str(n % 9), "start": n, "end": n + 1, "text": f"line {n}."} for n in range(MOST_LINES + 7)
    ]
    text = Reader(conversation_html(transcript({"utterances": utterances}))).text
    assert f"line {MOST_LINES - 1}." in text
    assert f"line {MOST_LINES}." not in text
    assert "7 more lines" in text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"),
        (59.9, "0:59"),
        (61, "1:01"),
        (3600, "1:00:00"),
        (None, "-"),
        (float("nan"), "-"),
        (float("inf"), "-"),
    ],
)
def test_clock(seconds: float | None, shown: str) -> None:
    """Times as on a clock."""
    assert clock(seconds) == shown


def test_tags_escape_all_but_markup() -> None:
    """Content and attributes are escaped; what is markup already is not escaped again."""
    inner = tag("b", "<i>", title='"><i>')
    assert inner == '<b title="&quot;&gt;&lt;i&gt;">&lt;i&gt;</b>'
    assert tag("p", inner, 3, None) == f"<p>{inner}3None</p>"
    assert join([inner, "&"]) == f"{inner}&amp;"


@pytest.mark.parametrize(("share", "width"), [(0.5, "50%"), (7.0, "100%"), (-1.0, "0%")])
def test_bars_stay_in_their_frame(share: float, width: str) -> None:
    """A share beyond all bounds fills the bar and no more."""
    assert f"width:{width};height:100%" in bar(share, "gray")


@pytest.fixture
def portal() -> Iterator[Portal]:
    """What jobs need to live."""
    portal = Portal()
    portal.start()
    yield portal
    portal.stop()


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


def test_a_job_in_every_form(portal: Portal) -> None:
    """Text, HTML, and while it is under way a live widget; an ended job needs none."""
    job = a_job(portal)
    bundle, _ = job_bundle(job)
    assert bundle["text/plain"] == repr(job)
    assert bundle["text/html"] == job_html(job)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    ended, _ = job_bundle(a_job(portal, state=JobState.SUCCEEDED, ended=now()))
    assert sorted(ended) == ["text/html", "text/plain"]


def test_a_live_widget_follows_its_job(portal: Portal) -> None:
    """What the widget shows changes with the job, from whatever thread, until it is over."""
    job = a_job(portal)
    bundle, _ = job_bundle(job)
    widget = _instances[bundle["application/vnd.jupyter.widget-view+json"]["model_id"]]
    assert "submitted" in widget.value
    record = job.record
    fields = {name: getattr(record, name) for name in record.__slots__}
    ended = JobRecord(**{**fields, "state": JobState.FAILED, "ended": now(), "error": {"problem": "No."}})
    portal.call(update, job, ended)
    assert "failed" in widget.value
    assert "No." in widget.value


def test_a_batch_under_way(portal: Portal) -> None:
    """One bar with counts, the failures by name, live until it is over; hostile names stay text."""
    jobs = [a_job(portal, key="k-1"), a_job(portal, key="k-2", recording=HOSTILE)]
    batch = Batch(lambda _: jobs[0], total=4)
    for job in jobs:
        batch.feed("call.wav", job)
    bundle, _ = batch_bundle(batch)
    assert bundle["text/plain"] == "<Batch of 4: 2 waiting, 2 submitted>"
    widget = _instances[bundle["application/vnd.jupyter.widget-view+json"]["model_id"]]
    jobs[1].fail(BadRequestError(HOSTILE, "Do better."))
    batch.finish()
    text = Reader(batch_html(batch)).text
    assert "1 of 2" in text
    assert text.count("<script>") == 2
    jobs[0].fail(SessionClosedError("Closed.", "Connect."))
    deadline = time.monotonic() + 5
    while "2 of 2" not in widget.value:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert sorted(batch_bundle(batch)[0]) == ["text/html", "text/plain"]


async def update(job: Job[Any], record: JobRecord) -> None:
    """A change that comes from the background."""
    job.update(record)


def test_every_repr_is_one_line(portal: Portal) -> None:
    """What a prompt shows of our things is one line, with nothing secret in it."""
    name = "a\nb\x1b[31m.wav"
    things = [
        a_job(portal, recording=name),
        a_job(portal, recording=name).record,
        interaction({}, recording=name),
        transcript({}, recording=name),
        Result({}, operation=Operation.EMOTIONS, recording=name, job_id="p-1"),
        Recording(name, "audio/wav", "Wav", url="https://host/?access_token=s3cret"),
        Session(Settings(embedded=True)),
    ]
    for thing in things:
        shown = repr(thing)
        assert len(shown.splitlines()) == 1, shown
        assert shown.isprintable()
        assert "s3cret" not in shown


def test_a_closed_session(tmp_path: Any) -> None:
    """A session that is not open says so, as text and as HTML, and where its ledger is."""
    session = Session(Settings.load(embedded=True, ledger=tmp_path / "<ledger>.db", env_file=None))
    assert "closed" in session_text(session)
    assert str(tmp_path / "<ledger>.db") in session_text(session)
    assert "<ledger>.db" in Reader(session_html(session)).text
    assert "embedded" in repr(session)
