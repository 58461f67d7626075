"""The embedded AI service from its user's side: starts its process, hears its events, and ends it."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from aijupyter.errors import CONNECT_AGAIN, ServiceError
from aijupyter.logs import logger

log = logger(__name__)

Event = dict[str, Any]

STOP_SECONDS = 2.0
LOG_TAIL = 2000
MEND = "Restart the kernel and try again; if it stays, reinstall: pip install --force-reinstall 'aijupyter[local]'."


class EmbeddedService:
    """One service process and the credentials it was started with, which nobody else knows.

    The process lives in a session of its own, so that interrupting a cell does not reach it, and ends by itself when
    this process ends, however that comes about. Every method may be called from any thread.

    `fetch_from` says what it may fetch and post to: `loopback` is this machine, `public` also the public internet,
    `any` also private networks; where the receiver listens (`receiver_host`) it may in any case. `store` is the file
    where enrolled voices outlast it; without one they end with it.
    """

    def __init__(
        self,
        *,
        model: str = "tiny.en",
        engine: str = "local",
        fetch_from: str = "public",
        receiver_host: str = "127.0.0.1",
        store: Path | None = None,
        executor: str = "processes",
    ) -> None:
        self.client_id = secrets.token_urlsafe(16)
        self.client_secret = secrets.token_urlsafe(32)
        self.jwt = secrets.token_urlsafe(48)
        place = None if store is None else str(store)
        self._orders = {
            "model": model,
            "engine": engine,
            "fetch_from": fetch_from,
            "friends": [receiver_host],
            "store": place,
            "executor": executor,
            "port": 0,
        }
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._callbacks: dict[object, Callable[[Event], None]] = {}
        self._models_state: Event | None = None

    def __repr__(self) -> str:
        child = self._child
        where = (child.url if child and child.alive else None) or "not running"
        return f"<EmbeddedService {where}, engine {self._orders['engine']!r}, model {self._orders['model']!r}>"

    @property
    def alive(self) -> bool:
        """Whether the process runs and has said where it listens."""
        child = self._child
        return child is not None and child.url is not None and child.alive

    @property
    def url(self) -> str:
        """The base URL, `http://127.0.0.1:PORT`. Raises ServiceError when the service was not started."""
        child = self._child
        if child is None or child.url is None:
            raise ServiceError("The embedded service is not running.", CONNECT_AGAIN)
        return child.url

    @property
    def pid(self) -> int | None:
        """The process's id, while there is one."""
        child = self._child
        return child.process.pid if child is not None else None

    @property
    def models_state(self) -> Event | None:
        """The last `models` event: {"event", "state": loading | ready | missing, "message"}, or None before it."""
        return self._models_state

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call `callback` with each event to come (`models`, `progress`, `gone`), from the reader's thread.

        Gives a function that ends the subscription, and may be called more than once.
        """
        key = object()
        self._callbacks[key] = callback

        def unsubscribe() -> None:
            self._callbacks.pop(key, None)

        return unsubscribe

    def start(self, timeout: float = 30.0) -> None:
        """Start the process and return when it listens. Does nothing when it runs already.

        Raises ServiceError, with the end of the process's log, when it does not listen within `timeout` seconds.
        """
        with self._lock:
            if self.alive:
                return
            self._end()
            self._models_state = None
            self._child = child = _Child(self._hear, self._credentials)
            try:
                child.order({**self._orders, **self._credentials()})
                child.wait_until_ready(timeout)
            except BaseException:
                self._end()
                raise

    def stop(self) -> None:
        """End the process and remove what it left. Idempotent; the service can be started anew."""
        with self._lock:
            self._end()

    def _credentials(self) -> dict[str, str]:
        # Made when needed: a verbose traceback shows the locals of every frame.
        return {"client_id": self.client_id, "client_secret": self.client_secret, "jwt": self.jwt}

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.stop()

    def _hear(self, event: Event) -> None:
        if event.get("event") == "models":
            self._models_state = event
        for callback in list(self._callbacks.values()):
            try:
                callback(event)
            except Exception:
                log.exception("A subscriber to the embedded service failed.")


class _Child:
    """One run of the process: its pipes, its folder, and the thread that reads its events."""

    def __init__(self, hear: Callable[[Event], None], hidden: Callable[[], dict[str, str]]) -> None:
        self.url: str | None = None
        self._hear = hear
        self._hidden = hidden
        self._refusal: Event | None = None
        self._known = threading.Event()
        self._stopping = False
        self._owner = os.getpid()
        self._folder = Path(tempfile.mkdtemp(prefix="aijupyter-service-"))
        self._log = self._folder / "service.log"
        try:
            self.process = _spawn(self._log)
        except (OSError, ServiceError) as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise ServiceError(f"The embedded service cannot be started: {error}.", MEND) from error
        assert self.process.stdin is not None  # noqa: S101  # Popen was asked for pipes
        assert self.process.stdout is not None  # noqa: S101
        self._stdin, self._stdout = self.process.stdin, self.process.stdout
        _at_fork.add(self._stdin)
        self._reader = threading.Thread(target=self._read, name="aijupyter-service-events", daemon=True)
        self._reader.start()

    def order(self, orders: Event) -> None:
        """Tell it what to do. Where it looks for an engine's module is where this process would."""
        path = [str(Path(entry or ".").absolute()) for entry in sys.path]
        with contextlib.suppress(OSError):  # it ended at once: the reader will notice
            self._stdin.write(json.dumps({**orders, "path": path, "folder": str(self._folder)}).encode() + b"\n")

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def wait_until_ready(self, timeout: float) -> None:
        """Return when the URL is known. Raises ServiceError for anything else."""
        if not self._known.wait(timeout):
            problem = f"The embedded service did not start within {timeout:g} seconds."
            raise ServiceError(problem + self._log_tail(), MEND)
        if self._refusal is not None:
            raise ServiceError(str(self._refusal.get("message")), str(self._refusal.get("mend", "")))
        if self.url is None:
            raise ServiceError(
                f"The embedded service ended with status {self.process.poll()}." + self._log_tail(), MEND
            )

    def stop(self) -> None:
        """End the process, the gentle way first, and leave no thread, pipe or file."""
        self._stopping = True
        if os.getpid() != self._owner:
            return  # a forked copy must not end what its parent uses
        _at_fork.discard(self._stdin)
        with contextlib.suppress(OSError):
            self._stdin.close()  # which is what it ends with
        for step in (self.process.terminate, self.process.kill, lambda: None):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
                break
            step()
        if threading.current_thread() is not self._reader:
            self._reader.join(STOP_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _read(self) -> None:
        with io.BufferedReader(self._stdout) as lines:  # type: ignore[type-var]  # unbuffered, so a raw file
            for line in lines:
                self._take(line)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        was_ready = self.url is not None
        self._known.set()
        if was_ready and not self._stopping:
            message = f"The embedded service ended with status {self.process.poll()}." + self._log_tail()
            self._hear({"event": "gone", "message": message})

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            name = event["event"]
        except (ValueError, TypeError, KeyError):
            return
        if name == "ready":
            self.url = event["url"]
            self._known.set()
        elif name == "error":
            self._refusal = event
            self._known.set()
        else:
            self._hear(event)

    def _log_tail(self) -> str:
        """The end of the log, for an error's text, without the secrets should they ever get there."""
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""
        for secret in self._hidden().values():
            text = text.replace(secret, "***")
        return f" Its log ends with:\n{text[-LOG_TAIL:]}" if text else ""


def _spawn(log: Path) -> subprocess.Popen[bytes]:
    if not sys.executable:
        raise ServiceError("this Python does not know its own executable")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    # -P: a file beside the notebook must not pass for one of the service's modules.
    command = [sys.executable, "-P", "-m", "aijupyter.service"]
    try:
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            return subprocess.Popen(  # noqa: S603  # our own interpreter and module
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=descriptor,
                env=_environment(),
                creationflags=flags,
            )
        return subprocess.Popen(  # noqa: S603  # our own interpreter and module
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=descriptor,
            env=_environment(),
            start_new_session=True,
        )
    finally:
        os.close(descriptor)


SECRET_VARIABLES = ("RC_APP_CLIENT_SECRET", "RC_USER_JWT", "NGROK_AUTHTOKEN", "AIJUPYTER_LEDGER")
"""The account's, which the service and the engine in it have no use for."""


def _environment() -> dict[str, str]:
    """The environment without the account's secrets, and with this package's folder on the path where the interpreter
    would not find it by itself.
    """
    environment = {name: value for name, value in os.environ.items() if name not in SECRET_VARIABLES}
    home = Path(__file__).resolve().parents[1]
    if home not in {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}:
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{home}{os.pathsep}{known}" if known else str(home)
    return environment


@dataclass
class _Shared:
    """A service and how many sessions hold it."""

    service: EmbeddedService
    holders: int = 1


_Key = tuple[str, str, str, str, Path | None, str]
_lock = threading.Lock()
_shared: dict[_Key, _Shared] = {}
_at_fork: set[IO[bytes]] = set()


def acquire(
    *,
    model: str = "tiny.en",
    engine: str = "local",
    fetch_from: str = "public",
    receiver_host: str = "127.0.0.1",
    store: Path | None = None,
    executor: str = "processes",
    timeout: float = 30.0,
) -> EmbeddedService:
    """A running service, shared with every other holder in this process that asked for the same.

    `executor` says who does its analyses: see aijupyter.service.workers.hire. Give it back with `release`. A shared
    service whose process has died is replaced by a new one.
    Raises ServiceError when it does not listen within `timeout` seconds.
    """
    key = (model, engine, fetch_from, receiver_host, store, executor)
    with _lock:
        shared = _shared.get(key)
        if shared is not None and shared.service.alive:
            shared.holders += 1
            return shared.service
        if shared is not None:
            del _shared[key]
            shared.service.stop()
        service = EmbeddedService(
            model=model,
            engine=engine,
            fetch_from=fetch_from,
            receiver_host=receiver_host,
            store=store,
            executor=executor,
        )
        service.start(timeout)
        _shared[key] = _Shared(service)
        return service


def release(service: EmbeddedService) -> None:
    """Give back what `acquire` gave. The process ends with its last holder."""
    with _lock:
        for key, shared in _shared.items():
            if shared.service is service:
                shared.holders -= 1
                if shared.holders == 0:
                    del _shared[key]
                    service.stop()
                return
    service.stop()  # one that had died and was replaced


def _stop_all() -> None:
    with _lock:
        while _shared:
            _shared.popitem()[1].service.stop()


def _forget_after_fork() -> None:
    """A forked process holds copies of the pipes: let go of them, for the service must see its own parent end."""
    global _lock  # noqa: PLW0603  # it may have been held by a thread that was not copied
    _lock = threading.Lock()
    _shared.clear()
    while _at_fork:
        with contextlib.suppress(OSError):
            _at_fork.pop().close()


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
