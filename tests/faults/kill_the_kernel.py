"""Kill the kernel in the middle of a batch on the embedded service, start it again: every result is there.

Makes small different recordings from the one that ships with the package, asks about all of them in a real Jupyter
kernel with real models, kills its process with SIGKILL when a third is done, and asks the same in a new kernel. The
engine is the real one; it only writes down which recordings it has analysed, which is how this script knows that none
was analysed twice. Exit status 0 when all is as it should be.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import signal
import sys
import tempfile
import time
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

import aijupyter
from aijupyter.models import AnalysisTask
from aijupyter.service.engines.local import LocalEngine

WITNESS = "STORM_WITNESS"
RATE = 16000
LENGTH_SECONDS = 4.0
CELL_SECONDS = 120.0
BATCH_SECONDS = 600.0

ASK = """
import json
from pathlib import Path
import aijupyter
ai = aijupyter.connect(embedded=True, engine="kill_the_kernel:WatchedEngine", ledger={ledger!r}, env_file=None)
batch = ai.map(ai.transcribe, sorted(Path({folder!r}).glob("*.wav")))
"""
COUNT = "print('told', json.dumps(sum(job.state == 'succeeded' for job in batch)))"
TELL = """
rows = [
    dict(key=job.key, recording=job.recording, state=str(job.state), ended=job.ended and job.ended.isoformat(),
         text=job.result(timeout=10).text if job.state == "succeeded" else "", error=str(job.error or ""),
         successes=job.history["state"].astype(str).tolist().count("succeeded"))
    for job in batch
]
print('told', json.dumps(dict(rows=rows, ledger=len(ai.jobs()))))
"""


class WatchedEngine(LocalEngine):
    """The embedded service's own engine, which writes a line for each analysis that it begins and completes."""

    def analyze(self, task: AnalysisTask, report: Callable[[float], None]) -> dict[str, Any] | list[Any]:
        """As ever, and witnessed."""
        name = digest(Path(task.audio))
        witness(f"begun {name}")
        answer = super().analyze(task, report)
        witness(f"completed {name}")
        return answer


def witness(line: str) -> None:
    """Write a line down, at once and as one."""
    with Path(os.environ[WITNESS]).open("a") as file:
        file.write(line + "\n")


def digest(path: Path) -> str:
    """A recording by its content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_recordings(folder: Path, count: int) -> dict[str, str]:
    """So many different cuts of the shipped recording: their names, by their digests."""
    import av  # noqa: PLC0415  # not needed by the service that loads this module

    with av.open(str(aijupyter.sample())) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    samples = b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in frames)
    length = int(LENGTH_SECONDS * RATE) * 2
    step = (len(samples) - length) // count // 2 * 2
    names = {}
    for number in range(count):
        path = folder / f"cut-{number:03}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(samples[number * step : number * step + length])
        names[digest(path)] = path.name
    return names


@contextlib.contextmanager
def kernel(environment: dict[str, str]) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """A real Jupyter kernel with its client; gone at the end, whatever happens."""
    manager = KernelManager(kernel_name="python3", transport="ipc" if os.name == "posix" else "tcp")
    manager.start_kernel(env=environment)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run_cell(client: BlockingKernelClient, source: str, seconds: float = CELL_SECONDS) -> Any:
    """Run a cell; what it printed after the word `told`. Raises RuntimeError with the cell's error."""
    printed: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            printed.append(content["text"])

    reply = client.execute_interactive(source, timeout=seconds, output_hook=hear)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(reply["content"]["traceback"])))
    told = re.findall(r"^told (.*)$", "".join(printed), re.MULTILINE)
    return json.loads(told[-1]) if told else None


def kill_in_the_middle(environment: dict[str, str], ask: str, enough: int) -> datetime:
    """Ask in a kernel, kill its process when enough recordings are done. When that was."""
    with kernel(environment) as (manager, client):
        run_cell(client, ask)
        deadline = time.monotonic() + BATCH_SECONDS
        while run_cell(client, COUNT) < enough:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not {enough} recordings done within {BATCH_SECONDS:g} s")
            time.sleep(0.2)
        assert manager.provisioner is not None
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        return datetime.now(UTC)


def ask_again(environment: dict[str, str], ask: str) -> dict[str, Any]:
    """The same cell in a new kernel, to its end: what it holds then."""
    with kernel(environment) as (_, client):
        run_cell(client, ask)
        run_cell(client, f"batch.result(timeout={BATCH_SECONDS})", BATCH_SECONDS + 10)
        told: dict[str, Any] = run_cell(client, TELL)
        run_cell(client, "ai.close()")
        return told


def judge(told: dict[str, Any], killed: datetime, names: dict[str, str], lines: list[str]) -> tuple[str, bool]:
    """The table, and whether all is as it should be."""
    rows, count = told["rows"], len(names)
    begun, completed = (
        Counter(line.split()[1] for line in lines if line.startswith(w)) for w in ("begun", "completed")
    )
    found = sum(row["state"] == "succeeded" and bool(row["text"]) for row in rows)
    before = [row for row in rows if row["ended"] and datetime.fromisoformat(row["ended"]) < killed]
    once = sum(completed[name] == 1 for name in names)
    again = sum(begun[name] > 1 for name in names)
    by_name = {name: completed[name_digest] for name_digest, name in names.items()}
    repeated = [row["recording"] for row in before if by_name[row["recording"]] != 1]
    table = [
        ("results found", f"{found}/{count}"),
        ("of these from before the kill", len(before)),
        ("recordings analysed to the end exactly once", f"{once}/{count}"),
        ("analysed more than once", sum(completed[name] > 1 for name in names)),
        ("done before the kill and analysed again", len(repeated)),
        ("begun before the kill, cut off and begun again", again),
        ("jobs that succeeded exactly once by their history", sum(row["successes"] == 1 for row in rows)),
        ("jobs in the ledger", told["ledger"]),
    ]
    right = found == once == told["ledger"] == count and 0 < len(before) < count and not repeated
    lost = [f"LOST {row['recording']}: {row['state']}, {row['error']}" for row in rows if row["state"] != "succeeded"]
    return "\n".join([*(f"{name:<52}{value}" for name, value in table), *lost]), right


def main() -> int:
    """Do it, and show the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=50)
    count = parser.parse_args().recordings
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kill-the-kernel-") as name:
        folder = Path(name)
        recordings, lines = folder / "recordings", folder / "witness"
        recordings.mkdir()
        names = make_recordings(recordings, count)
        here = {k: v for k, v in os.environ.items() if not k.startswith(("RC_", "NGROK_", "AIJUPYTER_"))}
        search = os.pathsep.join(filter(None, [str(Path(__file__).parent), here.get("PYTHONPATH")]))
        environment = here | {"PYTHONPATH": search, WITNESS: str(lines)}
        ask = ASK.format(ledger=str(folder / "ledger.db"), folder=str(recordings))
        killed = kill_in_the_middle(environment, ask, count // 3)
        sys.stdout.write(f"the kernel was killed when {count // 3} of {count} recordings were done\n")
        told = ask_again(environment, ask)
        table, right = judge(told, killed, names, lines.read_text().splitlines())
    sys.stdout.write(f"{table}\n{'seconds':<52}{time.monotonic() - started:.0f}\n")
    sys.stdout.write("every result is there, none analysed twice\n" if right else "NOT AS IT SHOULD BE\n")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
