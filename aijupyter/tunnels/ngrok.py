"""ngrok through pyngrok, its token in a private file: a command line can be read by every user of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from aijupyter.config import Secret
from aijupyter.errors import TunnelError

START_SECONDS = 15


class NgrokTunnel:
    """An HTTPS endpoint of the user's ngrok account."""

    def __init__(self, token: Secret) -> None:
        self._token = token
        self._folder: Path | None = None
        self._config: Any = None
        self._public_url = ""

    async def open(self, local_url: str) -> str:
        try:
            self._public_url = await asyncio.to_thread(self._open, local_url)
        except BaseException:
            await self.close()
            raise
        return self._public_url.rstrip("/")

    async def close(self) -> None:
        try:
            await asyncio.to_thread(self._close)
        except RuntimeError:  # no threads any more: the interpreter is ending
            self._close()

    def _open(self, local_url: str) -> str:
        from pyngrok import conf, exception, ngrok  # noqa: PLC0415  # only those who use ngrok pay for it

        # Without any handler the agent's complaints would be printed, into whatever cell runs just then.
        logging.getLogger("pyngrok").addHandler(logging.NullHandler())
        logging.getLogger("pyngrok.process.ngrok").addFilter(self._redact)
        self._config = conf.PyngrokConfig(
            config_path=str(self._written_config()),
            start_new_session=os.name == "posix",
            startup_timeout=START_SECONDS,
        )
        self._config.auth_token = None  # pyngrok takes it from the environment, and would put it on the command line
        try:
            return str(ngrok.connect(local_url.removeprefix("http://"), pyngrok_config=self._config).public_url)
        except exception.PyngrokNgrokInstallError as error:
            raise TunnelError(
                "The ngrok agent is not installed and could not be downloaded.",
                "Install it from ngrok's site and set PYNGROK_NGROK_PATH to it, or give a public URL of your own: "
                "connect(public_url=...).",
            ) from error
        except exception.PyngrokError as error:
            raise TunnelError(
                f"ngrok did not open a tunnel: {self._redacted(str(error))}",
                "Check the token (NGROK_AUTHTOKEN) and that no other agent runs on the account.",
            ) from None

    def _written_config(self) -> Path:
        """The agent's configuration with the token, in a file and folder that only this user can read."""
        self._folder = Path(tempfile.mkdtemp(prefix="aijupyter-ngrok-"))
        path = self._folder / "ngrok.yml"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # JSON is YAML
            json.dump({"version": "3", "agent": {"authtoken": self._token.reveal()}}, file)
        return path

    def _redact(self, record: logging.LogRecord) -> bool:
        """The agent repeats a token that it refuses."""
        record.msg, record.args = self._redacted(record.getMessage()), ()
        return True

    def _redacted(self, text: str) -> str:
        return text.replace(self._token.reveal(), "***")

    def _close(self) -> None:
        config, self._config = self._config, None
        folder, self._folder = self._folder, None
        if config is not None:
            self._end(config)
        logging.getLogger("pyngrok.process.ngrok").removeFilter(self._redact)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _end(self, config: Any) -> None:
        """End our tunnel, and the agent too unless another tunnel of this process goes through it."""
        from pyngrok import exception, ngrok, process  # noqa: PLC0415  # loaded by _open

        if not process.is_process_running(config.ngrok_path):
            return
        with contextlib.suppress(exception.PyngrokError):
            if self._public_url:
                ngrok.disconnect(self._public_url, pyngrok_config=config)
            if ngrok.get_tunnels(config):
                return
        ngrok.kill(config)
