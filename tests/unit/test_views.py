"""Views: what a person sees, and what a hostile text cannot do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import ipywidgets
import pytest

from aijupyter.config import Settings
from aijupyter.jobs import Job
from aijupyter.jobs.book import JobBook
from aijupyter.models import JobRecord, JobState, Operation, Recording, now
from aijupyter.palette import clock
from aijupyter.portal import Portal
from aijupyter.results import Interaction, Result, Transcript
from aijupyter.session import Session
from aijupyter.session.desk import SessionDesk
from aijupyter.views.conversation import MOST_CHARACTERS, MOST_LINES, conversation_bundle, conversation_html
from aijupyter.views.forms import WIDGET, bundle
from aijupyter.views.glance import MOST_SPANS
from aijupyter.views.html import bar, join, tag
from aijupyter.views.plain import conversation_text
from aijupyter.views.session import session_html, session_text

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;</td></table>\n"
HARMLESS = {"div", "b", "bdi", "small", "span", "table", "tr", "td", "ul", "li"}
STYLES = re.compile(
    # Of the styles that JupyterLab's sanitizer knows (packages/apputils/src/sanitizer.ts), those that are used.
    r"(?:position|left|right|top|width|height|max-width|max-height|padding(?:-left)?|margin(?:-right|-top)?|border"
    r"(?:-left|-top|-radius|-collapse)?|background|color|opacity|font(?:-size)?|display|overflow(?:-y|-wrap)?|word-wrap|"
    r"white-space|box-sizing|text-align|vertical-align):[^;]*"
)


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
        assert {attribute for attribute, _ in attrs} <= {"style", "tabindex", "role", "aria-label", "dir", "title"}
        assert not any("alert" in (value or "") for attribute, value in attrs if attribute != "title")
        for style in filter(None, (dict(attrs).get("style") or "").split(";")):
            assert STYLES.fullmatch(style), style
            assert not re.search(r"[ ,:(]\.\d", style), f"{style}: a sanitizer takes away what has no leading 0"
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
    html = conversation_html(interaction(response))
    text = Reader(html).text
    for part in (
        "call.wav",
        "1:05",
        "2 speakers",
        "75% of the talk, 0:03",
        "190 words a minute",
        "fast pace",
        "health",
    ):
        assert part in text
    assert "mostly joy" in text.partition("Speaker 1")[0]
    assert "left:93.8%;width:4.6%" in html, "Speaker 1 spoke from 61 s to 64 s of 65 s"
    lines = text.rpartition("health")[2]
    assert lines.index("1:01") < lines.index("How are you?") < lines.index("Joy") < lines.index("Fine.")


def test_speakers_go_by_their_names() -> None:
    """A given name is shown as it is, a bare number as "Speaker 2", an enrolled speaker's id as it is."""
    spoken = [{"speakerId": who, "start": n, "end": n + 1, "text": "Yes."} for n, who in enumerate(["1", "2", "anna"])]
    call = transcript({"utterances": spoken})
    call.name_speakers({"1": "007"})
    for shown in (Reader(conversation_html(call)).text, conversation_text(call)):
        assert all(part in shown for part in ("007", "Speaker 2", "anna"))
        assert not any(part in shown for part in ("Speaker 007", "Speaker anna", "Speaker 1"))


def test_what_was_found_out_is_shown() -> None:
    """Summaries, topics, phrases, and the questions with who asked them and when."""
    found = {
        "Topics": [{"value": "repairs"}],
        "KeyPhrases": [{"value": "back wheel"}],
        "AbstractiveSummaryShort": [{"value": "A wheel is repaired."}],
        "ExtractiveSummary": [{"sentence": "It wobbles."}],
    }
    asked = [{"speakerId": "1", "value": 1, "questions": [{"text": "How much?", "start": 75, "end": 76}]}]
    response = {
        "utteranceInsights": [{"speakerId": "1", "start": 75, "end": 76, "text": "How much?"}],
        "speakerInsights": {"insights": [{"name": "QuestionsAsked", "values": asked}]},
        "conversationalInsights": [{"name": name, "values": values} for name, values in found.items()],
    }
    text = Reader(conversation_html(interaction(response))).text
    for part in ("In short A wheel is repaired.", "repairs", "back wheel", "In their words It wobbles.", "1 question"):
        assert part in text
    assert "Speaker 1 How much? 1:15" in text


def test_many_short_turns_are_few_spans() -> None:
    """The timeline of a long call stays small, and so does its markup."""
    spoken = [{"speakerId": str(n % 2), "start": n, "end": n + 0.9, "text": "Yes, I see."} for n in range(3600)]
    html = conversation_html(transcript({"utterances": spoken}))
    assert 2 <= html.count("position:absolute;left:") <= MOST_SPANS + 2
    assert len(html) < 300_000


def test_a_word_without_end() -> None:
    """One line longer than all that is kept is cut, and says so; the lines after it are counted."""
    spoken = [{"text": "x" * (MOST_CHARACTERS + 1), "start": 0, "end": 1}, {"text": "Bye.", "start": 1, "end": 2}]
    html = conversation_html(transcript({"utterances": spoken}))
    assert len(html) < MOST_CHARACTERS + 5_000
    text = Reader(html).text
    assert "whole in .utterances" in text
    assert "1 more line, in" in text


def test_a_conversation_as_plain_text() -> None:
    """A console shows what it is, who spoke, and how it begins, in lines that fit, and no character is a command."""
    spoken = [
        {"speakerId": str(n % 2), "start": n, "end": n + 1, "text": f"Line {n}. " + "\x1b[2J\u202e" + "long " * 50}
        for n in range(40)
    ]
    call = transcript({"utterances": spoken}, recording="call\x1b.wav")
    text, _ = conversation_bundle(call)
    lines = text["text/plain"].splitlines()
    assert lines[0].startswith("call?.wav · 0:40 · ")
    assert lines[1].startswith("  Speaker 0: 50% of the talk, 0:20")
    assert "0:00  Speaker 0: Line 0." in text["text/plain"]
    assert lines[-1] == "  … and 28 more, in .utterances"
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)


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
        for text in (Reader(conversation_html(result)).text, conversation_text(result)):
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


def test_characters_that_act_are_seen() -> None:
    """An override of direction would show exe.png for gnp.exe; what languages need stays."""
    assert tag("b", "call\u202egnp.exe\x07") == "<b>call\ufffdgnp.exe\ufffd</b>"
    assert tag("b", "\u05d0\u200f\n\t") == "<b>\u05d0\u200f\n\t</b>"


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


class Shell:
    """What `get_ipython()` gives, as far as views look at it: a terminal's has no kernel."""

    def __init__(self, request: dict[str, Any] | None, last: bool = True) -> None:
        if request is not None:
            self.kernel = SimpleNamespace(_allow_stdin=last, get_parent=lambda _channel: request)


LAB = {"deletedCells": [], "recordTiming": False, "cellId": "c"}


@pytest.mark.parametrize(
    ("shell", "form"),
    [
        (Shell({"content": {"allow_stdin": True}, "metadata": {}}), "beside"),
        (Shell({"content": {"allow_stdin": True}, "metadata": LAB}), "in its place"),
        (Shell({"content": {"allow_stdin": False}, "metadata": LAB}), "none"),
        (Shell({"content": {}, "metadata": {}}), "beside"),
        (Shell({"content": {}, "metadata": {}}, last=False), "none"),
        (Shell(None), "none"),
    ],
    ids=["a front end", "JupyterLab", "nbclient", "a click", "a click that nobody made", "a terminal"],
)
def test_forms_for_each_front_end(shell: Shell, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A widget is made where somebody may use it; a notebook of JupyterLab keeps only what outlives the kernel."""
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    made: list[ipywidgets.Widget] = []

    def widget() -> ipywidgets.Widget:
        made.append(ipywidgets.HTML("live"))
        return made[-1]

    forms, _ = bundle("plain", "<b>saved</b>", widget)
    assert forms["text/plain"] == "plain"
    assert "<b>saved</b>" in forms["text/html"]
    assert len(made) == (form != "none")
    assert (WIDGET in forms) == (form == "beside")
    assert ('id="aij-' in forms["text/html"]) == (form == "in its place")
