"""Deliveries that are to be verified: held until the status call says the same."""

from __future__ import annotations

import asyncio

import pytest
from ledgers import SECOND, T0, Storage, delivery, record

from aijupyter.ledger.deliveries import REPEATS_KEPT
from aijupyter.models import DeliverySource, JobState, Verdict
from aijupyter.protocols import Ledger

pytest_plugins = ("ledger_fixtures",)


async def submitted(ledger: Ledger, key: str = "k-1", **ids: str) -> None:
    """A job that was sent, and accepted where it has an id."""
    await ledger.add(record(key, owner="me"))
    await ledger.take(key, "me", at=T0 + SECOND)
    state = JobState.SUBMITTED if ids else JobState.UNCONFIRMED
    await ledger.advance(key, state, at=T0 + 2 * SECOND, **ids)


@pytest.mark.parametrize("status", ["Success", "Fail"])
async def test_a_delivery_is_held(ledger: Ledger, other: Ledger, status: str) -> None:
    """It is kept, says nothing yet, is in the history, and another session on the ledger finds it."""
    await submitted(ledger, job_id="j-1")
    receipt = await ledger.accept(delivery(status=status, jobId="j-1"), verify=True)
    assert receipt.verdict is Verdict.HELD
    assert receipt.record is not None
    assert receipt.record.state is JobState.SUBMITTED
    assert await ledger.answer("k-1") is None
    assert [step.cause for step in await ledger.history("k-1")][-1].startswith("said by webhook")
    assert await other.held(["k-1", "k-2"]) == {"k-1": "j-1"}
    assert await other.find("k-1") == receipt.record


@pytest.mark.parametrize("same", [True, False])
async def test_the_status_calls_word_counts(ledger: Ledger, same: bool) -> None:
    """Its answer ends the job, and it is told whether the delivery had said the same."""
    await submitted(ledger, job_id="j-1")
    await ledger.accept(delivery(jobId="j-1", response={"transcript": "Forged."}), verify=True)
    said = {"transcript": "Forged." if same else "True."}
    status = delivery(jobId="j-1", response=said, source=DeliverySource.STATUS, expirationTime="2026-12-01T00:00:00Z")
    receipt = await ledger.accept(status, verify=True)
    assert (receipt.verdict, receipt.confirmed) == (Verdict.ANSWERED, same)
    assert await ledger.answer("k-1") == status.body
    cause = [step.cause for step in await ledger.history("k-1")][-1]
    assert cause.endswith("as the webhook had said" if same else "said otherwise")
    assert await ledger.held(["k-1"]) == {}
    assert (await ledger.accept(delivery(jobId="j-1"), verify=True)).verdict is Verdict.REPEATED


async def test_the_short_way_is_for_what_counts_at_once(ledger: Ledger) -> None:
    """A job that this ledger has just seen is no exception, and where nothing was held nothing is compared."""
    await submitted(ledger, job_id="j-1")
    await submitted(ledger, "k-2", job_id="j-2")
    await submitted(ledger, "k-3", job_id="j-3")
    status = delivery("k-2", jobId="j-2", source=DeliverySource.STATUS)
    held, polled, plain = await asyncio.gather(
        ledger.accept(delivery(jobId="j-1"), verify=True),
        ledger.accept(status, verify=True),
        ledger.accept(delivery("k-3", jobId="j-3")),
    )
    assert [held.verdict, polled.verdict, plain.verdict] == [Verdict.HELD, Verdict.ANSWERED, Verdict.ANSWERED]
    assert polled.confirmed is None
    assert [step.cause for step in await ledger.history("k-2")][-1] == "answered by the status call"


async def test_a_claim_gives_no_id(ledger: Ledger) -> None:
    """Of a job whose 202 was lost nobody knows the id: what a delivery claims is for the status call to say."""
    await submitted(ledger)
    for status in ("InProgress", "Success"):
        receipt = await ledger.accept(delivery(status=status, jobId="claimed"), verify=True)
        assert receipt.verdict is Verdict.HELD
        assert receipt.record is not None
        assert (receipt.record.state, receipt.record.job_id) == (JobState.UNCONFIRMED, None)
    assert await ledger.held(["k-1"]) == {"k-1": "claimed"}
    end = await ledger.accept(delivery(jobId="true", source=DeliverySource.STATUS), verify=True)
    assert end.record is not None
    assert (end.record.state, end.record.job_id) == (JobState.SUCCEEDED, "true")


async def test_a_delivery_without_any_id(ledger: Ledger) -> None:
    """It is held, and the job says that nobody can confirm it, and what to do."""
    await submitted(ledger)
    receipt = await ledger.accept(delivery(), verify=True)
    assert receipt.verdict is Verdict.HELD
    assert receipt.record is not None
    assert receipt.record.error is not None
    assert "job.cancel()" in receipt.record.error["problem"]
    assert await ledger.held(["k-1"]) == {"k-1": None}


async def test_what_is_under_way_runs(ledger: Ledger) -> None:
    """That a job runs is no answer: it is noted as ever, where the id is known."""
    await submitted(ledger, job_id="j-1")
    receipt = await ledger.accept(delivery(status="InProgress", jobId="j-1"), verify=True)
    assert receipt.verdict is Verdict.NOTED
    assert receipt.record is not None
    assert receipt.record.state is JobState.RUNNING


async def test_a_flood_is_kept_up_to_the_limit(storage: Storage, ledger: Ledger) -> None:
    """Who knows one path cannot fill the disk, nor the history."""
    await submitted(ledger, job_id="j-1")
    for number in range(REPEATS_KEPT + 5):
        receipt = await ledger.accept(delivery(jobId="j-1", response={"transcript": str(number)}), verify=True)
        assert receipt.verdict is Verdict.HELD
    assert storage.query("SELECT COUNT(*) FROM deliveries")[0][0] == REPEATS_KEPT
    assert len(await ledger.history("k-1")) == 3 + REPEATS_KEPT
