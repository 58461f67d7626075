"""Jobs: from a question that is written down to the answer that ends it."""

from __future__ import annotations

from aijupyter.jobs.batch import Batch
from aijupyter.jobs.job import Job
from aijupyter.jobs.joint import Joint

__all__ = ["Batch", "Job", "Joint"]
