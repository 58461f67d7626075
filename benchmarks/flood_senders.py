"""The two sides of flood.py, each in a process of its own, over loopback only.

    python benchmarks/flood_senders.py flood PORT REQUESTS IDLE SENDERS
    python benchmarks/flood_senders.py deliver PORT SECONDS < paths

`flood` opens IDLE connections on which nothing is said, then sends bad requests over SENDERS others as fast as they
are answered or cut off, and prints what became of them. `deliver` posts an answer to one path after the other, each
over a new connection, every tenth of a second, until it has no more paths or its input ends, and prints how long each
took. Both end by themselves, after LONGEST_SECONDS at the latest.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
import threading
import time
from collections import Counter
from itertools import cycle

LONGEST_SECONDS = 120.0
PAUSE_SECONDS = 0.1
ANSWER_SECONDS = 10.0
BODY = json.dumps({"status": "Success", "response": {"transcript": "Hello. " * 20}}).encode()


def bad_requests() -> list[bytes]:
    """Of each kind some: unknown paths of the right shape, with and without a body, other paths, and malformed ones."""
    head = b"Host: a\r\nContent-Type: application/json\r\n"
    guesses = [secrets.token_urlsafe(32).encode() for _ in range(500)]
    posts = [
        b"POST /d/%b HTTP/1.1\r\n%bContent-Length: 1024\r\n\r\n" % (guess, head) + b" " * 1024 for guess in guesses
    ]
    shapes = [
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /m/%b.wav HTTP/1.1\r\nHost: a\r\n\r\n" % guesses[0],
        b"DELETE /d/%b HTTP/1.1\r\nHost: a\r\n\r\n" % guesses[1],
        b"POST / HTTP/1.1\r\n%bContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % head,
        b"\x16\x03\x01 not even HTTP\r\n\r\n",
    ]
    return [request for each in zip(posts, cycle(shapes), strict=False) for request in each]


class Flood:
    """So many bad requests, and what became of them."""

    def __init__(self, port: int, requests: int) -> None:
        self._port = port
        self._left = requests
        self._requests = cycle(bad_requests())
        self.outcomes: Counter[str] = Counter()

    async def send(self) -> None:
        """One of the senders, until none are left."""
        reader, writer = None, None
        while self._left > 0:
            self._left -= 1
            try:
                if reader is None or writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(next(self._requests))
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = await reader.readuntil(b"\r\n\r\n")
                self.outcomes[answer[9:12].decode()] += 1
                closed = b"Connection: close" in answer
            except (OSError, asyncio.IncompleteReadError):
                self.outcomes["cut off"] += 1
                closed = True
            except TimeoutError:
                self.outcomes["not answered"] += 1
                closed = True
            if closed and writer is not None:
                writer.transport.abort()
                reader, writer = None, None
        if writer is not None:
            writer.transport.abort()


async def flood(port: int, requests: int, idle: int, senders: int) -> None:
    """Send it, and print what became of it."""
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(idle)]
    print("ready", flush=True)
    sending = Flood(port, requests)
    started = time.monotonic()
    async with asyncio.timeout(LONGEST_SECONDS):
        await asyncio.gather(*(sending.send() for _ in range(senders)))
    seconds = time.monotonic() - started
    for _, writer in silent:
        writer.transport.abort()
    print(json.dumps({"seconds": seconds, "outcomes": sending.outcomes}), flush=True)


def deliver(port: int, path: str) -> float:
    """Post an answer over a new connection, and in how many seconds it was acknowledged."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), LONGEST_SECONDS) as wire:
        wire.sendall(head.encode() + BODY)
        answer = wire.recv(1000)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(answer)
    return time.perf_counter() - started


def deliver_all(port: int) -> None:
    """One every tenth of a second, and print how long each took."""
    paths = json.loads(sys.stdin.readline())
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    taken = []
    for path in paths:
        taken.append(deliver(port, path))
        if over.wait(PAUSE_SECONDS):
            break
    print(json.dumps(taken), flush=True)


def main() -> None:
    """Be one side."""
    match sys.argv[1:]:
        case ["flood", *numbers]:
            asyncio.run(flood(*map(int, numbers)))
        case ["deliver", port]:
            deliver_all(int(port))
        case _:
            sys.exit(f"usage: {__doc__}")


if __name__ == "__main__":
    main()
