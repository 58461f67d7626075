"""A job: live where widgets are, and otherwise as it is at the moment."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets

from aijupyter.errors import AIJupyterError
from aijupyter.jobs import Job
from aijupyter.models import JobState, now
from aijupyter.palette import clock
from aijupyter.views.card import Below, Card, Message, Pace, in_background, result_widget, state_word, told_error, tone
from aijupyter.views.forms import Bundle, bundle, static
from aijupyter.views.html import CARD, CHIP, QUIET, Markup, bar, join, tag

TOLD_SECONDS = 0.1
"""A job's view follows at this pace."""
EARLIER_SECONDS = 30.0
"""A job that was asked so long before it is shown was found, or is looked at again."""
_COLOURS = {"good": "#2e9e6b", "bad": "#c9405b", "odd": "#d9730d", "quiet": "#777777", "none": "#777777", "": "#3b7dd8"}
_GIVE_UP = {JobState.WRITTEN: "Cancel", JobState.UNCONFIRMED: "Give up"}
"""The states in which a job can be cancelled, and what a person calls that."""


class JobCard(Card):
    """A job's card."""

    _esm = traitlets.Unicode(static("common.js", "card.js", "job.js")).tag(sync=True)
    _css = traitlets.Unicode(static("theme.css", "card.css", "job.css")).tag(sync=True)


def job_bundle(job: Job[Any], **_kinds: object) -> Bundle:
    """The job in every form, with its answer where there is one."""
    return bundle(repr(job), join([Markup(job_html(job)), _answer_html(job)]), lambda: job_widget(job))


def job_widget(job: Job[Any]) -> ipywidgets.VBox:
    """A card that follows the job, and below it in time the answer."""
    return _LiveJob(job).below.box


def opened_widget(job: Job[Any]) -> ipywidgets.Widget:
    """What a row of a list opens: the answer where there is one, else the job's card. Blocks, and raises its error."""
    return result_widget(job) if job.state is JobState.SUCCEEDED else job_widget(job)


class _LiveJob:
    """What ties a job to its card; the job's watchers keep it, until the job is over."""

    def __init__(self, job: Job[Any]) -> None:
        self._job = job
        self._earlier = _age(job) > EARLIER_SECONDS
        self._problem: AIJupyterError | None = None
        self._shown = False
        self._card = JobCard(self._state(), {"hello": self._refresh, "cancel": self._cancel, "history": self._history})
        self.below = Below(self._card)
        self._pace = Pace(self._follow, TOLD_SECONDS)
        self._stop = job.watch(self._pace)
        self._pace()

    def _state(self) -> Message:
        return card_state(self._job, earlier=self._earlier, problem=self._problem)

    def _follow(self) -> None:
        self._card.card = self._state()
        if self._job.over or self._card.closed:
            self._stop()
        if self._job.state is JobState.SUCCEEDED and not self._shown:
            self._shown = True
            in_background(lambda: self.below.show(lambda: result_widget(self._job)), self._failed)

    def _failed(self, error: AIJupyterError) -> None:
        self._problem = error
        self._pace()

    def _refresh(self, _message: Message) -> None:
        self._pace()

    def _cancel(self, _message: Message) -> Message | None:
        if self._job.cancel():
            return None
        return {"note": {"problem": "It was sent already, and goes on.", "mend": ""}}

    def _history(self, _message: Message) -> Message:
        steps = self._job.history.to_dict("records")
        return {"steps": [{**step, "at": step["at"].timestamp()} for step in steps]}


def card_state(job: Job[Any], *, earlier: bool, problem: AIJupyterError | None) -> Message:
    """All that the card shows. Times are seconds since 1970; the browser makes them tick."""
    error, place = job.error or problem, job.place
    return {
        "state": state_word(job),
        "tone": tone(job),
        "over": job.over,
        "recording": job.recording,
        "operation": job.operation.value,
        "id": job.id,
        "key": job.key,
        "earlier": earlier,
        "created": job.created.timestamp(),
        "ended": job.ended.timestamp() if job.ended else None,
        "now": now().timestamp(),
        "progress": job.progress,
        "place": place,
        "eta": job.eta if place is not None else None,
        "cancel": None if job.over else _GIVE_UP.get(job.state),
        "error": told_error(error) if error is not None else None,
    }


def job_html(job: Job[Any]) -> str:
    """The job as it is now."""
    error, badge = job.error, _COLOURS[tone(job)]
    parts = [tag("span", state_word(job), style=f"{CHIP};background:{badge};color:white"), " "]
    parts += [tag("b", job.recording), " ", tag("span", f"{job.operation} · {job.id}", style=QUIET)]
    if not job.over and job.progress is not None:
        parts.append(tag("div", bar(job.progress, _COLOURS[""], "100%"), style="margin-top:6px"))
    if error is not None:
        parts.append(_error(error))
    elif job.place is not None:
        parts.append(tag("div", _line(job), style=QUIET))
    elif job.done():
        parts.append(tag("div", f"{_taken(job)} await job gives the result.", style=QUIET))
    return tag("div", *parts, style=CARD)


def _answer_html(job: Job[Any]) -> str:
    """The answer of a job that is over, so that a saved notebook shows it."""
    if job.state is not JobState.SUCCEEDED:
        return Markup("")
    from aijupyter.views.answer import answer_html  # noqa: PLC0415  # pandas is loaded when first needed

    try:
        result = job.result(timeout=0)
    except AIJupyterError as error:
        return tag("div", _error(error), style=CARD)
    return answer_html(result)


def _error(error: AIJupyterError) -> Markup:
    lines = [tag("div", error.problem, style="margin-top:6px")]
    if error.mend:
        lines.append(tag("div", error.mend, style=QUIET))
    return join(lines)


def _line(job: Job[Any]) -> str:
    place, eta = job.place, job.eta
    turn = "" if not eta else f", sent in about {clock(eta)}"
    return f"{place} before it{turn}" if place else f"next to be sent{turn}"


def _age(job: Job[Any]) -> float:
    return (now() - job.created).total_seconds()


def _taken(job: Job[Any]) -> str:
    seconds = ((job.ended or now()) - job.created).total_seconds()
    return f"Took {seconds:.1f} s."
