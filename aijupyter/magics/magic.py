"""The magic `%aijupyter`, alias `%aij`: thin, it parses, calls the session, and shows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast

from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.core.magic_arguments import argument, kwds, magic_arguments
from IPython.display import display

from aijupyter.errors import AIJupyterError, LoginError, OptionError
from aijupyter.magics.words import split

NAMES = ("aijupyter", "aij")
HELP = ("--help", "-h", "help")

_ABOUT = """
Await an AI that listens to recordings: transcripts, speakers, insights. `%aij` is short for `%aijupyter`.

    %aijupyter start                             open a session in the variable ai
    %aijupyter transcribe call.wav as call       ask, and go on: call is a job, `await call` its result
    %aijupyter analyze call.mp3 --insights KeyPhrases Topics --wait
                                                 ask, wait, and show the result
    %%aijupyter analyze --insights All as calls  ask about many: calls is a batch
    calls/*.wav                                  one path, glob or URL in each line
    %aijupyter jobs --state failed --since "2 days"
    %aijupyter recordings --since "7 days" as calls
                                                 the account's recorded calls, for ai.map(ai.transcribe, calls)
    %aijupyter summarize call as said            of a text, or of what a variable holds
    %aijupyter enroll ann ann.wav                make a voice known; speakers, add-audio, forget-speaker
    %aijupyter status                            what the session is doing
    %aijupyter stop                              close it; the ledger keeps its jobs

    %aijupyter stats                             its numbers: deliveries, status calls, budget
    %aijupyter doctor                            check what may be wrong, and say what to do
    %aijupyter config                            every setting, and where it came from
    %aijupyter login                             ask for an account's credentials, and keep them in the keyring
    %aijupyter nest                              let asyncio.run work in cells
    %aijupyter traceback                         the whole traceback of the last error

Each has its own help with all options: %aijupyter analyze --help. The Tab key completes actions, options, the
API's names and paths. {variable} and $variable are filled in from the notebook.
"""


@magics_class
class AIJupyterMagics(Magics):
    """`%aijupyter`, `%%aijupyter` and their short names."""

    _last: AIJupyterError | None = None

    @magic_arguments()
    @argument("action", nargs="?", default="status", help="what to do, or an operation of the AI (default: status)")
    @argument("words", nargs="*", help="a recording, options, and `as NAME`")
    @kwds(description=_ABOUT)
    @line_cell_magic
    def aijupyter(self, line: str, cell: str | None = None) -> object:
        """Do what a line or a cell asks. An error of ours ends the cell, shown in a few lines, and is kept."""
        try:
            return self._do(split(line), cell)
        except AIJupyterError as error:
            self._last = error
            raise

    @magic_arguments()
    @argument("action", nargs="?", default="status", help="what to do, or an operation of the AI (default: status)")
    @argument("words", nargs="*", help="a recording, options, and `as NAME`")
    @kwds(description=_ABOUT)
    @line_cell_magic
    def aij(self, line: str, cell: str | None = None) -> object:
        """Short for `%aijupyter`."""
        return self.aijupyter(line, cell)

    def _do(self, words: list[str], cell: str | None) -> object:
        if words[:1] and words[0] in HELP:
            print(_ABOUT.strip())  # noqa: T201  # a magic's own output
            return None
        action = words.pop(0) if words and not words[0].startswith("-") else "status"
        from aijupyter.magics.options import parser_of, understand  # noqa: PLC0415  # %load_ext must be quick
        from aijupyter.magics.submitting import submit  # noqa: PLC0415  # the same
        from aijupyter.session.verbs import VERBS  # noqa: PLC0415  # the same

        if {"--help", "-h"} & set(words):
            understand(action, [])  # refuses what is no action
            print(parser_of(action).format_help().strip())  # noqa: T201  # a magic's own output
            return None
        asked = understand(action, words)
        if action in VERBS:
            return submit(self.shell, asked, cell)
        if cell is not None:
            raise OptionError(
                f"A cell cannot be given to {action}.",
                f"Write it in a line, %aijupyter {action}; or name an operation: {', '.join(VERBS)}.",
            )
        doing: Callable[..., object] = getattr(self, f"_{action.replace('-', '_')}")
        given = doing(*asked.recordings, **asked.options)
        if asked.target is None:
            return given
        self._names[asked.target] = given
        display(given)
        return None

    def _start(self, name: str = "ai", **settings: Any) -> None:
        from aijupyter.magics.opening import open_session  # noqa: PLC0415  # %load_ext must be quick

        _, was_open = open_session(self._names, name, settings)
        if not was_open:
            print(f"Use it as {name}, for example: call = await {name}.analyze('call.mp3')")  # noqa: T201  # its output
        elif settings:
            raise OptionError(
                f"The session in {name} is open already, with the settings that it has.",
                f"Stop it first: %aijupyter stop{'' if name == 'ai' else f' --name {name}'}",
            )
        else:
            print(f"The session in {name} is open already.")  # noqa: T201  # a magic's own output

    def _status(self, name: str = "ai") -> None:
        from aijupyter.magics.opening import session_in  # noqa: PLC0415  # %load_ext must be quick
        from aijupyter.views.session import session_text  # noqa: PLC0415  # the same

        session = session_in(self._names, name)
        print(session_text(session) if session else f"No session in {name}. Start one: %aijupyter start")  # noqa: T201

    def _stop(self, name: str = "ai") -> None:
        from aijupyter.magics.opening import session_in  # noqa: PLC0415  # %load_ext must be quick

        session = session_in(self._names, name)
        if session is None or not session.status.open:
            print(f"No open session in {name}.")  # noqa: T201  # a magic's own output
            return
        session.close()
        print(f"Stopped. The ledger keeps its jobs: {name}.jobs() after the next start.")  # noqa: T201

    def _jobs(self, name: str = "ai", **chosen: Any) -> object:
        from aijupyter.magics.opening import needed_session  # noqa: PLC0415  # %load_ext must be quick

        return needed_session(self._names, name).jobs(**chosen)

    def _recordings(self, name: str = "ai", **chosen: Any) -> object:
        from aijupyter.magics.opening import needed_session  # noqa: PLC0415  # %load_ext must be quick

        return needed_session(self._names, name).recordings(**chosen)

    def _stats(self, name: str = "ai") -> object:
        from aijupyter.magics.opening import needed_session  # noqa: PLC0415  # %load_ext must be quick

        return needed_session(self._names, name).stats()

    def _speakers(self, name: str = "ai", **chosen: Any) -> object:
        from aijupyter.magics.opening import needed_session  # noqa: PLC0415  # %load_ext must be quick

        return needed_session(self._names, name).speakers(**chosen)

    def _enroll(self, speaker_id: str, recording: str, name: str = "ai", **options: Any) -> object:
        from aijupyter.magics.opening import needed_session  # noqa: PLC0415  # %load_ext must be quick
        from aijupyter.magics.recordings import one_recording  # noqa: PLC0415  # the same

        return needed_session(self._names, name).enroll(speaker_id, one_recording([recording]), **options)

    def _add_audio(self, speaker_id: str, recording: str, name: str = "ai", **options: Any) -> object:
        from aijupyter.magics.opening import needed_session  # noqa: PLC0415  # %load_ext must be quick
        from aijupyter.magics.recordings import one_recording  # noqa: PLC0415  # the same

        return needed_session(self._names, name).add_audio(speaker_id, one_recording([recording]), **options)

    def _forget_speaker(self, speaker_id: str, name: str = "ai") -> None:
        from aijupyter.magics.opening import needed_session  # noqa: PLC0415  # %load_ext must be quick

        needed_session(self._names, name).forget_speaker(speaker_id)
        print(f"The voice of {speaker_id} is deleted.")  # noqa: T201  # a magic's own output

    def _doctor(self, name: str = "ai", env_file: str = ".env", *, offline: bool = False) -> None:
        from aijupyter.doctor import examine  # noqa: PLC0415  # %load_ext must be quick
        from aijupyter.magics.opening import session_in  # noqa: PLC0415  # the same

        display(examine(session_in(self._names, name), env_file=env_file, offline=offline))

    def _config(self, name: str = "ai", env_file: str | None = None) -> None:
        from aijupyter.config import Settings  # noqa: PLC0415  # %load_ext must be quick
        from aijupyter.magics.opening import session_in  # noqa: PLC0415  # the same

        session = session_in(self._names, name)
        is_of_session = session is not None and session.status.open and env_file is None
        if session is not None and is_of_session:
            print(f"The settings of the session in {name}:")  # noqa: T201  # a magic's own output
            display(session.settings)
        else:
            settings = Settings.load(env_file=env_file or ".env")
            print("What connect() would take now:")  # noqa: T201  # a magic's own output
            display(settings)

    def _login(self, **options: bool) -> None:
        from aijupyter.login import login  # noqa: PLC0415  # it is for few

        try:
            print(login(**options))  # noqa: T201  # a magic's own output
        except KeyboardInterrupt as interrupt:  # an interrupt's own traceback would follow what was typed
            raise LoginError(f"Interrupted: {interrupt}.") from None

    def _logout(self) -> None:
        from aijupyter.login import logout  # noqa: PLC0415  # it is for few

        print(logout())  # noqa: T201  # a magic's own output

    def _nest(self) -> None:
        from aijupyter.nesting import nested  # noqa: PLC0415  # it is for few

        print(nested())  # noqa: T201  # a magic's own output

    def _traceback(self) -> None:
        from aijupyter.views.trouble import full_traceback  # noqa: PLC0415  # it is for few

        last = getattr(sys, "last_value", None)
        error = last if isinstance(last, AIJupyterError) else self._last or last
        print(full_traceback(error) if error else "There was no error.")  # noqa: T201  # a magic's own output

    @property
    def _names(self) -> dict[str, Any]:
        return cast("dict[str, Any]", cast("Any", self.shell).user_ns)
