"""The panel: what is chosen, what is wrong with it, what is asked, and the code that does the same."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from double import ProviderDouble
from until import until

import aijupyter
from aijupyter.errors import AIJupyterError, MediaError, OptionError, SessionClosedError
from aijupyter.session import Session
from aijupyter.session.code import literal
from aijupyter.session.panel import Panel
from aijupyter.session.sources import find, size_in_words
from aijupyter.session.uploads import safe_name
from aijupyter.views.forms import WIDGET
from aijupyter.views.panel import PanelForm, about_panel, panel_bundle, panel_html, panel_state, panel_widget

HOSTILE = "<img src=x onerror=alert(1)>"
TOKEN = "https://media.example/call.wav?access_token=s3cret"


@pytest.fixture
def ai(double: ProviderDouble) -> Iterator[Session]:
    """A session with the provider's double."""
    with aijupyter.connect(**double.credentials, poll_seconds=0.3) as session:
        yield session


@pytest.fixture
def panel(ai: Session) -> Panel:
    """A panel on which nothing is chosen."""
    return ai.panel()


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """The folder `calls` in the current one: three recordings, one in a folder below, and a note."""
    folder = tmp_path / "calls"
    (folder / "deep").mkdir(parents=True)
    for place in ("a.wav", "b [1].wav", "deep/c.wav"):
        (folder / place).write_bytes(sound(place))
    (folder / "note.txt").write_text("not a recording")
    return folder


def sound(said: str) -> bytes:
    """What is a recording by its first bytes, with content of its own."""
    return b"RIFF\x00\x00\x00\x00WAVE" + said.encode()


class Recorder:
    """Stands for `ai` when code is executed, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str], dict[str, Any]]] = []

    def analyze(self, media: str, **options: Any) -> None:
        """One recording."""
        self.asked.append(("analyze", [media], options))

    def transcribe(self, media: str, **options: Any) -> None:
        """One recording."""
        self.asked.append(("transcribe", [media], options))

    def map(self, verb: Any, media: Any, **options: Any) -> None:
        """Many."""
        self.asked.append((verb.__name__, list(media), options))


def executed(code: str) -> tuple[str, list[str], dict[str, Any]]:
    """What code asks."""
    recorder = Recorder()
    exec(code, {"ai": recorder})
    (asked,) = recorder.asked
    return asked


def problems(panel: Panel) -> str:
    """What `check` says."""
    return "\n".join(map(str, panel.check()))


def test_nothing_is_chosen(panel: Panel) -> None:
    """A new panel says what to do first, and does not ask."""
    assert repr(panel) == "<Panel: analyze, 0 sources, 0 asked>"
    assert problems(panel).startswith("No recording is chosen yet.\nDrop one")
    assert executed(panel.code()) == ("analyze", [], {})
    with pytest.raises(MediaError, match="No recording"):
        panel.submit()


def test_paths_patterns_folders_and_addresses(panel: Panel, calls: Path) -> None:
    """Each line stands for recordings, each recording is there once, files that are none are left out."""
    panel.sources = "calls/a.wav\n\n  'calls/b [1].wav'  \ncalls\nhttps://media.example/x.mp3\ncalls/**/*.wav\n"
    found = panel.find()
    assert found.sources == ("calls/a.wav", "calls/b [1].wav", "https://media.example/x.mp3", "calls/deep/c.wav")
    assert found.words == "4 recordings, 60 bytes, 1 of them by address, 1 other file left out"
    assert found.problems == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nope.wav", "There is no file nope.wav."),
        ("calls/*.mp3", "There is no recording at calls/*.mp3."),
        ("calls/note.txt", "calls/note.txt is no recording of a known format."),
        ("calls/*.txt", "There is no recording at calls/*.txt among 1 file."),
        ("ftp://host/a.wav", "ftp:// is no address that can be fetched."),
        ("empty.wav", "empty.wav is empty."),
        ("a\0b.wav", "cannot be read"),
        ("a\0[b]*.wav", "There is no recording"),
        ("~nobody-of-this-name/a.wav", "There is no file"),
        ("pipe", "pipe is no file, but a device or a pipe."),
    ],
)
def test_what_names_no_recording(panel: Panel, calls: Path, line: str, said: str) -> None:
    """Each is told with what to do, and keeps the question from being asked."""
    Path("empty.wav").touch()
    os.mkfifo("pipe")
    panel.sources = ["calls/a.wav", line]
    (problem,) = panel.check()
    assert isinstance(problem, MediaError)
    assert said in problem.problem
    assert problem.mend
    with pytest.raises(MediaError):
        panel.submit()


def test_a_format_of_ones_own(panel: Panel, calls: Path) -> None:
    """With the file format set, files of no known format are recordings, too."""
    panel.sources = "calls/note.txt"
    panel.choose(encoding="Wav")
    assert panel.check() == []


def test_a_file_without_permission(panel: Panel, calls: Path) -> None:
    """It is told, and not left out in silence."""
    secret = calls / "z.wav"
    secret.write_bytes(sound("z"))
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("root may read everything")
    panel.sources = "calls/z.wav"
    assert "may not be read" in problems(panel)


def test_options(panel: Panel) -> None:
    """Only what differs from the default is kept, what another operation knows waits for that one."""
    panel.choose(insights=["All"], speaker_count=2, enable_punctuation=True, fresh=False)
    assert panel.options == {"speaker_count": 2}
    panel.operation = "transcribe"
    assert panel.options == {"enable_punctuation": True, "speaker_count": 2}
    panel.choose(speaker_count=None)
    assert panel.options == {"enable_punctuation": True}


def test_options_that_are_not_there(panel: Panel) -> None:
    """Names are checked at once, values by the API's own checks, all of them."""
    for nothing in (None, 5, b"RIFF"):
        with pytest.raises(OptionError, match="names no recordings"):
            panel.sources = nothing  # type: ignore[assignment]  # as people may write it
    with pytest.raises(OptionError, match="Did you mean speaker_count"):
        panel.choose(speaker_cuont=2)
    with pytest.raises(OptionError, match="no operation"):
        panel.operation = "paint"
    panel.sources = "https://media.example/x.mp3"
    panel.choose(insights=["Weather"], speaker_count=2.5, speaker_ids=["a b"])
    wrong = {error.option: error.problem for error in panel.check() if isinstance(error, OptionError)}
    assert wrong == {
        "insights": "insights is 'Weather'.",
        "speaker_count": "speaker_count is 2.5.",
        "speaker_ids": "'a b' is no speaker id.",
    }


def test_asking(panel: Panel, ai: Session, double: ProviderDouble, calls: Path) -> None:
    """The batch holds what was found, and the code finds the very same jobs: nothing is paid twice."""
    panel.sources = "calls/*.wav"
    panel.choose(speaker_count=2)
    batch = panel.submit().result(timeout=20)
    assert [job.recording for job in batch] == ["a.wav", "b [1].wav"]
    assert panel.batches == (batch,)
    assert panel.asked[0][0] == panel.question() == "analyze 2 recordings, 38 bytes (speaker_count=2)"
    assert panel_state(panel)["asked"]
    names: dict[str, Any] = {"ai": ai}
    exec(panel.code(), names)
    assert [job.key for job in names["batch"].result(timeout=20)] == [job.key for job in batch]
    assert len(double.submissions()) == 2


def test_one_recording_is_one_job(panel: Panel, calls: Path) -> None:
    """The code for one recording is the plain call."""
    panel.sources = "calls/a.wav"
    panel.operation = "transcribe"
    panel.choose(speech_contexts=["Acme", 'say "hi"'], fresh=True)
    assert panel.code() == ('job = ai.transcribe("calls/a.wav", speech_contexts=["Acme", \'say "hi"\'], fresh=True)')
    assert executed(panel.code()) == (
        "transcribe", ["calls/a.wav"], {"speech_contexts": ["Acme", 'say "hi"'], "fresh": True},
    )  # fmt: skip


@pytest.mark.parametrize(
    "lines",
    [
        ["calls/*.wav"],
        ["calls"],
        ["calls/**/*.wav", "https://media.example/x.mp3"],
        ["calls/a.wav", "calls/*.wav"],
        ["calls/b [1].wav", "calls/a.wav"],
        ["~/calls/*.wav"],
        ["~/calls/a.wav"],
        ["https://media.example/\"'\\{x}\u202e.mp3"],
    ],
)
def test_the_code_asks_the_same(panel: Panel, calls: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    """Whatever is chosen and however, running the code names the same recordings, in the same order."""
    monkeypatch.setenv("HOME", str(calls.parent))
    panel.sources = lines
    panel.choose(source='it\'s "so"\n\\n {x} \u202e', insights=["Topics", "Pace"], speaker_ids=["a" * 60, "b" * 60])
    assert panel.check() == []
    assert executed(panel.code()) == ("analyze", list(panel.find().sources), panel.options)


@pytest.mark.parametrize(
    "text",
    ["", "call.mp3", "it's", 'a "b"', "back\\slash", "new\nline", "\u202ertl", "\udcff", "é 🎧", "{x}", '"""', "\0"],
)
def test_texts_as_python(text: str) -> None:
    """Any text can be written, as text that can be saved."""
    assert eval(literal(text)) == text
    assert literal(text).encode()
    assert literal(text).isprintable()


def test_uploads_are_kept_beside_the_notebook(panel: Panel, calls: Path) -> None:
    """They are written when asked about, never over another file, and the player finds them."""
    kept = Path("recordings")
    kept.mkdir()
    (kept / "a.wav").write_bytes(b"somebody else's")
    (kept / "b.wav").write_bytes(sound("b"))
    panel.upload("a.wav", sound("a"))
    panel.upload("../../b.wav", sound("b"))
    panel.upload("a.wav", sound("another a"))
    panel.upload("a.wav", sound("a"))
    assert "is kept in recordings/ when it is asked about" in panel.code()
    before = executed(panel.code())
    assert sorted(path.name for path in kept.iterdir()) == ["a.wav", "b.wav"]
    batch = panel.submit().result(timeout=20)
    assert executed(panel.code()) == before == (
        "analyze", ["recordings/a-2.wav", "recordings/b.wav", "recordings/a-3.wav"], {},
    )  # fmt: skip
    assert (kept / "a.wav").read_bytes() == b"somebody else's"
    assert (kept / "a-2.wav").read_bytes() == sound("a")
    assert (kept / "a-3.wav").read_bytes() == sound("another a")
    assert [job.result().audio for job in batch] == [
        (kept / name).absolute() for name in ("a-2.wav", "b.wav", "a-3.wav")
    ]
    assert len(panel.submit()) == 3
    assert len(list(kept.iterdir())) == 4


def test_an_upload_that_a_line_names_too(panel: Panel) -> None:
    """Kept and found by a pattern, it is one recording."""
    panel.upload("a.wav", sound("a"))
    panel.submit().result(timeout=20)
    panel.sources = "recordings/*.wav"
    assert panel.find().sources == ("recordings/a.wav",)
    assert executed(panel.code())[1] == ["recordings/a.wav"]


def test_uploads_that_cannot_be_asked_about(panel: Panel) -> None:
    """One on its way, an empty one, a text: each is told, each can be taken back."""
    coming = panel.uploads.begin("big.wav", 1000)
    assert panel.receive(coming.id, 0, sound("")) == 12
    assert panel.receive(coming.id, 5, b"out of turn") == 12
    panel.upload("empty.wav", b"")
    panel.upload("note.txt", b"not a recording")
    said = problems(panel)
    for part in ("big.wav is still on its way", "empty.wav is empty", "note.txt is no recording"):
        assert part in said
    for upload in list(panel.uploads):
        panel.drop(upload.id)
    assert "No recording is chosen yet" in problems(panel)
    assert panel.receive(coming.id, 12, b"late") == 0


def test_a_kept_upload_that_is_removed(panel: Panel) -> None:
    """The panel says that it is gone, instead of asking about nothing."""
    panel.upload("a.wav", sound("a"))
    panel.submit().result(timeout=20)
    Path("recordings/a.wav").unlink()
    assert "recordings/a.wav is not there any more.\nUpload it again." in problems(panel)


def test_a_folder_that_cannot_be_written(panel: Panel) -> None:
    """It is told as an error of ours, and nothing is asked."""
    Path("recordings").write_text("in the way")
    panel.upload("a.wav", sound("a"))
    with pytest.raises(MediaError, match="recordings cannot be written to"):
        panel.submit()
    assert panel.batches == ()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("call.mp3", "call.mp3"),
        ("Anruf für Zoë 🎧.wav", "Anruf für Zoë 🎧.wav"),
        ("../../etc/passwd", "passwd"),
        ("C:\\calls\\a.wav", "a.wav"),
        (".hidden.wav", "hidden.wav"),
        ("", "recording"),
        ("..", "recording"),
        ("a\nb\x1b[31m\u202e.wav", "a_b_[31m_.wav"),
        (HOSTILE + ".wav", "_img src=x onerror=alert(1)_.wav"),
        ("\udcff.wav", "_.wav"),
        ("é" * 300 + ".wav", "é" * 73 + ".wav"),
        ("a." + "b" * 300, "a." + "b" * 148),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    """An upload's name leads nowhere else and fits every file system."""
    assert safe_name(name) == safe
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("size", "words"),
    [(1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (34_400_000, "34 MB"), (2_000_000_000_000, "2,000 GB")],
)
def test_sizes(size: int, words: str) -> None:
    """As a person says them."""
    assert size_in_words(size) == words


def test_names_that_are_no_text(calls: Path, panel: Panel) -> None:
    """A file's name may hold any bytes: its recording is asked about, and the form can show it."""
    os.rename(os.fsencode(calls / "a.wav"), os.fsencode(calls) + b"/\xff.wav")  # noqa: PTH104  # bytes
    panel.sources = "calls/*.wav"
    assert executed(panel.code())[1] == list(find(["calls/*.wav"]).sources)
    panel.sources = list(panel.find().sources)
    assert executed(panel.code())[1] == list(panel.find().sources)
    assert panel.submit().result(timeout=20).counts == {"succeeded": 2}


def test_a_closed_session(double: ProviderDouble) -> None:
    """The panel says so."""
    with aijupyter.connect(**double.credentials) as ai:
        panel = ai.panel()
    panel.sources = "https://media.example/x.mp3"
    with pytest.raises(SessionClosedError, match="Connect again"):
        panel.submit()


def test_watching(panel: Panel) -> None:
    """Every change is told, until nobody wants to hear of it any more, and a watcher that fails harms nobody."""
    told: list[str] = []
    panel.watch(lambda: 1 / 0)
    stop = panel.watch(lambda: told.append(panel.operation))
    panel.operation = "transcribe"
    panel.sources = "x"
    stop()
    panel.operation = "analyze"
    assert told == ["transcribe", "transcribe"]


def test_every_form(panel: Panel, calls: Path) -> None:
    """Text, HTML that shows what is chosen with its code, and the form."""
    panel.sources = "calls"
    shown, _ = panel_bundle(panel)
    assert shown["text/plain"] == repr(panel)
    text = unescape(shown["text/html"])
    assert "Analyze: 2 recordings, 38 bytes, 1 other file left out" in text
    assert panel.code() in text
    assert WIDGET in shown


def test_hostile_texts_in_html(panel: Panel) -> None:
    """Lines, options and the names of files are text, whatever they say."""
    panel.sources = f"https://media.example/{HOSTILE}\n{HOSTILE}"
    panel.choose(source=HOSTILE, speaker_ids=[HOSTILE])
    html = panel_html(panel)
    assert "<img" not in html
    assert html.count("&lt;img") >= 4


def test_no_secret_is_saved(panel: Panel) -> None:
    """What a notebook keeps has no access token: neither the HTML nor any state of the form."""
    panel.sources = TOKEN
    assert "s3cret" in panel.code()
    box = panel_widget(panel)
    assert "s3cret" not in panel_html(panel)
    assert "What may be secret in an address is left out" in panel_html(panel)
    assert "s3cret" not in f"{panel!r} {panel.find()!r} {panel.find().lines!r}"
    assert "s3cret" not in repr(panel)
    assert "s3cret" not in json.dumps([box.get_state(), box.children[0].get_state()], default=str)


def test_what_the_form_is_told(panel: Panel, calls: Path) -> None:
    """All of it is JSON: the operations, their options, what is found, what is wrong, the code."""
    panel.sources = "calls\nnope.wav"
    panel.choose(speaker_count=0)
    panel.upload("up.wav", sound("up"))
    state, about = panel_state(panel), about_panel(panel)
    assert json.dumps([state, about])
    assert state["found"].startswith("3 recordings")
    assert [(one["option"], one["problem"]) for one in state["problems"]] == [
        ("", "There is no file nope.wav."),
        ("speaker_count", "speaker_count is 0."),
    ]
    assert state["uploads"][0] | {"id": ""} == {"id": "", "name": "up.wav", "size": 14, "received": 14}
    assert (state["code"], state["asked"]) == (panel.code(), "")
    assert [verb["name"] for verb in about["verbs"]] == ["transcribe", "analyze", "diarize", "identify", "emotions"]


def test_whom_to_look_for_must_be_said(panel: Panel, calls: Path) -> None:
    """An identification without ids is not asked, and the panel says what is missing; texts are nothing for it."""
    panel.sources = "calls"
    panel.operation = "identify"
    assert [(error.problem, getattr(error, "option", "")) for error in panel.check()] == [
        ("No speaker_ids are given.", "speaker_ids")
    ]
    panel.choose(speaker_ids=["ann"])
    assert panel.check() == []
    with pytest.raises(OptionError, match="asked about texts"):
        panel.operation = "punctuate"


def test_the_form_is_heard(panel: Panel, calls: Path) -> None:
    """Messages from the browser choose, upload and ask; the batch comes below the form."""
    box = panel_widget(panel)
    form = box.children[0]
    assert isinstance(form, PanelForm)
    say(form, kind="operation", operation="transcribe")
    say(form, kind="choose", options={"speaker_count": 2})
    say(form, kind="sources", text="calls/*.wav")
    say(form, kind="begin", token="t", name="up.wav", size=14)
    (upload,) = panel.uploads
    say(form, sound("up"), kind="part", id=upload.id, offset=0)
    assert upload.arrived
    say(form, kind="ask")
    until(lambda: len(panel.batches) == 1)
    assert panel.batches[0].result(timeout=20).counts == {"succeeded": 3}
    until(lambda: len(box.children) == 2)
    caption = box.children[1].children[0].value
    assert "transcribe 3 recordings, 52 bytes (speaker_count=2), asked at" in caption


def test_the_form_sends_nonsense(panel: Panel) -> None:
    """Nothing of it gets out of the panel, which works on."""
    form = panel_widget(panel).children[0]
    for message in ({"kind": "operation", "operation": "paint"}, {"kind": "part", "id": "x"}, {"kind": "dance"}, {}):
        say(form, **message)
    say(form, kind="choose", options={"paint": 1})
    say(form, kind="ask")
    say(form, kind="sources", text="x")
    assert panel.sources == ("x",)


def test_many_threads(panel: Panel, calls: Path) -> None:
    """Changes and looks from several threads at once end in a whole state."""
    errors: list[BaseException] = []

    def use(number: int) -> None:
        try:
            for turn in range(20):
                panel.choose(speaker_count=number + turn + 1, source=str(turn))
                panel.operation = ("analyze", "transcribe")[turn % 2]
                upload = panel.upload("a.wav", sound(str(number)))
                panel.sources = "calls"
                panel.check()
                panel.drop(upload.id)
        except (AIJupyterError, RuntimeError, KeyError) as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(panel.uploads) == 0
    assert executed(panel.code())[1] == ["calls/a.wav", "calls/b [1].wav"]


def say(form: PanelForm, *buffers: bytes, **message: Any) -> None:
    """As the browser's message arrives."""
    form._handle_custom_msg({"view": "v", "number": 1, **message}, [memoryview(buffer) for buffer in buffers])
