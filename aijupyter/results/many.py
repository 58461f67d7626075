"""Many jobs and their results, as one frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from aijupyter.errors import OptionError
from aijupyter.jobs import Job
from aijupyter.results.frames import SCALES, scale

KEYS = ("job", "recording")


def stacked(results: Iterable[tuple[str, str, Any]], name: str) -> pd.DataFrame:
    """The frames called `name` of (job id, recording, result), one below the other, with columns `job` and `recording`.

    The index of each frame becomes a column where it has a name (`utterance`). Scales hold what any of the results
    has, in their order. Raises OptionError for no such frame.
    """
    frames = []
    for job, recording, result in results:
        frame = getattr(result, name, None)
        if not isinstance(frame, pd.DataFrame):
            raise OptionError(f"The results have no frame {name!r}.", "See docs/results.md for those they have.")
        kept = frame.reset_index() if frame.index.name else frame.reset_index(drop=True)
        for place, (key, value) in enumerate(zip(KEYS, (job, recording), strict=True)):
            kept.insert(place, key, pd.Series([value] * len(kept), dtype="string"))
        frames.append(kept)
    if not frames:
        return pd.DataFrame({key: pd.Series([], dtype="string") for key in KEYS})
    _put_on_one_scale(frames)
    return pd.concat(frames, ignore_index=True)


def _put_on_one_scale(frames: Sequence[pd.DataFrame]) -> None:
    """Categoricals stay what they are only where all of them have the same categories."""
    for name in SCALES:
        having = [frame for frame in frames if name in frame and isinstance(frame[name].dtype, pd.CategoricalDtype)]
        if len({frame[name].dtype for frame in having}) > 1:
            whole = scale(name, frozenset(chain.from_iterable(frame[name].cat.categories for frame in having)))
            for frame in having:
                frame[name] = frame[name].astype(whole)


def batch_frame(jobs: Sequence[Job[Any]]) -> pd.DataFrame:
    """One row for each job: recording, state, id, seconds (from asked to ended), error (in a line)."""
    return pd.DataFrame(
        {
            "recording": pd.Series([job.recording for job in jobs], dtype="string"),
            "state": pd.Series([job.state.value for job in jobs], dtype="string"),
            "id": pd.Series([job.id for job in jobs], dtype="string"),
            "seconds": pd.Series(
                [(job.ended - job.created).total_seconds() if job.ended else None for job in jobs], dtype="float64"
            ),
            "error": pd.Series([job.error.problem if job.error else None for job in jobs], dtype="string"),
        }
    )
