"""Group commit: all calls that wait in one transaction, with one flush to the disk.

When one of them fails they are done again, each in a savepoint of its own, so that it fails alone. When the transaction
as a whole fails, they are done again one by one. That is safe because nothing of a transaction stays that was rolled
back, and because a call does nothing but what the transaction holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from aijupyter.errors import AIJupyterError
from aijupyter.ledger.database import Database
from aijupyter.ledger.worker import Call, Kind


def run_calls(db: Database, calls: Sequence[Call]) -> None:
    """Do calls in their order. What becomes of each is in it; nothing is raised."""
    for alone, group in groupby(calls, key=lambda call: call.kind is Kind.ALONE):
        if alone:
            for call in group:
                _try(db, call)
        else:
            _run_group(db, list(group))


def _run_group(db: Database, calls: list[Call]) -> None:
    if all(call.kind is Kind.READ for call in calls):
        for call in calls:
            _try(db, call)
        return
    if _at_once(db, calls):
        return
    for guarded in (False, True):
        try:
            _in_one_transaction(db, calls, guarded=guarded)
        except Exception as error:  # noqa: BLE001  # it belongs to whoever asked
            if len(calls) == 1 or not db.begun or db.broken:
                _fail(db, calls, error)
                return
        else:
            return
    for call in calls:
        _run_group(db, [call])


def _at_once(db: Database, calls: list[Call]) -> bool:
    """Try to do a group of calls that are all alike without a transaction around them. Whether it is over with them."""
    at_once = calls[0].at_once
    if at_once is None or any(call.at_once is not at_once for call in calls):
        return False
    try:
        results = at_once(db, [call.arguments[0] for call in calls])
    except Exception as error:  # noqa: BLE001  # it belongs to whoever asked
        _fail(db, calls, error)
        return True
    for call, result in zip(calls, results or (), strict=False):
        call.result = result
    return results is not None


def _in_one_transaction(db: Database, calls: list[Call], *, guarded: bool) -> None:
    db.changed.clear()
    db.begin()
    try:
        for call in calls:
            call.error = None
        if guarded:
            for call in calls:
                _guarded(db, call)
        else:
            for unit in _units(calls):
                _do(db, unit)
        db.commit()
    except BaseException:
        db.rollback()
        raise
    if db.scrub_due and not db.scrub_pause:
        db.scrub()


def _units(calls: list[Call]) -> Iterator[list[Call]]:
    """Neighbours that one call of their function does, the others each on its own."""
    for merged, group in groupby(calls, key=lambda call: call.function if call.kind is Kind.MERGED else None):
        if merged:
            yield list(group)
        else:
            yield from ([call] for call in group)


def _do(db: Database, unit: list[Call]) -> None:
    """Do a unit. A refusal in our own words has written nothing and is an outcome like another."""
    first = unit[0]
    if first.kind is Kind.MERGED:
        results = first.function(db, [call.arguments[0] for call in unit])
        for call, result in zip(unit, results, strict=True):
            call.result = result
        return
    try:
        first.result = first.function(db, *first.arguments)
    except AIJupyterError as error:
        first.error = error


def _guarded(db: Database, call: Call) -> None:
    db.do("SAVEPOINT one_call")
    told = len(db.changed)
    try:
        _do(db, [call])
    except Exception as error:
        if db.broken:
            raise
        db.do("ROLLBACK TO SAVEPOINT one_call")  # fails where the whole transaction was rolled back, and then so do all
        del db.changed[told:]
        _fail(db, [call], error)
    db.do("RELEASE SAVEPOINT one_call")


def _try(db: Database, call: Call) -> None:
    call.error = None
    was_broken = db.broken
    try:
        call.result = call.function(db, *call.arguments)
    except BaseException as error:  # noqa: BLE001  # it belongs to whoever asked
        if call.kind is Kind.READ and db.broken and not was_broken:
            _try(db, call)  # the server was restarted since; that is noticed only now
        else:
            _fail(db, [call], error)


def _fail(db: Database, calls: Sequence[Call], error: BaseException) -> None:
    for call in calls:
        known = isinstance(error, AIJupyterError) or not isinstance(error, Exception)
        call.error = error if known else (db.explain(error) or error)  # type: ignore[arg-type]  # an Exception
