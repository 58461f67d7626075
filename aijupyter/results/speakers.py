"""Who talks how much: the rows of the frame `speakers`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aijupyter.results.frames import Row, duration, number, objects, speaker_of, text

SUMS = ("utterances", "words", "talk_seconds", "talk_ratio", "questions")
MEANS = ("pace_wpm", "energy")


def speaker_rows(items: Sequence[Row]) -> list[dict[str, Any]]:
    """What can be counted of each speaker, by label, as rows of SPEAKERS."""
    rows: dict[Any, dict[str, Any]] = defaultdict(lambda: {"utterances": 0, "words": 0, "talk_seconds": 0.0})
    for item in items:
        speaker = text(speaker_of(item))
        if speaker is None:
            continue
        row = rows[speaker]
        row["speaker"] = speaker
        row["utterances"] += 1
        row["words"] += len(objects(item.get("wordTimings"))) or len((text(item.get("text")) or "").split())
        row["talk_seconds"] += duration(item.get("start"), item.get("end"))
    whole = sum(row["talk_seconds"] for row in rows.values())
    return [{**row, "talk_ratio": 100 * row["talk_seconds"] / whole if whole else None} for row in rows.values()]


def by_name(rows: Iterable[Row], names: Mapping[str, str]) -> list[Row]:
    """The rows with names for labels. Those of one name become one, in the place of the first.

    Counts, seconds and shares are summed; what was measured (pace_wpm, energy) is their mean, weighted by the seconds
    of talk; pace is that of whoever talks most. What is missing of one is taken from the others.
    """
    if not names:
        return list(rows)
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[names.get(row["speaker"], row["speaker"])].append(row)
    return [
        {**(members[0] if len(members) == 1 else _as_one(members)), "speaker": name} for name, members in groups.items()
    ]


def _as_one(rows: list[Row]) -> dict[str, Any]:
    talkative = sorted(rows, key=_seconds, reverse=True)
    return {
        **{name: _sum(rows, name) for name in SUMS},
        **{name: _mean(rows, name) for name in MEANS},
        "pace": next((row["pace"] for row in talkative if text(row.get("pace")) is not None), None),
    }


def _sum(rows: list[Row], name: str) -> float | None:
    known = [value for row in rows if (value := number(row.get(name))) is not None]
    return sum(known) if known else None


def _mean(rows: list[Row], name: str) -> float | None:
    known = [(value, _seconds(row)) for row in rows if (value := number(row.get(name))) is not None]
    whole = sum(seconds for _, seconds in known)
    if not whole:
        return sum(value for value, _ in known) / len(known) if known else None
    return sum(value * (seconds / whole) for value, seconds in known)


def _seconds(row: Row) -> float:
    return number(row.get("talk_seconds")) or 0.0
