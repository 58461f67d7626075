"""The panel: a form to choose recordings, an operation and its options; what was asked shows up below it.

The form's state lives in the Panel and travels in messages, not in traits: a notebook keeps traits when it is saved,
and an address may hold what is secret.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import anywidget
import ipywidgets
import traitlets

from aijupyter.errors import AIJupyterError
from aijupyter.logs import logger
from aijupyter.models import now
from aijupyter.session.fields import fields_of
from aijupyter.session.panel import Panel
from aijupyter.session.verbs import AUDIO_VERBS
from aijupyter.views.batch import batch_widget
from aijupyter.views.card import Message, Pace, told_error
from aijupyter.views.forms import Bundle, bundle, static
from aijupyter.views.html import CARD, QUIET, Markup, join, tag

log = logger(__name__)

TOLD_SECONDS = 0.02
"""Several changes at once are told as one."""
PROBLEMS_SHOWN = 20

_VERBS = {
    "transcribe": ("Transcribe", "Every word, with who said it and when"),
    "analyze": ("Analyze", "The words, and feelings, questions, topics, pace, summary"),
    "diarize": ("Diarize", "Who speaks when, without the words"),
    "identify": ("Identify", "Which of the enrolled speakers speaks when"),
    "emotions": ("Emotions", "How it is said, and when"),
}
_PRE = "margin:6px 0 0;padding:8px 10px;border-radius:6px;background:rgba(128,128,128,0.14);white-space:pre-wrap"


def panel_bundle(panel: Panel, **_kinds: object) -> Bundle:
    """The panel in every form: the form to fill in where widgets are, else what is chosen and the code for it."""
    return bundle(repr(panel), panel_html(panel), lambda: panel_widget(panel))


def panel_html(panel: Panel) -> str:
    """What is chosen, and the code to go on with in a cell. Addresses are shown without what may be secret in them."""
    found = panel.find()
    title, about = _VERBS.get(panel.operation, (panel.operation, ""))
    chosen = found.words or "no recording is chosen yet"
    parts = [tag("b", f"{title}: {chosen}"), tag("div", about, style=QUIET)]
    parts += [_problem(error) for error in panel.check(found) if found.sources or found.problems]
    parts.append(tag("pre", panel.code(found, secrets=False), style=_PRE))
    return tag("div", *parts, style=CARD)


def panel_widget(panel: Panel) -> ipywidgets.VBox:
    """The form, and below it a live card for each batch that was asked, the last one first."""
    return _LivePanel(panel).box


class PanelForm(anywidget.AnyWidget):
    """What a person fills in."""

    _esm = traitlets.Unicode(static("common.js", "panel/files.js", "panel/options.js", "panel/form.js")).tag(sync=True)
    _css = traitlets.Unicode(static("theme.css", "panel/panel.css")).tag(sync=True)


class _LivePanel:
    """What ties a panel to its form. Messages may come in any thread; whatever takes time is done in another."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._heard: dict[str, int] = {}
        self._about_wanted = True
        self._failure: Message | None = None
        self._changes, self._told = 1, 0
        self._asking = threading.Lock()
        self._shown: list[ipywidgets.Widget] = []
        self._form = PanelForm()
        self.box = ipywidgets.VBox([self._form], layout={"overflow": "visible", "grid_gap": "8px"})
        self._actions: dict[str, Callable[[Message, Sequence[Any]], None]] = {
            "hello": self._greet,
            "operation": self._set_operation,
            "choose": self._choose,
            "sources": self._set_sources,
            "begin": self._begin,
            "part": self._part,
            "drop": self._drop,
            "ask": self._ask,
        }
        self._pace = Pace(self._tell, TOLD_SECONDS)
        self._form.on_msg(self._hear)
        self._stop = panel.watch(self._changed)
        self._changed()

    def _hear(self, _widget: object, message: Message, buffers: Sequence[Any]) -> None:
        action = self._actions.get(str(message.get("kind")))
        if action is None:
            return
        try:
            if "view" in message:
                self._heard[str(message["view"])] = int(message["number"])
            action(message, buffers)
        except AIJupyterError as error:
            self._failure = told_error(error)
        except Exception as error:
            log.exception("the panel could not do what it was told")
            self._failure = {"problem": f"This did not work: {error!r}", "mend": "Run the cell again."}
        if message["kind"] != "part":
            self._changed()

    def _greet(self, _message: Message, _buffers: Sequence[Any]) -> None:
        self._about_wanted = True

    def _set_operation(self, message: Message, _buffers: Sequence[Any]) -> None:
        self._failure = None
        self._panel.operation = str(message["operation"])

    def _choose(self, message: Message, _buffers: Sequence[Any]) -> None:
        self._failure = None
        self._panel.choose(**message["options"])

    def _set_sources(self, message: Message, _buffers: Sequence[Any]) -> None:
        self._failure = None
        self._panel.sources = str(message["text"])

    def _begin(self, message: Message, _buffers: Sequence[Any]) -> None:
        upload = self._panel.uploads.begin(str(message["name"]), int(message["size"]))
        self._form.send({"kind": "expect", "token": message["token"], "id": upload.id})

    def _part(self, message: Message, buffers: Sequence[Any]) -> None:
        received = self._panel.receive(str(message["id"]), int(message["offset"]), buffers[0])
        self._form.send({"kind": "got", "id": message["id"], "received": received})

    def _drop(self, message: Message, _buffers: Sequence[Any]) -> None:
        self._panel.drop(str(message["id"]))

    def _ask(self, _message: Message, _buffers: Sequence[Any]) -> None:
        if self._asking.acquire(blocking=False):
            self._failure = None
            threading.Thread(target=self._submit, name="aijupyter-panel", daemon=True).start()

    def _submit(self) -> None:
        try:
            self._panel.submit()
        except AIJupyterError as error:
            self._failure = told_error(error)
        except Exception as error:
            log.exception("the panel could not ask")
            self._failure = {"problem": f"This did not work: {error!r}", "mend": "Run the cell again."}
        finally:
            self._asking.release()
        self._changed()

    def _changed(self) -> None:
        self._changes += 1
        self._pace()

    def _tell(self) -> None:
        """Look, and tell the form. Runs in a thread of its own, one at a time."""
        if self._form.comm is None:  # nobody can see it any more
            self._stop()
            return
        changes = self._changes
        if changes == self._told:
            return
        self._told = changes
        try:
            self._tell_all()
        except Exception:
            log.exception("the panel could not be shown")

    def _tell_all(self) -> None:
        self._show_batches()
        about, self._about_wanted = self._about_wanted, False
        heard = dict(self._heard)  # before the look: what comes while it lasts is not in it
        state = {"kind": "state", "heard": heard, **panel_state(self._panel)}
        state |= {"asking": self._asking.locked(), "failure": self._failure}
        if about:
            state["about"] = about_panel(self._panel)
        self._form.send(_writable(state))

    def _show_batches(self) -> None:
        for words, batch in self._panel.asked[len(self._shown) :]:
            at = now().astimezone().strftime("%H:%M:%S")
            caption = ipywidgets.HTML(tag("div", f"{words}, asked at {at}", style=f"{QUIET};line-height:1.4"))
            asked = ipywidgets.VBox([caption, batch_widget(batch)], layout={"overflow": "visible"})
            self._shown.insert(0, asked)
        if len(self.box.children) != len(self._shown) + 1:
            self.box.children = (self._form, *self._shown)


def about_panel(panel: Panel) -> Message:
    """What never changes of a form: the operations with their options, and where questions go."""
    return {
        "place": panel.place,
        "folder": str(panel.uploads.folder),
        "verbs": [
            {"name": verb, "label": label, "help": help_, "fields": [asdict(field) for field in fields_of(verb)]}
            for verb in AUDIO_VERBS
            for label, help_ in [_VERBS.get(verb, (verb, ""))]
        ],
    }


def panel_state(panel: Panel) -> Message:
    """What a form shows now. It looks at the files, so it can take a while."""
    text, operation, options, uploads = panel.text, panel.operation, panel.options, tuple(panel.uploads)
    found = panel.find()
    problems = panel.check(found)
    count, asked = len(found.sources), [words for words, _ in panel.asked[-1:]]
    return {
        "operation": operation,
        "text": text,
        "options": options,
        "uploads": [
            {"id": upload.id, "name": upload.name, "size": upload.size, "received": upload.received}
            for upload in uploads
        ],
        "found": found.words,
        "problems": [{**told_error(error), "option": getattr(error, "option", "")} for error in problems][
            :PROBLEMS_SHOWN
        ],
        "button": f"Ask about {count:,} recordings" if count > 1 else "Ask",
        "asked": "Asked; the answer comes below." if panel.question(found) in asked else "",
        "code": panel.code(found),
    }


def _problem(error: AIJupyterError) -> Markup:
    return join([tag("div", error.problem, style="margin-top:6px"), tag("div", error.mend, style=QUIET)])


def _writable(state: Message) -> Message:
    """A file's name may hold bytes that are no text; messages take text only."""
    written: Message = json.loads(json.dumps(state, ensure_ascii=False, default=list).encode("utf-8", "replace"))
    return written
