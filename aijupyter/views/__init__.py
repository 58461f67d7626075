"""How things are shown: registered with IPython, so that jobs and results need not know of any front end."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aijupyter.errors import OptionError

if TYPE_CHECKING:
    import ipywidgets

_HTML = {
    ("aijupyter.session.session", "Session"): ("session", "session_html"),
}
_BUNDLES = {
    ("aijupyter.config.settings", "Settings"): ("settings", "settings_bundle"),
    ("aijupyter.doctor.report", "Report"): ("doctor", "doctor_bundle"),
    ("aijupyter.jobs.job", "Job"): ("job", "job_bundle"),
    ("aijupyter.jobs.batch", "Batch"): ("batch", "batch_bundle"),
    ("aijupyter.jobs.joint", "Joint"): ("joint", "joint_bundle"),
    ("aijupyter.explore.corpus", "Corpus"): ("corpus", "corpus_bundle"),
    ("aijupyter.results.diarization", "Diarization"): ("answer", "answer_bundle"),
    ("aijupyter.results.emotions", "Emotions"): ("answer", "answer_bundle"),
    ("aijupyter.results.interaction", "Interaction"): ("conversation", "conversation_bundle"),
    ("aijupyter.results.listing", "JobFrame"): ("jobs", "jobs_bundle"),
    ("aijupyter.results.punctuation", "Punctuation"): ("answer", "answer_bundle"),
    ("aijupyter.results.summary", "Summary"): ("answer", "answer_bundle"),
    ("aijupyter.results.transcript", "Transcript"): ("conversation", "conversation_bundle"),
    ("aijupyter.session.panel", "Panel"): ("panel", "panel_bundle"),
}
_WIDGETS = {
    ("aijupyter.jobs.job", "Job"): ("job", "job_widget"),
    ("aijupyter.jobs.batch", "Batch"): ("batch", "batch_widget"),
    ("aijupyter.jobs.joint", "Joint"): ("joint", "joint_widget"),
    ("aijupyter.results.diarization", "Diarization"): ("answer", "answer_widget"),
    ("aijupyter.results.emotions", "Emotions"): ("answer", "answer_widget"),
    ("aijupyter.results.listing", "JobFrame"): ("jobs", "jobs_widget"),
    ("aijupyter.results.transcript", "Transcript"): ("player", "player_of"),
    ("aijupyter.session.panel", "Panel"): ("panel", "panel_widget"),
}


def widget(shown: object) -> ipywidgets.DOMWidget:
    """The live view of a job, a batch, a result, `ai.jobs()` or a panel, to put into a layout of your own.

    `ipywidgets.HBox([aijupyter.widget(call), ...])`. Shown by themselves they need no call. Raises OptionError.
    """
    for kind in type(shown).__mro__:
        view = _WIDGETS.get((kind.__module__, kind.__name__))
        if view is not None:
            made: ipywidgets.DOMWidget = _lazy(*view)(shown)
            return made
    raise OptionError(
        f"There is no live view of a {type(shown).__name__}.",
        "There is one of a job, a batch, a conversation, ai.jobs() and ai.panel().",
    )


def register(shell: Any) -> None:
    """Teach an IPython shell to show sessions, jobs and results; idempotent. A view is loaded when first needed."""
    formatter = shell.display_formatter
    for kinds, into in ((_HTML, formatter.formatters["text/html"]), (_BUNDLES, formatter.mimebundle_formatter)):
        for (module, name), (view, function) in kinds.items():
            into.for_type_by_name(module, name, _lazy(view, function))


def _lazy(view: str, function: str) -> Callable[..., Any]:
    def show(shown: object, **options: object) -> Any:
        return getattr(importlib.import_module(f"{__name__}.{view}"), function)(shown, **options)

    return show
