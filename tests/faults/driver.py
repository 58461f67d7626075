"""The kernel under test: asks about all recordings, waits, and tells what it holds. Killed and started again.

One argument, a JSON order: `mode` is work (ask and wait) or read (tell what the ledger holds), `connect` the arguments
of connect(), `recordings` a folder, `seconds` the patience, `out` the file for what it tells. It says in lines of JSON
on its output how far it is, and ends when it gets a line.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aijupyter
from aijupyter.errors import AIJupyterError, LedgerError

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
ROUNDS = 20


def say(**words: Any) -> None:
    """A line for whoever started this."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def patiently(action: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """Try again while the ledger cannot be written, as a person would run a cell again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return action()
        except LedgerError as error:
            if time.monotonic() > deadline:
                raise
            say(again=str(error))
            time.sleep(0.3)


def map_and_wait(ai: Any, paths: list[Path], deadline: float) -> Any:
    """The cell that a person would run."""
    batch = ai.map(ai.transcribe, paths)
    say(mapped=len(paths))
    return batch.result(timeout=max(0.0, deadline - time.monotonic()))


def ask(ai: Any, paths: list[Path], seconds: float) -> list[Any]:
    """Ask about every recording and wait for all; those that could not be written down are asked about again."""
    deadline = time.monotonic() + seconds
    jobs: dict[Path, Any] = {}
    left = paths
    for _ in range(ROUNDS):
        batch = patiently(partial(map_and_wait, ai, left, deadline))
        jobs |= zip(left, batch, strict=True)
        left = [path for path in left if isinstance(jobs[path].error, LedgerError)]
        if not left:
            break
        say(again=f"{len(left)} jobs: {jobs[left[0]].error}")
        time.sleep(0.3)
    return [jobs[path] for path in paths]


def shown(job: Any) -> dict[str, Any]:
    """All that the judge wants to know of a job."""
    row = {
        "key": job.key,
        "id": job.id,
        "path": job.record.path,
        "state": str(job.state),
        "recording": job.recording,
        "history": [[str(step) for step in steps] for steps in job.history.to_numpy().tolist()],
    }
    raw = job.raw or {}
    answer = raw.get("response")
    row |= {"raw_id": raw.get("jobId"), "raw_text": answer.get("transcript") if isinstance(answer, dict) else None}
    try:
        return row | {"text": job.result(timeout=5).text, "problem": ""}
    except AIJupyterError as error:
        return row | {"text": None, "problem": type(error).__name__, "words": str(error)}


def listen(told_to_end: threading.Event) -> None:
    """A line says that this may end; where the other end is gone, nobody is left to work for."""
    if not sys.stdin.readline():
        os._exit(1)
    told_to_end.set()


def main() -> None:
    """Do as the order says."""
    order = json.loads(sys.argv[1])
    told_to_end = threading.Event()
    threading.Thread(target=listen, args=(told_to_end,), daemon=True).start()
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, all_threads=True)
    with patiently(lambda: aijupyter.connect(env_file=None, **order["connect"])) as ai:
        say(connected=ai.status.receiver_url)
        if order["mode"] == "work":
            jobs = ask(ai, sorted(Path(order["recordings"]).glob("*.wav")), order["seconds"])
            say(ended=len(jobs))
            told_to_end.wait()
        else:
            jobs = [ai.job(key) for key in ai.jobs()["key"]]
        told = {"jobs": [shown(job) for job in jobs], "strays": len(ai.strays())}
    Path(order["out"]).write_text(json.dumps(told))
    say(told=len(jobs))


if __name__ == "__main__":
    main()
