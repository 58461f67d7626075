"""The fuzz test at its full size: python tests/fuzz/run.py --inputs 50000 --seed 1. Exit status 0 when all was right.

It goes to a receiver of its own on loopback, and ends by itself.
"""

from __future__ import annotations

import argparse
import secrets
import sys

from fuzzing import run, table


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=None, help="a random one if left out")
    options = parser.parse_args()
    report = run(secrets.randbelow(10**6) if options.seed is None else options.seed, options.inputs)
    sys.stdout.write(table(report))
    return min(1, len(report.wrong))


if __name__ == "__main__":
    sys.exit(main())
