"""Who says what, and how: utterances of one answer with the speakers and emotions of others, joined by time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from aijupyter.results.frames import objects, speakers_of, text
from aijupyter.results.overlaps import EQUAL, Places, Stretches, times_of

Item = dict[str, Any]

_OF_THE_SPEAKER = frozenset({"speakerId", "enrollmentId"})


def spoken_by(items: Sequence[Item], turns: Stretches) -> list[Item]:
    """Utterances said by the speakers of `turns`, cut between words that are said by several.

    A word is said by whoever covers most of it, or is near (see `Stretches.heard`). One that is near nobody goes with
    the words before it in its utterance, or else with those after it. An utterance without words goes as a whole.
    """
    words = [objects(item.get("wordTimings")) for item in items]
    heard = turns.heard(*times_of([word for own in words for word in own]))
    whole = turns.heard(*times_of(items))
    said: list[Item] = []
    first = 0
    for item, own, place in zip(items, words, whole.tolist(), strict=True):
        speakers = _filled(heard[first : first + len(own)])
        first += len(own)
        said += _cut(item, own, speakers, turns.labels) if own else [_said_by(item, own, place, turns.labels)]
    return said


def felt(items: Sequence[Item], emotions: Stretches) -> list[Item]:
    """Utterances, each with the emotion that covers most of it, or is near; its confidence is the mean over that time.

    An utterance near no emotion has none.
    """
    starts, ends = times_of(items)
    heard = emotions.heard(starts, ends)
    sure = np.full(len(items), np.nan)
    for label in np.unique(heard[heard >= 0]):
        own = heard == label
        sure[own] = emotions.mean_weights(int(label), starts[own], ends[own])
    return [
        _feeling(item, emotions.labels[place] if place >= 0 else None, None if np.isnan(confidence) else confidence)
        for item, place, confidence in zip(items, heard.tolist(), sure.tolist(), strict=True)
    ]


def names_heard(items: Sequence[Item], identified: Stretches, unknown: str) -> dict[str, str]:
    """Which enrolled speaker each speaker of the utterances is: the one heard in more than half of what was identified
    while that speaker speaks. Those of whom more than half is `unknown`, or divided, are not there.
    """
    labels = [text(speaker) for speaker in speakers_of(items)]
    place_of = {label: place for place, label in enumerate(dict.fromkeys(labels)) if label is not None}
    known = [place for place, label in enumerate(labels) if label is not None]
    starts, ends = times_of([items[place] for place in known])
    who = np.array([place_of[str(labels[place])] for place in known], dtype=np.int64)
    rows = [
        np.bincount(who, weights=np.nan_to_num(seconds), minlength=max(place_of.values(), default=0) + 1)
        for seconds in identified.covering(starts, ends)
    ]
    if not rows or not place_of:
        return {}
    seconds = np.array(rows)
    most, whole = seconds.argmax(axis=0), seconds.sum(axis=0)
    return {
        label: name
        for label, place in place_of.items()
        if (name := identified.labels[most[place]]) != unknown
        and whole[place] > EQUAL
        and seconds[most[place], place] > whole[place] / 2
    }


def _filled(speakers: Places) -> list[int]:
    """Words that nobody says go with the word before, or else with the one after."""
    known = np.flatnonzero(speakers >= 0)
    filled: list[int] = speakers.tolist()
    if not len(known) or len(known) == len(speakers):
        return filled
    before = np.searchsorted(known, np.arange(len(speakers)), side="right") - 1
    filled[:] = speakers[known[np.maximum(before, 0)]].tolist()
    return filled


def _cut(item: Item, words: list[Item], speakers: list[int], labels: Sequence[str]) -> Iterator[Item]:
    if len(set(speakers)) == 1:
        yield _said_by(item, words, speakers[0], labels)
        return
    told = (text(item.get("text")) or "").split()
    own = told if len(told) == len(words) else [(text(word.get("word")) or "").strip() for word in words]
    first = 0
    for speaker, group in groupby(speakers):
        last = first + len(list(group))
        piece = {
            **item,
            "start": item.get("start") if not first else words[first].get("start"),
            "end": item.get("end") if last == len(words) else words[last - 1].get("end"),
            "text": " ".join(filter(None, own[first:last])),
        }
        yield _said_by(piece, words[first:last], speaker, labels)
        first = last


def _said_by(item: Item, words: list[Item], place: int, labels: Sequence[str]) -> Item:
    """An utterance with its words, all of them said by one speaker."""
    said = {**item, "speakerId": labels[place] if place >= 0 else None}
    said.pop("enrollmentId", None)
    if words:
        said["wordTimings"] = [_nobodys(word) for word in words]
    return said


def _nobodys(word: Item) -> Item:
    """A word that does not name a speaker of its own."""
    if _OF_THE_SPEAKER.isdisjoint(word):
        return word
    return {name: value for name, value in word.items() if name not in _OF_THE_SPEAKER}


def _feeling(item: Item, emotion: str | None, confidence: float | None) -> Item:
    others = [insight for insight in objects(item.get("insights")) if insight.get("name") != "Emotion"]
    own = [] if emotion is None else [{"name": "Emotion", "value": emotion, "confidence": confidence}]
    return {**item, "insights": [*own, *others]}
