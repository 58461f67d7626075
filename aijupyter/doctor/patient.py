"""What is examined: the settings, or why there are none, the session that is open, and what its account says."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from aijupyter.config import Settings
from aijupyter.errors import AIJupyterError
from aijupyter.session import Session
from aijupyter.session.checking import AccountFacts


class Patient:
    """A session and its settings; without an open one, those that `connect(env_file=...)` would take now.

    When `offline`, nothing is to be tried over the network.
    """

    def __init__(self, session: Session | None, env_file: str | Path | None, *, offline: bool = False) -> None:
        self.offline = offline
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

    @cached_property
    def account(self) -> AccountFacts | AIJupyterError:
        """What the account says, or what it was refused with. Asked once, over the network."""
        try:
            with self.trial(delivery="status") as session:
                return session.check_account()
        except AIJupyterError as error:
            return error

    @contextmanager
    def trial(self, **other: str) -> Iterator[Session]:
        """The open session; or one of the same settings, and `other` ones, with a ledger that goes with it."""
        if self.session is not None:
            yield self.session
            return
        assert self.settings is not None  # noqa: S101  # for the type checker: there is nothing to try without them
        with tempfile.TemporaryDirectory(prefix="aijupyter-doctor-", ignore_cleanup_errors=True) as folder:
            settings = replace(self.settings, ledger=Path(folder) / "ledger.db", **other)  # type: ignore[arg-type]
            with Session(settings) as session:
                yield session
