"""How values lie in the ledger's tables: jobs as rows, bodies packed, times as text that sorts."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypeVar

from aijupyter.models import Delivery, JobRecord, JobState, Operation

Row = tuple[Any, ...]

FIELDS = (
    "key", "path", "server", "operation", "recording", "options", "state", "created", "account", "media", "host",
    "fingerprint", "owner", "job_id", "request_id", "submitted", "ended", "expires", "error", "source", "names",
)  # fmt: skip
KEPT_FIELDS = (*FIELDS, "answered", "repeats")
CHANGING = (
    "state", "account", "owner", "host", "media", "job_id", "request_id", "submitted", "ended", "expires",
    "error", "answered", "repeats",
)  # fmt: skip
"""What can change on a job's way. The rest stays as it was asked, but `source` and `names`: see naming.py."""

RAW, PACKED, LATER = 0, 1, 2
"""How a body lies there: as it came, by zlib, or as it came until there is time to pack it."""

PACK_FROM_BYTES = 1024
PACK_LATER_FROM_BYTES = 4096
"""A shorter body is not worth a transaction of its own."""

PACK_AT_ONCE_BYTES = 32 << 10
"""A body that comes alone and is no longer than this is packed at once, others when nobody waits."""

PACKED_OPTIONS_FROM = 4096
_PACKED_OPTIONS = "zlib:"

AT_ONCE = 500
"""So many rows or keys at most in one statement: SQLite takes 32,766 values, PostgreSQL 65,535."""

Item = TypeVar("Item")

_RECORD = attrgetter(*FIELDS)


@dataclass(slots=True)
class Kept:
    """A job as it lies in the ledger: `answered` by its provider, with so many `repeats` kept."""

    record: JobRecord
    answered: bool = False
    repeats: int = 0


def dump_time(time: datetime | None) -> str | None:
    """A time as text that sorts."""
    return time.astimezone(UTC).isoformat() if time else None


def plain(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An error as it will be when it is read again."""
    read: dict[str, Any] | None = json.loads(json.dumps(dict(error))) if error else None
    return read


def dump_options(options: Mapping[str, Any]) -> str:
    """Options as they lie there: JSON, and where they hold long texts that packed, for every list reads past them."""
    written = json.dumps(dict(options))
    if len(written) <= PACKED_OPTIONS_FROM:
        return written
    return _PACKED_OPTIONS + base64.b64encode(zlib.compress(written.encode(), 1)).decode()


def load_options(written: str) -> dict[str, Any]:
    """The options that `dump_options` wrote."""
    if written.startswith(_PACKED_OPTIONS):
        written = zlib.decompress(base64.b64decode(written.removeprefix(_PACKED_OPTIONS))).decode()
    options: dict[str, Any] = json.loads(written)
    return options


def dump_names(names: Mapping[str, str]) -> str | None:
    """Names of speakers as they lie there, in ASCII, so that any label can be kept."""
    return json.dumps(dict(names)) if names else None


def load_time(text: str | None) -> datetime | None:
    """The time that `dump_time` wrote."""
    return datetime.fromisoformat(text) if text else None


def dump_kept(kept: Kept) -> dict[str, Any]:
    """A job's columns."""
    values = dict(zip(FIELDS, _RECORD(kept.record), strict=True))
    values["options"] = dump_options(kept.record.options)
    values["error"] = json.dumps(dict(kept.record.error)) if kept.record.error else None
    values["names"] = dump_names(kept.record.names)
    for name in ("created", "submitted", "ended", "expires"):
        values[name] = dump_time(values[name])
    values["operation"], values["state"] = str(kept.record.operation), str(kept.record.state)
    values["answered"], values["repeats"] = kept.answered, kept.repeats
    return values


def load_kept(row: Row) -> Kept:
    """The job in a row of KEPT_FIELDS."""
    (
        key, path, server, operation, recording, options, state, created, account, media, host,
        fingerprint, owner, job_id, request_id, submitted, ended, expires, error, source, names, answered, repeats,
    ) = row  # fmt: skip
    record = JobRecord(
        key,
        path,
        server,
        Operation(operation),
        recording,
        load_options(options),
        JobState(state),
        datetime.fromisoformat(created),
        account,
        media,
        host,
        fingerprint,
        owner,
        job_id,
        request_id,
        load_time(submitted),
        load_time(ended),
        load_time(expires),
        json.loads(error) if error else None,
        source,
        json.loads(names) if names else {},
    )
    return Kept(record, bool(answered), repeats)


def pack(body: bytes, *, now: bool) -> tuple[int, int, bytes]:
    """A body as it is to lie there: how, how many bytes, and the bytes. It is packed where that makes it smaller."""
    if len(body) <= PACK_FROM_BYTES:
        return RAW, len(body), body
    if not now:
        return (LATER if len(body) > PACK_LATER_FROM_BYTES else RAW), len(body), body
    packed = zlib.compress(body, 1)
    return (PACKED, len(packed), packed) if len(packed) < len(body) else (RAW, len(body), body)


def unpack(packing: int, body: bytes) -> bytes:
    """The body as it came."""
    return zlib.decompress(body) if packing == PACKED else bytes(body)


def digest(path: str) -> bytes:
    """What is kept of the path of a forgotten job."""
    return hashlib.sha256(path.encode()).digest()


def places(rows: int, width: int) -> str:
    """So many rows of placeholders, for VALUES: "(?, ?), (?, ?)"."""
    return ", ".join([f"({', '.join('?' * width)})"] * rows)


def listed(count: int) -> str:
    """Placeholders for IN: "(?, ?)"."""
    return f"({', '.join('?' * count)})"


def chunks(items: Sequence[Item], size: int = AT_ONCE) -> Iterator[Sequence[Item]]:
    """The items in their order, as many at once as a statement takes."""
    return (items[start : start + size] for start in range(0, len(items), size))


def storable(text: str | None) -> bool:
    """Whether every storage can hold the text: PostgreSQL refuses NUL, and both refuse halves of surrogate pairs."""
    return text is None or ((text.isascii() or _encodes(text)) and "\0" not in text)


def readable(text: str) -> str:
    """A text for people, with a replacement character for what cannot be stored (a file's name can hold it)."""
    return text if storable(text) else "".join(_REPLACED if _is_odd(each) else each for each in text)


def with_storable_ids(delivery: Delivery) -> Delivery:
    """The delivery; an id that cannot be stored is none of a job here, so it counts as absent."""
    if storable(delivery.request_id) and storable(delivery.envelope.job_id):
        return delivery
    envelope = copy(delivery.envelope)
    envelope.job_id = envelope.job_id if storable(envelope.job_id) else None
    request_id = delivery.request_id if storable(delivery.request_id) else None
    return replace(delivery, request_id=request_id, envelope=envelope)


_REPLACED = "\N{REPLACEMENT CHARACTER}"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_odd(character: str) -> bool:
    return character == "\0" or "\ud800" <= character <= "\udfff"
