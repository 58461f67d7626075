"""An endpoint of the user's ngrok account, through pyngrok."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aijupyter.config import Secret
from aijupyter.errors import ConfigurationError

if TYPE_CHECKING:
    from aijupyter.tunnels.ngrok_agent import Endpoint, Patience

_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


class NgrokTunnel:
    """An HTTPS endpoint by ngrok.

    The agent of this process is used, or one is started; where the account may run no more of them, an agent of this
    user's on this machine is asked, at `local_apis`. At the end only what is ours ends. `domain` is one of the
    account's, such as `me.ngrok.app`. Raises ConfigurationError where it is none.
    """

    def __init__(
        self,
        token: Secret,
        domain: str | None = None,
        *,
        local_apis: Sequence[str] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._token = token
        self._domain = None if domain is None else read_domain(domain)
        self._local_apis = local_apis
        self._patience = patience
        self._endpoint: Endpoint | None = None

    async def open(self, local_url: str) -> str:
        await self.close()
        self._endpoint = await self._opened(local_url)
        return self._endpoint.url

    async def dropped(self) -> str:
        from aijupyter.tunnels.ngrok_watch import Watch  # noqa: PLC0415  # open() loaded it

        endpoint, patience = self._endpoint, self._patience_or_usual()
        watch = None if endpoint is None else Watch(endpoint, patience.grace)
        while watch is not None and self._endpoint is endpoint:
            if why := await asyncio.to_thread(watch.look):
                return why
            await asyncio.sleep(patience.look)
        return "it is closed"

    async def close(self) -> None:
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is None:
            return
        from aijupyter.tunnels.ngrok_agent import close_endpoint  # noqa: PLC0415  # open() loaded it

        try:
            await asyncio.shield(asyncio.to_thread(close_endpoint, endpoint))
        except RuntimeError:  # no threads any more: the interpreter is ending
            close_endpoint(endpoint)

    async def _opened(self, local_url: str) -> Endpoint:
        """Open it in a worker thread. Where the wait is cancelled, the thread is told, waited for, and undone."""
        cancel = threading.Event()
        opening = asyncio.create_task(asyncio.to_thread(self._open, local_url, cancel))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            cancel.set()
            with contextlib.suppress(Exception):
                self._endpoint = await opening
                await self.close()
            raise

    def _open(self, local_url: str, cancel: threading.Event) -> Endpoint:
        from aijupyter.tunnels import ngrok_agent  # noqa: PLC0415  # only those who use ngrok pay for pyngrok

        return ngrok_agent.open_endpoint(
            self._token,
            f"aijupyter-{secrets.token_hex(6)}",
            local_url,
            self._domain,
            apis=ngrok_agent.LOCAL_APIS if self._local_apis is None else self._local_apis,
            cancel=cancel,
            patience=self._patience_or_usual(),
        )

    def _patience_or_usual(self) -> Patience:
        from aijupyter.tunnels.ngrok_agent import Patience  # noqa: PLC0415  # only those who use ngrok pay for pyngrok

        return self._patience or Patience()


def read_domain(text: str) -> str:
    """A domain's name, of a name or a URL. Raises ConfigurationError."""
    name = text.strip().removeprefix("https://").rstrip("/")
    if not _DOMAIN.fullmatch(name):
        raise ConfigurationError(
            f"ngrok_domain is {text!r}.", "It must be a domain of the ngrok account, such as me.ngrok.app."
        )
    return name
