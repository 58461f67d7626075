"""What the live cards of jobs share: one state that the kernel tells, questions that a view asks, one thing below."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anywidget
import ipywidgets
import traitlets

from aijupyter.errors import AIJupyterError
from aijupyter.jobs import Job
from aijupyter.logs import logger
from aijupyter.models import JobState

log = logger(__name__)

TONES = {
    JobState.WRITTEN: "none",
    JobState.SUCCEEDED: "good",
    JobState.FAILED: "bad",
    JobState.EXPIRED: "bad",
    JobState.CANCELLED: "quiet",
    JobState.UNCONFIRMED: "odd",
}
"""How a state is coloured; what waits has none, and what is under way that of all that lives."""

Message = dict[str, Any]


class Card(anywidget.AnyWidget):
    """A card. The kernel tells all of it in `card`; its views ask by messages, each of which gets one answer."""

    card = traitlets.Dict().tag(sync=True)

    def __init__(self, card: Message, answers: dict[str, Callable[[Message], Message | None]]) -> None:
        super().__init__(card=card)
        self._answers = answers
        self.on_msg(self._heard)

    @property
    def closed(self) -> bool:
        """Whether nobody can see it any more."""
        return self.comm is None

    def _heard(self, _widget: object, message: Message, _buffers: object) -> None:
        """Answers may block and raise: they have a thread of their own, and a view to tell it to."""
        answer = self._answers.get(str(message.get("kind")))
        if answer is not None:
            of = {"view": message.get("view"), "asked": message.get("asked")}
            in_background(
                lambda: self.send({**(answer(message) or {}), **of}),
                lambda error: self.send({"note": told_error(error), **of}),
            )


def in_background(work: Callable[[], object], failed: Callable[[AIJupyterError], object]) -> None:
    """Do what may block in a thread of its own, which tells what went wrong instead of printing it."""

    def do() -> None:
        try:
            work()
        except AIJupyterError as error:
            failed(error)
        except Exception as error:
            log.exception("a view could not be drawn")
            failed(AIJupyterError(f"This did not work: {error!r}", "Display it again."))

    threading.Thread(target=do, name="aijupyter-view", daemon=True).start()


class Pace:
    """Calls `show` soon after it is called itself, seldom enough for a browser, and never in the thread that tells.

    That is often the session's own, where nothing may block. Calls of `show` follow one another, so that the last word
    is the newest.
    """

    def __init__(self, show: Callable[[], object], seconds: float) -> None:
        self._show = show
        self._seconds = seconds
        self._lock = threading.Lock()
        self._showing = threading.Lock()
        self._due = False

    def __call__(self) -> None:
        """Something has changed."""
        with self._lock:
            if self._due:
                return
            self._due = True
        timer = threading.Timer(self._seconds, self._now)
        timer.daemon = True
        with suppress(RuntimeError):  # no thread can start while Python ends, and nobody looks
            timer.start()

    def _now(self) -> None:
        with self._lock:
            self._due = False
        with self._showing:
            self._show()


class Below:
    """What is shown below a card, in the same output: one thing at a time. `box` is the whole."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._lock = threading.Lock()
        self._turn = 0
        self.box = ipywidgets.VBox([card], layout={"overflow": "visible", "grid_gap": "8px"})

    def show(self, make: Callable[[], ipywidgets.Widget]) -> None:
        """Put there what `make` makes, which may take its time; what was asked for last stays."""
        with self._lock:
            self._turn += 1
            turn = self._turn
        widget = make()
        with self._lock:
            if turn == self._turn:
                self._put([widget])
            else:
                _close(widget)

    def clear(self) -> None:
        """Nothing any more."""
        with self._lock:
            self._turn += 1
            self._put([])

    def _put(self, widgets: list[ipywidgets.Widget]) -> None:
        before = self.box.children[1:]
        self.box.children = (self._card, *widgets)
        for widget in before:
            _close(widget)


def _close(widget: ipywidgets.Widget) -> None:
    """A box and all that is in it."""
    for child in getattr(widget, "children", ()):
        _close(child)
    widget.close()


def result_widget(job: Job[Any]) -> ipywidgets.Widget:
    """The answer of a job that succeeded: the player where there is something to hear. Blocks, and raises its error."""
    from aijupyter.views.answer import fresh_widget  # noqa: PLC0415  # pandas is loaded when first needed

    return fresh_widget(job.result(timeout=0))


def told_error(error: AIJupyterError) -> Message:
    """An error as a card tells it."""
    return {"problem": error.problem, "mend": error.mend}


def state_word(job: Job[Any]) -> str:
    """The state as a person reads it; `unfinished` for a job that this session has given up."""
    return "unfinished" if job.given_up and not job.state.final else job.state.value


def tone(job: Job[Any]) -> str:
    """The colour of its badge."""
    return "quiet" if state_word(job) == "unfinished" else TONES.get(job.state, "")
