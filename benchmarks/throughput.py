"""How many recordings the embedded service's workers analyse in a minute, and how busy that keeps the cores.

    python benchmarks/throughput.py [--recordings 40] [--workers 2]

Short recordings (10 s each, cut from the shipped samples) go through a pool of one process, then of `--workers`. For
each are printed: jobs per minute; the processors' share that the processes used (100% is one core), and the same with
the time in which they were ready but others had the core (Linux only), which says more on a machine that is busy with
something else; and the memory of each process. Models are loaded before the clock starts.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import wave
from pathlib import Path

import psutil
from machine import describe

from aijupyter.models import AnalysisTask, Operation
from aijupyter.service.workers import Workers, hire, threads_each

SAMPLES = Path(__file__).resolve().parents[1] / "aijupyter" / "samples"
SECONDS = 10
RATE = 16_000


def cut(folder: Path, count: int) -> list[Path]:
    """Recordings of SECONDS each, different ones while the samples last."""
    from aijupyter.service.engines.audio import opened  # noqa: PLC0415 - needs the local extra

    pieces: list[Path] = []
    for sample in sorted(SAMPLES.glob("*.mp3")):
        with opened(sample) as (track,):
            samples = track.read(0.0, track.seconds)
        for start in range(0, len(samples) - SECONDS * RATE, SECONDS * RATE):
            piece = folder / f"{len(pieces)}.wav"
            with wave.open(str(piece), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes((samples[start : start + SECONDS * RATE] * 32767).astype("<i2").tobytes())
            pieces.append(piece)
    return [pieces[number % len(pieces)] for number in range(count)]


def used(processes: list[psutil.Process]) -> float:
    """The seconds of processor time that they have used."""
    return sum(process.cpu_times().user + process.cpu_times().system for process in processes)


def ready(processes: list[psutil.Process]) -> float:
    """The seconds that their threads ran or were ready to; nan where the system does not say."""
    total = 0.0
    for process in processes:
        for schedule in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            ran, waited, _ = schedule.read_text().split()
            total += (int(ran) + int(waited)) / 1e9
    return total or float("nan")


async def measure(size: int, recordings: list[Path]) -> float:
    """Analyse them all and print what it took. Gives jobs per minute."""
    workers = hire(f"processes:{size}", "local", "tiny.en", lambda _: None)
    try:
        workers.prepare()
        await asyncio.gather(*(_analyze(workers, recordings[0]) for _ in range(3 * size)))
        processes = psutil.Process().children()
        before, ready_before, started = used(processes), ready(processes), time.perf_counter()
        await asyncio.gather(*(_analyze(workers, recording) for recording in recordings))
        took = time.perf_counter() - started
        busy, willing = (used(processes) - before) / took, (ready(processes) - ready_before) / took
        memory = ", ".join(f"{process.memory_info().rss >> 20} MiB" for process in processes)
    finally:
        await workers.close()
    per_minute = 60 * len(recordings) / took
    print(
        f"{len(processes)} processes of {threads_each(size)} threads   {per_minute:6.1f} jobs/min, {took:5.1f} s,"
        f" processors {busy:4.0%} ({willing:4.0%} with those waited for),"
        f" {busy * took / len(recordings):.2f} s of processor time a job, {memory}"
    )
    return per_minute


async def _analyze(workers: Workers, recording: Path) -> None:
    task = AnalysisTask(Operation.ANALYZE, str(recording), {"insights": ["All"]})
    await workers.analyze(recording.stem, task)


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Throughput of the embedded service's workers.")
    parser.add_argument("--recordings", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    print(describe("faster-whisper", "ctranslate2", "numpy"))
    with tempfile.TemporaryDirectory() as folder:
        recordings = cut(Path(folder), options.recordings)
        one = await measure(1, recordings)
        several = await measure(options.workers, recordings)
    load = psutil.getloadavg()[0]
    print(f"{options.workers} against 1: {several / one:.2f} times as many (load average of the machine {load:.1f})")


if __name__ == "__main__":
    asyncio.run(main())
