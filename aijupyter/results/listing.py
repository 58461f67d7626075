"""What the ledger holds, as frames."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

import pandas as pd

from aijupyter.models import JobState, JobSummary, Operation, Stray, Transition
from aijupyter.results.frames import VOICES, frame


class JobFrame(pd.DataFrame):
    """`ai.jobs()`: a DataFrame that can be looked through in a notebook, and whose jobs can be opened there.

    What pandas makes of it (`head()`, a filter, a copy) is a plain DataFrame.
    """

    _session: Callable[[], Any] | None = None

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def of(self, session: Any) -> JobFrame:
        """Remember the session that listed the jobs, without keeping it. Returns the frame."""
        object.__setattr__(self, "_session", weakref.ref(session))  # or pandas would take it for a column
        return self

    @property
    def session(self) -> Any | None:
        """The session that listed the jobs; None where it is gone, or the frame was pickled."""
        return self._session() if self._session is not None else None


def job_frame(jobs: Sequence[JobSummary]) -> JobFrame:
    """One row for each job.

    id, operation, recording and state; created and ended, in UTC; seconds, from asked to ended; key, our own id.
    `operation` is a category, `state` one with an order: from written to ended (`frame["state"] < "succeeded"`).
    """
    created = _written_times([job.created for job in jobs])
    ended = _written_times([job.ended for job in jobs])
    return JobFrame(
        {
            "id": pd.Series([job.id for job in jobs], dtype="string"),
            "operation": _categories([job.operation for job in jobs], Operation, ordered=False),
            "recording": pd.Series([job.recording for job in jobs], dtype="string"),
            "state": _categories([job.state for job in jobs], JobState, ordered=True),
            "created": created,
            "ended": ended,
            "seconds": (ended - created).dt.total_seconds(),
            "key": pd.Series([job.key for job in jobs], dtype="string"),
        }
    )


def history_frame(steps: Sequence[Transition]) -> pd.DataFrame:
    """One row for each step of a job's way, the first step first: at (UTC), state, cause."""
    return pd.DataFrame(
        {
            "at": _times([step.at for step in steps]),
            "state": _categories([step.state.value for step in steps], JobState, ordered=True),
            "cause": pd.Series([step.cause for step in steps], dtype="string"),
        }
    )


def stray_frame(strays: Sequence[Stray]) -> pd.DataFrame:
    """One row for each delivery whose job cannot be told.

    received (UTC), reason, job_id, request_id, job, size in bytes, answer.
    """
    return pd.DataFrame(
        {
            "received": _times([stray.received for stray in strays]),
            "reason": pd.Series([stray.reason for stray in strays], dtype="string"),
            "job_id": pd.Series([stray.job_id for stray in strays], dtype="string"),
            "request_id": pd.Series([stray.request_id for stray in strays], dtype="string"),
            "job": pd.Series([stray.job for stray in strays], dtype="string"),
            "size": pd.Series([len(stray.body) for stray in strays], dtype="int64"),
            "answer": pd.Series([stray.body.decode("utf-8", "replace") for stray in strays], dtype="string"),
        }
    )


def _categories(values: Sequence[str], known: Iterable[str], *, ordered: bool) -> pd.Series[str]:
    """Those that are known, in their order; what a later version wrote comes after them."""
    names = [str(name) for name in known]
    names += sorted(set(values).difference(names))
    codes = {name: code for code, name in enumerate(names)}
    dtype = pd.CategoricalDtype(names, ordered=ordered)
    return pd.Series(pd.Categorical.from_codes([codes[value] for value in values], dtype=dtype))


def _times(times: list[datetime]) -> pd.Series[pd.Timestamp]:
    """In microseconds whatever they are, for pandas would choose the unit by the first of them."""
    return pd.to_datetime(pd.Series(times, dtype="object"), utc=True).dt.as_unit("us")


def _written_times(times: list[str | None]) -> pd.Series[pd.Timestamp]:
    """Of ISO 8601 texts, with or without parts of a second."""
    return pd.to_datetime(pd.Series(times, dtype="object"), utc=True, format="ISO8601").dt.as_unit("us")


class Voice(Protocol):
    """An enrolled speaker, as the API tells of it."""

    @property
    def speaker_id(self) -> str:
        """The id."""

    @property
    def complete(self) -> bool:
        """Whether there is enough speech."""

    @property
    def quality(self) -> str | None:
        """How good it is."""

    @property
    def speech_seconds(self) -> float | None:
        """Seconds of speech."""

    @property
    def enrolled_seconds(self) -> float | None:
        """Seconds of audio."""


def voice_frame(voices: Sequence[Voice]) -> pd.DataFrame:
    """One row for each speaker: speaker, complete, quality, speech_seconds, enrolled_seconds."""
    rows = [
        {
            "speaker": voice.speaker_id,
            "complete": voice.complete,
            "quality": voice.quality,
            "speech_seconds": voice.speech_seconds,
            "enrolled_seconds": voice.enrolled_seconds,
        }
        for voice in voices
    ]
    return frame(VOICES, rows)
