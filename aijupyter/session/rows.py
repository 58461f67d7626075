"""Rows of `ai.recordings()` as recordings: what a row names, and what to call it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from aijupyter.errors import MediaError, OptionError
from aijupyter.media import MediaSource, is_url, shown_url
from aijupyter.telling import printable

LAST_DIGITS = 4
"""So much of a telephone number is in a recording's name, which stands in ledgers, exports and file names."""


def is_row(media: object) -> bool:
    """Whether it is one row of a frame: a namedtuple, a Series or a dict with a `uri`."""
    plain = isinstance(media, str | bytes | bytearray | memoryview | os.PathLike)
    if plain or hasattr(media, "read") or hasattr(media, "itertuples"):
        return False
    return "uri" in media if isinstance(media, Mapping) else hasattr(media, "uri")


def rows_of(media: Any) -> Iterable[MediaSource]:
    """What `ai.map` goes through: the rows of a frame, or whatever else holds many. Raises OptionError."""
    if hasattr(media, "itertuples"):
        if "uri" not in media.columns:
            raise OptionError(
                "The frame has no column 'uri'.",
                "Give a frame of ai.recordings(), or one column with paths or URLs: frame['path'].",
                option="media",
            )
        rows: list[MediaSource] = list(media.itertuples(index=False, name="RecordedCall"))
        return rows
    if isinstance(media, str | bytes | os.PathLike) or not isinstance(media, Iterable) or is_row(media):
        what = "One row" if is_row(media) else repr(media)
        raise OptionError(
            f"{what} is not many recordings.",
            "Give a list, a frame or a generator, such as Path('calls').glob('*.wav').",
            option="media",
        )
    return media


def opened(media: MediaSource) -> tuple[MediaSource, str | None]:
    """What to open, and its name where a row gives one. Raises MediaError for a row without a usable URL."""
    if hasattr(media, "itertuples"):
        mend = "Give one row of it, or all of them: ai.map(ai.transcribe, frame)."
        raise MediaError("A frame is many recordings.", mend, source=type(media).__name__)
    if not is_row(media):
        return media, None
    uri = _field(media, "uri")
    if not isinstance(uri, str) or not is_url(uri):  # a path in an answer of the provider's is no wish of the person's
        raise MediaError(
            f"The recording {name_of(media)} has no address.",
            "The provider may not have finished it yet: list the recordings again later.",
            source=name_of(media),
        )
    return uri, name_of(media)


def name_of(media: object) -> str:
    """What a person calls it: `"2026-11-02 14:05 Inbound *0100 (401547458008)"` for a row, times in UTC."""
    if not is_row(media):
        return type(media).__name__
    started, direction = _field(media, "started"), _text(_field(media, "direction"))
    party = _text(_field(media, "to_number" if direction == "Outbound" else "from_number"))
    digits = re.sub(r"\D", "", party)
    recording, uri = _text(_field(media, "recording")), _text(_field(media, "uri"))
    parts = [
        _minute(started),
        direction,
        f"*{digits[-LAST_DIGITS:]}" if digits else "",
        f"({recording})" if recording else "",
    ]
    return " ".join(filter(None, parts)) or (shown_url(uri) if uri else "without an id")


def _minute(time: object) -> str:
    return f"{time:%Y-%m-%d %H:%M}" if isinstance(time, datetime) and time == time else ""  # noqa: PLR0124  # NaT is a datetime that equals nothing


def _field(row: Any, name: str) -> Any:
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


def _text(value: object) -> str:
    """A text on one line; "" for what is missing."""
    return printable(value)[:60] if isinstance(value, str) else ""
