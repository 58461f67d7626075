"""The fault test at its full size: python tests/faults/run.py --seed 1 2 3. Exit status 0 when all was right."""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys
from collections.abc import Iterator
from typing import Any

from storm import Report, storm

SHOWN = 40


def table(report: Report) -> str:
    """The counts, a line each, and what is wrong."""
    lines = [f"seed {report.seed}, {report.jobs} jobs", *_lines(report.counts)]
    lines += [f"WRONG: {what}" for what in report.wrong[:SHOWN]]
    lines.append(f"{len(report.wrong)} wrong" if report.wrong else "every job ended in its one right state")
    return "\n".join(lines) + "\n"


def _lines(counts: dict[str, Any], indent: str = "  ") -> Iterator[str]:
    for name, value in counts.items():
        if isinstance(value, dict):
            yield f"{indent}{name}"
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list):
            yield from (f"{indent}{name:<44}{entry}" for entry in value or ["nothing"])
        else:
            yield f"{indent}{name:<44}{value}"


def main() -> int:
    """Run one storm for each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, nargs="*", help="one storm for each; a random one if left out")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--short", action="store_true", help="fewer kills, no 30 s of silence, no long lock")
    parser.add_argument("--json", action="store_true", help="the counts as JSON as well")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the disk is given back then too
    wrong = 0
    for seed in options.seed or [secrets.randbelow(10**6)]:
        sys.stdout.write(f"storm with seed {seed} ...\n")
        sys.stdout.flush()
        report = storm(seed, options.jobs, long=not options.short)
        sys.stdout.write(table(report))
        if options.json:
            sys.stdout.write(json.dumps({"seed": report.seed, **report.counts}) + "\n")
        wrong += len(report.wrong)
    return min(1, wrong)


if __name__ == "__main__":
    sys.exit(main())
