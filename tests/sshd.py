"""A real OpenSSH server for tests: on a free port of the loopback, with keys and a configuration of its own.

    with ssh_server(folder) as server:
        SshTunnel(server.host, key=server.key, known_hosts=server.known_hosts, config=server.config)

Raises SshdMissingError, with what to install, where there is none on this machine.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from postgres import free_port
from until import until

PRIVILEGE_SEPARATION = Path("/run/sshd")


class SshdMissingError(RuntimeError):
    """The OpenSSH server cannot run here."""


@dataclass
class SshServer:
    """A running server, and what a client needs to get in."""

    folder: Path
    program: str
    port: int
    options: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """Where to log in, as SshTunnel takes it."""
        return f"{getpass.getuser()}@127.0.0.1:{self.port}"

    @property
    def key(self) -> Path:
        """The private key that is let in."""
        return self.folder / "user"

    @property
    def known_hosts(self) -> Path:
        """The server's host key, as a client has it written down."""
        return self.folder / "known_hosts"

    @property
    def config(self) -> Path:
        """A client's configuration that says nothing."""
        return self.folder / "client_config"

    @property
    def log(self) -> str:
        """What the server said."""
        return (self.folder / "log").read_text(errors="replace")

    def start(self, *options: str) -> None:
        """Start it, with lines of sshd_config that are to count before ours, and wait until it listens."""
        self.options = list(options) or self.options
        listening = self.log.count("Server listening")
        command = [self.program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        for line in self.options:
            command += ["-o", line]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        until(lambda: self.log.count("Server listening") > listening or self.process.poll() is not None)
        assert self.process.poll() is None, self.log

    def connections(self) -> list[int]:
        """The processes that serve connections: those below the listener, and those below them."""
        listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
        parents = {int(pid): int(parent) for pid, parent in (line.split() for line in listed.splitlines()[1:])}
        family = {self.process.pid} if self.process else set()
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return sorted(family - {self.process.pid}) if self.process else []

    def cut(self) -> None:
        """End every connection; the server goes on listening."""
        self.signal_connections(signal.SIGKILL)
        until(lambda: not self.connections())

    def signal_connections(self, number: int) -> None:
        """Send a signal to the processes of every connection."""
        for pid in self.connections():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """End it with all its connections. Idempotent."""
        if self.process is not None:
            children = self.connections()
            self.process.kill()
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None


@contextmanager
def ssh_server(folder: Path, *options: str) -> Iterator[SshServer]:
    """A server in a folder of its own, running."""
    program = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if program is None or shutil.which("ssh-keygen") is None:
        raise SshdMissingError("the OpenSSH server is not installed: apt-get install openssh-server")
    made = make_separation_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = SshServer(folder, program, free_port())
    write_files(server)
    try:
        server.start(*options)
        yield server
    finally:
        server.stop()
        if made:
            with suppress(OSError):
                PRIVILEGE_SEPARATION.rmdir()


def make_separation_folder() -> bool:
    """Where root runs it, Debian's sshd wants an empty folder to shut itself in. Whether it was made."""
    if os.geteuid() != 0 or PRIVILEGE_SEPARATION.exists():
        return False
    try:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755)
    except OSError as error:
        raise SshdMissingError(f"sshd needs {PRIVILEGE_SEPARATION}, which cannot be made: {error}") from error
    return True


def write_files(server: SshServer) -> None:
    """Keys for both sides, and both sides' configuration."""
    folder = server.folder
    for name in ("host", "user", "stranger"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)])
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {(folder / 'host.pub').read_text()}")
    server.config.write_text("")
    (folder / "log").touch()
    lines = [
        f"Port {server.port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder / 'host'}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}",
        f"PidFile {folder / 'pid'}",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "GatewayPorts clientspecified",
        "MaxStartups 100",
        "LogLevel VERBOSE",
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")


def run(command: list[str]) -> None:
    """Run a program that must succeed."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
