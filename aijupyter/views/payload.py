"""What the player of a conversation is sent: columns as bytes, texts once, and a few small facts.

Three hours of talk are 30,000 words. As JSON objects they would be megabytes; as columns they are some hundred
kilobytes, and the browser reads them without parsing. static/player/model.js is the other side.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from aijupyter.results.frames import speakers_of, text
from aijupyter.results.insights import SUMMARIES
from aijupyter.results.interaction import Interaction
from aijupyter.results.transcript import Transcript

NO_TIME = 0xFFFFFFFF
NOBODY = 0xFFFF
UNSURE = 0xFF
MOST_ITEMS = 2000
MOST_EMOTIONS = 250

Whole = npt.NDArray[np.uint32]
Small = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Shown = dict[str, Any]

_OWN_SECTIONS = frozenset({"KeyPhrases", "Topics", *SUMMARIES})


def payload(result: Transcript) -> Shown:
    """The conversation as `columns` and `texts` (bytes) and `facts` (JSON): what never changes of a result.

    Lines are in order of time, whatever order the answer has; a line without a time stays behind its predecessor.

    `columns` are, in this order and of little-endian numbers: how many lines and words there are; each line's start and
    end in milliseconds and its count of words; each word's start and end (all uint32); each line's speaker, as a place
    in `facts["labels"]` (uint16); each line's confidence in percent, emotion as a place in `facts["emotions"]`, and its
    confidence; each word's confidence (uint8). Of each type, the greatest number means that it is not known.

    `texts` is UTF-8 JSON: `lines`, the text of each line, and `words`, those of a line by its place where they are not
    what stands between its blanks.
    """
    lines = result.utterances
    order = _in_time(lines["start"])
    lines = lines.iloc[order]
    words, counts = _words_by_line(result, order)
    labels = list(result.labels)[:NOBODY]
    emotions, felt, felt_surely = _emotions(lines)
    blocks = [
        np.array([len(lines), len(words)], dtype="<u4"),
        _milliseconds(lines["start"]),
        _milliseconds(lines["end"]),
        counts.astype("<u4"),
        _milliseconds(words["start"]),
        _milliseconds(words["end"]),
        _speakers(result, labels)[order],
        _percent(lines["confidence"]),
        emotions,
        felt_surely,
        _percent(words["confidence"]),
    ]
    facts = {
        "recording": result.recording,
        "labels": labels,
        "emotions": felt,
        **(_insights(result) if isinstance(result, Interaction) else {}),
    }
    return {
        "columns": b"".join(block.tobytes() for block in blocks),
        "texts": _texts(lines, words, counts),
        "facts": facts,
    }


def people(result: Transcript) -> list[Shown]:
    """What is known of each speaker, by the name that the frames have for them: it changes with the names."""
    return _rows(result.speakers)


def _in_time(starts: pd.Series[float]) -> Places:
    return np.argsort(starts.ffill().fillna(0.0).to_numpy(), kind="stable")


def _speakers(result: Transcript, labels: list[str]) -> npt.NDArray[np.uint16]:
    """Who says each line, by the answer's labels: in the frames, two that were given one name are one."""
    said_by = [text(speaker) for speaker in speakers_of(result._utterance_items)]  # noqa: SLF001  # see above
    place_of = {label: place for place, label in enumerate(labels)}
    return np.array([place_of.get(label, NOBODY) for label in said_by], dtype="<u2")  # type: ignore[arg-type]


def _emotions(lines: pd.DataFrame) -> tuple[Small, list[str], Small]:
    """Each line's emotion as a place among their names, the names, and how sure that is."""
    if "emotion" not in lines:
        unknown = np.full(len(lines), UNSURE, dtype="u1")
        return unknown, [], unknown
    places, names = pd.factorize(lines["emotion"].astype(object))
    known = (places >= 0) & (places < MOST_EMOTIONS)
    shown = np.where(known, places, UNSURE).astype("u1")
    return shown, [str(name) for name in names[:MOST_EMOTIONS]], _percent(lines["emotion_confidence"])


def _words_by_line(result: Transcript, order: Places) -> tuple[pd.DataFrame, Places]:
    """The words, line after line, and how many each line has."""
    words = result.words
    place_of = np.empty(len(order), dtype=np.int64)
    place_of[order] = np.arange(len(order))
    if words["utterance"].isna().all():
        places = _places_by_time(result.utterances["start"].to_numpy()[order], words["start"].to_numpy())
    else:
        words = words[words["utterance"].notna()]
        places = place_of[words["utterance"].to_numpy(dtype=np.int64)]
    if not len(order):
        return words.iloc[:0], np.zeros(0, dtype=np.int64)
    by_line = np.argsort(places, kind="stable")
    return words.iloc[by_line], np.bincount(places, minlength=len(order))


def _places_by_time(starts: npt.NDArray[np.float64], times: npt.NDArray[np.float64]) -> Places:
    """For words that do not say which line is theirs: the one that began last before them."""
    begun = np.maximum.accumulate(np.nan_to_num(starts, nan=0.0))
    at = pd.Series(times).ffill().fillna(0.0).to_numpy()
    return np.clip(np.searchsorted(begun, at, side="right") - 1, 0, None).astype(np.int64)


def _milliseconds(seconds: pd.Series[float]) -> Whole:
    thousandths = np.clip(seconds.to_numpy(dtype=np.float64) * 1000, 0, None).round()
    known = thousandths < NO_TIME  # NaN does not compare
    return np.where(known, thousandths, NO_TIME).astype("<u4")


def _percent(confidence: pd.Series[float]) -> Small:
    percent = np.clip(confidence.to_numpy(dtype=np.float64) * 100, 0, 100).round()
    return np.where(np.isnan(percent), UNSURE, percent).astype("u1")


def _texts(lines: pd.DataFrame, words: pd.DataFrame, counts: Places) -> bytes:
    spoken = [word.strip() for word in words["word"].fillna("").tolist()]
    said, apart, first = [], {}, 0
    for place, (line, count) in enumerate(zip(lines["text"].fillna("").tolist(), counts.tolist(), strict=True)):
        own = spoken[first : first + count]
        first += count
        shown = line if line.strip() else " ".join(own)
        said.append(shown)
        if own and shown.split(" ") != own:
            apart[place] = own
    return json.dumps({"lines": said, "words": apart}, ensure_ascii=False, separators=(",", ":")).encode()


def _insights(result: Interaction) -> Shown:
    """What came up: each a list of things with a text and, mostly, a time to jump to."""
    summary = result.summary.rename(columns={"text": "value"})
    parts = {kind: _rows(summary[summary["kind"] == kind], "value", "start") for kind in SUMMARIES}
    whole = result.insights[result.insights["level"] == "conversation"]
    others = [str(name) for name in whole["name"].dropna().unique() if name not in _OWN_SECTIONS]
    return {
        "questions": _rows(result.questions.rename(columns={"text": "value"}), "value", "start", "end"),
        "phrases": _rows(result.key_phrases),
        "topics": _rows(result.topics),
        "notMade": _rows(result.not_made),
        "summaries": {kind: rows for kind, rows in parts.items() if rows},
        "others": {name: _rows(whole[whole["name"] == name], "value", "start", "end") for name in others},
    }


def _rows(frame: pd.DataFrame, *columns: str) -> list[Shown]:
    """Rows as JSON knows them, what is missing being None; rows that should have a value and have none are left out."""
    kept = frame.head(MOST_ITEMS)[list(columns or frame.columns)]
    if "value" in kept:
        kept = kept[kept["value"].notna()]
    return [dict(zip(kept.columns, map(_plain, row), strict=True)) for row in zip(*_lists(kept), strict=True)]


def _lists(frame: pd.DataFrame) -> Sequence[list[Any]]:
    return [frame[name].astype(object).tolist() for name in frame.columns]


def _plain(value: Any) -> Any:
    if value is pd.NA or value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
