"""From the lines that a person writes - paths, patterns, folders, addresses - to the recordings that they name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from glob import escape, has_magic, iglob
from itertools import islice
from pathlib import Path

from aijupyter.errors import MediaError, MediaNotFoundError, MediaUnreadableError
from aijupyter.media import HEAD_BYTES, is_url, sniff

MOST_FILES = 20_000
"""More files than that are a mistake in the pattern rather than a wish."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line and the recordings that it names; `pattern` finds exactly these, and is "" where no pattern does.

    What may be an address with a token in it is not in the repr.
    """

    text: str = field(repr=False)
    pattern: str
    sources: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What lines name: `sources` without repeats, the `size` of the files among them in bytes, and what is wrong.

    `left_out` are files that a pattern finds and that are no recordings.
    """

    lines: tuple[Line, ...] = ()
    sources: tuple[str, ...] = field(default=(), repr=False)
    size: int = 0
    left_out: int = 0
    problems: tuple[MediaError, ...] = ()

    @property
    def words(self) -> str:
        """It in a few words: `"12 recordings, 34 MB"`; "" where there are none."""
        if not self.sources:
            return ""
        count, urls = len(self.sources), sum(map(is_url, self.sources))
        parts = [f"{count:,} recording{'s' if count > 1 else ''}"]
        if urls < count:
            parts.append(size_in_words(self.size))
        if urls:
            parts.append("by address" if urls == count else f"{urls:,} of them by address")
        if self.left_out:
            parts.append(f"{self.left_out:,} other file{'s' if self.left_out > 1 else ''} left out")
        return ", ".join(parts)


def find(lines: Iterable[str], *, any_format: bool = False) -> Found:
    """What lines name, in their order, each recording once; looks at the files, so it can take a while.

    A pattern (`calls/*.wav`, `calls/**/*.mp3`) and a folder stand for the recordings among their files, by the files'
    first bytes; with `any_format` for all of their files.
    """
    found: list[Line] = []
    problems: list[MediaError] = []
    sizes: dict[str, tuple[str, int]] = {}
    left_out = 0
    for text in map(_bare, lines):
        if not text:
            continue
        try:
            line, sized, others = _look(text, any_format=any_format)
        except MediaError as error:
            problems.append(error)
            continue
        found.append(line)
        left_out += others
        for source, size in sized:
            sizes.setdefault(source if is_url(source) else os.path.realpath(_home(source)), (source, size))
    sources = tuple(source for source, _ in sizes.values())
    return Found(tuple(found), sources, sum(size for _, size in sizes.values()), left_out, tuple(problems))


def size_in_words(size: int) -> str:
    """Bytes as a person says them: `"34 MB"`."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):  # as file managers count
        if size >= least:
            amount = size / least
            return f"{amount:,.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"  # noqa: PLR2004  # one digit of two
    return f"{size} byte{'' if size == 1 else 's'}"


def _look(text: str, *, any_format: bool) -> tuple[Line, list[tuple[str, int]], int]:
    if is_url(text):
        return Line(text, "", (text,)), [(text, 0)], 0
    if "://" in text:
        raise MediaError(
            f"{text.partition('://')[0]}:// is no address that can be fetched.",
            "Give one that begins with https:// or http://, or a path.",
            source=text,
        )
    path = _home(text)
    if os.path.isdir(path):  # noqa: PTH112  # unlike Path.is_dir it never raises
        return _many(text, f"{escape(text.rstrip('/'))}/*", any_format=any_format)
    if has_magic(text) and not os.path.lexists(path):
        return _many(text, text, any_format=any_format)
    return Line(text, "", (text,)), [(text, _one(text, path, any_format=any_format))], 0


def _many(text: str, pattern: str, *, any_format: bool) -> tuple[Line, list[tuple[str, int]], int]:
    try:
        every = iglob(_home(pattern), recursive=True)  # noqa: PTH207  # it leaves out hidden files, as shells do
        paths = sorted(islice(every, MOST_FILES + 1))
    except (OSError, ValueError) as error:
        raise MediaError(f"{text} cannot be looked for: {error}.", "Check the pattern.", source=text) from None
    if len(paths) > MOST_FILES:
        raise MediaError(f"{text} finds more than {MOST_FILES:,} files.", "Narrow it down.", source=text)
    files = [path for path in paths if os.path.isfile(path)]  # noqa: PTH113  # unlike Path.is_file it never raises
    sized = list(_sized(files, any_format=any_format))
    if not sized:
        among = f" among {len(files):,} file{'s' if len(files) > 1 else ''}" if files else ""
        mend = "A pattern looks like calls/*.wav, or calls/**/*.mp3 for the folders below as well."
        where = f"The current folder is {Path.cwd()}."
        raise MediaNotFoundError(f"There is no recording at {text}{among}.", f"{mend} {where}", source=text)
    sources = tuple(source for source, _ in sized)
    exact = list(sources) == paths
    return Line(text, pattern if exact else "", sources), sized, len(files) - len(sized)


def _sized(files: Iterable[str], *, any_format: bool) -> Iterator[tuple[str, int]]:
    """The recordings among files. One that may not be read is one by its name, so that somebody hears of it."""
    for path in files:
        try:
            size, head = _head(path)
        except OSError:
            yield path, 0
            continue
        if head and (any_format or sniff(head)):
            yield path, size


def _one(text: str, path: str, *, any_format: bool) -> int:
    """The size of a file. Raises MediaError for what is there and can be no recording, and for what is not."""
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113  # neither ever raises
            raise MediaError(f"{text} is no file, but a device or a pipe.", "Give a recording's path.", source=text)
        size, head = _head(path)
    except FileNotFoundError:
        mend = f"Check the path; the current folder is {Path.cwd()}."
        raise MediaNotFoundError(f"There is no file {text}.", mend, source=text) from None
    except PermissionError:
        raise MediaUnreadableError(f"{text} may not be read.", "Check the file's permissions.", source=text) from None
    except (OSError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"{text} cannot be read: {error}.", "Check the path.", source=text) from None
    if not head:
        raise MediaError(f"{text} is empty.", "Check how it was made or copied.", source=text)
    if not any_format and sniff(head) is None:
        raise not_known(text)
    return size


def not_known(name: str) -> MediaError:
    """What to say of a file whose first bytes are of no known format."""
    mend = "Known are WAV, MP3, MP4/M4A, Ogg, WebM, AVI and AAC. Convert it, or set the file format under the options."
    return MediaError(f"{name} is no recording of a known format.", mend, source=name)


def _head(path: str) -> tuple[int, bytes]:
    with Path(path).open("rb") as file:
        return os.fstat(file.fileno()).st_size, file.read(HEAD_BYTES)


def _bare(line: str) -> str:
    """Without the blanks around it, and without the quotes in which file managers copy a path."""
    text = line.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted and not os.path.lexists(text) else text


def _home(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111  # unlike Path.expanduser it never raises
