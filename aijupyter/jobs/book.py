"""The jobs that a process holds handles on, and their results that somebody looks at."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from aijupyter.jobs.job import Job


class JobBook:
    """One handle and one result for each job. Jobs under way are kept; the rest as long as someone holds it."""

    def __init__(self) -> None:
        self._under_way: dict[str, Job[Any]] = {}
        self._ended: WeakValueDictionary[str, Job[Any]] = WeakValueDictionary()
        self._results: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._keys: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, job: Job[Any]) -> Job[Any]:
        """Keep a job until it has ended. Returns the handle that is kept: an earlier one where there is one."""
        with self._lock:
            held = self._find(job.key)
            if held is not None and not held.given_up:
                return held
            self._under_way[job.key] = job
        self.changed(job)
        return job

    def get(self, job_id: str) -> Job[Any] | None:
        """The handle with this key or provider's id."""
        with self._lock:
            return self._find(self._keys.get(job_id, job_id))

    def result(self, key: str, make: Callable[[], Any]) -> Any:
        """The result that was made for the job, while somebody holds it, or a new one."""
        with self._lock:
            held = self._results.get(key)
            if held is None:
                held = self._results[key] = make()
            return held

    def held_result(self, key: str) -> Any | None:
        """The result of a job, where somebody holds it."""
        with self._lock:
            return self._results.get(key)

    def holds(self, key: str) -> bool:
        """Whether anybody would notice that a job changed."""
        return self.get(key) is not None or self.held_result(key) is not None

    def under_way(self) -> list[Job[Any]]:
        """The jobs that have not ended, in the order in which they were added."""
        with self._lock:
            return list(self._under_way.values())

    def changed(self, job: Job[Any]) -> None:
        """Take note of a job's id, and of its end."""
        with self._lock:
            job_id = job.record.job_id
            if job.over and self._under_way.get(job.key) is job:
                del self._under_way[job.key]
                self._ended[job.key] = job
                self._keys.pop(job_id or "", None)
            elif job_id is not None and job.key in self._under_way:
                self._keys[job_id] = job.key

    def _find(self, key: str) -> Job[Any] | None:
        return self._under_way.get(key) or self._ended.get(key)
