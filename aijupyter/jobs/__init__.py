"""Jobs: from a question that is written down to the answer that ends it."""

from __future__ import annotations

from aijupyter.jobs.batch import Batch
from aijupyter.jobs.job import Job

__all__ = ["Batch", "Job"]
