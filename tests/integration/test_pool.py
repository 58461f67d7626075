"""The service's workers as real processes: a pool that survives whatever one of them does, and a Dask cluster."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from until import until

from aijupyter.embedded import EmbeddedService
from aijupyter.errors import LocalExtraMissingError, MediaError, ServiceError, WorkerLostError
from aijupyter.models import AnalysisTask, Operation, VoicePrint
from aijupyter.service.pool import ProcessPool
from aijupyter.service.process import WorkerProcess
from aijupyter.service.workers import LIGHT_BYTES, Workers, hire

HERE = Path(__file__).parent
MOODY = "test_pool:MoodyEngine"
PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
DASK = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs the dask extra")


class SelfishError(Exception):
    """Cannot be unpickled."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


class MoodyEngine:
    """Does what the task's options say, whatever that does to its process."""

    operations = frozenset({Operation.ANALYZE, Operation.SUMMARIZE})

    def __init__(self, model: str, cache: object) -> None:
        self.model = model
        self.asked = 0

    def load(self, report: Callable[[str], None]) -> None:
        """Nothing to load."""
        report("Loading nothing.")

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> Any:
        """Print, report, and then end, grow, wait, fail or answer."""
        print("a library's own words")  # noqa: T201  # the point of it
        report(0.5)
        options = task.options
        if "pid" in options:
            Path(options["pid"]).write_text(str(os.getpid()))
        if "once" in options and not Path(options["once"]).exists():
            Path(options["once"]).touch()
            os._exit(7)
        if "exit" in options:
            os._exit(options["exit"])
        if "signal" in options:
            os.kill(os.getpid(), options["signal"])
        if "grow" in options:
            _grown = [bytes([1]) * (1 << 20) for _ in range(options["grow"])]
        wait_for(options.get("gate"))
        if "selfish" in options:
            raise SelfishError("this", "that")
        if "media" in options:
            raise MediaError(f"There is no audio in {task.audio}.", "Check the file.")
        self.asked += 1
        heard = len(Path(task.audio).read_bytes()) if task.audio else 0
        return {"model": self.model, "heard": heard, "asked": self.asked, "pid": os.getpid()}

    def voice_print(self, audio: str, known: VoicePrint | None = None) -> VoicePrint:
        """As long as the file."""
        return VoicePrint((1.0,), float(len(Path(audio).read_bytes())), 1.0)


def wait_for(gate: str | None) -> None:
    """Until a file is there."""
    while gate is not None and not Path(gate).exists():
        time.sleep(0.01)


def open_gate(gate: str) -> None:
    """Let those who wait for it go on."""
    Path(gate).touch()


def command_of(pid: int) -> list[str]:
    """What `ps` shows of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


def task(audio: Path | None = None, **options: Any) -> AnalysisTask:
    """A task with options for the engine."""
    return AnalysisTask(Operation.ANALYZE, str(audio) if audio else "", options)


class Hands:
    """Workers and what they told."""

    def __init__(self, workers: Workers, events: list[Any]) -> None:
        self.workers = workers
        self.events = events

    async def do(self, job_id: str = "job", audio: Path | None = None, **options: Any) -> dict[str, Any]:
        """The engine's answer, within a deadline."""
        answer: dict[str, Any] = json.loads(
            await asyncio.wait_for(self.workers.analyze(job_id, task(audio, **options)), 30)
        )
        return answer


@asynccontextmanager
async def hired(executor: str, engine: str = MOODY) -> AsyncIterator[Hands]:
    """Workers that are closed at the end."""
    events: list[Any] = []
    workers = hire(executor, engine, "the model", events.append)
    try:
        yield Hands(workers, events)
    finally:
        await workers.close()


def children(pid: int) -> set[int]:
    """The worker processes of a process that run, by their ids."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            command = stat.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == pid and state != "Z" and b"process_main" in command:
            found.add(int(stat.parent.name))
    return found


def gone(pid: int) -> bool:
    """Whether a process is no more, or only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def soon(condition: Callable[[], bool]) -> None:
    """Wait for a condition while the loop goes on."""
    await asyncio.to_thread(until, condition)


async def test_two_processes_share_the_work(tmp_path: Path) -> None:
    """Both work at once, each with one engine; what it prints disturbs nothing; news come, the loading once."""
    (tmp_path / "call").write_bytes(b"12345")
    async with hired("processes:2") as hands:
        assert hands.workers.parallel == 2
        assert hands.workers.operations == MoodyEngine.operations
        hands.workers.prepare()
        gate = str(tmp_path / "gate")
        pids = [str(tmp_path / name) for name in "ab"]
        jobs = [asyncio.create_task(hands.do(pid, tmp_path / "call", gate=gate, pid=pid)) for pid in pids]
        await soon(lambda: all(Path(pid).exists() for pid in pids))
        open_gate(gate)
        one, other = await asyncio.gather(*jobs)
        assert one["pid"] != other["pid"]
        assert (one["heard"], one["model"]) == (5, "the model")
        again = [await hands.do(str(number)) for number in range(3)]
        assert max(answer["asked"] for answer in again) > 1, "an engine is made once"
        assert {answer["pid"] for answer in again} <= {one["pid"], other["pid"]}
        assert (await hands.workers.voice_print(str(tmp_path / "call"), None)).speech_seconds == 5.0
    states = [event["state"] for event in hands.events if event["event"] == "models"]
    assert states == ["loading", "loading", "ready"]
    shares = {event["jobId"]: event["share"] for event in hands.events if event["event"] == "progress"}
    assert shares[pids[0]] == 0.5


@PROC
async def test_one_small_job_takes_one_process() -> None:
    """Memory is taken for as many as there is work for; `ps` tells what they are; in the end none is left."""
    async with hired("processes:4") as hands:
        hands.workers.prepare()
        pid = (await hands.do())["pid"]
        assert children(os.getpid()) == {pid}
        command = command_of(pid)
        assert "aijupyter.service.process_main" in command
        assert f"engine {MOODY}, 1 of 4" in command
    assert children(os.getpid()) == set()


@pytest.mark.parametrize(
    ("options", "words"),
    [({"exit": 3}, "exit status 3"), pytest.param({"signal": signal.SIGTERM}, "SIGTERM", marks=POSIX)],
)
async def test_a_crash_fails_one_job_alone(options: dict[str, Any], words: str) -> None:
    """The error says how it ended and what to do; those beside it and those after it are answered."""
    async with hired("processes:2") as hands:
        jobs = [hands.do("bad", **options), *(hands.do(str(number)) for number in range(4))]
        bad, *good = await asyncio.gather(*jobs, return_exceptions=True)
        assert isinstance(bad, WorkerLostError)
        assert words in bad.problem
        assert bad.mend
        assert all(isinstance(answer, dict) for answer in good), good
        assert [event["jobId"] for event in hands.events if event["event"] == "progress"].count("bad") == 2


@POSIX
async def test_a_process_killed_from_outside_loses_nothing(tmp_path: Path) -> None:
    """Its job is done once more by another; and an idle one that was killed is replaced without a word."""
    async with hired("processes:1") as hands:
        assert (await hands.do(once=str(tmp_path / "once")))["asked"] == 1
        pid, gate = tmp_path / "pid", str(tmp_path / "gate")
        job = asyncio.create_task(hands.do(pid=str(pid), gate=gate))
        await soon(lambda: pid.exists() and pid.read_text() != "")
        os.kill(int(pid.read_text()), signal.SIGKILL)
        open_gate(gate)
        answer = await job
        os.kill(answer["pid"], signal.SIGKILL)
        assert (await hands.do())["pid"] != answer["pid"]


@PROC
async def test_giving_a_job_up_ends_its_process(tmp_path: Path) -> None:
    """A computation without end does not hold its worker; one that waits in line just leaves it."""
    async with hired("processes:1") as hands:
        pid = tmp_path / "pid"
        endless = asyncio.create_task(hands.do(pid=str(pid), gate="/nonesuch"))
        await soon(lambda: pid.exists() and pid.read_text() != "")
        waiting = asyncio.create_task(hands.do(exit=1))
        last = asyncio.create_task(hands.do())
        await asyncio.sleep(0)
        waiting.cancel()
        endless.cancel()
        assert (await last)["asked"] == 1
        await soon(lambda: gone(int(pid.read_text())))
        assert len(children(os.getpid())) == 1


@PROC
async def test_too_much_memory_ends_the_job_alone() -> None:
    """The ceiling is told, and holds for each process."""
    pytest.importorskip("psutil")
    async with hired("processes:1:150MiB") as hands:
        with pytest.raises(WorkerLostError, match=r"MiB of memory.*\n.*--executor"):
            await hands.do(grow=400, gate="/nonesuch")
        assert (await hands.do())["asked"] == 1


@PROC
async def test_a_long_recording_does_not_hold_up_short_ones(tmp_path: Path) -> None:
    """While long ones have every worker, one more takes the short ones; long ones wait for each other."""
    long, short = tmp_path / "long", tmp_path / "short"
    short.write_bytes(b"1")
    with long.open("wb") as file:
        file.truncate(LIGHT_BYTES + 1)
    gate = str(tmp_path / "gate")
    async with hired("processes:1") as hands:
        jobs = [asyncio.create_task(hands.do(f"long {number}", long, gate=gate)) for number in range(2)]
        await soon(lambda: len(children(os.getpid())) == 1)
        assert [(await hands.do("short", short))["heard"] for _ in range(2)] == [1, 1]
        assert not [job for job in jobs if job.done()]
        assert [event["jobId"] for event in hands.events if "jobId" in event].count("long 1") == 0
        open_gate(gate)
        assert {answer["heard"] for answer in await asyncio.gather(*jobs)} == {LIGHT_BYTES + 1}
        await soon(lambda: len(children(os.getpid())) == 1)


async def test_first_come_first_served() -> None:
    """Jobs are begun in the order in which they came."""
    async with hired("processes:1") as hands:
        names = [str(number) for number in range(6)]
        await asyncio.gather(*(hands.do(name) for name in names))
        begun = [event["jobId"] for event in hands.events if event["event"] == "progress"]
        assert begun == names


async def test_an_engines_errors_come_through(tmp_path: Path) -> None:
    """As they are where they can travel, by name where they cannot; and the process goes on."""
    file = tmp_path / "call.wav"
    file.touch()
    async with hired("processes:1") as hands:
        pid = (await hands.do())["pid"]
        with pytest.raises(MediaError, match="no audio") as caught:
            await hands.do(audio=file, media=True)
        assert caught.value.mend == "Check the file."
        with pytest.raises(ServiceError, match="SelfishError: this that"):
            await hands.do(selfish=True)
        assert (await hands.do())["pid"] == pid


@PROC
async def test_closing_ends_what_is_under_way(tmp_path: Path) -> None:
    """Quickly, with an error for whoever waits, and twice without harm."""
    threads = set(threading.enumerate())
    pid = tmp_path / "pid"
    async with hired("processes:1") as hands:
        jobs = [asyncio.create_task(hands.do(pid=str(pid), gate="/nonesuch")) for _ in range(3)]
        await soon(lambda: pid.exists() and pid.read_text() != "")
        begun = time.monotonic()
        await hands.workers.close()
        assert time.monotonic() - begun < 5
        endings = await asyncio.gather(*jobs, return_exceptions=True)
        assert all(isinstance(ending, WorkerLostError) for ending in endings), endings
    await soon(lambda: {thread for thread in threading.enumerate() if thread.name.startswith("aijupyter")} <= threads)
    assert gone(int(pid.read_text()))


def test_the_pool_is_an_executor() -> None:
    """It maps, and leaving the block waits for what was submitted."""
    with ProcessPool(2, lambda label: WorkerProcess(label, 1, lambda _: None)) as pool:
        assert list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]
        last = pool.submit(partial(time.sleep), 0.1)
    assert last.done()
    assert last.exception() is None
    with pytest.raises(RuntimeError):
        pool.submit(abs, 1)


@pytest.mark.parametrize("executor", ["", "processes:", "processes:0", "processes:2:4GB", "threads", "processes:-1"])
def test_an_executor_that_is_not_there(executor: str) -> None:
    """The error names those that are."""
    with pytest.raises(ServiceError, match=r"no executor.*\n.*processes:2"):
        hire(executor, MOODY, "m", lambda _: None)


@PROC
@POSIX
def test_killing_the_service_ends_its_workers(tmp_path: Path) -> None:
    """SIGKILL leaves the service no chance to tell them; they go all the same, in the middle of a job too."""
    service = EmbeddedService(engine="test_pool:EndlessEngine", executor="processes:1")
    service.start()
    try:
        assert service.pid is not None
        until(lambda: len(children(service.pid or 0)) == 1)
        workers = children(service.pid)
        os.kill(service.pid, signal.SIGKILL)
        until(lambda: all(gone(pid) for pid in workers))
    finally:
        service.stop()


class EndlessEngine(MoodyEngine):
    """Computes without end, already when it is loaded."""

    def load(self, report: Callable[[str], None]) -> None:
        """Never returns."""
        while True:
            sum(range(1000))


@contextmanager
def dask_cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A real scheduler and two real workers on loopback: its address, and the scheduler's process."""
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE), str(HERE.parent)])
    as_nannies_do = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = os.environ | {"PYTHONPATH": path} | as_nannies_do
    file = folder / "scheduler.json"
    common = ("--scheduler-file", str(file), "--no-dashboard")

    def start(*command: str) -> subprocess.Popen[bytes]:
        with (folder / "dask.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command, *common], env=environment, stdout=log, stderr=log, cwd=folder
            )

    scheduler = start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
    worker = ("distributed.cli.dask_worker", "--host", "127.0.0.1", "--no-nanny", "--nthreads", "1")
    processes = [scheduler, start(*worker), start(*worker)]
    try:
        until(lambda: file.exists() and file.read_text().strip().endswith("}"))
        yield json.loads(file.read_text())["address"].removeprefix("tcp://"), scheduler
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


@DASK
async def test_a_dask_cluster_answers_as_the_pool_does(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same answers and errors, both workers used, news told, nothing printed; a lost scheduler is a clear error."""
    call = tmp_path / "call"
    call.write_bytes(b"12345")
    with dask_cluster(tmp_path) as (address, scheduler):
        async with hired(f"dask://{address}") as cluster, hired("processes:1") as pool:
            cluster.workers.prepare()
            gate, pids = str(tmp_path / "gate"), [str(tmp_path / name) for name in "ab"]
            jobs = [asyncio.create_task(cluster.do(pid, call, gate=gate, pid=pid)) for pid in pids]
            await soon(lambda: all(Path(pid).exists() for pid in pids))
            open_gate(gate)
            answers = await asyncio.gather(*jobs)
            assert len({answer.pop("pid") for answer in answers}) == 2
            local = await pool.do("job", call)
            local.pop("pid")
            assert [*answers, local] == [local] * 3
            errors = []
            for hands in (cluster, pool):
                with pytest.raises(MediaError) as caught:
                    await hands.do(audio=call, media=True)
                errors.append(str(caught.value))
            assert errors[0] == errors[1]
            voices = [await hands.workers.voice_print(str(call), None) for hands in (cluster, pool)]
            assert voices[0] == voices[1]
            await soon(lambda: {"ready", 0.5} <= {event.get("state", event.get("share")) for event in cluster.events})
            endless = asyncio.create_task(cluster.do(pid=str(tmp_path / "c"), gate="/nonesuch"))
            await soon((tmp_path / "c").exists)
            scheduler.kill()
            with pytest.raises(WorkerLostError, match=r"scheduler at .* was lost.*\n.*again"):
                await endless
    assert capfd.readouterr() == ("", "")


@DASK
def test_a_cluster_that_does_not_answer_is_named() -> None:
    """At the start already, with what to do."""
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1 does not answer.*\n.*dask scheduler"):
        hire("dask://127.0.0.1:1", MOODY, "m", lambda _: None)


def test_the_dask_extra_is_missed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without distributed, the error says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(LocalExtraMissingError, match=r"aijupyter\[dask\]"):
        hire("dask://127.0.0.1:1", MOODY, "m", lambda _: None)
