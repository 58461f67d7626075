"""What is examined: the settings, or why there are none, and the session that is open."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from aijupyter.config import Settings
from aijupyter.errors import AIJupyterError
from aijupyter.session import Session


class Patient:
    """A session and its settings; without an open one, those that `connect(env_file=...)` would take now."""

    def __init__(self, session: Session | None, env_file: str | Path | None) -> None:
        self.session = session if session is not None and session.status.open else None
        self.problem: AIJupyterError | None = None
        self._settings: Settings | None = self.session.settings if self.session else None
        if self._settings is None:
            try:
                self._settings = Settings.load(env_file=env_file)
            except AIJupyterError as error:
                self.problem = error

    @property
    def settings(self) -> Settings | None:
        """The settings; None where they cannot be read, which `problem` explains."""
        return self._settings

    @property
    def shell(self) -> Any:
        """The IPython shell, and None outside of one."""
        ipython = sys.modules.get("IPython")
        return ipython.get_ipython() if ipython is not None else None

    @property
    def in_kernel(self) -> bool:
        """Whether this is a notebook's kernel."""
        return getattr(self.shell, "kernel", None) is not None
