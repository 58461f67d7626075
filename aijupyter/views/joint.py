"""Several jobs as one: the card of each that is under way, and in time what they come to."""

from __future__ import annotations

from typing import Any

import ipywidgets

from aijupyter.errors import AIJupyterError
from aijupyter.jobs.joint import Joint
from aijupyter.views.answer import answer_html, fresh_widget
from aijupyter.views.card import Pace, in_background
from aijupyter.views.forms import Bundle, bundle
from aijupyter.views.html import Markup, join
from aijupyter.views.job import JobCard, card_state, job_html

TOLD_SECONDS = 0.1


def joint_bundle(joint: Joint[Any], **_kinds: object) -> Bundle:
    """The whole in every form: the conversation where it is there, else the state of each job."""
    return bundle(repr(joint), joint_html(joint), lambda: joint_widget(joint))


def joint_html(joint: Joint[Any]) -> Markup:
    """The conversation, or the state of each job."""
    if joint.done() and joint.error is None:
        return answer_html(joint.result(timeout=0))
    return join([Markup(job_html(job)) for job in joint.jobs])


def joint_widget(joint: Joint[Any]) -> ipywidgets.VBox:
    """A card for each job, in whose place the conversation comes."""
    return _LiveJoint(joint).box


class _LiveJoint:
    """What ties the jobs to their cards, until they are done."""

    def __init__(self, joint: Joint[Any]) -> None:
        self._joint = joint
        self._shown = False
        self._cards = [
            JobCard(card_state(job, earlier=False, problem=None), {"hello": self._refresh}) for job in joint.jobs
        ]
        self.box = ipywidgets.VBox(list(self._cards), layout={"overflow": "visible", "grid_gap": "8px"})
        self._pace = Pace(self._follow, TOLD_SECONDS)
        self._stop = joint.watch(self._pace)
        self._pace()

    def _follow(self, problem: AIJupyterError | None = None) -> None:
        for card, job in zip(self._cards, self._joint.jobs, strict=True):
            card.card = card_state(job, earlier=False, problem=problem)
        if self._joint.done() or all(card.closed for card in self._cards):
            self._stop()
        if self._joint.done() and self._joint.error is None and not self._shown:
            self._shown = True
            in_background(self._show, self._follow)

    def _show(self) -> None:
        shown = fresh_widget(self._joint.result(timeout=0))
        self.box.children = (shown,)
        for card in self._cards:
            card.close()

    def _refresh(self, _message: object) -> None:
        self._pace()
