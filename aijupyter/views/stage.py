"""Where a live widget takes the place of its saved form, in JupyterLab and Jupyter Notebook."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import anywidget
import traitlets

from aijupyter.views.forms import static
from aijupyter.views.html import Markup, tag


class Stage(anywidget.AnyWidget):
    """Not to be seen itself. `place` is the id of the element to fill, `shown` the id of the widget to fill it with."""

    _esm = traitlets.Unicode(static("stage.js")).tag(sync=True)
    place = traitlets.Unicode().tag(sync=True)
    shown = traitlets.Unicode().tag(sync=True)


def staged(html: str, widget: Any) -> Markup:
    """The saved form of a widget, in whose place the widget is drawn while its kernel lives."""
    stage = Stage(place=f"aij-{uuid4().hex}", shown=widget.model_id)
    return tag("div", Markup(html), id=stage.place)
