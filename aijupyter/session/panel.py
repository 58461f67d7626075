"""Panel: a question that is put together by mouse. It holds what was chosen, and knows the code for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aijupyter.errors import CONNECT_AGAIN, AIJupyterError, MediaError, OptionError, SessionClosedError
from aijupyter.jobs.batch import Batch
from aijupyter.media import is_url
from aijupyter.session.batches import question_of
from aijupyter.session.code import as_code, literal
from aijupyter.session.fields import Field, fields_of
from aijupyter.session.sources import Found, Line, find
from aijupyter.session.uploads import Upload, Uploads
from aijupyter.session.verbs import AUDIO_VERBS
from aijupyter.watching import Watchers

if TYPE_CHECKING:
    from aijupyter.session.session import Session

NEEDED = ("anybody",)
"""What stands for ids of speakers while another option is checked."""

FOLDER = Path("recordings")
"""Where uploads are kept, below the current folder."""


class Panel:
    """What is asked about which recordings: chosen bit by bit, checked, asked, and told as code.

    Shown in a notebook it is a form; everything that the form does can be done here as well. It is safe to use from
    several threads.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._operation = "analyze" if "analyze" in AUDIO_VERBS else AUDIO_VERBS[0]
        self._text = ""
        self._chosen: dict[str, Any] = {}
        self._asked: tuple[tuple[str, Batch], ...] = ()
        self._watchers = Watchers()
        self._lock = threading.RLock()
        self.uploads = Uploads(FOLDER)

    @property
    def place(self) -> str:
        """Where questions go, in words."""
        status = self._session.status
        return "the embedded AI service, on this machine" if status.embedded else status.server

    @property
    def operation(self) -> str:
        """The verb, such as `"transcribe"`. Raises OptionError for one that is not there."""
        return self._operation

    @operation.setter
    def operation(self, verb: str) -> None:
        fields_of(verb)
        if verb not in AUDIO_VERBS:
            raise OptionError(f"{verb} is asked about texts.", f"Ask in a cell: ai.{verb}(...).", option="operation")
        self._operation = verb
        self._watchers.tell(self)

    @property
    def sources(self) -> tuple[str, ...]:
        """The lines that name recordings: paths, patterns such as `calls/*.wav`, folders and URLs. Uploads come first.

        It takes one text of many lines, or many texts.
        """
        return tuple(line for line in self._text.splitlines() if line.strip())

    @sources.setter
    def sources(self, lines: str | Path | Iterable[str | Path]) -> None:
        given = [lines] if isinstance(lines, str | Path) else lines
        if isinstance(given, bytes | bytearray) or not isinstance(given, Iterable):
            mend = "Give a path, a pattern or an address, or a list of them; `panel.upload` takes bytes."
            raise OptionError(f"A {type(lines).__name__} names no recordings.", mend, option="sources")
        self._text = "\n".join(str(line) for line in given)
        self._watchers.tell(self)

    @property
    def text(self) -> str:
        """`sources` as they were written."""
        return self._text

    @property
    def options(self) -> dict[str, Any]:
        """The options that say more than their defaults do, those that the operation has."""
        chosen, fields = dict(self._chosen), fields_of(self._operation)
        return {field.name: chosen[field.name] for field in fields if field.name in chosen}

    def choose(self, **options: Any) -> None:
        """Set options by their names in Python; None takes one back. Raises OptionError for a name nobody knows.

        What another operation knows is kept for when that is chosen. Values are checked by `check`.
        """
        with self._lock:
            for name, value in options.items():
                if _known(self._operation, name).is_default(value):
                    self._chosen.pop(name, None)
                else:
                    self._chosen[name] = list(value) if isinstance(value, tuple) else value
        self._watchers.tell(self)

    def upload(self, name: str, data: bytes) -> Upload:
        """Add a recording by its bytes, as the browser does. See `Uploads` for where it goes."""
        upload = self.uploads.begin(name, len(data))
        upload.write(0, data)
        self._watchers.tell(self)
        return upload

    def receive(self, upload_id: str, offset: int, data: bytes | memoryview) -> int:
        """Take a part of an upload that `uploads.begin` expects; how many bytes of it there are now."""
        upload = self.uploads.find(upload_id)
        if upload is None:
            return 0
        received = upload.write(offset, data)
        if upload.arrived:
            self._watchers.tell(self)
        return received

    def drop(self, upload_id: str) -> None:
        """Take an upload back."""
        self.uploads.drop(upload_id)
        self._watchers.tell(self)

    def find(self) -> Found:
        """What is chosen to be asked about: uploads where they are or will be kept, and what the lines name."""
        return self._with_uploads(self._named(), self.uploads.places())

    def check(self, found: Found | None = None) -> list[AIJupyterError]:
        """What keeps the question from being asked, each with its mend; nothing is sent. It looks at the files.

        `found` spares a second look.
        """
        found = self.find() if found is None else found
        any_format = "encoding" in self.options
        problems: list[AIJupyterError | None] = [
            None if self._session.status.open else SessionClosedError("The session is closed.", CONNECT_AGAIN),
            *(upload.problem(any_format=any_format) for upload in self.uploads),
            *found.problems,
        ]
        if not found.sources and not any(problems):
            problems.append(MediaError("No recording is chosen yet.", "Drop one, or write down its path or its URL."))
        options = self.options
        problems += [_wrong(self._operation, name, value) for name, value in options.items()]
        missing = [one.name for one in fields_of(self._operation) if one.required and one.name not in options]
        problems += [_wrong(self._operation, name, []) for name in missing]
        return [problem for problem in problems if problem is not None]

    def question(self, found: Found | None = None) -> str:
        """It in words: `"analyze 12 recordings, 34 MB (speaker_count=2)"`. `found` spares a look at the files."""
        found = self.find() if found is None else found
        options = ", ".join(f"{name}={literal(value)}" for name, value in self.options.items())
        return f"{self._operation} {found.words or 'nothing'}" + (f" ({options})" if options else "")

    def submit(self) -> Batch:
        """Ask. Uploads are written to their folder first. Raises the first problem of `check`, or MediaError."""
        named = self._named()
        for problem in self.check(self._with_uploads(named, self.uploads.places())):
            raise problem
        found = self._with_uploads(named, self.uploads.keep())
        words = self.question(found)
        batch = self._session.map(self._operation, found.sources, **self.options)
        with self._lock:
            self._asked = (*self._asked, (words, batch))
        self._watchers.tell(self)
        return batch

    @property
    def batches(self) -> tuple[Batch, ...]:
        """What was asked so far, in that order."""
        return tuple(batch for _, batch in self._asked)

    @property
    def asked(self) -> tuple[tuple[str, Batch], ...]:
        """The same, each with its `question` as it was asked."""
        return self._asked

    def code(self, found: Found | None = None, *, secrets: bool = True) -> str:
        """Python that asks the same, of a session called `ai`.

        Without `secrets`, addresses are cut before what may be secret in them. `found` spares a look at the files.
        """
        found = self.find() if found is None else found
        text = as_code(self._operation, found, self.options, secrets=secrets)
        if any(upload.kept is None for upload in self.uploads):
            text = f"# What was uploaded is kept in {self.uploads.folder}/ when it is asked about.\n{text}"
        return text

    def watch(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback()` after every change, from the thread that made it; returns what ends that."""
        return self._watchers.add(callback)

    def __repr__(self) -> str:
        count = len(self.sources) + len(self.uploads)
        return f"<Panel: {self._operation}, {count} source{'' if count == 1 else 's'}, {len(self._asked)} asked>"

    def _named(self) -> Found:
        return find(self.sources, any_format="encoding" in self.options)

    def _with_uploads(self, named: Found, places: Iterable[Path]) -> Found:
        """Uploads before what the lines name, each recording once."""
        kept = {os.path.realpath(place): str(place) for place in places}
        others = [source for source in named.sources if is_url(source) or os.path.realpath(source) not in kept]
        return replace(
            named,
            lines=(*(Line(place, "", (place,)) for place in kept.values()), *named.lines),
            sources=(*kept.values(), *others),
            size=named.size + sum(upload.size for upload in self.uploads),
        )


def _known(operation: str, name: str) -> Field:
    """An option of the operation, or of another one."""
    for verb in (operation, *AUDIO_VERBS):
        for field in fields_of(verb):
            if field.name == name:
                return field
    question_of(operation, {name: None})  # which tells what is meant
    raise OptionError(f"There is no option {name!r}.", "Use its name in Python, such as speaker_count.", option=name)


def _wrong(operation: str, name: str, value: Any) -> OptionError | None:
    """What is wrong with an option, by the checks of the API's own requests."""
    needed = {one.name: NEEDED for one in fields_of(operation) if one.required}
    try:
        question_of(operation, {**needed, name: value})
    except OptionError as error:
        return error
    return None
