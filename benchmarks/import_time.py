"""How long `import aijupyter` takes beyond the bare interpreter, and which heavy packages it loads (none)."""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time

RUNS = 20
HEAVY = ("pandas", "numpy", "ipywidgets", "pyngrok", "aiohttp", "faster_whisper")


def seconds(code: str) -> float:
    """The median over RUNS fresh interpreters, after one to warm the disk's cache."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    """Print the figures."""
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, median of {RUNS} runs")
    bare, ours = seconds("pass"), seconds("import aijupyter")
    print(f"bare interpreter   {1000 * bare:6.1f} ms")
    print(f"import aijupyter   {1000 * ours:6.1f} ms, {1000 * (ours - bare):.1f} ms beyond it")
    look = f"import sys, aijupyter; print(sorted(set({HEAVY!r}) & set(sys.modules)) or 'none')"
    loaded = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout
    print(f"heavy packages loaded: {loaded.strip()}")


if __name__ == "__main__":
    main()
