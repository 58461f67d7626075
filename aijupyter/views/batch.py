"""A batch: one bar and its jobs, live where widgets are, and otherwise as it is at the moment."""

from __future__ import annotations

from typing import Any

import ipywidgets
import traitlets

from aijupyter.jobs import Batch, Job
from aijupyter.models import JobState, now
from aijupyter.palette import clock
from aijupyter.views.card import Below, Card, Message, Pace, state_word, told_error, tone
from aijupyter.views.forms import Bundle, bundle, static
from aijupyter.views.html import CARD, QUIET, bar, tag
from aijupyter.views.job import opened_widget

FAILED_SHOWN = 5
TOLD_SECONDS = 0.2
"""A batch changes many times a second; its view follows at this pace."""
PAGE_ROWS = 100
"""The most that a view gets at once."""
_GROUPS = {
    "succeeded": ("good", ("succeeded",)),
    "failed": ("bad", ("failed", "expired")),
    "cancelled": ("quiet", ("cancelled",)),
    "unconfirmed": ("odd", ("unconfirmed",)),
    "unfinished": ("quiet", ("unfinished",)),
    "under way": ("", ("sending", "submitted", "running")),
    "waiting": ("none", ("waiting", "written")),
}
"""What a person tells apart: a name, its tone, and the states in it."""


class BatchCard(Card):
    """A batch's card."""

    _esm = traitlets.Unicode(static("common.js", "card.js", "table.js", "batch.js")).tag(sync=True)
    _css = traitlets.Unicode(static("theme.css", "card.css", "batch.css")).tag(sync=True)


def batch_bundle(batch: Batch, **_kinds: object) -> Bundle:
    """The batch in every form; a front end takes the best that it knows."""
    return bundle(repr(batch), batch_html(batch), lambda: batch_widget(batch))


def batch_widget(batch: Batch) -> ipywidgets.VBox:
    """A card that follows the batch, for good: one that has ended can be asked again. Below it what is opened."""
    return _LiveBatch(batch).below.box


class _LiveBatch:
    """What ties a batch to its card."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._opened: int | None = None
        answers = {
            "hello": self._refresh,
            "cancel": self._cancel,
            "retry": self._retry,
            "page": self._page,
            "open": self._open,
            "close": self._close,
        }
        self._card = BatchCard(self._state(), answers)
        self.below = Below(self._card)
        self._pace = Pace(self._follow, TOLD_SECONDS)
        self._stop = batch.watch(self._pace)
        self._pace()

    def _state(self) -> Message:
        return {**card_state(self._batch), "opened": self._opened}

    def _follow(self) -> None:
        self._card.card = self._state()
        if self._card.closed:
            self._stop()

    def _refresh(self, _message: Message) -> None:
        self._pace()

    def _cancel(self, _message: Message) -> Message:
        unasked = self._batch.counts.get("waiting")
        told = f"Stopped: {_jobs(self._batch.cancel())} given up; what was sent goes on."
        return {"note": {"problem": told, "mend": "The other recordings are not asked about." if unasked else ""}}

    def _retry(self, _message: Message) -> Message:
        number = self._batch.retry()
        mend = "" if number else "Recordings given as bytes or file objects are not kept: give them to ai.map again."
        return {"note": {"problem": f"{_jobs(number)} asked again.", "mend": mend}}

    def _page(self, message: Message) -> Message:
        """The jobs that a view looks at: those of some groups, so many from a place on."""
        words = {state for group in message.get("groups") or _GROUPS for state in _GROUPS.get(group, ("", ()))[1]}
        chosen = [(place, job) for place, job in enumerate(self._batch) if state_word(job) in words]
        start, size = max(0, int(message.get("from", 0))), min(PAGE_ROWS, int(message.get("size", PAGE_ROWS)))
        rows = [_row(place, job) for place, job in chosen[start : start + size]]
        return {"total": len(chosen), "from": start, "rows": rows}

    def _open(self, message: Message) -> None:
        place = int(message["row"])
        job = self._batch[place]
        self.below.show(lambda: opened_widget(job))
        self._opened = place
        self._pace()

    def _close(self, _message: Message) -> None:
        self.below.clear()
        self._opened = None
        self._pace()


def card_state(batch: Batch) -> Message:
    """All that the card shows, the jobs themselves excepted. The same work for ten jobs and for ten thousand."""
    counts, error = batch.counts, batch.error
    groups = {name: sum(counts.get(state, 0) for state in states) for name, (_, states) in _GROUPS.items()}
    ended = sum(groups[name] for name in ("succeeded", "failed", "cancelled", "unconfirmed"))
    groups["unfinished"] = unfinished = max(0, batch.done_count - ended)  # given up by a session that was closed
    under_way = min(unfinished, groups["under way"])
    groups["under way"] -= under_way
    groups["waiting"] -= min(unfinished - under_way, groups["waiting"])
    return {
        "groups": [{"name": name, "tone": _GROUPS[name][0], "count": count} for name, count in groups.items()],
        "total": len(batch),
        "done": batch.done_count,
        "over": batch.done(),
        "rate": batch.rate,
        "eta": batch.eta,
        "elapsed": batch.elapsed,
        "now": now().timestamp(),
        "cancel": 0 if batch.stopped or batch.done() else groups["waiting"],
        "failed": groups["failed"],
        "cancelled": groups["cancelled"],
        "error": told_error(error) if error is not None else _given_up(unfinished) if unfinished else None,
    }


def _given_up(number: int) -> Message:
    return {
        "problem": f"Nobody follows {_jobs(number)} here any more.",
        "mend": "Connect again and map the same recordings: what was asked is found, and not asked twice.",
    }


def _row(place: int, job: Job[Any]) -> Message:
    error = job.error
    return {
        "row": place,
        "recording": job.recording,
        "state": state_word(job),
        "tone": tone(job),
        "seconds": (job.ended - job.created).total_seconds() if job.ended else None,
        "error": error.problem if error is not None else "",
    }


def _jobs(number: int) -> str:
    return f"{number:,} job" if number == 1 else f"{number:,} jobs"


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
