"""The fuzz test at the size of a CI run. At its full size: `python tests/fuzz/run.py --inputs 50000`."""

from __future__ import annotations

import sys

import pytest
from fuzzing import run, table

SEED = 5
INPUTS = 800


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_nothing_that_comes_from_outside_does_harm() -> None:
    """The receiver goes on answering, takes no more memory, and the ledger is as it was; nothing tells what runs."""
    report = run(SEED, INPUTS)
    told = table(report)
    sys.stdout.write(told)
    assert not report.wrong, told
