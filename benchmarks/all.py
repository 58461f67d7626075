"""All benchmarks that need no models, one after the other.

    python benchmarks/all.py [NAME ...]

NAME is a file's name without its ending; without names, all of NAMES are run. Ends with the first that fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NAMES = ("import_time", "delivery_latency", "deliveries", "flood", "frames", "scale", "large_body")
LONGEST_SECONDS = 1800


def main() -> None:
    """Run them."""
    for name in sys.argv[1:] or NAMES:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, Path(__file__).with_name(f"{name}.py")], check=True, timeout=LONGEST_SECONDS)


if __name__ == "__main__":
    main()
