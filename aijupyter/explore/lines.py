"""Utterances as figures draw them: plain columns, and fewer rows where there are more than one could tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from aijupyter.explore.drawing import MOST_IN_LABEL, MOST_IN_TOOLTIP, NOBODY, shown
from aijupyter.explore.overview import seconds_of
from aijupyter.palette import clock

MANY_LINES = 1500
MOST_IN_TOOLTIP_OF_MANY = 80
PACE_SECONDS, PACE_WORDS = 1.0, 3
"""What is shorter says nothing of a pace."""
MOST_DOTS = 300
WINDOWS = 80
"""More lines than MOST_DOTS are taken together, those of each speaker in so many parts of the conversation."""
SMOOTHED = 16
"""A curve follows the pace over so large a part of the conversation, as a divisor."""
SLICES = 40
"""A conversation is cut into so many parts where many of different lengths are laid over each other."""
FIRST_GAP, GAP_OF_ONE_TURN, LAST_GAP = 0.5, 2.0, 3600.0
"""Seconds of silence that are bridged where there are too many lines."""


def rows_of(frame: pd.DataFrame, *columns: str) -> list[dict[str, Any]]:
    """Rows, or those columns of them, as JSON knows them."""
    kept = frame[list(columns)] if columns else frame
    return [
        {str(name): value for name, value in row.items()}
        for row in kept.astype(object).where(kept.notna(), None).to_dict("records")
    ]


def drawable(utterances: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Utterances with plain columns for a chart: who, start, end, seconds, emotion, when, text, spoken (words)."""
    lines = utterances[utterances["start"].notna() & utterances["end"].notna()]
    texts = lines["text"].fillna("")
    most = MOST_IN_TOOLTIP if len(lines) <= MANY_LINES else MOST_IN_TOOLTIP_OF_MANY
    emotions = lines["emotion"].astype(object) if "emotion" in lines else pd.Series(None, lines.index, dtype=object)
    return pd.DataFrame(
        {
            "who": [names.get(who, NOBODY) if isinstance(who, str) else NOBODY for who in lines["speaker"]],
            "start": lines["start"].round(2),
            "end": lines["end"].clip(lower=lines["start"]).round(2),
            "seconds": seconds_of(lines).round(2),
            "emotion": [shown(one, MOST_IN_LABEL) if isinstance(one, str) else None for one in emotions],
            "when": [
                f"{clock(start)} to {clock(end)}" for start, end in zip(lines["start"], lines["end"], strict=True)
            ],
            "text": [shown(text, most) for text in texts],
            "spoken": [len(text.split()) for text in texts],
        },
        index=lines.index,
    )


def paced(lines: pd.DataFrame) -> pd.DataFrame:
    """Those of `drawable` lines that are long enough to have a pace, with it: wpm, at their middle."""
    lines = lines[(lines["seconds"] >= PACE_SECONDS) & (lines["spoken"] >= PACE_WORDS)]
    wpm = (60 * lines["spoken"] / lines["seconds"]).round(1)
    return lines.assign(wpm=wpm, middle=((lines["start"] + lines["end"]) / 2).round(2))


def windowed(lines: pd.DataFrame, until: float) -> pd.DataFrame:
    """`paced` lines, where they are too many those of a speaker that are near each other as one."""
    if len(lines) <= MOST_DOTS:
        return lines
    groups = lines.groupby(["who", (lines["middle"] / until * WINDOWS).astype(int).rename("window")], sort=False)
    whole = groups.agg(
        spoken=("spoken", "sum"),
        seconds=("seconds", "sum"),
        start=("start", "min"),
        end=("end", "max"),
        n=("who", "size"),
    ).reset_index()
    return whole.assign(
        wpm=(60 * whole["spoken"] / whole["seconds"]).round(1),
        middle=((whole["start"] + whole["end"]) / 2).round(2),
        when=[f"{clock(start)} to {clock(end)}" for start, end in zip(whole["start"], whole["end"], strict=True)],
        text=[f"{count} lines" for count in whole["n"]],
        emotion=None,
    )


def smoothed(lines: pd.DataFrame, until: float) -> pd.DataFrame:
    """For each speaker, the mean of the paces near each line, by their length and how near they are."""
    pieces = []
    for _, own in lines.groupby("who", sort=False):
        at, wpm, seconds = (own[name].to_numpy(dtype=float) for name in ("middle", "wpm", "seconds"))
        near = np.exp(-0.5 * ((at[:, None] - at[None, :]) / (until / SMOOTHED)) ** 2) * seconds[None, :]
        pieces.append(own[["who", "middle"]].assign(wpm=((near @ wpm) / near.sum(axis=1)).round(1)))
    return pd.concat(pieces) if pieces else lines[["who", "middle", "wpm"]]


def merged(utterances: pd.DataFrame, most: int) -> pd.DataFrame:
    """Stretches in which one speaker goes on: job, speaker, start, end. At most so many: gaps are bridged for that."""
    known = utterances[utterances["start"].notna() & utterances["end"].notna()]
    known = known[["job", "speaker", "start", "end"]].sort_values(["job", "start"], kind="stable", ignore_index=True)
    gap = FIRST_GAP
    while True:
        stretches = _bridged(known, gap)
        if len(stretches) <= most or gap > LAST_GAP:
            return stretches.head(most)
        gap *= 2


def _bridged(lines: pd.DataFrame, gap: float) -> pd.DataFrame:
    """Lines that follow one another within a gap become one. Beyond two seconds, whatever others say in between."""
    keys = ["job", "speaker"] if gap > GAP_OF_ONE_TURN else ["job"]
    lines = lines.sort_values([*keys, "start"], kind="stable", ignore_index=True)
    speaker = lines["speaker"].fillna("")
    before = lines.groupby(keys, dropna=False)["end"].shift()
    same = (lines["job"] == lines["job"].shift()) & (speaker == speaker.shift()) & (lines["start"] - before <= gap)
    stretch = (~same.fillna(value=False).astype(bool)).cumsum()
    return (
        lines.groupby(stretch)
        .agg(job=("job", "first"), speaker=("speaker", "first"), start=("start", "min"), end=("end", "max"))
        .round(2)
    )


def sliced(lines: pd.DataFrame) -> pd.DataFrame:
    """The emotions' shares of talk in each slice of the conversations: at (0 to 1), emotion, share."""
    edges = np.linspace(0, 1, SLICES + 1)
    starts, ends = (
        lines[name].to_numpy(dtype=float) / lines["whole"].to_numpy(dtype=float) for name in ("start", "end")
    )
    emotions = lines["emotion"].to_numpy()
    kinds = sorted(set(emotions))
    talk = np.zeros((SLICES, len(kinds)))
    for place in range(SLICES):
        within = np.clip(np.minimum(ends, edges[place + 1]) - np.maximum(starts, edges[place]), 0, None)
        for number, kind in enumerate(kinds):
            talk[place, number] = within[emotions == kind].sum()
    whole = talk.sum(axis=1, keepdims=True)
    spoken = np.where(whole > 0, talk / np.where(whole > 0, whole, 1), np.nan)
    shares = pd.DataFrame(spoken).ffill().bfill().fillna(0.0).to_numpy()  # where nobody speaks, as just before
    middles = (edges[:-1] + edges[1:]) / 2
    middles[0], middles[-1] = 0.0, 1.0
    return pd.DataFrame(
        [
            {"at": round(float(at), 4), "emotion": kind, "share": round(float(shares[place, number]), 4)}
            for place, at in enumerate(middles)
            for number, kind in enumerate(kinds)
        ]
    )
