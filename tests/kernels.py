"""A real kernel of the tests' own, driven as a front end does: cells, completion, and the stop button."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

SECONDS = 60.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Cell:
    """What a cell that was run has come to: its reply, what it printed, and what it showed."""

    def __init__(self, reply: dict[str, Any], messages: list[dict[str, Any]]) -> None:
        self.reply = reply
        self.messages = messages

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return bool(self.reply["status"] == "ok")

    @property
    def error(self) -> str:
        """The name of the error that ended it."""
        return str(self.reply.get("ename", ""))

    @property
    def out(self) -> str:
        """What it printed."""
        return self._stream("stdout")

    @property
    def err(self) -> str:
        """What it printed as errors, and the error that ended it as a person sees it, without colours."""
        ends = [message["content"]["traceback"] for message in self.messages if message["msg_type"] == "error"]
        return _COLOURS.sub("", self._stream("stderr") + "\n".join(line for end in ends for line in end))

    @property
    def shown(self) -> list[dict[str, Any]]:
        """The forms of each thing that it displayed."""
        kinds = {"display_data", "execute_result"}
        return [message["content"]["data"] for message in self.messages if message["msg_type"] in kinds]

    @property
    def updated(self) -> list[dict[str, Any]]:
        """The forms of what came in the place of something displayed."""
        return [m["content"]["data"] for m in self.messages if m["msg_type"] == "update_display_data"]

    @property
    def plain(self) -> str:
        """All that it displayed, as text."""
        return "\n".join(data.get("text/plain", "") for data in self.shown)

    def _stream(self, name: str) -> str:
        return "".join(
            message["content"]["text"]
            for message in self.messages
            if message["msg_type"] == "stream" and message["content"]["name"] == name
        )


class Kernel:
    """A kernel that runs. Nobody can type into it but by `answer`."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def run(self, code: str) -> Cell:
        """Run a cell to its end."""
        return self.finish(self.begin(code))

    def answer(self, code: str, *answers: str) -> tuple[Cell, list[tuple[str, bool]]]:
        """Run a cell that asks, and type the answers. What it asked, and whether what was typed was hidden."""
        asked, prompts = self.begin(code, stdin=True), []
        for text in answers:
            prompts.append(self.asked())
            self.client.input(text)
        return self.finish(asked), prompts

    def asked(self) -> tuple[str, bool]:
        """What the cell asks, when it does, and whether what is typed is hidden."""
        content = self.client.get_stdin_msg(timeout=SECONDS)["content"]
        return content["prompt"], content["password"]

    def begin(self, code: str, sign: str = "execute_input", *, stdin: bool = False) -> str:
        """Start a cell, and return when it has got so far that it sends such a message: a handle for `finish`."""
        asked: str = self.client.execute(code, allow_stdin=stdin)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["msg_type"] == sign and message["parent_header"].get("msg_id") == asked:
                return asked
        raise AssertionError("the kernel did not begin")

    def finish(self, asked: str) -> Cell:
        """Wait until a cell has ended."""
        messages: list[dict[str, Any]] = []
        while True:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != asked:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
            messages.append(message)
        while True:
            reply = self.client.get_shell_msg(timeout=SECONDS)
            if reply["parent_header"].get("msg_id") == asked:
                return Cell(reply["content"], messages)

    def interrupt(self) -> None:
        """Press the stop button."""
        self.manager.interrupt_kernel()

    def complete(self, code: str) -> list[str]:
        """What the Tab key offers at the end of the code."""
        content = self.client.complete(code, reply=True, timeout=SECONDS)["content"]
        return list(content["matches"])


@contextmanager
def kernel() -> Iterator[Kernel]:
    """A fresh kernel in the current folder, with the environment of this process."""
    manager, client = start_new_kernel(startup_timeout=SECONDS)
    try:
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
