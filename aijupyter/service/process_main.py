"""What a worker process runs: it does what its parent asks, one thing at a time, and ends with its parent.

Both pipes carry pickles. In come (function, arguments); out go ("news", event), and at the end of each ("done", result)
or ("failed", error), these two pickled once more, so that one that cannot be read harms only itself.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, BinaryIO, NoReturn

from aijupyter.errors import ServiceError
from aijupyter.service import worker
from aijupyter.service.pipes import take_pipes

Call = tuple[Callable[..., Any], tuple[Any, ...]]


def main() -> NoReturn:
    """Work until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the service
    asked, answers = take_pipes()
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    calls: SimpleQueue[Call] = SimpleQueue()
    # A thread of its own reads, so that the parent's end is noticed in the middle of a computation.
    threading.Thread(target=_read, args=(asked, calls), daemon=True).start()
    writing = threading.Lock()

    def tell(kind: str, body: Any) -> None:
        with writing:
            _write(answers, (kind, body))

    worker.send_news_to(lambda event: tell("news", dict(event)))
    while True:
        tell(*_outcome(*calls.get()))


def _read(pipe: BinaryIO, calls: SimpleQueue[Call]) -> None:
    try:
        while True:
            calls.put(pickle.load(pipe))  # noqa: S301  # written by our own parent
    finally:
        os._exit(0)


def _write(pipe: BinaryIO, message: object) -> None:
    try:
        pickle.dump(message, pipe)
        pipe.flush()
    except OSError:
        os._exit(0)  # the parent is gone


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[str, bytes]:
    try:
        return "done", pickle.dumps(function(*arguments))
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent gets it
        error.add_note(traceback.format_exc())  # a pickle leaves the traceback behind
        return "failed", _pickled(error)


def _pickled(error: Exception) -> bytes:
    try:
        text = pickle.dumps(error)
        pickle.loads(text)  # noqa: S301  # what has just been written, to see that it can be read
    except Exception:  # noqa: BLE001  # errors of others' making need not be made for travelling
        return pickle.dumps(ServiceError(f"The engine failed: {type(error).__name__}: {error}."))
    return text


if __name__ == "__main__":
    main()
