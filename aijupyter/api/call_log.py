"""The account's call log: which calls were recorded.

Pages are counted from 1. Neither their number nor that of all calls is told: `navigation.nextPage` says that there are
more, and `paging.perPage` how many records make a full page. The log changes while it is read, so a call may come on
two pages. In the detailed view a call has legs, each of which may have a recording of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from math import isfinite
from typing import Any

from aijupyter.api.operations import check_choice, check_type
from aijupyter.api.transport import Transport
from aijupyter.api.wire import Reply
from aijupyter.envelope import without_tokens
from aijupyter.errors import ForbiddenError, OptionError
from aijupyter.media import is_url, without_token
from aijupyter.models import RecordedCall

OWN_PATH = "/restapi/v1.0/account/~/extension/~/call-log"
EVERYONES_PATH = "/restapi/v1.0/account/~/call-log"
DIRECTIONS = ("Inbound", "Outbound")
PAGE_SIZE = 1000
"""The most that a page holds: the fewer pages, the less of the budget they take."""
MAX_PAGES = 1000


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls: those that began from `since` to `until`, of one of DIRECTIONS or (None) of both.

    At most `limit`, the newest. `everyone` asks for those of all users, which an administrator may.
    """

    since: datetime
    until: datetime
    direction: str | None = None
    limit: int | None = None
    everyone: bool = False

    def __post_init__(self) -> None:
        check_choice("direction", self.direction, DIRECTIONS)
        check_type("everyone", self.everyone, bool, "True or False")
        whole = isinstance(self.limit, int) and not isinstance(self.limit, bool)
        if self.limit is not None and not (whole and self.limit > 0):
            raise OptionError(f"limit is {self.limit!r}.", "It must be a whole number from 1 on.", option="limit")
        if self.since >= self.until:
            raise OptionError(
                f"since ({_written(self.since)}) is not before until ({_written(self.until)}).",
                "Give an earlier since, such as since='7 days'.",
                option="since",
            )

    @property
    def page_size(self) -> int:
        """How many records to ask for at once."""
        return min(PAGE_SIZE, self.limit or PAGE_SIZE)

    def params(self, page: int) -> dict[str, str]:
        """The query of a page. The end is always told, so that new calls do not push the others along."""
        direction = {} if self.direction is None else {"direction": self.direction}
        return {
            "recordingType": "All",
            "view": "Detailed",
            "dateFrom": _written(self.since),
            "dateTo": _written(self.until),
            **direction,
            "perPage": str(self.page_size),
            "page": str(page),
        }


async def recorded_calls(transport: Transport, query: CallQuery) -> list[RecordedCall]:
    """The recordings of the calls, the newest first, each once. One request for a page, one after another.

    Raises ForbiddenError where the app or the user may not read the log, and what Transport.request does.
    """
    path = EVERYONES_PATH if query.everyone else OWN_PATH
    found: dict[str, RecordedCall] = {}
    before: list[Any] = []
    for page in range(1, MAX_PAGES + 1):
        reply = await _ask(transport, path, query.params(page))
        records, goes_on = await asyncio.to_thread(_read, reply, query.page_size)
        for call in chain.from_iterable(map(recordings_of, records)):
            found.setdefault(call.recording or str(call.uri), call)
        is_enough = query.limit is not None and len(found) >= query.limit
        if is_enough or not goes_on or (records and records == before):  # a server that knows one page only
            break
        before = records
    earliest = datetime.min.replace(tzinfo=UTC)
    return sorted(found.values(), key=lambda call: call.started or earliest, reverse=True)[: query.limit]


def recordings_of(record: Any) -> Iterator[RecordedCall]:
    """The recordings that a record of the log names: the call's, then those of its legs."""
    if not isinstance(record, dict):
        return
    for part in (record, *(leg for leg in _list(record.get("legs")) if isinstance(leg, dict))):
        recording = part.get("recording")
        if isinstance(recording, dict):
            call = _call({**record, **part}, recording, record)
            if call.recording or call.uri:
                yield call


async def _ask(transport: Transport, path: str, params: dict[str, str]) -> Reply:
    try:
        return await transport.request("GET", path, params=params)
    except ForbiddenError as error:
        raise ForbiddenError(
            error.problem,
            "The app needs the scopes ReadCallLog and ReadCallRecording, and the user the same permissions; for the "
            "calls of everyone, those of an administrator.",
            status=error.status,
            faults=error.faults,
            request_id=error.request_id,
        ) from None


def _read(reply: Reply, size: int) -> tuple[list[Any], bool]:
    """A page's records, and whether another page follows. Raises UnexpectedAnswerError."""
    answer = replace(reply, body=without_tokens(reply.body)).object()
    records, navigation, paging = (answer.get(name) for name in ("records", "navigation", "paging"))
    found = _list(records)
    if isinstance(navigation, dict):
        return found, bool(navigation.get("nextPage"))
    said = paging.get("perPage") if isinstance(paging, dict) else None
    full = said if isinstance(said, int) and said > 0 else size
    return found, bool(found) and len(found) >= full


def _call(part: dict[str, Any], recording: dict[str, Any], raw: dict[str, Any]) -> RecordedCall:
    uri = _text(recording.get("contentUri"))
    caller, callee = part.get("from"), part.get("to")
    return RecordedCall(
        recording=_text(recording.get("id")),
        kind=_text(recording.get("type")),
        uri=without_token(uri) if uri is not None and is_url(uri) else None,
        session=_text(part.get("telephonySessionId")),
        started=_time(part.get("startTime")),
        duration=_seconds(part),
        direction=_text(part.get("direction")),
        from_number=_number(caller),
        from_name=_name(caller),
        to_number=_number(callee),
        to_name=_name(callee),
        raw=raw,
    )


def _number(party: Any) -> str | None:
    """A telephone number, or within the company an extension's."""
    known = party if isinstance(party, dict) else {}
    return _text(known.get("phoneNumber")) or _text(known.get("extensionNumber"))


def _name(party: Any) -> str | None:
    return _text(party.get("name")) if isinstance(party, dict) else None


def _seconds(part: dict[str, Any]) -> float | None:
    for name, unit in (("durationMs", 1000), ("duration", 1)):
        value = part.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12 and isfinite(value):  # noqa: PLR2004  # no call is so long
            return value / unit
    return None


def _text(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30:
        return str(value)
    clean = value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
    return clean or None  # half a surrogate pair could not be shown or saved


def _time(value: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _written(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
