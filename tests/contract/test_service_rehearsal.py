"""A rehearsal: the service misbehaves as the provider does, in the same way for the same seed, and loses nothing."""

from __future__ import annotations

import collections
import io
import os
import wave
from pathlib import Path

import pytest
from service_support import eventually, webhook
from serving import caller, serve

import aijupyter
from aijupyter.errors import ConfigurationError
from aijupyter.service.rehearsal import Rehearsal

POSIX = pytest.mark.skipif(os.name != "posix", reason="ends with POSIX signals")
JOBS = 100


def recording(number: int) -> bytes:
    """A recording of its own length for each number."""
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(8000)
        target.writeframes(bytes(2000 + 2 * number))
    return file.getvalue()


@POSIX
def test_a_session_gets_every_answer_from_a_misbehaving_service(tmp_path: Path) -> None:
    """A hundred jobs, each ended with its own answer, though deliveries are late, twice, lost, or without a name."""
    with serve(tmp_path, "--rehearse", "3/1", "--limit", "60/1") as served:
        assert "rehearses with seed 3" in served.said
        with aijupyter.connect(env_file=tmp_path / "service.env", poll_seconds=1) as ai:
            jobs = {number: ai.transcribe(recording(number)) for number in range(JOBS)}
            for number, job in jobs.items():
                assert job.result(timeout=60).text == f"{len(recording(number))} bytes", job.history
            assert set(ai.jobs()["state"]) == {"succeeded"}
        report = served.stop().splitlines()[-1]
    assert report.startswith(f"Rehearsal 3: {JOBS} jobs, ")
    for trouble in ("posted never", "posted twice", "late", "without a jobId", "before the 202", "502"):
        assert trouble in report
    assert "tokens withdrawn" in report


@POSIX
async def test_deliveries_misbehave(tmp_path: Path) -> None:
    """Seen from the webhook: some come twice, some never, some without a jobId, not in the order of submission."""
    came: list[tuple[str | None, str]] = []
    with serve(tmp_path, "--rehearse", "5/0.3", "--limit", "1000/1") as served:
        async with caller(served.env) as api, webhook() as hook:
            sent: list[str | None] = []
            while len(sent) < 60:
                answer = await api.submit("/ai/text/v1/async/punctuate", {"texts": [f"n{len(sent)}"]}, webhook=hook.url)
                if answer.status == 401:
                    await api.log_in()
                elif answer.status in {202, 502}:
                    sent.append(answer.json.get("jobId"))
            plan = Rehearsal("5", 0.3)
            expected = [plan.next_fate() for _ in range(60)]

            async def all_came() -> bool:
                while not hook.delivered.empty():
                    _, envelope = hook.delivered.get_nowait()
                    came.append((envelope.get("jobId"), envelope["response"]["texts"][0]))
                return len(came) >= sum(fate.copies for fate in expected)

            await eventually(all_came)
            for job_id in filter(None, sent):
                while (status := await api.status(job_id)).status != 200 or status.json["status"] != "Success":
                    if status.status == 401:
                        await api.log_in()
            report = served.stop()
    copies = collections.Counter(text for _, text in came)
    assert [copies[f"N{number}."] for number in range(60)] == [fate.copies for fate in expected]
    assert {0, 1, 2} == {fate.copies for fate in expected}
    assert sum(job_id is None for job_id, _ in came) == sum(fate.copies for fate in expected if fate.nameless)
    order = [int(text[1:-1]) for _, text in came]
    assert order != sorted(order)
    assert "calls answered 503" in report


def fates(seed: str) -> list[object]:
    """What befalls a hundred jobs and requests."""
    plan = Rehearsal(seed)
    return [(plan.next_fate(), plan.next_trouble(reads=True)) for _ in range(100)]


def test_the_same_seed_is_the_same_rehearsal() -> None:
    """And another one is another."""
    assert fates("7") == fates("7") != fates("8")


@pytest.mark.parametrize("seed", range(20))
def test_no_fate_keeps_an_answer_from_everybody(seed: int) -> None:
    """A lost delivery has an acceptance that names the job; a lost acceptance has a delivery."""
    plan = Rehearsal(str(seed))
    for _ in range(500):
        fate = plan.next_fate()
        assert not (fate.unanswered and fate.copies == 0)
        assert not (fate.early and (fate.copies == 0 or fate.late_seconds or fate.slow_seconds))
        assert max(fate.slow_seconds, fate.late_seconds) <= plan.longest_seconds


def test_what_it_did_is_told() -> None:
    """In words, with figures that add up."""
    plan = Rehearsal("1")
    lost = sum(plan.next_fate().copies == 0 for _ in range(200))
    assert f"200 jobs, 0 requests; {lost} posted never" in plan.report()
    assert "no trouble" in Rehearsal("1").report()


@pytest.mark.parametrize("text", ["", "/3", "7/x", "7/-1", "7/1e9"])
def test_what_is_no_rehearsal(text: str) -> None:
    """Is refused with what it should be."""
    with pytest.raises(ConfigurationError, match="seed"):
        Rehearsal.parse(text)
