"""ngrok through pyngrok, its token in a private file: a command line can be read by every user of the machine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from aijupyter.config import Secret
from aijupyter.errors import TunnelError

START_SECONDS = 15


class NgrokTunnel:
    """An HTTPS endpoint of the user's ngrok account, at its fixed `domain` if one is given."""

    def __init__(self, token: Secret, *, domain: str | None = None) -> None:
        self._token = token
        self._domain = domain
        self._folder: Path | None = None
        self._config: Any = None

    async def open(self, local_url: str) -> str:
        try:
            return await asyncio.to_thread(self._open, local_url)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _open(self, local_url: str) -> str:
        from pyngrok import conf, exception, ngrok  # noqa: PLC0415  # only those who use ngrok pay for it

        self._folder = Path(tempfile.mkdtemp(prefix="aijupyter-ngrok-"))
        config_file = self._folder / "ngrok.yml"
        descriptor = os.open(config_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:  # JSON is YAML
            json.dump({"version": "3", "agent": {"authtoken": self._token.reveal()}}, file)
        self._config = conf.PyngrokConfig(
            config_path=str(config_file), start_new_session=os.name == "posix", startup_timeout=START_SECONDS
        )
        self._config.auth_token = None  # pyngrok takes it from the environment, and would put it on the command line
        options = {"domain": self._domain} if self._domain else {}
        try:
            tunnel = ngrok.connect(local_url.removeprefix("http://"), pyngrok_config=self._config, **options)
        except exception.PyngrokNgrokInstallError as error:
            raise TunnelError(
                "The ngrok agent is not installed and could not be downloaded.",
                "Install it from ngrok's site and set PYNGROK_NGROK_PATH to it, or give a public URL of your own: "
                "connect(public_url=...).",
            ) from error
        except exception.PyngrokError as error:
            raise TunnelError(
                f"ngrok did not open a tunnel: {self._redacted(error)}",
                "Check the token (NGROK_AUTHTOKEN) and that no other agent runs on the account.",
            ) from None
        return str(tunnel.public_url).rstrip("/")

    def _close(self) -> None:
        config, self._config = self._config, None
        folder, self._folder = self._folder, None
        if config is not None:
            from pyngrok import ngrok  # noqa: PLC0415  # loaded by _open

            ngrok.kill(config)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _redacted(self, error: Exception) -> str:
        return str(error).replace(self._token.reveal(), "***")
