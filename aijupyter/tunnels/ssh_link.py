"""One SSH connection with its reverse forward, and what goes wrong with it in our words. Needs asyncssh."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh

from aijupyter.errors import ConfigurationError, TunnelError, TunnelRefusedError, TunnelTimeoutError
from aijupyter.logs import hush
from aijupyter.telling import printable

if TYPE_CHECKING:
    from aijupyter.tunnels.ssh import SshLogin

# Without any handler its warnings would be printed, into whatever cell runs just then.
hush("asyncssh", "asyncssh.sftp")

SSH_PORT = 22
FORWARD_SECONDS = 10.0
CLOSE_SECONDS = 3.0
UNANSWERED = 3
"""After so many questions without an answer the host is gone."""


class _Client(asyncssh.SSHClient):
    """Hears of the connection's end."""

    def __init__(self, ended: asyncio.Future[str]) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        """Called once, however it ends."""
        if not self._ended.done():
            self._ended.set_result(f"the SSH connection ended: {said(exc)}" if exc else "the SSH connection was closed")


class SshLink:
    """Connect, forward, and close; used once."""

    def __init__(self, login: SshLogin) -> None:
        self._login = login
        self._connection: asyncssh.SSHClientConnection | None = None
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.host = login.host.name
        """The host's address, which ~/.ssh/config may say."""

    async def connect(self) -> None:
        """Log in. Raises TunnelError or ConfigurationError."""
        options = await self._options()
        self.host = options.host or self._login.host.name
        try:
            async with asyncio.timeout(self._login.login_seconds):
                self._connection, _ = await asyncssh.create_connection(
                    lambda: _Client(self._ended),
                    self._login.host.name,
                    config=None,
                    options=options,
                    known_hosts=self._trusted(options),
                )
        except Exception as error:
            trouble = self._trouble(error, options)
            if trouble is None:
                raise
        else:
            return
        raise trouble  # outside, so that nothing of theirs hangs on it

    async def forward(self, address: str, port: int, to_host: str, to_port: int) -> int:
        """Let the host listen and lead what comes to us. Returns its port. Raises TunnelError."""
        assert self._connection is not None  # noqa: S101  # connect() came before
        try:
            async with asyncio.timeout(FORWARD_SECONDS):
                listener = await self._connection.forward_remote_port(_wire(address), port, to_host, to_port)
        except TimeoutError:
            raise TunnelTimeoutError(
                f"{self.host} did not say within {FORWARD_SECONDS:g} s whether it listens for us.", "Try again."
            ) from None
        except asyncssh.ChannelListenError:
            raise self._not_forwarded(address, port) from None
        except (asyncssh.Error, OSError) as error:
            raise TunnelError(f"{self.host} ended the connection: {said(error)}.", "Try again.") from None
        return listener.get_port()

    async def ended(self) -> str:
        """Wait for the connection's end, and say why it ended."""
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        """Close, politely for a while. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.wait_closed()
        except TimeoutError:
            connection.abort()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connection.wait_closed()

    async def _options(self) -> asyncssh.SSHClientConnectionOptions:
        """As ~/.ssh/config has it, but for what must not be its choice: host keys are checked, nothing is asked for."""
        login, asked = self._login, self._login.host
        try:
            options: asyncssh.SSHClientConnectionOptions = await asyncssh.SSHClientConnectionOptions.construct(
                host=asked.name,
                port=() if asked.port is None else asked.port,
                username=() if asked.user is None else asked.user,
                config=() if login.config is None else [str(login.config)],
                client_keys=() if login.key is None else [str(login.key)],
                connect_timeout=login.login_seconds,
                login_timeout=login.login_seconds,
                keepalive_interval=login.keepalive_seconds,
                keepalive_count_max=UNANSWERED,
                password_auth=False,
                kbdint_auth=False,
                agent_forwarding=False,
            )
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, asyncssh.ConfigParseError, OSError) as error:
            problem = said(error)
        else:
            return options
        raise ConfigurationError(
            f"The SSH key or configuration cannot be used: {problem}.",
            "A key with a passphrase must be in the SSH agent: ssh-add FILE. Else check ssh_key and ~/.ssh/config.",
        )

    def _trusted(self, options: asyncssh.SSHClientConnectionOptions) -> list[str]:
        """The files with the known hosts' keys. Where the configuration would have no check at all, the usual file."""
        named = options.known_hosts if isinstance(options.known_hosts, list) else []
        if self._login.known_hosts is not None:
            named = [self._login.known_hosts]
        files = [Path(str(file)).expanduser() for file in named or ["~/.ssh/known_hosts"]]
        return [str(file) for file in files if file.is_file()] or [os.devnull]

    def _trouble(self, error: Exception, options: asyncssh.SSHClientConnectionOptions) -> Exception | None:
        """What an error of connecting means. None where it is none of ours to tell."""
        name = f"{self.host}:{options.port}"
        if isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.KeyExchangeFailed):
            return self._host_key(error, options)
        if isinstance(error, asyncssh.PermissionDenied):
            return TunnelRefusedError(
                f"{self.host} does not let {options.username} in with any of our keys.",
                f"Try '{self._login.host.command}': it must work without a password. Then name the key's file with "
                "connect(ssh_key=...) or put it in the SSH agent with ssh-add.",
            )
        if isinstance(error, asyncssh.Error | OSError):
            return self._unreached(error, name)
        return None

    def _unreached(self, error: Exception, name: str) -> TunnelError:
        """What kept us from a login that may have succeeded."""
        command = self._login.host.command
        text = said(error)
        if isinstance(error, TimeoutError) or "timeout" in text.lower():
            return TunnelTimeoutError(
                f"{name} did not let us in within {self._login.login_seconds:g} s.",
                f"Check the host and its port: '{command}' must work from this machine.",
            )
        if isinstance(error, socket.gaierror):
            return TunnelError(
                f"{name} has no address: no such host, or no network.", "Check the name, and the network."
            )
        if isinstance(error, OSError):
            return TunnelError(
                f"{name} cannot be reached: {os.strerror(error.errno) if error.errno else text}.",
                f"Check that sshd runs there and no firewall is between: '{command}' must work from this machine.",
            )
        return TunnelError(f"{name} ended the connection: {text}.", f"See what '{command}' says, and try again.")

    def _host_key(self, error: Exception, options: asyncssh.SSHClientConnectionOptions) -> TunnelError:
        """Unknown, or not the one that is known: asyncssh does not tell which."""
        port = options.port
        known = f"[{self.host}]:{port}" if port != SSH_PORT else self.host  # as the file names it
        if not _has_key(self._trusted(options), self.host, port):
            return TunnelRefusedError(
                f"The host key of {known} is not known: {said(error)}.",
                f"Log in once by hand, '{self._login.host.command}', compare the fingerprint that it shows with the "
                "host's own, and accept it.",
            )
        return TunnelRefusedError(
            f"The host key of {known} is not the one in known_hosts: somebody may be in between.",
            f"Ask whoever runs the host. If its key really changed: ssh-keygen -R '{known}', then log in once by hand, "
            f"'{self._login.host.command}', and compare the fingerprint.",
        )

    def _not_forwarded(self, address: str, port: int) -> TunnelError:
        if port:
            return TunnelError(
                f"{self.host} does not listen for us at {address}:{port}.",
                "Another program, or our own connection of before, may hold that port: try again in a minute, or name "
                "another with ssh_listen. Its sshd_config must say AllowTcpForwarding yes or remote.",
            )
        return TunnelRefusedError(
            f"{self.host} refuses to listen for us at {address}.",
            "Its sshd_config must say AllowTcpForwarding yes or remote, and PermitListen must not forbid it.",
        )


def said(error: BaseException | None) -> str:
    """An error in one line, as it may be shown."""
    text = " ".join(str(error).split()) or type(error).__name__
    return printable(text).rstrip(".")


def _wire(address: str) -> str:
    """`*` stands for every address of the host, which the protocol writes as nothing (RFC 4254, 7.1)."""
    return "" if address == "*" else address


def _has_key(files: list[str], host: str, port: int) -> bool:
    try:
        found = asyncssh.match_known_hosts(files, host, "", port if port != SSH_PORT else None)
    except (OSError, ValueError):
        return False
    return bool(found[0] or found[1])
