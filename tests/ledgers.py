"""Jobs and deliveries for tests of ledgers, and places for ledgers to stand on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from aijupyter.envelope import parse_envelope
from aijupyter.ledger.postgres import PostgresLedger
from aijupyter.models import Delivery, DeliverySource, JobRecord, JobState, Operation
from aijupyter.protocols import Ledger

T0 = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass
class Storage:
    """A place for ledgers, and a way to look into it past them."""

    make: Callable[[], Ledger]
    query: Callable[[str], list[Any]]

    @property
    def shared(self) -> bool:
        """Whether it is PostgreSQL, whose clock counts."""
        return isinstance(self.make(), PostgresLedger)

    def age(self, seconds: float) -> None:
        """Make every session's last sign of life older."""
        self.query(f"UPDATE sessions SET seen = seen - {seconds} RETURNING 1")


def record(key: str = "k-1", **fields: Any) -> JobRecord:
    """An intent, just written."""
    defaults: dict[str, Any] = {
        "key": key,
        "path": f"path-of-{key}",
        "server": "https://api.example",
        "recording": "Gespräch 1.wav",
        "operation": Operation.ANALYZE,
        "options": {"insights": ["All"]},
        "state": JobState.WRITTEN,
        "created": T0,
    }
    return JobRecord(**{**defaults, **fields})


def delivery(key: str = "k-1", status: str = "Success", *, path: str | None = None, **fields: Any) -> Delivery:
    """An answer on a job's path."""
    if status == "Success":
        fields.setdefault("response", {"transcript": "Grüß Gott."})
    request_id = fields.pop("request_id", "request-of-delivery")
    source = fields.pop("source", DeliverySource.WEBHOOK)
    body = json.dumps({"status": status, **fields}, ensure_ascii=False).encode()
    return Delivery(path or f"path-of-{key}", parse_envelope(body), body, source, T0 + 5 * SECOND, request_id)


def query_sqlite(path: Path, statement: str) -> list[Any]:
    """Rows of a statement, past the ledger."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as db:
        return db.execute(statement).fetchall()


def query_postgres(url: str, statement: str) -> list[Any]:
    """Rows of a statement, past the ledger."""
    with psycopg.connect(url, autocommit=True, options="-c search_path=aijupyter") as db:
        return db.execute(statement.encode()).fetchall()
