"""`ai.jobs()`: a table to look through, to open an answer from, and to pick up a job again."""

from __future__ import annotations

import json
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import traitlets

from aijupyter.errors import SessionClosedError
from aijupyter.models import JobState, now
from aijupyter.results.listing import JobFrame
from aijupyter.views.card import TONES, Below, Card, Message
from aijupyter.views.forms import Bundle, bundle, static
from aijupyter.views.html import tag
from aijupyter.views.job import opened_widget

PAGE_ROWS = 100
"""The most that a view gets at once."""
Places = np.ndarray[tuple[int], np.dtype[np.intp]]
COLUMNS = ("id", "operation", "recording", "state", "created", "seconds", "key")
_SEARCHED = ("recording", "id", "key")
_SORTED_BY = ("recording", "operation", "state", "created", "seconds")


class JobsCard(Card):
    """The table of jobs."""

    _esm = traitlets.Unicode(static("common.js", "card.js", "table.js", "jobs.js")).tag(sync=True)
    _css = traitlets.Unicode(static("theme.css", "card.css", "jobs.css")).tag(sync=True)


def jobs_bundle(frame: JobFrame, **_kinds: object) -> Bundle:
    """The jobs in every form: pandas' own, and a table to look through where widgets are."""
    html = frame._repr_html_()  # type: ignore[operator]  # pandas-stubs leave it out
    html = html or tag("pre", repr(frame))  # there is an option to have none
    whole = set(COLUMNS) <= set(frame.columns)  # a person may have changed it in place
    return bundle(repr(frame), html, (lambda: jobs_widget(frame)) if whole else None)


def jobs_widget(frame: JobFrame) -> ipywidgets.VBox:
    """The table, and below it what is opened."""
    return _LiveJobs(frame).below.box


class _LiveJobs:
    """What ties a list of jobs to its table. The list stays as it was; what is opened is live."""

    def __init__(self, frame: JobFrame) -> None:
        self._frame = frame
        self._chosen: tuple[tuple[Any, ...], Places] | None = None
        self._card = JobsCard(card_state(frame), {"page": self._page, "open": self._open, "close": self._close})
        self.below = Below(self._card)

    def _page(self, message: Message) -> Message:
        """The rows that a view looks at: those of some states with a text in them, sorted, so many from a place on."""
        places = self._choose(message)
        start, size = max(0, int(message.get("from", 0))), min(PAGE_ROWS, int(message.get("size", PAGE_ROWS)))
        rows = self._frame.iloc[places[start : start + size]]
        return {"total": len(places), "from": start, "rows": [_row(row) for row in rows.to_dict("records")]}

    def _choose(self, message: Message) -> Places:
        """Where the rows are that are wanted, in their order; the last choice is kept, for its other pages."""
        states, text = tuple(message.get("groups") or ()), str(message.get("text") or "").strip()
        wanted = (states, text, message.get("sort"), bool(message.get("down")))
        if self._chosen is None or self._chosen[0] != wanted:
            self._chosen = wanted, choose(self._frame, *wanted)
        return self._chosen[1]

    def _open(self, message: Message) -> None:
        session = self._frame.session
        if session is None:
            raise SessionClosedError("The session that listed these jobs is gone.", "List them again: ai.jobs().")
        key = str(message["row"])
        job = session.job(key)
        self.below.show(lambda: opened_widget(job))
        self._card.card = {**self._card.card, "opened": key, "code": f"ai.job({json.dumps(key)})"}

    def _close(self, _message: Message) -> None:
        self.below.clear()
        self._card.card = {**self._card.card, "opened": None, "code": ""}


def choose(frame: pd.DataFrame, states: tuple[str, ...], text: str, sort: str | None, down: bool) -> Places:
    """Positions of the rows in these states (all, where there are none) whose recording or ids hold the text."""
    wanted = np.ones(len(frame), dtype=bool)
    if states:
        wanted &= frame["state"].isin(states).to_numpy()
    if text:
        held = [frame[name].str.contains(text, case=False, regex=False, na=False) for name in _SEARCHED]
        wanted &= np.logical_or.reduce([np.asarray(hits, dtype=bool) for hits in held])
    places = np.flatnonzero(wanted)
    if sort not in _SORTED_BY:
        return places
    values = frame[sort].iloc[places].reset_index(drop=True)
    order = values.sort_values(ascending=not down, kind="stable", na_position="last").index
    in_order: Places = places[np.asarray(order)]
    return in_order


def card_state(frame: pd.DataFrame) -> Message:
    """What the table shows beside its rows."""
    counts = frame["state"].value_counts(sort=False)
    groups = [{"name": str(name), "tone": _tone(str(name)), "count": int(count)} for name, count in counts.items()]
    return {"total": len(frame), "groups": groups, "listed": now().timestamp(), "opened": None, "code": ""}


def _row(row: dict[Any, Any]) -> Message:
    seconds, created = row["seconds"], row["created"]
    return {
        "row": str(row["key"]),
        "id": _text(row["id"]),
        "recording": _text(row["recording"]),
        "operation": _text(row["operation"]),
        "state": _text(row["state"]),
        "tone": _tone(row["state"]),
        "created": None if pd.isna(created) else created.timestamp(),
        "seconds": None if pd.isna(seconds) else float(seconds),
    }


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _tone(state: Any) -> str:
    return TONES.get(JobState(state), "") if state in list(JobState) else "quiet"
