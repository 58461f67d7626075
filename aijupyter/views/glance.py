"""What there is to say of a conversation at a glance: in words and numbers, for whatever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from aijupyter.palette import clock
from aijupyter.results.interaction import Interaction
from aijupyter.results.transcript import Transcript

Span = tuple[float, float]
"""From where to where on the timeline, in percent of the conversation."""

MOST_SPANS = 300
SOME_FEELING = 0.1
"""The share of the talk from which a second feeling is worth a word."""


def called(result: Transcript, speaker: Any) -> str:
    """What to call a speaker: by the name that was given, "Speaker 0" for a bare number, "" for nobody."""
    if speaker is None or pd.isna(speaker):
        return ""
    name = str(speaker)
    return f"Speaker {name}" if name.isdecimal() and name not in result.names.values() else name


def seconds(result: Transcript) -> float:
    """How long the conversation is, by its last utterance; 0 for silence."""
    last = result.utterances["end"].max() if len(result.utterances) else 0.0
    return 0.0 if pd.isna(last) else max(0.0, float(last))


def facts(result: Transcript) -> list[str]:
    """Length, words (where the answer has any, or is empty), speakers, and how it felt."""
    words, speakers = _words(result), len(result.speakers)
    said = [clock(seconds(result))]
    if words or result.utterances.empty:
        said.append(f"{words:,} word{'' if words == 1 else 's'}")
    if speakers:
        said.append(f"{speakers} speaker{'' if speakers == 1 else 's'}")
    return [*said, *_felt(feelings(result))]


def _words(result: Transcript) -> int:
    """Those with times, or where there are none those of the text."""
    return len(result.words) or sum(len(said.split()) for said in result.utterances["text"].dropna())


def feelings(result: Transcript, speaker: Any = None) -> dict[str, float]:
    """Each emotion's share of the time in which one was heard, the largest first; of one speaker, or of all."""
    spoken = result.utterances
    if "emotion" not in spoken:
        return {}
    heard = spoken[
        spoken["emotion"].notna() & (True if speaker is None else (spoken["speaker"] == speaker).fillna(False))
    ]
    lasted = (heard["end"] - heard["start"]).clip(lower=0.0).fillna(0.0)
    whole = float(lasted.sum())
    if not whole:
        return {}
    shares = lasted.groupby(heard["emotion"].astype("string")).sum().sort_values(ascending=False, kind="stable")
    return {str(name): float(length) / whole for name, length in shares.items() if length}


def _felt(shares: Mapping[str, float]) -> list[str]:
    """The main feeling, and one that stands out beside it."""
    if not shares:
        return []
    main, *others = shares
    second = next((name for name in others if name != "Neutral" and shares[name] >= SOME_FEELING), None)
    return [f"mostly {main.lower()}" + (f", some {second.lower()}" if second else "")]


def speaker_facts(result: Transcript, row: Mapping[Any, Any]) -> list[str]:
    """What a row of `speakers` says: share of the talk, pace, feeling, questions."""
    ratio, questions = row["talk_ratio"], row.get("questions")
    talk = clock(row["talk_seconds"])
    said = [talk if pd.isna(ratio) else f"{ratio / 100:.0%} of the talk, {talk}"]
    if not pd.isna(row.get("pace_wpm")):
        said.append(f"{row['pace_wpm']:.0f} words a minute")
    if not pd.isna(row.get("pace")):
        said.append(f"{row['pace']} pace")
    said += _felt(feelings(result, row["speaker"]))
    if questions is not None and not pd.isna(questions) and questions > 0:
        said.append(f"{questions} question{'' if questions == 1 else 's'}")
    return said


def lanes(result: Transcript) -> dict[Any, list[Span]]:
    """When each speaker spoke, joined over pauses until there are few enough spans to draw."""
    return _few_enough(result, result.utterances, "speaker")


def moods(result: Transcript) -> dict[Any, list[Span]]:
    """The same for each emotion other than the neutral one."""
    spoken = result.utterances
    if not isinstance(result, Interaction) or "emotion" not in spoken:
        return {}
    return _few_enough(result, spoken[(spoken["emotion"] != "Neutral").fillna(False)], "emotion")


def _few_enough(result: Transcript, spoken: pd.DataFrame, by: str) -> dict[Any, list[Span]]:
    length = seconds(result)
    timed = spoken[[by, "start", "end"]].dropna()
    timed = timed[(timed["end"] > timed["start"]) & (timed["end"] > 0)].sort_values("start", kind="stable")
    if not length or timed.empty:
        return {}
    whole = {
        who: [(100 * max(0.0, start) / length, 100 * end / length) for start, end in rows[["start", "end"]].to_numpy()]
        for who, rows in timed.groupby(by, sort=False, observed=True)
    }
    pause, joined = 0.1, whole
    while sum(map(len, joined.values())) > max(MOST_SPANS, len(whole)):
        joined = {who: _joined(spans, pause) for who, spans in whole.items()}
        pause *= 1.5
    return joined


def _joined(spans: list[Span], pause: float) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start - joined[-1][1] <= pause:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
