"""The short way of the usual delivery: a success for a job that is as this ledger saw it last.

It takes no look at the job first. One statement writes down all endings of a group, and a trigger of our connection
compares each job with what was seen: state, owner and ids, of which at least one changes whenever another ledger
changes the job; and nobody may have named its speakers. Where one differs nothing is changed, and the deliveries go the
long way. Python gives the interpreter
away at each statement, and must get it back from a loop that is busy; so one statement is worth more than a fast one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from aijupyter.envelope import Outcome
from aijupyter.ledger.rows import dump_time
from aijupyter.models import Delivery, JobRecord, JobState

_COLUMNS = (
    "job", "path", "was", "owner", "job_id", "submission",
    "at", "expires", "source", "request_id", "packing", "size", "body", "cause", "writer",
)  # fmt: skip

DEFINITIONS = (
    f"CREATE TEMP VIEW endings AS SELECT {', '.join(f'NULL AS {name}' for name in _COLUMNS)} WHERE FALSE",
    """
    CREATE TEMP TRIGGER ending INSTEAD OF INSERT ON endings WHEN NEW.job IS NOT NULL BEGIN
        UPDATE jobs SET state = 'succeeded', ended = NEW.at, expires = NEW.expires, media = NULL, error = NULL,
            answered = TRUE
        WHERE key = NEW.job AND path = NEW.path AND state = NEW.was AND owner IS NEW.owner AND job_id IS NEW.job_id
            AND request_id IS NEW.submission AND names IS NULL AND NOT answered;
        SELECT RAISE(ABORT, 'a job is not as it was') WHERE changes() = 0;
        INSERT INTO deliveries (job, received, source, request_id, is_answer, packing, size, body)
        VALUES (NEW.job, NEW.at, NEW.source, NEW.request_id, TRUE, NEW.packing, NEW.size, NEW.body);
        INSERT INTO history (job, at, state, cause, writer)
        VALUES (NEW.job, NEW.at, 'succeeded', NEW.cause, NEW.writer);
    END
    """,
)
"""What SQLite needs for the statement of `insert`, in each connection."""

_ROW = f"({', '.join('?' * len(_COLUMNS))})"
_NOTHING = (None,) * len(_COLUMNS)


class Ending(NamedTuple):
    """A delivery that may go the short way, the job as it was seen, the cause to note, and the body as it is to lie
    there (see `rows.pack`).
    """

    delivery: Delivery
    seen: JobRecord
    cause: str
    packed: tuple[int, int, bytes]


def is_usual(delivery: Delivery, seen: JobRecord) -> bool:
    """Whether the delivery ends the job if that is as it was seen, with nothing else to look at."""
    envelope = delivery.envelope
    return envelope.outcome is Outcome.SUCCESS and (envelope.job_id is None or envelope.job_id == seen.job_id)


def ended(ending: Ending) -> JobRecord:
    """The job as it is now."""
    delivery, seen, *_ = ending
    return JobRecord(
        seen.key,
        seen.path,
        seen.server,
        seen.operation,
        seen.recording,
        seen.options,
        JobState.SUCCEEDED,
        seen.created,
        seen.account,
        None,
        seen.host,
        seen.fingerprint,
        seen.owner,
        seen.job_id,
        seen.request_id,
        seen.submitted,
        delivery.received,
        delivery.envelope.expires,
        None,
        seen.source,
    )


def insert(endings: Sequence[Ending], writer: int) -> tuple[str, list[Any]]:
    """The statement that writes endings down, and its values."""
    values: list[Any] = []
    for delivery, seen, cause, packed in endings:
        expires = delivery.envelope.expires
        values += (seen.key, seen.path, seen.state.value, seen.owner, seen.job_id, seen.request_id)
        values += (dump_time(delivery.received), dump_time(expires) if expires else None, delivery.source.value)
        values += (delivery.request_id, *packed, cause, writer)
    # A few sizes only, so that the statements stay prepared.
    size = 1 << (len(endings) - 1).bit_length()
    values += _NOTHING * (size - len(endings))
    return _statement(size), values


@cache
def _statement(rows: int) -> str:
    return f"INSERT INTO endings VALUES {', '.join([_ROW] * rows)}"  # noqa: S608  # constants
