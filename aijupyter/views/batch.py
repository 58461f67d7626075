"""A batch: one bar, live where widgets are, and otherwise as it is at the moment."""

from __future__ import annotations

import threading
from typing import Any

from aijupyter.jobs import Batch, Job
from aijupyter.models import JobState
from aijupyter.views.html import CARD, QUIET, bar, clock, tag
from aijupyter.views.job import WIDGET

FAILED_SHOWN = 5
TOLD_SECONDS = 0.2
"""A batch changes many times a second; its view follows at this pace."""


def batch_bundle(batch: Batch, **_kinds: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """The batch in every form; a front end takes the best that it knows."""
    bundle: dict[str, Any] = {"text/plain": repr(batch), "text/html": batch_html(batch)}
    if not batch.done():
        bundle |= _live(batch)
    return bundle, {}


def batch_html(batch: Batch) -> str:
    """The batch as it is now: how far, how fast, and what went wrong."""
    counts = " · ".join(f"{number:,} {state}" for state, number in batch.counts.items())
    head = tag("b", f"{batch.done_count:,} of {len(batch):,}")
    parts: list[object] = [head, " ", tag("span", counts, style=QUIET)]
    parts.append(tag("div", bar(batch.progress, "#3b7dd8", "100%"), style="margin-top:6px"))
    if not batch.done():
        parts.append(tag("div", _pace(batch), style=QUIET))
    failed = [job for job in batch if job.done() and job.state is not JobState.SUCCEEDED]
    lines = [tag("li", f"{job.recording}: {_why(job)}") for job in failed[:FAILED_SHOWN]]
    if lines:
        more = (
            [tag("li", f"and {len(failed) - FAILED_SHOWN:,} more: batch.failed")] if len(failed) > FAILED_SHOWN else []
        )
        parts.append(tag("ul", *lines, *more, style="margin:6px 0 0;padding-left:18px"))
    return tag("div", *parts, style=CARD)


def _why(job: Job[Any]) -> str:
    return job.error.problem if job.error else job.state


def _pace(batch: Batch) -> str:
    rate, eta = batch.rate, batch.eta
    if rate is None or eta is None:
        return "not known yet how long it takes"
    pace = f"{rate:.1f} a second" if rate >= 1 else f"{rate * 60:.1f} a minute"
    return f"{pace}, about {clock(eta)} to go"


def _live(batch: Batch) -> dict[str, Any]:
    """A widget that follows the batch, at a pace that a browser can bear."""
    import ipywidgets  # noqa: PLC0415  # only where there is a front end to show it

    widget = ipywidgets.HTML(batch_html(batch))
    lock = threading.Lock()
    pending: list[threading.Timer] = []

    def show() -> None:
        with lock:
            pending.clear()
            widget.value = batch_html(batch)

    def follow() -> None:
        with lock:
            if pending:
                return
            timer = threading.Timer(TOLD_SECONDS, show)
            timer.daemon = True
            pending.append(timer)
        timer.start()

    batch.watch(follow)  # for good: a batch that has ended can be asked again
    follow()
    return {WIDGET: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}
