"""Altair's charts, shown without the network: every front end gets a form that it draws by itself.

JupyterLab draws Vega-Lite 5; everything else gets a picture. Altair's own way is a page that loads its scripts from
elsewhere. Only figures of ours are shown like this: the person's settings of Altair stay as they are.
"""

from __future__ import annotations

from typing import Any

import altair as alt

VEGA_LITE = "application/vnd.vegalite.v5+json"
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
MID_GREY = "#7d848c"
"""To be read on white and on black: nobody knows what a picture will stand on."""
ON_ANY_GROUND: dict[str, Any] = {
    "axis": {"labelColor": MID_GREY, "titleColor": MID_GREY, "tickColor": MID_GREY, "domainColor": MID_GREY},
    "legend": {"labelColor": MID_GREY, "titleColor": MID_GREY},
    "header": {"labelColor": MID_GREY, "titleColor": MID_GREY},
    "title": {"color": MID_GREY, "subtitleColor": MID_GREY},
    "padding": {"left": 30, "right": 24, "top": 5, "bottom": 5},  # another machine's letters may be wider
    "mark": {"aria": False},  # the whole has a description; one for each line of an hour would be megabytes
}
ACTIONS = {"export": True, "source": False, "compiled": False, "editor": False}
"""What a chart's menu offers. The editor would send the conversation to a web site; the sources are written into a new
window as HTML, where the text of a provider would be markup.
"""


class Shown:
    """What makes a chart of Altair ours: how it is shown, and that what is made of it stays ours."""

    def to_dict(self, *args: Any, **options: Any) -> dict[str, Any]:
        """The specification. However many rows it has, Altair's limit is not for it: see `_plain_transformer`."""
        with alt.data_transformers.enable("default", max_rows=None):
            spec: dict[str, Any] = super().to_dict(*args, **options)  # type: ignore[misc]  # of the class mixed with
        return spec

    def save(self, fp: Any, format: Any = None, **options: Any) -> None:  # noqa: A002  # Altair's name
        """As Altair's `save`. HTML holds all that it needs, so that it opens without the network: `inline=False`."""
        name = str(getattr(fp, "name", fp))
        if format == "html" or (format is None and name.endswith(".html")):
            options = {"inline": True, "embed_options": {"actions": ACTIONS}, **options}
        super().save(fp, format=format, **options)  # type: ignore[misc]  # of the class mixed with

    def _repr_mimebundle_(self, *_args: Any, **_kinds: Any) -> Any:
        if alt.renderers.active != "default":  # the person's own choice
            return super()._repr_mimebundle_()  # type: ignore[misc]  # of the class mixed with
        spec = self.to_dict()
        spec["$schema"] = SCHEMA
        spec.setdefault("background", "transparent")  # whatever a dark theme puts below
        spec["usermeta"] = {**spec.get("usermeta", {}), "embedOptions": {"actions": ACTIONS}}
        said = str(spec.get("description") or type(self).__name__)
        data: dict[str, Any] = {"text/plain": f"<figure: {said}>", VEGA_LITE: spec}
        picture = _picture(spec)
        if picture is None:
            return data, {}
        return {**data, "image/svg+xml": picture}, {}

    def __add__(self, other: Any) -> Any:
        return ours(super().__add__(other))  # type: ignore[misc]  # of the class mixed with

    def __or__(self, other: Any) -> Any:
        return ours(super().__or__(other))  # type: ignore[misc]  # of the class mixed with

    def __and__(self, other: Any) -> Any:
        return ours(super().__and__(other))  # type: ignore[misc]  # of the class mixed with

    def facet(self, *args: Any, **options: Any) -> Any:
        """As Altair's."""
        return ours(super().facet(*args, **options))  # type: ignore[misc]  # of the class mixed with

    def repeat(self, *args: Any, **options: Any) -> Any:
        """As Altair's."""
        return ours(super().repeat(*args, **options))  # type: ignore[misc]  # of the class mixed with

    def __repr__(self) -> str:
        said = getattr(self, "description", None)
        return f"<figure: {said if isinstance(said, str) else type(self).__name__}>"


class Figure(Shown, alt.Chart):  # type: ignore[misc]  # `save` takes the options as they come
    """A chart."""


class LayerFigure(Shown, alt.LayerChart):  # type: ignore[misc]  # `save` takes the options as they come
    """Charts on top of each other."""


class HConcatFigure(Shown, alt.HConcatChart):  # type: ignore[misc]  # `save` takes the options as they come
    """Charts side by side."""


class VConcatFigure(Shown, alt.VConcatChart):  # type: ignore[misc]  # `save` takes the options as they come
    """Charts below each other."""


class ConcatFigure(Shown, alt.ConcatChart):  # type: ignore[misc]  # `save` takes the options as they come
    """Charts in rows."""


class FacetFigure(Shown, alt.FacetChart):  # type: ignore[misc]  # `save` takes the options as they come
    """A chart for each part of the data."""


class RepeatFigure(Shown, alt.RepeatChart):  # type: ignore[misc]  # `save` takes the options as they come
    """A chart for each of some columns."""


_OURS = {kind.__mro__[2]: kind for kind in (
    Figure, LayerFigure, HConcatFigure, VConcatFigure, ConcatFigure, FacetFigure, RepeatFigure,
)}  # fmt: skip


def ours(chart: Any) -> Any:
    """A chart as one of ours. It was just made, so that nobody holds it as another."""
    kind = _OURS.get(type(chart))
    if kind is not None:
        object.__setattr__(
            chart, "__class__", kind
        )  # they differ in methods alone; what is set otherwise is a property
    return chart


def layered(*layers: alt.Chart, **properties: Any) -> LayerFigure:
    """Charts on top of each other, as one figure."""
    return LayerFigure(layer=list(layers)).properties(**properties)


class Rows(alt.InlineData):
    """Rows as the data of a chart, not copied with it: nobody changes them."""

    def __deepcopy__(self, _memo: Any = None) -> Rows:
        return self


def inline(rows: list[dict[str, Any]]) -> Rows:
    """Rows as the data of a chart. They are plain values, under names that are ours: there is nothing to check."""
    data = Rows(values=[])
    data["values"] = rows  # past Altair's check of each value
    return data


def _picture(spec: dict[str, Any]) -> str | None:
    """An SVG; None where vl-convert is not installed, or cannot draw it.

    No PNG: those of vl-convert 1.9 lose the colours of whatever is not opaque, on a transparent ground.
    """
    try:
        import vl_convert  # noqa: PLC0415  # an extra, and slow to load
    except ImportError:
        return None
    versions: list[str] = getattr(vl_convert, "get_vegalite_versions", list)()
    oldest = versions[0] if versions else None  # the nearest to JupyterLab's
    try:
        picture: str = vl_convert.vegalite_to_svg(spec, vl_version=oldest, config=ON_ANY_GROUND, allowed_base_urls=[])
    except ValueError:  # a chart with what only newer versions know
        return None
    return picture


__all__ = ["Figure", "LayerFigure", "inline", "layered", "ours"]
