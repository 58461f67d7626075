"""Asking about recordings by a magic: a line makes a job, a cell a batch, and `as` puts it into a variable."""

from __future__ import annotations

import sys
from typing import Any

from IPython.display import display

from aijupyter.errors import OptionError
from aijupyter.jobs import Batch, Job
from aijupyter.magics.opening import open_session, session_in
from aijupyter.magics.options import Asked
from aijupyter.magics.recordings import many_recordings, one_recording, one_text
from aijupyter.session import Session
from aijupyter.session.verbs import AUDIO_VERBS


def submit(shell: Any, asked: Asked, cell: str | None) -> object:
    """Ask, and show or return what there is to hold on to.

    With a variable it is bound there and shown at once; without, it is returned, so that IPython shows it and keeps it
    as `_`. Everything is checked before anything is sent.
    """
    names, options = shell.user_ns, dict(asked.options)
    name, wait = options.pop("name", "ai"), options.pop("wait", False)
    _check_target(names, asked.target, name)
    media = _named(names, asked, cell)
    session, was_open = open_session(names, name, {})
    if not was_open:
        print(f"The session is in {name}: {name}.jobs() lists its jobs.")  # noqa: T201  # a magic's own output
    handle = _ask(session, asked.action, media, options)
    if asked.target is not None:
        names[asked.target] = handle
    if wait:
        return _wait(names, asked.target, handle)
    if asked.target is None:
        return handle
    display(handle)
    return None


def _named(names: dict[str, Any], asked: Asked, cell: str | None) -> Any:
    """What is asked about: a recording, or a list of those of a cell; texts, or what a variable holds."""
    on_texts = asked.action not in AUDIO_VERBS
    if cell is None:
        return one_text(asked.recordings, names) if on_texts else one_recording(asked.recordings)
    if asked.recordings:
        what = "texts" if on_texts else "recordings"
        raise OptionError(
            f"{asked.recordings[0]} stands behind %%aijupyter.", f"Write {what} into the cell, one in each line."
        )
    return [line for line in cell.splitlines() if line.strip()] if on_texts else many_recordings(cell)


def _ask(session: Session, verb: str, media: Any, options: dict[str, Any]) -> Job[Any] | Batch:
    if isinstance(media, list) and verb in AUDIO_VERBS:
        return session.map(verb, media, **options)
    job: Job[Any] = getattr(session, verb)(media, **options)
    return job


def _wait(names: dict[str, Any], target: str | None, handle: Job[Any] | Batch) -> object:
    """Show the handle, live, until it has ended. An interrupt ends the wait alone: the variable holds the handle."""
    try:
        shown = display(handle, display_id=True)
        result = handle.result()
    except KeyboardInterrupt:
        again = f"await {target}" if target else f"ai.job({handle.key!r})" if isinstance(handle, Job) else "ai.jobs()"
        print(f"The wait was interrupted; the work goes on: {again}", file=sys.stderr)  # noqa: T201  # of its cell
        raise
    if isinstance(handle, Batch):  # its bar has moved, and stays
        return handle if target is None else None
    if target is None:
        shown.update({"text/plain": f"{handle!r}"}, raw=True)
        return result
    names[target] = result
    shown.update(result)
    return None


def _check_target(names: dict[str, Any], target: str | None, name: str) -> None:
    if target is not None and (target == name or session_in(names, target) is not None):
        raise OptionError(
            f"{target} holds the session.", f"Give another name: as {'call' if target != 'call' else 'job'}"
        )
