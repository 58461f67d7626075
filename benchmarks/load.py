"""The load: HTTP posts over kept connections, from a process of its own, over plain sockets.

    python benchmarks/load.py < plan.json

The requests are made before the clock starts. Each connection sends its next one as soon as the last was answered;
where the server closes it after each answer, a new one is opened first, and that counts. It goes to loopback only, and
ends with its requests or after LONGEST_SECONDS. What it prints is a JSON object: `seconds` for all, `latencies` in
seconds, one a request, and `statuses`.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat

LONGEST_SECONDS = 120.0
HEADERS = "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
RECEIVE_BYTES = 65536


@dataclass(slots=True)
class Connection:
    """One of the senders: what it has yet to write, and what of the answer has come."""

    wire: socket.socket
    rest: memoryview = field(default_factory=lambda: memoryview(b""))
    answer: bytes = b""
    started: float = 0.0
    closing: bool = False

    def write(self) -> bool:
        """Write what the socket takes; whether all is written."""
        while self.rest:
            try:
                self.rest = self.rest[self.wire.send(self.rest) :]
            except BlockingIOError:
                return False
        return True

    def read(self) -> int:
        """The status of the answer; 0 while it is not complete."""
        received = self.wire.recv(RECEIVE_BYTES)
        self.answer += received
        head, end, body = self.answer.partition(b"\r\n\r\n")
        if received and (not end or len(body) < _length(head)):
            return 0
        if not end:
            raise ConnectionError("the server closed a connection and did not answer")
        self.closing = not received or head.startswith(b"HTTP/1.0") or b"connection: close" in head.lower()
        self.answer = b""
        return int(head[9:12])


def _length(head: bytes) -> int:
    _, named, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if named else 0


class Load:
    """The requests on their way to one port."""

    def __init__(self, port: int, connections: int, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self._port = port
        for _ in range(connections):
            self._connect()

    def _connect(self) -> Connection:
        wire = socket.create_connection(("127.0.0.1", self._port))
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setblocking(False)
        connection = Connection(wire)
        self._selector.register(wire, selectors.EVENT_READ, connection)
        return connection

    def run(self) -> float:
        """Send everything and take the answers; in how many seconds."""
        started = time.perf_counter()
        for key in list(self._selector.get_map().values()):
            self._next(key.data)
        while self._selector.get_map():
            if time.perf_counter() - started > LONGEST_SECONDS:
                raise TimeoutError
            for key, events in self._selector.select(1.0):
                if events & selectors.EVENT_WRITE:
                    self._write(key.data)
                elif status := key.data.read():
                    self.latencies.append(time.perf_counter() - key.data.started)
                    self.statuses[status] += 1
                    self._next(key.data)
        return time.perf_counter() - started

    def _next(self, connection: Connection) -> None:
        request, started = next(self._requests, None), time.perf_counter()
        if request is None or connection.closing:
            self._selector.unregister(connection.wire)
            connection.wire.close()
        if request is None:
            return
        if connection.closing:
            connection = self._connect()
        connection.rest, connection.started = memoryview(request), started
        self._write(connection)

    def _write(self, connection: Connection) -> None:
        events = selectors.EVENT_READ if connection.write() else selectors.EVENT_READ | selectors.EVENT_WRITE
        if self._selector.get_key(connection.wire).events != events:
            self._selector.modify(connection.wire, events, connection)


def make_requests(paths: list[str], body: str) -> list[bytes]:
    """A POST of the body for each path."""
    data = body.encode()
    head = f"{HEADERS}Content-Length: {len(data)}\r\n\r\n"
    return [f"POST {path} HTTP/1.1\r\n{head}".encode() + data for path in paths]


def make_body(size: int) -> str:
    """A successful answer of about so many bytes."""
    words = ["so", "where", "were", "we", "yesterday", "morning", "then", "nobody", "called", "about", "it"]
    timings: list[dict[str, object]] = []
    answer = {"status": "Success", "response": {"transcript": "", "confidence": 0.91, "words": timings}}
    length = len(json.dumps(answer))
    for number, _ in enumerate(repeat(None)):
        start = round(0.37 * number, 2)
        sure = (number * 7919 % 499 + 500) / 1000
        timing = {"word": words[number * 31 % 11], "start": start, "end": round(start + 0.31, 2), "confidence": sure}
        length += len(json.dumps(timing)) + 2
        if length > size:
            return json.dumps(answer)
        timings.append(timing)
    raise AssertionError


def main() -> None:
    """Do what standard input says: {port, connections, paths, bytes}."""
    plan = json.load(sys.stdin)
    load = Load(plan["port"], plan["connections"], iter(make_requests(plan["paths"], make_body(plan["bytes"]))))
    seconds = load.run()
    print(json.dumps({"seconds": seconds, "latencies": load.latencies, "statuses": load.statuses}))


if __name__ == "__main__":
    main()
