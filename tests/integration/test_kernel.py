"""In a real kernel: the extension, the notebooks, interrupts, and what an ending kernel leaves behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from double import ProviderDouble
from kernels import kernel
from nbclient import NotebookClient
from until import until

ROOT = Path(__file__).parents[2]


def run_cells(*sources: str, allow_errors: bool = False) -> list[list[Any]]:
    """Run cells in a fresh kernel; each one's outputs."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=120, allow_errors=allow_errors).execute()
    return [cell.outputs for cell in notebook.cells]


def text(outputs: list[Any]) -> str:
    """What a cell printed or showed, as plain text."""
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.fixture
def credentials(double: ProviderDouble, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The double's credentials where a kernel finds them: in its environment."""
    for name, value in (
        ("RC_SERVER_URL", double.url),
        ("RC_APP_CLIENT_ID", double.credentials["client_id"]),
        ("RC_APP_CLIENT_SECRET", double.credentials["client_secret"]),
        ("RC_USER_JWT", double.credentials["jwt"]),
    ):
        monkeypatch.setenv(name, value)
    return


def test_load_ext_starts_nothing() -> None:
    """The extension loads at once: no thread, no process, none of the heavy packages."""
    before, after = run_cells(
        "import threading, sys\nthreads = set(threading.enumerate())",
        "%load_ext aijupyter\n"
        "heavy = {'pandas', 'ipywidgets', 'pyngrok', 'aiohttp', 'faster_whisper'} & set(sys.modules)\n"
        "print(heavy, set(threading.enumerate()) - threads)",
    )
    assert text(before) == ""
    assert text(after).strip() == "set() set()"


@pytest.mark.usefixtures("credentials")
def test_the_magic_starts_tells_and_stops(wav: Path) -> None:
    """%aijupyter start, status, stop; a name that is taken is not overwritten."""
    outputs = run_cells(
        "%load_ext aijupyter\n%aijupyter",
        "%aijupyter start",
        "%aijupyter start",
        "%aijupyter status",
        f"print((await ai.transcribe({str(wav)!r})).text)",
        "%aijupyter stop\n%aijupyter status",
        "%aijupyter start\nprint(ai.jobs()['state'].tolist())",
        "other = 1\n%aijupyter start --name other",
        allow_errors=True,
    )
    told = [text(output) for output in outputs]
    assert "Start one: %aijupyter start" in told[0]
    assert "Connected to http://127.0.0.1" in told[1]
    assert "open already" in told[2]
    assert "Receiver" in told[3]
    assert "Good morning." in told[4]
    assert "Stopped." in told[5]
    assert "closed" in told[5]
    assert "['succeeded']" in told[6]
    assert "holds something else" in outputs[7][-1].evalue
    assert [len(output) for output in outputs[:7] if any(part.output_type == "error" for part in output)] == []


@pytest.mark.usefixtures("credentials")
def test_jobs_and_results_are_shown(wav: Path) -> None:
    """A job is shown as a widget with an HTML and a text form beside it; a result as HTML."""
    outputs = run_cells(
        "import aijupyter\nai = aijupyter.connect()",
        f"job = ai.transcribe({str(wav)!r})\njob",
        "await job",
        "job",
        "ai",
    )
    live, result, ended, session = (output[-1]["data"] for output in outputs[1:])
    assert {"text/plain", "text/html"} <= set(live)
    assert "Good morning." in result["text/html"]
    assert "succeeded" in ended["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in ended
    assert "Receiver" in session["text/html"]


@pytest.mark.usefixtures("credentials")
def test_blocking_and_nested_waits_work_in_a_cell(wav: Path) -> None:
    """job.result() blocks a cell although a loop runs; aijupyter.run serves code that needs a nested loop."""
    outputs = run_cells(
        f"import aijupyter\nai = aijupyter.connect()\nprint(ai.transcribe({str(wav)!r}).result(timeout=20).text)",
        "async def ask():\n"
        f"    return (await ai.transcribe({str(wav)!r})).text\n"
        "print('nested:', aijupyter.run(ask()))",
        "import asyncio\nawait asyncio.sleep(0.01)\nprint('still alive')",
    )
    assert "Good morning." in text(outputs[0])
    assert "nested: Good morning." in text(outputs[1])
    assert "still alive" in text(outputs[2])


@pytest.mark.usefixtures("credentials")
def test_nest_in_a_kernel(wav: Path) -> None:
    """Code that calls asyncio.run or run_until_complete in a cell works after nest; sessions old and new go on."""
    ask = f"(await ai.transcribe({str(wav)!r})).text"
    with kernel() as notebook:
        assert notebook.run("%load_ext aijupyter\n%aijupyter start").ok
        notebook.run(f"import asyncio\nasync def ask():\n    return {ask}")
        assert "asyncio.run() cannot be called" in str(notebook.run("asyncio.run(ask())").reply)
        assert notebook.run("%aijupyter nest").out.startswith("asyncio.run and run_until_complete work in cells")
        assert "already" in notebook.run("import aijupyter\naijupyter.nest()").out
        assert "Good morning." in notebook.run("print(asyncio.run(ask()))").out
        assert "Good morning." in notebook.run("print(asyncio.get_event_loop().run_until_complete(ask()))").out
        assert "Good morning." in notebook.run("def plain():\n    return ai.run(ask())\nprint(plain())").out
        assert "Good morning." in notebook.run(f"%aijupyter stop\n%aijupyter start\nprint({ask})").out


@pytest.mark.usefixtures("credentials")
def test_jobs_need_no_nesting(wav: Path) -> None:
    """Awaiting and blocking for jobs and batches, and plain functions that do, never load what nests loops."""
    with kernel() as notebook:
        notebook.run("import aijupyter, sys\nai = aijupyter.connect()")
        notebook.run(f"job = ai.transcribe({str(wav)!r})\nawait job\njob.result()\nai.job(job.id).result(timeout=9)")
        notebook.run(
            f"batch = ai.map('transcribe', [{str(wav)!r}])\nawait batch\nbatch.result()\nlist(batch)[0].result()"
        )
        assert notebook.run("print([name for name in sys.modules if 'nest_asyncio' in name])").out == "[]\n"


class HeldDouble(ProviderDouble):
    """A provider that answers when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()

    async def _finish(self, *details: Any) -> None:
        await asyncio.to_thread(self.may_answer.wait, 60)
        await super()._finish(*details)


@pytest.fixture
def double() -> Iterator[HeldDouble]:
    """The provider's double; it keeps its answers back only where a test asks for that."""
    with HeldDouble() as provider:
        provider.may_answer.set()
        yield provider
        provider.may_answer.set()


WAITS = {
    "awaiting a job": ("job = ai.transcribe(wav)", "await job", "job.result(timeout=30).text"),
    "blocking for a job": ("job = ai.transcribe(wav)", "job.result()", "(await job).text"),
    "awaiting a batch": ("batch = ai.map('transcribe', [wav])", "await batch", "(await batch)[0].result().text"),
    "blocking for a batch": (
        "batch = ai.map('transcribe', [wav])",
        "batch.result()",
        "batch.result()[0].result().text",
    ),
    "a magic that waits": ("%load_ext aijupyter", "%aijupyter transcribe {wav} as job --wait", "(await job).text"),
}


@pytest.mark.parametrize("way", WAITS)
def test_interrupting_a_wait_leaves_the_job_alone(way: str, credentials: None, double: HeldDouble, wav: Path) -> None:
    """The stop button ends the cell and not the job, which then still succeeds; the kernel and session go on."""
    ask, wait, again = WAITS[way]
    double.may_answer.clear()
    with kernel() as notebook:
        notebook.run(f"import aijupyter\nwav = {str(wav)!r}\nai = aijupyter.connect()\n{ask}")
        by_magic = wait.startswith("%")
        waiting = notebook.begin(wait, "display_data") if by_magic else notebook.begin(f"print(1)\n{wait}", "stream")
        until(lambda: len(double.submissions()) == 1)
        notebook.interrupt()
        stopped = notebook.finish(waiting)
        assert stopped.error in {"KeyboardInterrupt", "CancelledError"}
        if by_magic:
            assert "the work goes on: await job" in stopped.err
        assert notebook.run("print(ai.jobs()['state'].item() in {'sending', 'submitted', 'running'})").out == "True\n"
        double.may_answer.set()
        assert notebook.run(f"print({again})").out == "Good morning. How can I help?\n"
        assert len(double.submissions()) == 1


@pytest.mark.usefixtures("credentials")
def test_errors_end_a_cell_at_once() -> None:
    """A missing file is an error of the cell that names it, with the mend."""
    outputs = run_cells("import aijupyter\nai = aijupyter.connect()", "ai.transcribe('nowhere.wav')", allow_errors=True)
    error = outputs[1][-1]
    assert error["ename"] == "MediaNotFoundError"
    assert "nowhere.wav" in error["evalue"]
    assert "current folder" in error["evalue"]


def test_two_kernels_on_one_ledger(credentials: None, double: ProviderDouble, wav: Path) -> None:
    """Two kernels at once on the same file: each gets its own answers, and both see all jobs."""
    cell = (
        "import aijupyter\nai = aijupyter.connect()\n"
        f"jobs = [ai.transcribe({str(wav)!r}, fresh=True) for _ in range(10)]\n"
        "print({(await job.wait(timeout=60)).text for job in jobs})"
    )
    notebooks = [nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]) for _ in range(2)]
    threads = [
        threading.Thread(target=lambda notebook=notebook: NotebookClient(notebook, timeout=120).execute())
        for notebook in notebooks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    for notebook in notebooks:
        assert "{'Good morning. How can I help?'}" in text(notebook.cells[0].outputs)
    assert len(double.jobs) == 20
    (listed,) = run_cells("import aijupyter\nwith aijupyter.connect() as ai:\n    print(len(ai.jobs()))")
    assert "20" in text(listed)


def test_a_script_that_forgets_to_close_ends(credentials: None, wav: Path) -> None:
    """The process ends by itself, with nothing on its error output, and its ledger is whole."""
    script = f"import aijupyter\nprint(aijupyter.connect().transcribe({str(wav)!r}).result(20).text)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Good morning. How can I help?\n"
    ledger = Path(os.environ["AIJUPYTER_LEDGER"])
    assert [path.name for path in ledger.parent.iterdir()] == [ledger.name]


@pytest.mark.models
def test_an_embedded_service_ends_with_its_kernel() -> None:
    """However a kernel ends, the service's process goes with it."""
    (outputs,) = run_cells(
        "import aijupyter, aijupyter.embedded\nai = aijupyter.connect()\nprint('pid', ai._service.pid)"
    )
    pid = int(text(outputs).rpartition("pid ")[2])
    deadline = time.monotonic() + 15
    while _runs(pid):
        assert time.monotonic() < deadline, "the service outlived its kernel"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
