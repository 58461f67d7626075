"""A real PostgreSQL for tests: a private cluster on a free port, gone at the end.

    with postgres_server() as server:
        with server.database() as url: ...

Raises PostgresMissingError, with what to install, where there is none on this machine.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER = "tester"
PASSWORD = "geheim-7f3a/@x"  # of a cluster that lives for a minute; it needs encoding in a URL
ENCODED = "geheim-7f3a%2F%40x"
SECONDS = 60.0


class PostgresMissingError(RuntimeError):
    """PostgreSQL or psycopg is not installed."""


@dataclass
class Server:
    """A running cluster."""

    bin: Path
    data: Path
    port: int
    account: str | None

    def url(self, database: str = "postgres") -> str:
        """Where a database is, with the password that it demands."""
        return f"postgresql://{USER}:{ENCODED}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new, empty database, dropped at the end."""
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> None:
        """One statement, as the cluster's owner."""
        import psycopg  # noqa: PLC0415  # an extra

        with psycopg.connect(self.url(database), autocommit=True) as db:
            db.execute(statement.encode())

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -c unix_socket_directories=''"
        self._control("start", "-o", options, "-l", str(self.data / "log"))

    def stop(self) -> None:
        """Stop it at once; what was committed stays."""
        self._control("stop", "-m", "fast")

    def _control(self, *arguments: str) -> None:
        run([str(self.bin / "pg_ctl"), "-D", str(self.data), "-w", *arguments], self.account)


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A new cluster, running; flushes to the disk as in earnest."""
    programs = find_programs()
    account = unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="aijupyter-postgres-"))
    try:
        password = folder / "password"
        password.write_text(PASSWORD)
        if account:
            for path in (folder, password):
                shutil.chown(path, account)
        data = folder / "data"
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", USER, "--auth=scram-sha-256", f"--pwfile={password}"]
        run([*initdb, "-E", "UTF8", "--locale=C.UTF-8"], account)
        server = Server(programs, data, free_port(), account)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    """The folder of initdb and pg_ctl: Debian keeps them out of PATH."""
    try:
        import psycopg  # noqa: F401, PLC0415  # an extra
    except ImportError as error:
        raise PostgresMissingError("psycopg is not installed: pip install 'aijupyter[postgres]'") from error
    candidates = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    if found := shutil.which("initdb"):
        candidates.append(Path(found).resolve().parent)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise PostgresMissingError("PostgreSQL is not installed: apt-get install postgresql")


def unprivileged() -> str | None:
    """PostgreSQL refuses to run as root; then as whom."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise PostgresMissingError("PostgreSQL refuses to run as root, and there is no user to run it as")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def run(command: Sequence[str], account: str | None) -> None:
    """Run one of PostgreSQL's programs, as an ordinary user where this is root."""
    groups: list[int] | None = [] if account else None
    log = subprocess.run(  # pg_ctl leaves the server running, so its output must not be a pipe
        command, user=account, group=pwd.getpwnam(account).pw_gid if account else None, extra_groups=groups, cwd="/",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False,
    )  # fmt: skip
    if log.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} {command[-1]} failed with {log.returncode}")
