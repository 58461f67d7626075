"""Await asynchronous AI APIs from a notebook: a webhook receiver in the kernel, jobs to await, answers as DataFrames.

    ai = aijupyter.connect()
    call = await ai.analyze("call.mp3")
    call.utterances

Nothing is started and nothing heavy is loaded before it is asked for.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aijupyter import errors
    from aijupyter.config import Settings
    from aijupyter.connecting import connect, sample, samples
    from aijupyter.errors import AIJupyterError
    from aijupyter.jobs import Batch, Job, Joint
    from aijupyter.magics import load_ipython_extension, unload_ipython_extension
    from aijupyter.models import JobState
    from aijupyter.nesting import nest, run
    from aijupyter.results import (
        Conversation,
        Diarization,
        Emotions,
        Identification,
        Interaction,
        Punctuation,
        Result,
        Summary,
        Transcript,
    )
    from aijupyter.session import Session
    from aijupyter.views import widget

__version__ = "0.1.0"

__all__ = [
    "AIJupyterError",
    "Batch",
    "Conversation",
    "Diarization",
    "Emotions",
    "Identification",
    "Interaction",
    "Job",
    "JobState",
    "Joint",
    "Punctuation",
    "Result",
    "Session",
    "Settings",
    "Summary",
    "Transcript",
    "connect",
    "errors",
    "load_ipython_extension",
    "nest",
    "run",
    "sample",
    "samples",
    "unload_ipython_extension",
    "widget",
]

_HOMES = {
    "AIJupyterError": "errors",
    "Batch": "jobs",
    "Conversation": "results",
    "Diarization": "results",
    "Emotions": "results",
    "Identification": "results",
    "Interaction": "results",
    "Job": "jobs",
    "JobState": "models",
    "Joint": "jobs",
    "Punctuation": "results",
    "Result": "results",
    "Session": "session",
    "Settings": "config",
    "Summary": "results",
    "Transcript": "results",
    "connect": "connecting",
    "load_ipython_extension": "magics",
    "nest": "nesting",
    "run": "nesting",
    "sample": "connecting",
    "samples": "connecting",
    "widget": "views",
    "unload_ipython_extension": "magics",
}

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name == "errors":
        return importlib.import_module(f"{__name__}.errors")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
