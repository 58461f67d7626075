"""The short way of an answer: jobs as their ledger saw them last, and what happens where they are not so any more."""

from __future__ import annotations

import asyncio

import pytest
from ledgers import SECOND, T0, delivery, record

from aijupyter.models import JobState, Verdict
from aijupyter.protocols import Ledger

pytest_plugins = ("ledger_fixtures",)


@pytest.mark.parametrize("number", [1, 2, 3, 9, 100])
async def test_many_at_once(ledger: Ledger, number: int) -> None:
    """Each gets the receipt of its own job, as the ledger has it, with its answer and its step."""
    keys = [f"k-{place}" for place in range(number)]
    await asyncio.gather(*(ledger.add(record(key)) for key in keys))
    await asyncio.gather(*(ledger.advance(key, JobState.SUBMITTED, at=T0, job_id=f"p-{key}") for key in keys))
    came = [delivery(key, jobId=f"p-{key}", expirationTime="2027-01-01T00:00:00Z") for key in keys]
    receipts = await asyncio.gather(*map(ledger.accept, came))
    for key, brought, receipt in zip(keys, came, receipts, strict=True):
        assert receipt.verdict is Verdict.ANSWERED
        assert receipt.record == await ledger.find(key)
        assert await ledger.answer(key) == brought.body
        steps = await ledger.history(key)
        assert [step.state for step in steps] == [JobState.WRITTEN, JobState.SUBMITTED, JobState.SUCCEEDED]
        assert steps[-1].cause == "answered by webhook"


async def test_changed_by_another_ledger(ledger: Ledger, other: Ledger) -> None:
    """What another ledger wrote meanwhile is in the receipt, also that of a neighbour in the same group."""
    await asyncio.gather(*(ledger.add(record(key)) for key in ("k-1", "k-2")))
    await other.advance("k-1", JobState.RUNNING, at=T0 + SECOND, job_id="p-1", request_id="r-1")
    receipts = await asyncio.gather(ledger.accept(delivery("k-1", jobId="p-1")), ledger.accept(delivery("k-2")))
    assert [receipt.verdict for receipt in receipts] == [Verdict.ANSWERED, Verdict.ANSWERED]
    assert receipts[0].record == await other.find("k-1")
    assert receipts[0].record is not None
    assert (receipts[0].record.request_id, receipts[0].record.submitted) == ("r-1", T0 + SECOND)
    assert len(await ledger.history("k-1")) == 3


async def test_answered_through_another_ledger(ledger: Ledger, other: Ledger) -> None:
    """The first answer stays; the second is its repeat."""
    await ledger.add(record())
    first, second = delivery(response={"n": 1}), delivery(response={"n": 2})
    assert (await other.accept(first)).verdict is Verdict.ANSWERED
    assert (await ledger.accept(second)).verdict is Verdict.REPEATED
    assert await ledger.answer("k-1") == first.body


async def test_forgotten_through_another_ledger(ledger: Ledger, other: Ledger) -> None:
    """An answer for a job that is gone becomes a stray."""
    await ledger.add(record())
    await other.forget(["k-1"])
    assert (await ledger.accept(delivery())).verdict is Verdict.STRAYED


async def test_two_answers_at_once(ledger: Ledger) -> None:
    """The first of a group is the answer, what comes with it a repeat, also where the job was looked at in between."""
    await ledger.add(record())
    first, second = delivery(response={"n": 1}), delivery(response={"n": 2})
    looked = ledger.find("k-1")
    one, _, two = await asyncio.gather(ledger.accept(first), looked, ledger.accept(second))
    assert (one.verdict, two.verdict) == (Verdict.ANSWERED, Verdict.REPEATED)
    assert await ledger.answer("k-1") == first.body
