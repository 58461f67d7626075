"""A conversation as plain text, for consoles and for whatever reads a notebook as text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from aijupyter.palette import clock
from aijupyter.results.interaction import Interaction
from aijupyter.results.transcript import Transcript
from aijupyter.telling import printable
from aijupyter.views import glance

FIRST_LINES = 12
WIDTH = 100


def conversation_text(result: Transcript) -> str:
    """Some lines: what it is, who spoke how, in short, and how it begins."""
    lines = [f"{printable(result.recording)} · {' · '.join(glance.facts(result))}"]
    lines += [_speaker(result, row) for row in result.speakers.head(FIRST_LINES).to_dict("records")]
    if isinstance(result, Interaction):
        short = result.summary.loc[(result.summary["kind"] == "AbstractiveSummaryShort").fillna(False), "text"].dropna()
        lines += [_cut(f"  In short: {said}") for said in short.head(1)]
    lines += [_line(result, row) for row in result.utterances.head(FIRST_LINES).to_dict("records")]
    if (more := len(result.utterances) - FIRST_LINES) > 0:
        lines.append(f"  … and {more:,} more, in .utterances")
    return "\n".join(lines)


def _speaker(result: Transcript, row: dict[Any, Any]) -> str:
    return _cut(f"  {glance.called(result, row['speaker'])}: {', '.join(glance.speaker_facts(result, row))}")


def _line(result: Transcript, row: dict[Any, Any]) -> str:
    name = glance.called(result, row["speaker"])
    felt = row.get("emotion")
    text = str(row["text"]) if not pd.isna(row["text"]) else "" if felt is None or pd.isna(felt) else str(felt)
    return _cut(f"  {clock(row['start']):>7}  {name}{': ' if name and text else ''}{text}")


def _cut(text: str) -> str:
    whole = printable(" ".join(text[: 2 * WIDTH].split(" ")))
    return whole if len(whole) <= WIDTH else f"{whole[: WIDTH - 2]} …"
