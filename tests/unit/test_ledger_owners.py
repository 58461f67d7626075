"""Who sends a job and asks for it: one question once, one gate to a submission, and what dead sessions leave."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from ledgers import SECOND, T0, Storage, delivery, record

from aijupyter.errors import JobExpiredError, load_error
from aijupyter.models import JobRecord, JobState, Owner, Selection
from aijupyter.protocols import LEASE_SECONDS, Ledger

pytest_plugins = ("ledger_fixtures",)

ME = Owner("me", "https://api.example", "", "my-host")
YOU = replace(ME, id="you", host="your-host")


async def states(ledger: Ledger) -> dict[str, str]:
    """The state of each job."""
    return {job.key: job.state for job in await ledger.jobs(Selection())}


@pytest.mark.parametrize("state", [*JobState])
async def test_the_same_question_finds_its_job(ledger: Ledger, state: JobState) -> None:
    """While it is under way, unconfirmed or succeeded; one that failed or was given up is asked anew."""
    first = record(fingerprint="f")
    assert await ledger.add(first) == first
    if state is not JobState.WRITTEN:
        await ledger.advance("k-1", state, at=T0)
    second = record("k-2", fingerprint="f", created=T0 + SECOND)
    again = await ledger.add(second)
    anew = state in {JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED}
    assert again.key == ("k-2" if anew else "k-1")
    assert await ledger.expects("path-of-k-2") == anew
    assert (await ledger.add(record("k-3", fingerprint="g"))).key == "k-3"


async def test_the_same_question_asked_afresh(ledger: Ledger) -> None:
    """Whoever wants another answer gets another job, and the newest is found from then on."""
    for key, seconds in (("k-1", 0), ("k-2", 1)):
        asked = record(key, fingerprint="f", created=T0 + seconds * SECOND)
        assert await ledger.add(asked, fresh=True) == asked
    assert (await ledger.add(record("k-3", fingerprint="f"))).key == "k-2"


async def test_questions_without_a_fingerprint_are_their_own(ledger: Ledger) -> None:
    """None finds nothing and is found by nothing."""
    assert [(await ledger.add(record(key))).key for key in ("k-1", "k-2")] == ["k-1", "k-2"]


async def test_one_question_from_two_sessions_at_once(ledger: Ledger, other: Ledger) -> None:
    """However they race, one job is written."""
    for number in range(15):
        keys = [f"k-{number}-{place}" for place in range(4)]
        asked = (
            (ledger, other)[place % 2].add(record(key, fingerprint=f"f-{number}")) for place, key in enumerate(keys)
        )
        assert len({job.key for job in await asyncio.gather(*asked)}) == 1
    assert await ledger.count(Selection()) == 15


async def test_one_gate_to_a_submission(ledger: Ledger, other: Ledger) -> None:
    """Of many that take a job at once, one gets it; nobody who is not its owner does."""
    await ledger.add(record(owner="me"))
    assert await ledger.take("k-1", "you", at=T0) is None
    assert await ledger.take("k-9", "me", at=T0) is None
    taken = await asyncio.gather(*(each.take("k-1", "me", at=T0) for each in (ledger, other) * 5))
    (job,) = [job for job in taken if job]
    assert job.state is JobState.SENDING
    assert job == await ledger.find("k-1")


async def test_advance_only_from(ledger: Ledger) -> None:
    """A step from another state is not made, and the job is told as it is."""
    await ledger.add(record())
    job = await ledger.advance("k-1", JobState.CANCELLED, at=T0, only_from={JobState.SENDING})
    assert job == record()
    job = await ledger.advance("k-1", JobState.CANCELLED, at=T0, only_from={JobState.WRITTEN})
    assert job.state is JobState.CANCELLED


async def test_written_again(ledger: Ledger) -> None:
    """A job that is to be sent anew loses its ids; the 202 of the submission that was given up gives it none."""
    await ledger.add(record(media="m"))
    await ledger.advance("k-1", JobState.SUBMITTED, at=T0, job_id="p-1", request_id="r-1")
    job = await ledger.advance("k-1", JobState.WRITTEN, at=T0, cause="again")
    assert job == record(media="m")
    job = await ledger.advance("k-1", JobState.SUBMITTED, at=T0, job_id="p-2", only_from={JobState.SENDING})
    assert job == record(media="m")


async def test_running_stays_running(ledger: Ledger) -> None:
    """The delivery was quicker than the 202: the ids are filled in, and the job runs."""
    await ledger.add(record())
    await ledger.accept(delivery(status="InProgress"))
    job = await ledger.advance("k-1", JobState.SUBMITTED, at=T0 + 9 * SECOND, job_id="p-1", request_id="r-1")
    assert (job.state, job.job_id, job.request_id) == (JobState.RUNNING, "p-1", "r-1")


async def test_a_job_that_ends_loses_its_media(ledger: Ledger) -> None:
    """It need not be opened again."""
    await ledger.add(record(media="m", host="h"))
    assert (await ledger.advance("k-1", JobState.CANCELLED, at=T0)).media is None


async def test_orphans_are_claimed_once(ledger: Ledger) -> None:
    """Jobs of nobody are handed over, the oldest first; a second time there is nothing."""
    await ledger.add(record("k-2", created=T0 + SECOND))
    await ledger.add(record())
    claimed = await ledger.claim(ME, at=T0)
    assert [job.key for job in claimed] == ["k-1", "k-2"]
    assert {job.owner for job in claimed} == {"me"}
    assert claimed[0] == await ledger.find("k-1")
    assert list(await ledger.claim(ME, at=T0 + SECOND)) == []
    assert list(await ledger.claim(YOU, at=T0 + SECOND)) == []


async def test_what_is_not_ones_own_business(ledger: Ledger) -> None:
    """Other servers, other accounts, what has ended, what is unconfirmed, and files of another machine stay."""
    await ledger.add(record("k-1", server="https://another.example"))
    await ledger.add(record("k-2", account="another"))
    await ledger.add(record("k-3", state=JobState.SUCCEEDED, ended=T0))
    await ledger.add(record("k-4", state=JobState.UNCONFIRMED))
    await ledger.add(record("k-5", host="your-host"))
    await ledger.add(record("k-6", host="your-host", state=JobState.SUBMITTED))
    assert [job.key for job in await ledger.claim(ME, at=T0)] == ["k-6"]


async def test_the_living_keep_their_jobs(storage: Storage, ledger: Ledger) -> None:
    """An owner that claims lives; one that has not for the lease is dead; one that was released is dead at once."""
    await ledger.claim(ME, at=T0)
    await ledger.add(record(owner="me"))
    assert list(await ledger.claim(YOU, at=T0 + SECOND)) == []
    storage.age(LEASE_SECONDS + 1)
    assert [job.key for job in await ledger.claim(YOU, at=T0 + SECOND)] == ["k-1"]
    await ledger.release("you")
    await ledger.release("you")
    assert [job.key for job in await ledger.claim(ME, at=T0 + SECOND)] == ["k-1"]


async def test_an_owner_lives_from_its_first_job_on(ledger: Ledger) -> None:
    """Also before it has claimed anything."""
    await ledger.add(record(owner="me"))
    assert list(await ledger.claim(YOU, at=T0 + SECOND)) == []


async def test_a_clock_that_was_ahead(storage: Storage, ledger: Ledger) -> None:
    """A last sign of life in the far future does not keep jobs for ever."""
    await ledger.add(record(owner="me"))
    storage.age(-3600)
    assert [job.key for job in await ledger.claim(YOU, at=T0)] == ["k-1"]


async def test_what_was_being_sent_is_unconfirmed(ledger: Ledger) -> None:
    """It may have left, so nobody sends it again; its history says why."""
    await ledger.add(record(owner="me"))
    await ledger.take("k-1", "me", at=T0)
    await ledger.release("me")
    assert list(await ledger.claim(YOU, at=T0 + SECOND)) == [await ledger.find("k-1")]
    assert await states(ledger) == {"k-1": "unconfirmed"}
    assert list(await ledger.claim(YOU, at=T0 + SECOND)) == []
    assert "session ended" in (await ledger.history("k-1"))[-1].cause


EMBEDDED = replace(ME, server="embedded:1", account="its service")


@pytest.mark.parametrize("state", [JobState.SENDING, JobState.SUBMITTED, JobState.RUNNING])
async def test_an_embedded_service_dies_with_its_session(ledger: Ledger, state: JobState) -> None:
    """What another one had is written again where its file is, keeping its path; without media it is lost."""
    for key, media in (("k-1", "m"), ("k-2", None)):
        await ledger.add(record(key, server="embedded:1", account="x", media=media, host="my-host", owner="gone"))
        await ledger.advance(key, state, at=T0, job_id=f"p-{key}", request_id="r")
    await ledger.release("gone")
    assert list(await ledger.claim(replace(EMBEDDED, host="your-host"), at=T0)) == []
    claimed = await ledger.claim(EMBEDDED, at=T0 + SECOND)
    again = record(server="embedded:1", account="its service", media="m", host="my-host", owner="me")
    lost = await ledger.find("k-2")
    assert list(claimed) == [again, lost]
    assert await ledger.find("k-1") == again
    assert (await ledger.history("k-1"))[-1].cause == "the embedded service that had it has ended"
    assert lost is not None
    assert (lost.state, lost.owner) == (JobState.EXPIRED, None)
    assert lost.error is not None
    error = load_error(lost.error)
    assert isinstance(error, JobExpiredError)
    assert "Ask again" in error.mend


async def test_an_embedded_service_that_lives_on(ledger: Ledger) -> None:
    """Sessions of one kernel share it: what one of them leaves is not asked again."""
    await ledger.add(record(server="embedded:1", account="its service", owner="gone"))
    await ledger.advance("k-1", JobState.SUBMITTED, at=T0, job_id="p-1")
    await ledger.release("gone")
    (job,) = await ledger.claim(EMBEDDED, at=T0)
    assert (job.state, job.job_id, job.owner) == (JobState.SUBMITTED, "p-1", "me")


async def test_two_that_claim_at_once(ledger: Ledger, other: Ledger) -> None:
    """Each orphan is handed to one of them."""
    keys = [f"k-{number:02}" for number in range(40)]
    for turn in range(5):
        await asyncio.gather(*(ledger.add(record(f"{turn}-{key}")) for key in keys))
        shares = await asyncio.gather(
            ledger.claim(ME, at=T0), other.claim(YOU, at=T0), ledger.claim(replace(ME, id="third"), at=T0)
        )
        claimed: list[JobRecord] = [job for share in shares for job in share]
        assert sorted(job.key for job in claimed) == [f"{turn}-{key}" for key in keys]


async def test_very_many_orphans(storage: Storage, ledger: Ledger) -> None:
    """More than the values that one statement takes are handed over together, and forgotten together."""
    storage.query(f"""INSERT INTO jobs (key, path, server, operation, recording, options, state, created)
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
        SELECT 'k-' || n, 'p-' || n, 'https://api.example', 'analyze', 'x.wav', '{{}}', 'sending', '{T0.isoformat()}'
        FROM numbers RETURNING 1""")
    claimed = await ledger.claim(ME, at=T0)
    assert len({job.key for job in claimed}) == 20_000
    assert set((await states(ledger)).values()) == {"unconfirmed"}
    assert len(await ledger.history("k-20000")) == 1
    assert await ledger.forget([job.key for job in claimed]) == 20_000


async def test_a_job_without_an_account_is_claimed(ledger: Ledger) -> None:
    """Ledgers of the first version knew no accounts: whoever asks the same server takes care of it, as its own."""
    await ledger.add(record(state=JobState.SUBMITTED, job_id="p-1"))
    (job,) = await ledger.claim(replace(ME, account="mine"), at=T0)
    assert (job.owner, job.account) == ("me", "mine")
    assert await ledger.find("k-1") == job


ASKED_AGAIN = {"fingerprint": "f", "owner": "me", "host": "here", "media": "mine", "account": "a"}


@pytest.mark.parametrize("owner", [None, "released", "silent"])
async def test_a_waiting_job_of_a_dead_session_is_taken_over(
    storage: Storage, ledger: Ledger, owner: str | None
) -> None:
    """Whoever asks the same sends it, with the recording as it is there now; its key and path stay."""
    await ledger.add(record(fingerprint="f", owner=owner, host="a host that is no more", media="theirs", account="b"))
    storage.age(LEASE_SECONDS + 1 if owner == "silent" else 0)
    if owner == "released":
        await ledger.release(owner)
    found = await ledger.add(record("k-2", created=T0 + SECOND, **ASKED_AGAIN))
    assert found == record(**ASKED_AGAIN) == await ledger.find("k-1")
    assert [step.cause for step in await ledger.history("k-1")] == ["asked", "asked again; taken over"]
    assert list(await ledger.claim(YOU, at=T0 + SECOND)) == []
    assert await ledger.take("k-1", "me", at=T0) is not None


async def test_what_is_not_taken_over(ledger: Ledger) -> None:
    """Jobs of the living, of the one who asks, and those that do not wait any more."""
    await ledger.claim(YOU, at=T0)
    await ledger.add(record(fingerprint="f", owner="you", media="m"))
    await ledger.add(record("k-2", fingerprint="g", owner="me", media="m"))
    await ledger.add(record("k-3", fingerprint="h", state=JobState.SUBMITTED))
    for key, fingerprint in (("k-1", "f"), ("k-2", "g"), ("k-3", "h")):
        before = await ledger.find(key)
        assert await ledger.add(record(f"{key}-again", **{**ASKED_AGAIN, "fingerprint": fingerprint})) == before
        assert len(await ledger.history(key)) == 1


async def test_two_that_take_over_at_once(ledger: Ledger, other: Ledger) -> None:
    """One of them gets the job, and the other one sees that."""
    for number in range(10):
        asked = {"fingerprint": f"f-{number}", "account": ""}
        await ledger.add(record(f"k-{number}", **asked))
        found = await asyncio.gather(
            *(each.add(record(f"{number}-{name}", owner=name, **asked)) for each, name in ((ledger, "a"), (other, "b")))
        )
        assert found[0] == found[1]
        assert found[0].owner in {"a", "b"}


async def test_claims_and_deliveries_do_not_lock_each_other_out(ledger: Ledger, other: Ledger) -> None:
    """They lock jobs in the same order, whatever their age."""
    for turn in range(5):
        keys = [f"k-{turn}-{number:03}" for number in range(100)]
        await asyncio.gather(*(ledger.add(record(key, created=T0 - n * SECOND)) for n, key in enumerate(keys)))
        claim = other.claim(replace(ME, id=f"me-{turn}"), at=T0)
        await asyncio.gather(claim, *(ledger.accept(delivery(key)) for key in keys))
