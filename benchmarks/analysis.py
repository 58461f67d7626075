"""How fast the local engine analyses a recording, and how much memory it takes.

    python benchmarks/analysis.py [FILE] [--model tiny.en] [--repeat 3]

prints the time to load the models, the real-time factor of a whole ANALYZE (seconds of work per second of audio, models
loaded, best and all of the repeats), and the peak memory of the process. FILE is the shipped sample by default.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

from aijupyter.models import AnalysisTask, Operation
from aijupyter.service.engines.local import LocalEngine

SAMPLE = Path(__file__).resolve().parents[1] / "aijupyter" / "samples" / "two-voices.mp3"
PACKAGES = ("faster-whisper", "ctranslate2", "onnxruntime", "numpy", "av")


def peak_megabytes() -> float | None:
    """The most memory this process ever had resident, in MiB; None where the system does not say (Windows)."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def seconds_of(file: Path) -> float:
    """The recording's length."""
    from aijupyter.service.engines.audio import opened  # noqa: PLC0415 - its import is part of the load time

    with opened(file) as tracks:
        return tracks[0].seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time and memory of the local engine's ANALYZE.")
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()

    system = f"{platform.system()}, Python {platform.python_version()}"
    print(f"machine    {platform.machine()}, {os.cpu_count()} cores, {system}")
    print("versions  ", ", ".join(f"{name} {version(name)}" for name in PACKAGES))
    engine = LocalEngine(options.model)
    engine.load(lambda _: None)  # fetches what has to be fetched, outside of the measurement
    started = time.perf_counter()
    engine = LocalEngine(options.model)
    engine.load(lambda _: None)
    print(f"load       {time.perf_counter() - started:.2f} s (files cached, packages imported)")

    length = seconds_of(options.file)
    task = AnalysisTask(Operation.ANALYZE, str(options.file), {"insights": ["All"]})
    factors = []
    for _ in range(options.repeat):
        started = time.perf_counter()
        engine.analyze(task, lambda _: None)
        factors.append((time.perf_counter() - started) / length)
    print(f"recording  {options.file.name}, {length:.1f} s")
    print(f"real-time  {min(factors):.3f} at best, of {', '.join(f'{factor:.3f}' for factor in factors)}")
    peak = peak_megabytes()
    print(f"memory     {f'{peak:.0f} MiB at most' if peak else 'not measured on this system'}")


if __name__ == "__main__":
    main()
