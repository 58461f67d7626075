"""A job: live where widgets are, and otherwise as it is at the moment."""

from __future__ import annotations

import threading
from typing import Any

from aijupyter.errors import AIJupyterError
from aijupyter.jobs import Job
from aijupyter.models import JobState, now
from aijupyter.views.html import CARD, CHIP, QUIET, Markup, bar, clock, join, tag

_COLOURS = {
    JobState.SUCCEEDED: "#2e9e6b",
    JobState.FAILED: "#c9405b",
    JobState.EXPIRED: "#c9405b",
    JobState.CANCELLED: "#777777",
    JobState.UNCONFIRMED: "#d9730d",
}
_UNDER_WAY = "#3b7dd8"
WIDGET = "application/vnd.jupyter.widget-view+json"


def job_bundle(job: Job[Any], **_kinds: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """The job in every form; a front end takes the best that it knows."""
    bundle: dict[str, Any] = {"text/plain": repr(job), "text/html": job_html(job)}
    if not job.over:
        bundle |= _live(job)
    return bundle, {}


def job_html(job: Job[Any]) -> str:
    """The job as it is now."""
    error = job.error
    parts = [_badge(job), " ", tag("b", job.recording), " ", tag("span", f"{job.operation} · {job.id}", style=QUIET)]
    if not job.over and job.progress is not None:
        parts.append(tag("div", bar(job.progress, _UNDER_WAY, "100%"), style="margin-top:6px"))
    if error is not None:
        parts.append(_error(error))
    elif job.place is not None:
        parts.append(tag("div", _line(job), style=QUIET))
    elif job.done():
        parts.append(tag("div", f"{_taken(job)} await job gives the result.", style=QUIET))
    return tag("div", *parts, style=CARD)


def _live(job: Job[Any]) -> dict[str, Any]:
    """A widget that follows the job; the background thread sets its value, whatever cell runs or none."""
    import ipywidgets  # noqa: PLC0415  # only where there is a front end to show it

    widget = ipywidgets.HTML(job_html(job))

    one_at_a_time = threading.Lock()  # several threads tell of changes, and the last word must be the newest

    def follow() -> None:
        with one_at_a_time:
            widget.value = job_html(job)
        if job.over:
            stop()

    stop = job.watch(follow)
    follow()
    return {WIDGET: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}


def _badge(job: Job[Any]) -> Markup:
    state = "unfinished" if job.over and not job.state.final else job.state.value
    colour = _COLOURS.get(job.state, _UNDER_WAY)
    return tag("span", state, style=f"{CHIP};background:{colour};color:white")


def _error(error: AIJupyterError) -> Markup:
    lines = [tag("div", error.problem, style="margin-top:6px")]
    if error.mend:
        lines.append(tag("div", error.mend, style=QUIET))
    return join(lines)


def _line(job: Job[Any]) -> str:
    place, eta = job.place, job.eta
    turn = "" if not eta else f", sent in about {clock(eta)}"
    return f"{place} before it{turn}" if place else f"next to be sent{turn}"


def _taken(job: Job[Any]) -> str:
    seconds = ((job.ended or now()) - job.created).total_seconds()
    return f"Took {seconds:.1f} s."
