"""Deliveries that are held: kept, and no answer until the status call says the same."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from aijupyter.envelope import Envelope, Outcome, parse_envelope
from aijupyter.errors import NoAnswerError, dump_error
from aijupyter.ledger.database import Database
from aijupyter.ledger.rows import Kept, chunks, listed, plain, storable, unpack
from aijupyter.models import Delivery, DeliverySource, JobState

HELD = "said by webhook; the status call must say the same"
NAMELESS = "An answer came that names no job, so no status call can confirm it; job.cancel() gives the job up."
CONFIRMED = "answered by the status call, as the webhook had said"
CONTRADICTED = "answered by the status call; the webhook had said otherwise"

_FINAL = {Outcome.SUCCESS, Outcome.FAIL}


def must_wait(kept: Kept, delivery: Delivery) -> bool:
    """Whether a delivery that is to be verified must not count yet: it would end its job, or give it an id."""
    if kept.answered or delivery.source is DeliverySource.STATUS:
        return False
    outcome = delivery.envelope.outcome
    return outcome in _FINAL or (outcome is Outcome.IN_PROGRESS and kept.record.job_id is None)


def nameless(kept: Kept, delivery: Delivery) -> dict[str, Any] | None:
    """The error of a job of which nobody knows an id; None where one is known, or claimed."""
    if kept.record.state is not JobState.UNCONFIRMED or kept.record.job_id or delivery.envelope.job_id:
        return None
    return plain(dump_error(NoAnswerError(NAMELESS)))


def differs(db: Database, key: str, envelope: Envelope) -> bool | None:
    """Whether none of the deliveries held for a job says what the status call does; None where none is held."""
    numbers = _held_of(db, key)
    said = (_read(db, number) for number in numbers)
    return not any(_same(envelope, held) for held in said) if numbers else None


def held(db: Database, keys: Collection[str]) -> dict[str, str | None]:
    """Those of the jobs that have no answer and a held delivery, with their id: the known one, or the last claimed."""
    found: dict[str, str | None] = {}
    for some in chunks([key for key in dict.fromkeys(keys) if storable(key)]):
        where = f"key IN {listed(len(some))} AND NOT answered AND repeats > 0"
        rows = db.rows(f"SELECT key, job_id FROM jobs WHERE {where}", some)  # noqa: S608  # constants
        found |= {key: job_id or _claimed(db, key) for key, job_id in rows}
    return found


def _claimed(db: Database, key: str) -> str | None:
    claims = (_read(db, number).job_id for number in _held_of(db, key))
    return next((claim for claim in claims if claim is not None and storable(claim)), None)


def _held_of(db: Database, key: str) -> list[int]:
    """The newest first. One body is read at a time, for each may be large."""
    query = "SELECT id FROM deliveries WHERE job = ? AND NOT is_answer AND source = ? ORDER BY id DESC"
    return [number for (number,) in db.rows(query, (key, str(DeliverySource.WEBHOOK)))]


def _read(db: Database, number: int) -> Envelope:
    ((packing, body),) = db.rows("SELECT packing, body FROM deliveries WHERE id = ?", (number,))
    return parse_envelope(unpack(packing, body))


def _same(one: Envelope, other: Envelope) -> bool:
    return one.outcome is other.outcome and one.response == other.response
