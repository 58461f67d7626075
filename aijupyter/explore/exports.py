"""Files made of results: frames and texts, written whole or not at all, under names that do no harm."""

from __future__ import annotations

import csv
import os
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from aijupyter.errors import OptionError
from aijupyter.explore.extras import extra

NAME_BYTES = 120
"""Of a file's name, without its ending and number: file systems allow 255."""
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")})
FORMULA = re.compile("^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that spreadsheets take for a formula, full-width forms included."""

File = str | PathLike[str]


def write_text(text: str, path: File | None) -> str | None:
    """The text where there is no path; else it is written there, as UTF-8, and None."""
    if path is None:
        return text
    _write(_place(path), text.encode("utf-8", "replace"), follow=True)
    return None


def write_csv(frame: pd.DataFrame, path: File | None, *, safe: bool = True) -> str | None:
    """A frame as CSV: with no path the text, else None."""
    return write_text(_csv(frame, safe=safe), path)


def write_parquet(frame: pd.DataFrame, path: File | None) -> bytes | None:
    """A frame as Parquet, with its dtypes and a named index: with no path the bytes, else None."""
    data = _parquet(frame)
    if path is None:
        return data
    _write(_place(path), data, follow=True)
    return None


def write_frames(frames: Mapping[str, pd.DataFrame], folder: File, ending: str, *, safe: bool = True) -> list[Path]:
    """Each frame as a file of its name (`csv` or `parquet`) in a folder, which is made where there is none."""
    encode: Callable[[pd.DataFrame], bytes] = _parquet if ending == "parquet" else lambda f: _csv(f, safe=safe).encode()
    place = _folder(folder)
    paths = []
    for name, frame in frames.items():
        paths.append(place / f"{name}.{ending}")
        _write(paths[-1], encode(frame))
    return paths


def write_texts(texts: Iterable[tuple[str, str]], folder: File, ending: str) -> list[Path]:
    """Each (name, text) as a file in a folder. Names that are the same are numbered, in their order."""
    place, taken, paths = _folder(folder), set[str](), list[Path]()
    for name, text in texts:
        stem = plain = file_stem(name)
        number = 1
        while stem.casefold() in taken:
            number += 1
            stem = f"{plain}-{number}"
        taken.add(stem.casefold())
        paths.append(place / f"{stem}.{ending}")
        _write(paths[-1], text.encode("utf-8", "replace"))
    return paths


def file_stem(name: str) -> str:
    """A recording's name, which others may have chosen, as that of a file on any system, without its ending."""
    last = re.split(r"[\\/]", name.partition("?")[0].rstrip("\\/"))[-1]
    stem = last.rpartition(".")[0] or last
    kept = "".join(
        "_" if character in '<>:"|?*' or unicodedata.category(character).startswith("C") else character
        for character in unicodedata.normalize("NFC", stem)
    )
    cut = " ".join(kept.split()).encode()[:NAME_BYTES].decode(errors="ignore").strip(" .")
    if not cut.strip("_"):
        return "recording"
    return f"_{cut}" if cut.partition(".")[0].strip().casefold() in DEVICES or cut.startswith("-") else cut


def _csv(frame: pd.DataFrame, *, safe: bool) -> str:
    flat = frame.reset_index() if frame.index.name else frame
    if safe:
        flat = flat.assign(**{str(name): _harmless(flat[name]) for name in flat if _is_text(flat[name])})
    texts = (flat[name].astype(object) for name in flat if _is_text(flat[name]))
    returns = any(column.map(lambda cell: isinstance(cell, str) and "\r" in cell).any() for column in texts)
    if returns:  # left without quotes, one would begin a row
        return flat.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return flat.to_csv(index=False, lineterminator="\n")


def _is_text(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, pd.StringDtype | pd.CategoricalDtype) or column.dtype == object


def _harmless(column: pd.Series[Any]) -> pd.Series[Any]:
    """A cell that would be a formula gets an apostrophe before it, as one would type it."""
    texts = column.astype(object)
    formulas = texts.map(lambda cell: isinstance(cell, str) and FORMULA.match(cell) is not None)
    return texts.where(~formulas, "'" + texts.astype(str))


def _parquet(frame: pd.DataFrame) -> bytes:
    extra("pyarrow", "Parquet")
    buffer = BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", index=bool(frame.index.name))
    return buffer.getvalue()


def _folder(folder: File) -> Path:
    place = _place(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OptionError(f"{place} is a file.", "Give a folder, or a new name.", option="folder") from None
    except (PermissionError, FileNotFoundError, NotADirectoryError) as error:
        said = f"The folder {place} cannot be made: {error.strerror}."
        raise OptionError(said, "Name another place.", option="folder") from None
    return place


def _place(path: File) -> Path:
    name = os.path.expanduser(path)  # noqa: PTH111  # unlike Path's it leaves an unknown user's name as it is
    if "\0" in name:
        raise OptionError(f"{name!r} is no path: there is a NUL in it.", "Name another place.", option="path")
    return Path(name)


def _write(path: Path, data: bytes, *, follow: bool = False) -> None:
    """Whole or not at all: beside its place first, then into it. `follow` a link, as when one opens it to write."""
    target = Path(os.path.realpath(path)) if follow else path
    if not target.parent.is_dir():
        raise OptionError(f"There is no folder {target.parent}.", "Make it first, or name another.", option="path")
    if target.is_dir():
        raise OptionError(f"{target} is a folder.", "Name a file in it.", option="path")
    beside = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(data)
        beside.replace(target)
    except PermissionError:
        beside.unlink(missing_ok=True)
        said = f"{target.parent} may not be written to."
        raise OptionError(said, "Name another place, or change its permissions.", option="path") from None
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
