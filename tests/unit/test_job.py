"""What a job says to people who take it for its result."""

from __future__ import annotations

from typing import Any, cast

import pytest
from ledgers import record

from aijupyter.jobs.job import OF_THE_RESULT, Job
from aijupyter.results import Diarization, Emotions, Identification, Interaction, Punctuation, Summary


def a_job() -> Job[Any]:
    """A job without a session."""
    return Job(record(), cast("Any", None))


@pytest.mark.parametrize("name", OF_THE_RESULT)
def test_what_the_result_has(name: str) -> None:
    """The error says how to get it."""
    with pytest.raises(AttributeError) as caught:
        getattr(a_job(), name)
    assert str(caught.value) == f"A job has no {name!r}: its result has. Write (await job).{name}"
    assert not hasattr(a_job(), name)


def test_all_that_results_have_is_known() -> None:
    """And nothing else."""
    kinds = (Interaction, Diarization, Identification, Emotions, Punctuation, Summary)
    public = {name for kind in kinds for name in dir(kind) if not name.startswith("_")}
    of_jobs = {name for name in dir(Job) if not name.startswith("_")}
    assert set(OF_THE_RESULT) == public - of_jobs - {"take_names"}


@pytest.mark.parametrize("name", ["utterance", "_repr_png_", "shape", "__array__"])
def test_what_neither_has(name: str) -> None:
    """The usual error, for whoever probes."""
    with pytest.raises(AttributeError, match=f"^'Job' object has no attribute '{name}'"):
        getattr(a_job(), name)
