"""The double's call log and the recordings that it keeps, written from the contract. It can misbehave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(2000)
NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
PATH = "/restapi/v1.0/account/1/recording/{id}/content"


def call(number: int, base: str = "https://media.ringcentral.com", **changes: Any) -> dict[str, Any]:
    """A record of the log: the higher its number, the longer ago; every third call was made by the account."""
    began = NOON - timedelta(minutes=number)
    return {
        "id": f"call-{number}",
        "telephonySessionId": f"s-{number}",
        "startTime": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "duration": 60 + number,
        "type": "Voice",
        "direction": "Inbound" if number % 3 else "Outbound",
        "from": {"phoneNumber": f"+1650555{number:04}", "name": f"Caller {number}"},
        "to": {"extensionNumber": "101", "name": "Front desk"},
        "recording": {
            "id": str(401500000000 + number),
            "type": "Automatic",
            "contentUri": base + PATH.format(id=401500000000 + number),
        },
        "somethingNew": {"of": "a later version"},
        **changes,
    }


@dataclass
class CallLog:
    """`records` are all that there is; `asked` the queries that came, `tokens` those with which content was fetched."""

    records: list[Any] = field(default_factory=list)
    most: int = 1000
    """A page never holds more, whatever is asked for."""
    navigates: bool = True
    """Answers say whether there is another page."""
    before_page: Callable[[int], None] = lambda _: None
    """Called with the number of each page before it is made."""
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """So many requests are answered with this status and these headers first."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of every page, such as those of the rate limits."""
    answer: Any = None
    """What is answered instead."""
    asked: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)

    def respond(self, request: web.Request) -> web.Response:
        """A page of the log."""
        self.asked.append(dict(request.query))
        self.paths.append(request.path)
        if self.refusals:
            status, headers = self.refusals.pop(0)
            return web.json_response({"errors": [{"errorCode": "CMN-301"}]}, status=status, headers=headers)
        if self.answer is not None:
            return web.json_response(self.answer)
        page, size = int(request.query["page"]), min(self.most, int(request.query["perPage"]))
        self.before_page(page)
        wanted = request.query.get("direction")
        records = [one for one in self.records if wanted is None or one["direction"] == wanted]
        shown = records[(page - 1) * size : page * size]
        answer: dict[str, Any] = {"uri": str(request.url), "records": shown, "paging": {"page": page, "perPage": size}}
        if self.navigates:
            more = {"nextPage": {"uri": "..."}} if page * size < len(records) else {}
            answer["navigation"] = {"firstPage": {"uri": "..."}, **more}
        return web.json_response(answer, headers=self.headers)

    def content(self, request: web.Request, known: list[str]) -> web.Response:
        """A recording, to whoever brings a token in the URL and nothing in the headers."""
        token = request.query.get("access_token")
        self.tokens.append(token)
        if token not in known or "Authorization" in request.headers:
            return web.json_response({"errors": [{"errorCode": "OAU-213"}]}, status=401)
        return web.Response(body=MP3, content_type="audio/mpeg")
