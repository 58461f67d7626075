"""The storm: jobs through a misbehaving provider, while their kernel is killed and its ledger's disk is in trouble."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clock import WrongClock
from judge import Court, Life, Span, states
from kernel import Kernel
from plan import Event, Plan, make_plan
from provider import CREDENTIALS, StormProvider
from records import Record
from trouble import fill, lock, small_disk
from waiting import until
from wire import make_wav

POLL_SECONDS = 0.2
CALM_SECONDS = 90.0
FIXED_PORTS = (20000, 30000)
"""Below those that systems give out by themselves."""


class StormError(Exception):
    """The storm could not go on: a kernel ended by itself, or something hung."""


@dataclass
class Report:
    """What came of it: everything that is wrong, and the counts."""

    seed: int
    jobs: int
    wrong: list[str] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)


def storm(seed: int, jobs: int, *, long: bool = False) -> Report:
    """One storm, from its first recording to its judgement. Bounded: it ends by itself, whatever happens."""
    plan = make_plan(seed, jobs, long=long)
    with tempfile.TemporaryDirectory(prefix="storm-") as name:
        folder = Path(name)
        (folder / "recordings").mkdir()
        for number in range(jobs):
            (folder / "recordings" / f"recording-{number:05}.wav").write_bytes(make_wav(seed, number))
        with small_disk(folder / "disk", 128 + 32 * (jobs // 250)) as no_disk:
            return asyncio.run(_Storm(plan, folder, no_disk, long=long).run())


class _Storm:
    def __init__(self, plan: Plan, folder: Path, no_disk: str, *, long: bool) -> None:
        self._plan = plan
        self._folder = folder
        self._no_disk = no_disk
        self._ledger = folder / "disk" / "ledger.db"
        self._port = _free_port()
        self._clock = WrongClock(folder / "clock")
        self._patience = 120.0 + 0.1 * len(plan.courses) + 60.0 * long
        self._begun = time.monotonic()
        self._lives: list[Life] = []
        self._kernels: list[Kernel] = []
        self._troubles: list[Span] = []
        self._skipped = [f"wrong clock of the kernel: {self._clock.missing}"] if self._clock.missing else []
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> Report:
        report = Report(self._plan.seed, len(self._plan.courses))
        held: dict[str, Any] = {"jobs": [], "strays": 0}
        async with StormProvider(self._plan) as provider:
            self._provider = provider
            try:
                async with asyncio.timeout(self._patience):
                    await self._through()
                held = await self._held("work")
            except (StormError, TimeoutError) as error:
                report.wrong.append(str(error) or f"not at its end after {self._patience:.0f} s: {self._where()}")
                await self._kernels[-1].dump()
            finally:
                await self._calm_down()
        if not report.wrong:
            rows = await self._read()  # the provider is gone: whatever is read comes from the ledger
            court = Court(self._plan, provider.record, self._lives, self._troubles, rows["jobs"])
            report.wrong = court.judge() + self._disagreements(held["jobs"], rows["jobs"])
            report.counts |= self._counts(court, rows)
        report.counts["seconds"] = round(time.monotonic() - self._begun)
        if report.wrong:
            report.wrong.append("the kernel's log ends: " + self._kernels[-1].tail())
        return report

    async def _through(self) -> None:
        """From the first life to the end of the last."""
        await self._start("fixed")
        for event in self._plan.events:
            await self._until_decided(event.at)
            if event.kind == "kill":
                await asyncio.sleep(event.seconds)
                await self._kill(event)
            elif event.kind == "clock":
                self._clock.set(event.seconds)
            else:
                task = asyncio.create_task(self._trouble(event))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
        await asyncio.gather(*self._running)
        kernel = self._kernels[-1]
        await until(lambda: "ended" in kernel.said or not kernel.alive, self._patience)
        self._check()
        if not await until(lambda: not self._provider.courier.pending, CALM_SECONDS):
            raise StormError("the provider does not come to an end")
        status = await kernel.finish()
        self._lives.append(Life(kernel.begun, time.monotonic(), killed=False))
        if status != 0:
            raise StormError(f"the last kernel ended with {status}")

    async def _start(self, port: str) -> None:
        self._provider.life = len(self._lives)
        self._kernels.append(await self._launch("work", self._port if port == "fixed" else 0))

    async def _launch(self, mode: str, port: int) -> Kernel:
        arguments = {"server_url": self._provider.url, "ledger": str(self._ledger), "port": port}
        order = {
            "mode": mode,
            "connect": {**CREDENTIALS, **arguments, "poll_seconds": POLL_SECONDS},
            "recordings": str(self._folder / "recordings"),
            "seconds": self._patience,
            "out": str(self._folder / f"{mode}.json"),
        }
        kernel = Kernel(order, self._folder / "kernel.log", self._clock.environment)
        await kernel.start()
        return kernel

    async def _kill(self, event: Event) -> None:
        for pause in (0.0, event.soon_again):
            if pause is not None:
                await asyncio.sleep(pause)
                self._check()
                kernel = self._kernels[-1]
                await kernel.kill()
                self._lives.append(Life(kernel.begun, time.monotonic(), killed=True))
                await self._start(event.port)

    async def _trouble(self, event: Event) -> None:
        begun = time.monotonic()
        if event.kind == "locked":
            await lock(self._ledger, event.seconds)
        elif self._no_disk:
            self._skipped.append(f"full disk: {self._no_disk}")
            return
        else:
            refused = self._refused()
            await fill(self._ledger.parent, event.seconds, lambda: self._refused() > refused)
        self._troubles.append(Span(event.kind, begun, time.monotonic()))

    def _refused(self) -> int:
        """How many deliveries could not be written down."""
        return sum(post.code == 503 for _, post in self._provider.record.posts())

    async def _until_decided(self, share: float) -> None:
        """Wait until so large a share of the recordings has been submitted."""
        enough = share * len(self._plan.courses)
        decided, kernel = self._provider.record.decided, self._kernels[-1]
        await until(lambda: len(decided) >= enough or not kernel.alive, self._patience)
        self._check()

    def _check(self) -> None:
        if not self._kernels[-1].alive:
            raise StormError("the kernel ended by itself")

    async def _calm_down(self) -> None:
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for kernel in self._kernels:
            await kernel.kill()

    async def _read(self) -> dict[str, Any]:
        """What a new session finds in the ledger, without the network."""
        kernel = await self._launch("read", 0)
        try:
            if await kernel.finish() != 0:
                raise StormError("the ledger could not be read back: " + kernel.tail())
        finally:
            await kernel.kill()
        return await self._held("read")

    async def _held(self, mode: str) -> dict[str, Any]:
        text = await asyncio.to_thread((self._folder / f"{mode}.json").read_text)
        told: dict[str, Any] = json.loads(text)
        for row in told["jobs"]:
            row["number"] = int(Path(row["recording"]).stem.rpartition("-")[2])
        return told

    def _disagreements(self, held: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[str]:
        """Where the last kernel's handles said something else than the ledger does."""
        ledger = {row["key"]: row for row in rows}
        numbers = {row["number"] for row in held}
        wrong = [f"recording {n} had no handle" for n in range(len(self._plan.courses)) if n not in numbers]
        for row in held:
            there = ledger.get(row["key"])
            if there is None or (row["state"], row["text"]) != (there["state"], there["text"]):
                wrong.append(
                    f"recording {row['number']}: the handle held {row['state']}, {row['text']!r}; not so there"
                )
        return wrong

    def _where(self) -> str:
        """How far it came, for the message of one that hangs."""
        kernel, record = self._kernels[-1], self._provider.record
        return (
            f"{len(record.decided)} recordings submitted, {self._provider.courier.pending} deliveries pending, "
            f"life {len(self._lives)}, which said {kernel.said}; in a penalty came {record.broken_penalties[:3]}"
        )

    def _counts(self, court: Court, rows: dict[str, Any]) -> dict[str, Any]:
        record = self._provider.record
        first_valid = Counter(post.valid and post.code == 200 for _, post in record.posts())
        told = sum(submission.acknowledged for submission in record.submissions.values())
        answers = Counter(request.answer for one in record.submissions.values() for request in one.requests)
        codes = Counter(f"{'right' if post.valid else 'wrong'} {post.code or 'none'}" for _, post in record.posts())
        return {
            "jobs": len(self._plan.courses),
            "planned": self._plan.counts(),
            "kills": sum(life.killed for life in self._lives),
            "troubles": dict(Counter(span.kind for span in self._troubles)),
            "kernel's clock": "true to the end" if self._clock.missing else "jumped 3 times by hours",
            "skipped": self._skipped,
            "submissions answered": dict(sorted(answers.items())),
            "accepted": len(record.by_job_id),
            "deliveries answered": dict(sorted(codes.items())),
            "repeats": first_valid[True] - told,
            "answered out of order": _overtaken(record),
            "status calls": record.status_calls,
            "status calls in trouble": record.status_troubles,
            "tokens": record.tokens,
            "penalties": record.penalties,
            "requests in a penalty, unknowing": record.unknowing,
            "asked again for the ledger's sake": sum(kernel.again for kernel in self._kernels),
            "ledger": states(rows["jobs"]),
            "ledger rows": len(rows["jobs"]),
            "killed before it could be written": court.doubts,
            "killed before they arrived": court.lost,
            "strays": rows["strays"],
        }


def _overtaken(record: Record) -> int:
    """How many first answers came after one to a job that was accepted later."""
    firsts = [
        (min(post.at for post in one.posts if post.valid and post.code == 200), one.accepted)
        for one in record.submissions.values()
        if one.acknowledged
    ]
    latest, overtaken = 0.0, 0
    for _, accepted in sorted(firsts):
        overtaken += accepted < latest
        latest = max(latest, accepted)
    return overtaken


def _free_port() -> int:
    """A port that is free just now, for a kernel that keeps its address; not by the seed, for storms side by side."""
    chance = random.SystemRandom()
    for _ in range(100):
        port = chance.randrange(*FIXED_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise StormError("no port is free")
