"""What is sent: requests of every wrong shape, each a function of a random generator."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

JSON = "application/json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "post", "")
HOST = b"Host: a\r\n"
FIELDS = ("status", "jobId", "response", "expirationTime", "creationTime", "api", "later")
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, 2**70, "", "Success", "Fail", "InProgress", "\ud800", "\0", "x" * 300, [], {}, [[]],
    "2026-11-29T10:00:00Z", "0001-01-01T00:00:00+14:00", {"errors": [None, {"errorCode": 1}]}, {"transcript": 7},
)  # fmt: skip

REQUEST_IDS = ("r", "x" * 500, "caf\xe9", "")


@dataclass(frozen=True)
class Place:
    """Where it is sent: a path that takes anything, a lent file, and how large bodies may be."""

    path: str
    media: str
    most_body: int


@dataclass(frozen=True)
class Input:
    """The bytes, and whether an answer is to be waited for."""

    data: bytes
    answered: bool = True


Make = Callable[[Random, Place], Input]


def post(place: Place, body: bytes, *more: str, path: str | None = None, length: str | None = None) -> bytes:
    """A good request, unless something is added."""
    target = f"/d/{place.path}" if path is None else path
    lines = [f"POST {target} HTTP/1.1", "Host: a", f"Content-Type: {JSON}", *more]
    lines.append(f"Content-Length: {len(body)}" if length is None else length)
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def envelope(random: Random) -> bytes:
    """A good body."""
    return _envelope(random.randrange(20))


@cache
def _envelope(number: int) -> bytes:
    words = [{"word": "so", "start": n, "end": n + 0.5} for n in range(number)]
    return json.dumps({"status": "Success", "response": {"transcript": "so", "words": words}}).encode()


def mutated(random: Random, place: Place) -> Input:
    """A good request, or more often a good body, in which some bytes are others, gone, doubled or moved."""
    if random.random() < 0.7:
        return Input(post(place, _mutated(random, envelope(random))))
    return Input(_mutated(random, post(place, envelope(random))))


def _mutated(random: Random, good: bytes) -> bytes:
    data = bytearray(good)
    for _ in range(random.choice((1, 1, 1, 2, 5, 20))):
        start = random.randrange(len(data))
        end = min(len(data), start + random.choice((1, 1, 2, 8, 40)))
        match random.randrange(4):
            case 0:
                data[start:end] = random.randbytes(end - start)
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = data[start:end]
            case _:
                data[start:start] = random.choice(
                    (b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b"\t", b'"', b"{", b"\xff")
                )
        data = data or bytearray(b"x")
    return bytes(data)


def truncated(random: Random, place: Place) -> Input:
    """A good request that breaks off."""
    data = post(place, envelope(random))
    return Input(data[: random.randrange(len(data))], answered=False)


def noise(random: Random, place: Place) -> Input:
    """Bytes that are no HTTP at all."""
    data = random.randbytes(random.choice((1, 10, 100, 5000)))
    return Input(data + b"\r\n\r\n")


def smuggled(random: Random, place: Place) -> Input:
    """A request that two readers could understand differently."""
    return Input(random.choice(_smuggled(envelope(random), place.path)))


@cache
def _smuggled(body: bytes, path: str) -> tuple[bytes, ...]:
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    inner = b"POST /d/smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    head = f"POST /d/{path} HTTP/1.1\r\nHost: a\r\nContent-Type: {JSON}\r\n".encode()
    size = len(body)
    return (
        head + b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % size + chunked,
        head + b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % size + chunked,
        head + b"Content-Length: %d\r\nContent-Length: %d\r\n\r\n" % (size, size) + body,
        head + b"Content-Length: %d\r\nContent-Length: 0\r\n\r\n" % size + body,
        head + b"Content-Length: %d, %d\r\n\r\n" % (size, size) + body,
        head + b"Content-Length: +%d\r\n\r\n" % size + body,
        head + b"Content-Length: 0x%x\r\n\r\n" % size + body,
        head + b"Content-Length: %d_0\r\n\r\n" % size + body,
        head + b"Content-Length : %d\r\n\r\n" % size + body,
        head + b" Content-Length: %d\r\n\r\n" % size + body,
        head + b"X: y\r\n Content-Length: %d\r\n\r\n" % size + body,
        head + b"Transfer-Encoding: xchunked\r\n\r\n" + chunked,
        head + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked,
        head + b"Transfer-Encoding: chunked, identity\r\n\r\n" + chunked,
        head + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + chunked,
        head + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunked,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%b\r\n0\r\n\r\n" % (size, body),
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\n%b\r\n0\r\n\r\n" % (size, body),
        head + b"Transfer-Encoding: chunked\r\n\r\n0x%x\r\n%b\r\n0\r\n\r\n" % (size, body),
        head + b"Transfer-Encoding: chunked\r\n\r\n-%x\r\n%b\r\n0\r\n\r\n" % (size, body),
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%bXX0\r\n\r\n" % (size, body),
        head + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + body,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nX: trailer\r\n\r\n" % (size, body),
        head.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
        head + b"Content-Length: %d\r\n\r\n" % size + body + inner,
        head + b"Content-Length: 0\r\n\r\n" + inner,
        head.replace(b"\r\n", b"\n") + b"Content-Length: %d\n\n" % size + body,
        head.replace(b"Host: a\r\n", b"Host: a\nX: y\r\n") + b"Content-Length: %d\r\n\r\n" % size + body,
        head.replace(b"Host: a\r\n", b"Host: a\r\nHost: b\r\n") + b"Content-Length: %d\r\n\r\n" % size + body,
        head.replace(b"Host: a\r\n", b"") + b"Content-Length: %d\r\n\r\n" % size + body,
        head.replace(b"HTTP/1.1", b"HTTP/2.0") + b"Content-Length: %d\r\n\r\n" % size + body,
        head.replace(b"HTTP/1.1", b"HTTP/1.1 HTTP/1.1") + b"Content-Length: %d\r\n\r\n" % size + body,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    )


def crowded(random: Random, place: Place) -> Input:
    """Ten thousand headers, or one that does not end."""
    if random.random() < 0.5:
        return Input(_many_headers(place))
    return Input(post(place, b"{}", f"X: {'x' * random.choice((9000, 20_000, 200_000))}"))


@cache
def _many_headers(place: Place) -> bytes:
    return post(place, b"{}", *(f"X-{n}: {n}" for n in range(10_000)))


@cache
def bombs(size: int) -> tuple[tuple[str, bytes], ...]:
    """A body of spaces after a good one, packed in each way."""
    body = envelope(Random(size)) + b" " * size
    plain = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (
        ("gzip", gzip.compress(body)),
        ("deflate", zlib.compress(body)),
        ("deflate", plain.compress(body) + plain.flush()),
        ("gzip", gzip.compress(gzip.compress(body))),
    )


def packed(random: Random, place: Place) -> Input:
    """A body that is small until it is unpacked, or that is not packed as it says."""
    body = envelope(random)
    ways = (
        *bombs(place.most_body * random.choice((1, 8, 64))),
        ("gzip", gzip.compress(body) * random.choice((2, 2000))),
        ("gzip", gzip.compress(body)[: random.randrange(20)]),
        ("gzip", body),
        ("br", random.randbytes(200)),
        ("zstd", b"(\xb5/\xfd" + random.randbytes(200)),
        ("gzip, gzip", gzip.compress(body)),
        ("identity", body),
    )
    coding, data = random.choice(ways)
    return Input(post(place, data, f"Content-Encoding: {coding}"))


def mistyped(random: Random, place: Place) -> Input:
    """An envelope whose fields hold what they should not."""
    fields = {name: random.choice(VALUES) for name in random.sample(FIELDS, random.randrange(len(FIELDS) + 1))}
    whole: Any = random.choice((fields, fields, fields, fields, [fields], random.choice(VALUES)))
    body = json.dumps(whole).encode()
    if random.random() < 0.2:
        body = random.choice((body.decode().encode("utf-16"), b"\xef\xbb\xbf" + body, body + b"x", body * 2, body[:-1]))
    kinds = (*[JSON] * 20, "application/json; charset=utf-16", "text/html", "multipart/form-data", "x", "")
    data = post(place, body, f"RCRequestId: {random.choice(REQUEST_IDS)}")
    return Input(data.replace(JSON.encode(), random.choice(kinds).encode(), 1))


def deep(random: Random, place: Place) -> Input:
    """Arrays and objects in one another."""
    depth = random.choice((90, 101, 1000, 30_000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]"), (b"[", b"")))
    inner = opening * depth + b"1" + closing * depth
    return Input(post(place, b'{"status":"Success","response":' + inner[: place.most_body - 100] + b"}"))


def elsewhere(random: Random, place: Place) -> Input:
    """Any method on any path."""
    known = place.path
    paths = (
        f"/d/{known}", f"/d/{known[:-1]}", f"/d/{known}x", f"/d/{known}/", f"/d/{known}?x=y", f"/d//{known}", "/",
        "/d/", "/m/", "*", f"http://a/d/{known}", "http:///d/x", "a:80", f"/d/{'y' * 43}", f"/d/{'y' * 9000}",
        "/d/%00", "/d/%zz", f"/D/{known}", f"/x/../d/{known}", f"/d/%2e%2e/{known}", f"/d/{known}#x", "/\xff",
        f"/m/{place.media}x", "//x//",
    )  # fmt: skip
    method = random.choice(METHODS)
    data = f"{method} {random.choice(paths)} HTTP/1.{random.randrange(2)}\r\n".encode("latin-1") + HOST
    more = random.choice(
        (b"", b"Connection: close\r\n", b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Expect: x\r\n")
    )
    return Input(data + more + b"Content-Length: 0\r\n\r\n")


def fetched(random: Random, place: Place) -> Input:
    """A lent file by any range."""
    number = lambda: random.choice(("", "0", "5", "299999", "300000", "9" * 18, "9" * 40, "-1", "a"))  # noqa: E731
    ranges = f"{random.choice(('bytes', 'bytes', 'bytes', 'seconds', ''))}={number()}-{number()}"
    more = random.choice(("", 'If-Range: "x"\r\n', "If-Range: Sun, 22 Nov 2026 10:00:00 GMT\r\n"))
    method = random.choice(("GET", "HEAD", "HEAD", "POST"))
    head = f"{method} /m/{place.media} HTTP/1.1\r\nHost: a\r\nRange: {ranges}\r\n{more}\r\n"
    return Input(head.encode())


KINDS: dict[str, tuple[int, Make]] = {
    "mutated": (250, mutated),
    "smuggled": (200, smuggled),
    "truncated": (100, truncated),
    "noise": (80, noise),
    "mistyped": (200, mistyped),
    "deep": (30, deep),
    "elsewhere": (100, elsewhere),
    "fetched": (30, fetched),
    "packed": (8, packed),
    "crowded": (2, crowded),
}
"""Each kind with its share of a thousand."""
