"""From whatever a person names - a path, a URL, bytes, a file object - to a Recording that can be sent."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import unquote, urlsplit

import aiohttp

from aijupyter.errors import MediaError, MediaNotFoundError, MediaUnreachableError, MediaUnreadableError
from aijupyter.models import Recording


class CallRow(Protocol):
    """A row of `ai.recordings()`, as `itertuples()` or `iloc[...]` gives it."""

    @property
    def uri(self) -> Any:
        """Where the recording is."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What is asked about where there is no recording: texts, which travel among the question's options.

    `name` is what to call them.
    """

    name: str


MediaSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | CallRow

HEAD_BYTES = 4096
CHUNK_BYTES = 1024 * 1024
PROBE_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)

_KNOWN = "Known are WAV, MP3, MP4/M4A/MOV, Ogg/Opus, WebM, AVI and AAC (ADTS)"


def sniff(head: bytes) -> tuple[str, str] | None:
    """The API's encoding and the content type of a file, by its first bytes; None where they are of no known format."""
    for start, magic, encoding, content_type in _SIGNATURES:
        if head[start : start + len(magic)] == magic:
            return encoding, content_type
    if head[:4] == b"\x1aE\xdf\xa3":
        return ("Webm", "video/webm") if b"webm" in head else None
    return _sniff_frames(head)


def _sniff_frames(head: bytes) -> tuple[str, str] | None:
    """MP3 and AAC frames begin with the same sync word; layer 0 is AAC (ISO/IEC 11172-3, 13818-7).

    Layer I is left out: nobody has such files, and a text in UTF-16 begins like one.
    """
    first = int.from_bytes(head[:2], "big")
    if first & 0xFFE0 != 0xFFE0:  # noqa: PLR2004  # the sync word
        return None
    return _LAYERS.get(first & 0x0006)


_LAYERS = {0b000: ("Aac", "audio/aac"), 0b010: ("Mpeg", "audio/mpeg"), 0b100: ("Mpeg", "audio/mpeg")}


_SIGNATURES = (
    (8, b"WAVE", "Wav", "audio/wav"),
    (8, b"AVI ", "Avi", "video/x-msvideo"),
    (4, b"ftypM4A", "Mp4", "audio/mp4"),
    (4, b"ftyp", "Mp4", "video/mp4"),
    (4, b"moov", "Mp4", "video/mp4"),
    (4, b"mdat", "Mp4", "video/mp4"),
    (0, b"OggS", "Ogg", "audio/ogg"),
    (0, b"ID3", "Mpeg", "audio/mpeg"),
)


def is_url(media: object) -> bool:
    """Whether the media is named by a URL."""
    return isinstance(media, str) and media.lower().startswith(("http://", "https://"))


def open_local(
    media: MediaSource, *, spool: Path, encoding: str | None = None, spool_name: str | None = None
) -> Recording:
    """A Recording of a path, bytes or a file object; the latter two are copied into the folder `spool`.

    The copy is named `spool_name`, or as nothing else is. `encoding` overrides what the first bytes say. Raises
    MediaError with the mend.
    """
    copy = spool / (spool_name or f"recording-{secrets.token_hex(16)}")
    if isinstance(media, bytes | bytearray | memoryview):
        return _open_file(_spooled(bytes(media), copy), "bytes", encoding, temporary=True)
    if isinstance(media, str | os.PathLike):
        return _open_path(Path(media), encoding)
    if hasattr(media, "read"):
        name = getattr(media, "name", None)
        label = Path(name).name if isinstance(name, str) else type(media).__name__
        return _open_file(_spooled(cast("BinaryIO", media), copy), _writable(label), encoding, temporary=True)
    raise MediaError(
        f"A {type(media).__name__} is no recording.",
        "Give a path, a URL, bytes, or a file opened with open(path, 'rb').",
        source=type(media).__name__,
    )


async def open_url(
    url: str,
    *,
    http: aiohttp.ClientSession,
    encoding: str | None = None,
    limits: aiohttp.ClientTimeout = PROBE_TIMEOUT,
) -> Recording:
    """A Recording of a URL, after a look at its first bytes. Raises MediaUnreachableError, or MediaError."""
    shown = shown_url(url)
    try:
        headers = {"Range": f"bytes=0-{HEAD_BYTES - 1}"}
        async with http.get(url, headers=headers, timeout=limits) as response:
            status, head = response.status, await _read_head(response)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise MediaUnreachableError(
            f"{shown} does not answer ({type(error).__name__}).",
            "Check the URL, or download the recording and give its path.",
            source=shown,
        ) from None
    if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        raise MediaUnreachableError(
            f"{shown} answers {status}.",
            "The URL must lead to the recording without a login. Or download it and give its path.",
            source=shown,
        )
    found = _recognize(head, shown, encoding)
    name = unquote(PurePosixPath(urlsplit(url).path).name) or urlsplit(url).netloc
    return Recording(name, found[1], found[0], url=url)


def _open_path(path: Path, encoding: str | None) -> Recording:
    with contextlib.suppress(RuntimeError):  # no such user: then it is a file's name like any other
        path = path.expanduser()
    if os.path.isdir(path):  # noqa: PTH112  # unlike Path.is_dir it never raises
        raise MediaError(
            f"{path} is a folder.",
            "Give one file; for many: ai.map(ai.transcribe, Path(...).glob('*.wav')).",
            source=str(path),
        )
    if _is_special(path):
        raise MediaError(f"{path} is no file, but a device or a pipe.", "Give a recording's path.", source=str(path))
    return _open_file(path, _writable(path.name), encoding)


def _is_special(path: Path) -> bool:
    """Whether reading could wait for ever."""
    try:
        return path.exists() and not path.is_file()
    except (OSError, ValueError):
        return False


def _open_file(path: Path, name: str, encoding: str | None, *, temporary: bool = False) -> Recording:
    try:
        seen, head = _head(path)
        found = _recognize(head, name, encoding)
    except MediaError:
        if temporary:
            path.unlink(missing_ok=True)
        raise
    return Recording(name, found[1], found[0], path=path.absolute(), temporary=temporary, stamp=seen)


def stamp(path: Path | int) -> tuple[int, ...]:
    """What changes when a file, by its path or its descriptor, is replaced or written to. Raises OSError."""
    facts = os.stat(path)  # noqa: PTH116  # a descriptor has no Path
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _head(path: Path) -> tuple[tuple[int, ...], bytes]:
    """The file's stamp and its first bytes."""
    try:
        with path.open("rb") as file:
            return stamp(path), file.read(HEAD_BYTES)
    except FileNotFoundError:
        mend = f"Check the path; the current folder is {Path.cwd()}."
        raise MediaNotFoundError(f"There is no file {path}.", mend, source=str(path)) from None
    except PermissionError:
        mend = "Check the file's permissions."
        raise MediaUnreadableError(f"{path} may not be read.", mend, source=str(path)) from None
    except (OSError, ValueError) as error:
        raise MediaError(f"{path} cannot be read: {error}.", "Check the path.", source=str(path)) from None


def _recognize(head: bytes, name: str, encoding: str | None) -> tuple[str, str]:
    if not head:
        raise MediaError(f"{name} is empty.", "Check how the recording was made or copied.", source=name)
    found = sniff(head)
    if encoding is not None:
        return encoding, found[1] if found else "application/octet-stream"
    if found is None:
        raise MediaError(
            f"{name} is no recording of a known format.",
            f"{_KNOWN}. Convert it, or name the API's encoding to send it as it is: encoding='Wav'.",
            source=name,
        )
    return found


def _spooled(media: bytes | BinaryIO, path: Path) -> Path:
    """A private copy at `path`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            for chunk in [media] if isinstance(media, bytes) else _chunks(media):
                file.write(chunk)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, MediaError):
            raise MediaError(f"{path} cannot be written: {error}.", "Make room, or give a path.") from error
        raise
    return path


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    source = type(file).__name__
    try:
        while chunk := file.read(CHUNK_BYTES):
            if not isinstance(chunk, bytes):
                raise _gives_text(source)
            yield chunk
    except UnicodeDecodeError:
        raise _gives_text(source) from None
    except (OSError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"The file object cannot be read: {error}.", "Open it anew.", source=source) from error


def _gives_text(source: str) -> MediaError:
    return MediaError("The file object gives text.", "Open it in binary: open(path, 'rb').", source=source)


def _writable(name: str) -> str:
    """A file's name may hold bytes that are no text; the ledger and the screen take text only."""
    return name.encode("utf-8", "replace").decode("utf-8")


async def _read_head(response: aiohttp.ClientResponse) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (chunk := await response.content.read(HEAD_BYTES - len(head))):
        head += chunk
    return head


def shown_url(url: str) -> str:
    """The URL without what may be secret in it."""
    scheme, _, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    authority = rest.partition("/")[0]
    if "@" in authority:
        rest = rest[authority.rindex("@") + 1 :]
    elif re.search(r":(?!\d*$)", authority.rpartition("]")[2]):  # no port: a password that holds a slash
        rest = rest.rpartition("@")[2]
    return f"{scheme}://{rest}"


def dump_recording(recording: Recording) -> str:
    """A recording as the ledger keeps it, so that another session can open it. A URL's access token is left out."""
    kept: dict[str, Any] = {"name": recording.name, "type": recording.content_type, "encoding": recording.encoding}
    if recording.in_options:
        return json.dumps(kept)
    if recording.url is not None:
        url = without_token(recording.url)
        return json.dumps({**kept, "url": url, "token": url != recording.url})
    return json.dumps(
        {**kept, "path": str(recording.path), "temporary": recording.temporary, "stamp": list(recording.stamp)}
    )


def load_recording(text: str, *, has_own: Callable[[str], bool] | None = None) -> Recording:
    """What `dump_recording` wrote. Raises MediaError where the URL's access token is needed and was left out.

    `has_own` says of which URLs the token can be had anew.
    """
    kept = json.loads(text)
    name, content_type, encoding = kept["name"], kept["type"], kept["encoding"]
    if "url" not in kept and "path" not in kept:
        return Recording(name, content_type, encoding)
    if "url" not in kept:
        path, stamp = Path(kept["path"]), tuple(kept["stamp"])
        return Recording(name, content_type, encoding, path=path, temporary=kept["temporary"], stamp=stamp)
    if kept["token"] and not (has_own is not None and has_own(kept["url"])):
        shown = shown_url(kept["url"])
        raise MediaError(f"The access token of {shown} is never written down.", "Ask again with it.", source=shown)
    return Recording(name, content_type, encoding, url=kept["url"])


def without_token(url: str) -> str:
    """The URL without an `access_token` in its query."""
    return re.sub(r"([?&])access_token=[^&#]*&?", r"\1", url).rstrip("?&") if "access_token=" in url else url


def digest(recording: Recording) -> str:
    """What is the same for the same content: of a file its bytes, of a URL its text without the access token.

    "" for what travels among the options, which are compared as such. Raises MediaError for a file that cannot be read.
    """
    if recording.in_options:
        return ""
    if recording.url is not None:
        return hashlib.sha256(without_token(recording.url).encode("utf-8", "surrogatepass")).hexdigest()
    assert recording.path is not None  # noqa: S101  # a Recording has one of the two
    try:
        with recording.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        path = str(recording.path)
        raise MediaError(f"{path} cannot be read: {error}.", "Check the path.", source=path) from error
