"""Which questions make a conversation of what there is: the fewest."""

from __future__ import annotations

from typing import Any

import pytest
from ledgers import record

from aijupyter.models import JobRecord, Operation
from aijupyter.session.joining import plan


def there(operation: str, **options: Any) -> JobRecord:
    """A job that there is."""
    return record(operation, operation=Operation(operation), options=options)


ANALYSIS = there("analyze", insights=["All"])
TOPICS = there("analyze", insights=["Topics"])
SPOKEN = there("transcribe", enableSpeakerDiarization=True)
PLAIN = there("transcribe", enableSpeakerDiarization=False)
TURNS = there("diarize")
FELT = there("emotions")
ANN = there("identify", speakerIds=["ann", "bob"])


@pytest.mark.parametrize(
    ("found", "ids", "use", "ask"),
    [
        ([], [], [], ["analyze"]),
        ([ANALYSIS], [], ["analyze"], []),
        ([SPOKEN, ANALYSIS], [], ["analyze"], []),
        ([TOPICS], [], ["analyze"], ["emotions"]),
        ([SPOKEN], [], ["transcribe"], ["emotions"]),
        ([SPOKEN, FELT], [], ["transcribe", "emotions"], []),
        ([PLAIN], [], [], ["analyze"]),
        ([PLAIN, TURNS], [], ["transcribe", "diarize"], ["emotions"]),
        ([PLAIN, FELT], [], ["transcribe", "emotions"], ["diarize"]),
        ([PLAIN, TURNS, FELT], [], ["transcribe", "diarize", "emotions"], []),
        ([TURNS, FELT], [], [], ["analyze"]),
        ([TURNS, FELT, ANN], [], ["identify"], ["analyze"]),
        ([ANALYSIS, ANN], [], ["analyze", "identify"], []),
        ([ANALYSIS, ANN], ["ann"], ["analyze", "identify"], []),
        ([ANALYSIS, ANN], ["carl"], ["analyze"], ["identify"]),
        ([ANALYSIS], ["ann"], ["analyze"], ["identify"]),
        ([there("analyze", insights=["All"], speakerIds=["ann"])], ["ann"], ["analyze"], []),
        ([], ["ann"], [], ["analyze"]),
        ([SPOKEN], ["ann"], [], ["analyze"]),
        ([PLAIN, FELT], ["ann"], ["transcribe", "emotions"], ["diarize"]),
        ([PLAIN, there("diarize", speakerIds=["ann"]), FELT], ["ann"], ["transcribe", "diarize", "emotions"], []),
        ([PLAIN, TURNS, FELT], ["ann"], ["transcribe", "diarize", "emotions"], ["identify"]),
    ],
)
def test_the_fewest_questions(found: list[JobRecord], ids: list[str], use: list[str], ask: list[str]) -> None:
    """What there is is used where that leaves one question or none; else one analysis has all of it."""
    made = plan(found, ids)
    assert [one.operation for one in made.use] == use
    assert list(made.ask) == ask


def test_the_newest_counts() -> None:
    """Of several that would do, the first, for they come the newest first."""
    newer = there("emotions", source="newer")
    assert plan([SPOKEN, newer, FELT]).use == (SPOKEN, newer)
