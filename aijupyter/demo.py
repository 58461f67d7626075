"""`aijupyter demo`: the main job from end to end, on a recording that ships with us, with nothing to set up."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from aijupyter.connecting import connect, sample
from aijupyter.jobs import Job
from aijupyter.session import Session

if TYPE_CHECKING:
    import pandas as pd

    from aijupyter.results import Interaction

WAIT_SECONDS = 1800.0
BAR_WIDTH = 30

NEXT = """Where to go next
  Your own recording:   aijupyter demo path/to/call.mp3
  In a notebook:        pip install 'aijupyter[notebook,explore]', then jupyter lab notebooks/01-quickstart.ipynb
      %load_ext aijupyter
      import aijupyter
      ai = aijupyter.connect()
      call = await ai.analyze(aijupyter.sample())
      call.utterances"""


def run_demo(recording: Path | None = None, out: TextIO | None = None) -> None:
    """Analyse a recording (the sample by default) on the embedded service and print what came of it.

    A temporary ledger and store are used. Raises AIJupyterError with the mend where something is missing.
    """
    out = out or sys.stdout
    folder = Path(tempfile.mkdtemp(prefix="aijupyter-demo-"))
    try:
        _say(out, "Starting the embedded AI service and the webhook receiver ...")
        ledger, store = folder / "ledger.db", folder / "service.db"
        with connect(embedded=True, host="127.0.0.1", port=0, ledger=ledger, store=store, env_file=None) as ai:
            _say(out, f"  service   {ai.status.server}\n  receiver  {ai.status.receiver_url}")
            job = ai.analyze(recording or sample())
            _say(out, f"Asked for an analysis of {job.recording}; its answer comes to the receiver.")
            _show_progress(out, ai, job)
            _show(out, job.result(timeout=1))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _say(out, f"\n{NEXT}")


def _show_progress(out: TextIO, ai: Session, job: Job[Interaction]) -> None:
    """A line that follows the job on a terminal; elsewhere a line for each news."""
    live, told, started = out.isatty(), "", time.monotonic()
    while not job.done() and time.monotonic() - started < WAIT_SECONDS:
        news = ai.status.models if job.progress is None else f"[{_bar(job.progress)}] {job.progress:4.0%}"
        seconds = time.monotonic() - started
        if live:
            out.write(f"\r\033[K  {news}  {seconds:.0f} s")
            out.flush()
        elif news != told and job.progress is None:
            _say(out, f"  {news}")
        told = news
        time.sleep(0.1)
    if live:
        out.write("\r\033[K")
    _say(out, f"The job {job.state} after {time.monotonic() - started:.1f} s.")


def _bar(share: float) -> str:
    full = round(share * BAR_WIDTH)
    return "#" * full + "." * (BAR_WIDTH - full)


def _show(out: TextIO, call: Interaction) -> None:
    _say(out, "\nTranscript")
    for row in call.utterances.to_dict("records"):
        _say(out, f"  {row['start']:6.1f} s  Speaker {row['speaker']}  {row['text']}")
    _table(out, "Utterances (call.utterances)", call.utterances.head(5))
    _table(out, "Speakers (call.speakers)", call.speakers)
    _table(out, "Questions (call.questions)", call.questions.head(8))
    _table(out, "Key phrases (call.key_phrases)", call.key_phrases.head(8))
    _table(out, "Summary (call.summary)", call.summary[["kind", "text"]])
    counts = call.insights.groupby(["level", "name"], observed=True).size()
    _table(out, "Insights (call.insights)", counts.rename("rows").reset_index())


def _table(out: TextIO, title: str, table: pd.DataFrame) -> None:
    width = shutil.get_terminal_size((120, 40)).columns
    text = table.to_string(max_colwidth=40, line_width=width, float_format="{:.2f}".format) if len(table) else "(none)"
    indented = "\n".join(f"  {line}" for line in text.splitlines())
    _say(out, f"\n{title}\n{indented}")


def _say(out: TextIO, text: str) -> None:
    out.write(f"{text}\n")
    out.flush()
