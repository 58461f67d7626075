"""The player of a conversation: a widget."""

from __future__ import annotations

from pathlib import Path
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

import anywidget
import traitlets

from aijupyter.errors import AIJupyterError
from aijupyter.logs import logger
from aijupyter.results.transcript import Transcript
from aijupyter.views.audio import Audio
from aijupyter.views.forms import static
from aijupyter.views.payload import payload, people

log = logger(__name__)

MODULES = (
    "common.js",
    "player/audio.js",
    "player/pieces.js",
    "player/text.js",
    "player/model.js",
    "player/state.js",
    "player/search.js",
    "player/names.js",
    "player/timeline.js",
    "player/paint.js",
    "player/line.js",
    "player/heights.js",
    "player/transcript.js",
    "player/charts.js",
    "player/jumps.js",
    "player/controls.js",
    "player/keys.js",
    "player/player.js",
)
STYLES = ("theme.css", "player/player.css", "player/timeline.css", "player/transcript.css", "player/jumps.css")


class Player(anywidget.AnyWidget):
    """A conversation to see, to hear and to search.

    It follows its result: speakers that are named and audio that is given elsewhere show here, and speakers that are
    named here are named in the frames and in the ledger. `close()` ends it.
    """

    _esm = traitlets.Unicode(static(*MODULES)).tag(sync=True)
    _css = traitlets.Unicode(static(*STYLES)).tag(sync=True)

    columns = traitlets.Bytes(b"").tag(sync=True)
    texts = traitlets.Bytes(b"").tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)
    names = traitlets.Dict().tag(sync=True)
    people: Any = traitlets.List().tag(sync=True)
    audible = traitlets.Bool(default_value=False).tag(sync=True)
    duration = traitlets.Float(default_value=None, allow_none=True).tag(sync=True)
    peaks = traitlets.Bytes(b"").tag(sync=True)

    def __init__(self, result: Transcript) -> None:
        super().__init__(**payload(result), names=result.names, people=people(result))
        self._result = result
        self._audio: Audio | None = None
        self._path: Path | None = None
        self._changing = RLock()
        self._listen()
        self.on_msg(self._receive)
        self._unwatch = result.watch(self._renew)
        if self.names != result.names:  # they were given while this was made
            self._renew()

    def close(self) -> None:
        """End it, here and in the browser."""
        self._unwatch()
        if self._audio is not None:
            self._audio.close()
        super().close()

    def _renew(self) -> None:
        """The names or the audio of the result are others now; told in any thread."""
        with self._changing, self.hold_sync():
            self.names = self._result.names
            self.people = people(self._result)
        self._listen()

    def _listen(self) -> None:
        with self._changing:
            path, before = self._result.audio, self._audio
            if path == self._path:
                return
            self._path = path
            self._audio = audio = None if path is None else Audio(path, self.send)
            self.audible = False  # another recording is another sound, and not the same one that goes on
            with self.hold_sync():
                self.peaks = b""
                self.duration = None if audio is None else audio.duration
                self.audible = audio is not None
        if before is not None:
            before.close()
        if audio is not None:
            audio.watch_peaks(lambda peaks: self._draw(audio, peaks))

    def _draw(self, audio: Audio, peaks: bytes) -> None:
        with self._changing, self.hold_sync():
            if audio is self._audio:
                self.peaks = peaks
                self.duration = audio.duration

    def _receive(self, _widget: object, content: Any, buffers: list[Any]) -> None:
        """What the browser asks for, in whichever thread it comes."""
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "audio" and self._audio is not None:
            self._audio.handle(content, buffers)
        elif kind == "rename":
            self.send({"kind": "renamed", "id": content.get("id"), **self._rename(content.get("names"))})

    def _rename(self, names: Any) -> dict[str, Any]:
        """Name speakers, as `{label: name}`; what to tell the browser of it."""
        try:
            self._result.name_speakers({str(label): name for label, name in dict(names).items()})
        except AIJupyterError as error:
            return {"ok": False, "problem": error.problem, "mend": error.mend}
        except Exception:
            log.exception("speakers of %r could not be named", self._result)
            return {"ok": False, "problem": "The name could not be kept.", "mend": "The kernel's log says why."}
        return {"ok": True}


def player_of(result: Transcript) -> Player:
    """The result's one player: however often it is displayed, the kernel and the page hold it once."""
    with _MAKING:
        player = _PLAYERS.get(result)
        if player is None or player.comm is None:  # none yet, or one that was closed
            player = _PLAYERS[result] = Player(result)
        return player


_MAKING = RLock()
_PLAYERS: WeakKeyDictionary[Transcript, Player] = WeakKeyDictionary()
