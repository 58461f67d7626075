"""What all results share: the answer as it came, what its speakers are called, and its recording."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar, overload

from aijupyter.errors import MediaNotFoundError, OptionError
from aijupyter.models import Operation
from aijupyter.watching import Watchers

FrameT = TypeVar("FrameT")

NAME_CHARACTERS = 80
LABELS_SHOWN = 20

_TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Kinds of characters that turn the text around them; letters that run from right to left need none of them."""


class framed(cached_property[FrameT]):  # noqa: N801  # a decorator, like its base
    """Something that is made of an answer when it is first asked for, and anew after names were given."""

    @overload
    def __get__(self, instance: None, owner: type[Any] | None = None) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> FrameT: ...

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Self | FrameT:
        if instance is None:
            return self
        # Taken before it is made: what is made while names are given is not kept for those who ask later.
        kept: dict[str, Any] = instance._made  # type: ignore[attr-defined]  # noqa: SLF001  # of a Result
        name = str(self.attrname)
        if name not in kept:
            kept[name] = self.func(instance)
        made: FrameT = kept[name]
        return made


class Result:
    """An answer. `raw` is the whole envelope as it came: what the frames leave out is there.

    `options` is what was asked, in the API's names. `key` is our own id of the job, the same for ever. `keep`, where
    given, makes the names of speakers last: it is called with what is to change, in whichever thread. A copy, or what
    is unpickled, is nobody's: its names last as long as it does.
    """

    def __init__(
        self,
        raw: dict[str, Any],
        *,
        operation: Operation,
        recording: str,
        job_id: str,
        key: str = "",
        options: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
        audio: Path | None = None,
        keep: Callable[[Mapping[str, str | None]], object] | None = None,
    ) -> None:
        self.raw = raw
        self.options: Mapping[str, Any] = options or {}
        self.operation = operation
        self.recording = recording
        self.job_id = job_id
        self.key = key
        self._names = _tidied(names or {})
        self._audio = audio
        self._forget_what_is_of_here(keep)

    def _forget_what_is_of_here(self, keep: Callable[[Mapping[str, str | None]], object] | None = None) -> None:
        self._keep = keep
        self._made: dict[str, Any] = {}
        self._watchers = Watchers()

    def __getstate__(self) -> dict[str, Any]:
        here = {"_keep", "_made", "_watchers"}
        return {name: value for name, value in self.__dict__.items() if name not in here}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget_what_is_of_here()

    @property
    def response(self) -> Any:
        """The operation's own part of the answer."""
        return self.raw.get("response")

    @property
    def audio(self) -> Path | None:
        """The recording to listen to: the file that was asked about while it is where it was, or one that is set."""
        there = self._audio is not None and os.path.isfile(self._audio)  # noqa: PTH113  # unlike Path's it never raises
        return self._audio if there else None

    @audio.setter
    def audio(self, path: str | Path | None) -> None:
        given = None if path is None else Path(path).expanduser().absolute()
        if given is not None and not os.path.isfile(given):  # noqa: PTH113  # as above
            mend = "Check the path; one that is not absolute begins at the notebook's folder."
            raise MediaNotFoundError(f"There is no file {path}.", mend, source=str(path))
        self._audio = given
        self._watchers.tell(self)

    @property
    def labels(self) -> Collection[str]:
        """The speakers as the answer calls them, in order of appearance."""
        return ()

    @property
    def names(self) -> dict[str, str]:
        """The names that were given to speakers, by the labels of the answer."""
        return dict(self._names)

    def name_speakers(self, names: Mapping[str, str | None]) -> None:
        """Call speakers by names, in every frame and view, and keep that in the ledger: `{"0": "Agent"}`.

        The keys are labels of the answer, or names given before; None, or a name of nothing, takes a name back. Two
        speakers of one name are one in the frames. A name is a line of up to `NAME_CHARACTERS`. The other speakers'
        names stay. Raises OptionError for a speaker that is not there, JobNotFoundError where the job was forgotten,
        SessionClosedError and LedgerError where nobody can keep it now; then nothing has changed.
        """
        changes: dict[str, str | None] = {}
        for who, name in names.items():
            for label in self._labels_of(str(who)):
                said = _tidy(name)
                changes[label] = said if said and said != label else None
        before = self._names
        if self._keep is not None:
            self._keep(changes)
        if self._names is before:  # else whoever keeps them has told what they are now
            self.take_names(changed(before, changes))

    def take_names(self, names: Mapping[str, str]) -> None:
        """Show speakers by these names, which are kept already. For the session; in any thread."""
        taken = _tidied(names)
        if taken != self._names:
            self._names = taken
            self._made = {}  # in this order: see `framed`
            self._watchers.tell(self)

    def watch(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback()` when names or audio have changed, in any thread; returns what ends that."""
        return self._watchers.add(callback)

    def _labels_of(self, who: str) -> list[str]:
        """The label itself, or those that bear the name."""
        if who in self.labels:
            return [who]
        named = [label for label, name in self._names.items() if name == who]
        if not named:
            raise OptionError(f"Nobody here is called {who[:NAME_CHARACTERS]!r}.", self._who_is_here(), option="names")
        return named

    def _who_is_here(self) -> str:
        called = list(dict.fromkeys(self._names.get(label, label) for label in self.labels))
        if not called:
            return "The answer tells no speakers apart: there is nobody to name."
        shown = [repr(name[:NAME_CHARACTERS]) for name in called[:LABELS_SHOWN]]
        return f"The speakers are: {', '.join(shown)}{', ...' if len(called) > LABELS_SHOWN else ''}."

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.recording!r}, job {self.job_id}>"


def changed(names: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The names after some of them were given or, with None, taken back."""
    return {label: name for label, name in {**names, **changes}.items() if name}


def _tidied(names: Mapping[str, str]) -> dict[str, str]:
    return {label: said for label, name in names.items() if (said := _tidy(name))}


def _tidy(name: object) -> str:
    """A name as it is shown: a line of text, "" where nothing of it would be seen."""
    line = " ".join(str("" if name is None else name).split())
    said = "".join(filter(_is_text, line.encode("utf-8", "replace").decode()))[:NAME_CHARACTERS].strip()
    return said if any(character.isprintable() and not character.isspace() for character in said) else ""


def _is_text(character: str) -> bool:
    return unicodedata.category(character) != "Cc" and unicodedata.bidirectional(character) not in _TURNING
