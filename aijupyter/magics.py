"""`%load_ext aijupyter` and the `%aijupyter` magic: thin, they parse, call the session, and show."""

from __future__ import annotations

import keyword
import sys
from typing import TYPE_CHECKING, Any, cast

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from aijupyter.errors import AIJupyterError
from aijupyter.views import register

if TYPE_CHECKING:
    from aijupyter.session import Session

ACTIONS = ("start", "status", "stop")


@magics_class
class AIJupyterMagics(Magics):
    """`%aijupyter start|status|stop`."""

    @magic_arguments()
    @argument("action", choices=ACTIONS, nargs="?", default="status", help="what to do (default: status)")
    @argument("--name", default="ai", help="the variable that holds the session (default: ai)")
    @line_magic
    def aijupyter(self, line: str) -> None:
        """Start a session in the variable `ai`, say how it is doing, or stop it."""
        arguments = parse_argstring(self.aijupyter, line)
        if not arguments.name.isidentifier() or keyword.iskeyword(arguments.name):
            _complain(f"{arguments.name!r} is no name for a variable.\nGive one such as --name ai.")
            return
        try:
            getattr(self, f"_{arguments.action}")(arguments.name)
        except AIJupyterError as error:
            _complain(str(error))

    def _start(self, name: str) -> None:
        from aijupyter.connecting import announcement, connect  # noqa: PLC0415  # %load_ext must be quick

        session = self._session(name)
        if session is not None and session.status.answering:
            print(f"The session in {name} is open already.")  # noqa: T201  # a magic's own output
            return
        if session is None and name in self._names:
            _complain(f"{name} holds something else.\nName another variable: %aijupyter start --name ai2")
            return
        if session is None:
            self._names[name] = connect()
        else:
            session.close()  # what is left of one whose service has ended
            session.start()
            print(announcement(session))  # noqa: T201
        print(f"Use it as {name}, for example: call = await {name}.analyze('call.mp3')")  # noqa: T201

    def _status(self, name: str) -> None:
        from aijupyter.views.session import session_text  # noqa: PLC0415  # %load_ext must be quick

        session = self._session(name)
        print(session_text(session) if session else f"No session in {name}. Start one: %aijupyter start")  # noqa: T201

    def _stop(self, name: str) -> None:
        session = self._session(name)
        if session is None or not session.status.open:
            print(f"No open session in {name}.")  # noqa: T201
            return
        session.close()
        print(f"Stopped. The ledger keeps its jobs: {name}.jobs() after the next start.")  # noqa: T201

    @property
    def _names(self) -> dict[str, Any]:
        return cast("dict[str, Any]", cast("Any", self.shell).user_ns)

    def _session(self, name: str) -> Session | None:
        from aijupyter.session import Session  # noqa: PLC0415  # %load_ext must be quick

        held = self._names.get(name)
        return held if isinstance(held, Session) else None


def load_ipython_extension(shell: Any) -> None:
    """Add the magic and the views to a shell. Starts nothing."""
    shell.register_magics(AIJupyterMagics)
    register(shell)


def _complain(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201  # a magic's errors belong in its cell
