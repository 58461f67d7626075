"""What all views share: their forms in one bundle, and the files that they draw with."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

WIDGET = "application/vnd.jupyter.widget-view+json"
STATIC = Path(__file__).parent / "static"

Bundle = tuple[dict[str, Any], dict[str, Any]]


def bundle(plain: str, html: str, widget: Callable[[], Any] | None = None) -> Bundle:
    """The forms of a thing, for a front end to take the best that it knows.

    `widget` makes the live one; it is not called where nobody would see it. JupyterLab prefers a widget that is gone to
    the HTML beside it, so there the HTML alone is kept in the notebook, and the widget takes its place in the page.
    """
    if widget is None or not is_watched():
        return {"text/plain": plain, "text/html": html}, {}
    live = widget()
    if _in_lab():
        from aijupyter.views.stage import staged  # noqa: PLC0415  # where there is a widget it is loaded already

        return {"text/plain": plain, "text/html": staged(html, live)}, {}
    view = {"version_major": 2, "version_minor": 0, "model_id": live.model_id}
    return {"text/plain": plain, "text/html": html, WIDGET: view}, {}


def is_watched() -> bool:
    """Whether a person may be looking, and not a run without one (nbclient, papermill, `nbconvert --execute`).

    Such a run says that nobody can type. It would keep a widget's state in the notebook, and nbconvert would prefer a
    widget that it cannot draw without the network to the HTML that it can. A terminal shows neither.
    """
    shell = _shell()
    if shell is None:
        return True
    kernel = getattr(shell, "kernel", None)
    content = _request(kernel).get("content", {})
    return kernel is not None and bool(content.get("allow_stdin", getattr(kernel, "_allow_stdin", True)))


def _in_lab() -> bool:
    """Whether JupyterLab or Jupyter Notebook asks: they alone tell of deleted cells."""
    return "deletedCells" in _request(getattr(_shell(), "kernel", None)).get("metadata", {})


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _request(kernel: Any) -> dict[str, Any]:
    """What the front end asks right now: of several requests at once the kernel itself remembers the last only."""
    with contextlib.suppress(Exception):  # a kernel that is not ipykernel's
        return dict(kernel.get_parent("shell"))
    return {}


@cache
def static(*names: str) -> str:
    """The text of static files, one after the other. A widget's module has to be one, and is easier to read as many."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)
