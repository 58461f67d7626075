"""The fault test at the size of a CI run: 300 jobs through a misbehaving provider and a kernel that is killed.

At its full size: `python tests/faults/run.py --seed 1 2 3`.
"""

from __future__ import annotations

import sys

import pytest
from run import table
from storm import storm

SEED = 20
JOBS = 300


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_every_job_ends_in_its_one_right_state() -> None:
    """With its own result, submitted once, none hanging; the counts are printed."""
    report = storm(SEED, JOBS)
    told = table(report)
    sys.stdout.write(told)
    assert not report.wrong, told
