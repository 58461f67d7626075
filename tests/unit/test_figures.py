"""Figures: charts that are drawn without the network, in which the text of others is text."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import altair as alt
import pytest
from calls import HOSTILE, LINES, analysis, interaction, transcript

from aijupyter.errors import OptionError
from aijupyter.explore.corpus import gather
from aijupyter.explore.drawing import labels, shown, time_ticks
from aijupyter.explore.figures import NAMES
from aijupyter.palette import EMOTION_COLOURS, SPEAKER_COLOURS
from aijupyter.results import Interaction
from aijupyter.results.frames import SCALES
from aijupyter.views.forms import static

VEGA_LITE = "application/vnd.vegalite.v5+json"


def shown_as(figure: Any) -> dict[str, Any]:
    """What a front end is offered."""
    data, _ = figure._repr_mimebundle_()
    assert set(data) == {"text/plain", VEGA_LITE, "image/svg+xml"}  # and no HTML, whose scripts are elsewhere
    return data


def values(figure: Any) -> list[dict[str, Any]]:
    """Every row of a figure's data."""
    return [row for rows in figure.to_dict()["datasets"].values() for row in rows]


def figures(call: Interaction) -> list[Any]:
    """All figures of a conversation, and of a corpus with it."""
    corpus = gather([call, transcript(), interaction("second.mp3")], lambda _: None)
    own = [getattr(call.plot, name)() for name in NAMES]
    return [*own, *(getattr(corpus.plot, name)() for name in NAMES), corpus.plot.emotions(over="time")]


def test_every_figure_is_drawn_everywhere() -> None:
    """As Vega-Lite 5, which JupyterLab draws itself; as a picture that needs no scripts; as a line of text."""
    for figure in figures(interaction()):
        data = shown_as(figure)
        assert data[VEGA_LITE]["$schema"].endswith("/vega-lite/v5.json")
        json.dumps(data[VEGA_LITE], allow_nan=False)
        assert re.fullmatch(
            r"<figure: (timeline|talk ratio|emotions|emotions over time|pace) of .*>", data["text/plain"]
        )
        picture = ET.fromstring(data["image/svg+xml"])
        assert float(picture.get("width", 0)) > 600
        assert "http" not in data["image/svg+xml"].replace("http://www.w3.org/", "")


def test_the_figures_of_a_conversation_show_it() -> None:
    """Lines, questions and emotions on the timeline; shares of talk; paces."""
    call = interaction()
    lines = [row for row in values(call.plot.timeline()) if row.get("when") and "emotion" in row]
    assert {(row["who"], row["start"], row["end"], row["emotion"]) for row in lines} == {
        (f"Speaker {who}", start, end, emotion) for who, start, end, _, emotion in LINES
    }
    assert {"who": "Speaker 0", "start": 1.5, "text": "How can I help you?"} in values(call.plot.timeline())
    shares = [row for row in values(call.plot.talk_ratio()) if "who" in row]
    assert {(row["who"], row["share"]) for row in shares} == {("Speaker 0", 40.0), ("Speaker 1", 60.0)}
    assert {row["emotion"] for row in values(call.plot.emotions())} == {"Joy", "Anger", "Sadness", "Trust"}
    paces = {row["start"]: row["wpm"] for row in values(call.plot.pace()) if "start" in row}
    assert paces[4.5] == pytest.approx(60 * 18 / 7.5)
    assert 15.5 not in paces  # two words are no pace


def test_the_figures_of_a_corpus_compare() -> None:
    """A row for each conversation; the shares in a row are one whole; names are the same people."""
    first, second = interaction("a.mp3"), interaction("b.mp3")
    for call in (first, second):
        call.name_speakers({"0": "Jane"})
    corpus = gather([first, second, transcript("b.mp3", job="again")], lambda _: None)
    rows = values(corpus.plot.talk_ratio())
    by_row = {
        row["row"]: sum(other["share"] for other in rows if other.get("row") == row["row"])
        for row in rows
        if "row" in row
    }
    assert by_row == {"a.mp3": pytest.approx(1), "b.mp3": pytest.approx(1), "b.mp3 (2)": pytest.approx(1)}
    assert {row["who"] for row in rows if "who" in row} == {"Jane", "Speaker 0", "Speaker 1"}
    felt = values(corpus.plot.emotions())
    assert {row["row"] for row in felt} == {"a.mp3", "b.mp3"}
    assert "2 conversations" in repr(corpus.plot.emotions())
    assert repr(corpus.plot.timeline(most=1)) == "<figure: timeline of the longest 1 of 3 conversations>"
    over_time = values(corpus.plot.emotions(over="time"))
    early = {row["emotion"]: row["share"] for row in over_time if row["at"] == 0}
    assert early["Joy"] == 1
    with pytest.raises(OptionError, match="recordings, time"):
        corpus.plot.emotions(over="space")


def test_what_there_is_not_is_said() -> None:
    """No emotions were asked for: which question has them. Nothing was said: an empty figure."""
    talk = transcript()
    for plot in (talk.plot, gather([talk], lambda _: None).plot):
        with pytest.raises(OptionError, match=r"ai\.analyze"):
            plot.emotions()
    silent, corpus = interaction(lines=()), gather([], lambda _: None)
    for plot in (silent.plot, corpus.plot):
        for name in ("timeline", "talk_ratio", "pace"):
            shown_as(getattr(plot, name)())


def test_speakers_that_nobody_names() -> None:
    """A transcript without speakers has one lane, and odd times break nothing."""
    odd = transcript(lines=((None, 0.0, 2.0, "Who is this?", None), (None, 9.0, 3.0, "Nobody knows that.", None)))
    assert {row["who"] for row in values(odd.plot.timeline())} == {"unknown"}
    for name in ("timeline", "talk_ratio", "pace"):
        shown_as(getattr(odd.plot, name)())


def test_hostile_text_is_text() -> None:
    """Names, lines, emotions and recordings: nothing of them is markup, an expression or a field's name."""
    response = analysis(
        ((HOSTILE, 0.0, 2.0, HOSTILE * 3, HOSTILE), ("${window.HIT=3}", 2.0, 5.0, "x" * 100_000, "Joy"))
    )
    response["speakerInsights"]["insights"][1]["values"][0]["questions"] = [{"text": HOSTILE, "start": 0.5}]
    for figure in figures(interaction(HOSTILE, response=response)):
        data = shown_as(figure)
        written = json.dumps(data[VEGA_LITE], ensure_ascii=False)
        for harm in ("<script", "<img", "\u202e", "\\u0000"):
            assert harm not in written
        assert len(written) < 60_000
        assert {node.tag.rpartition("}")[2] for node in ET.fromstring(data["image/svg+xml"]).iter()} <= {
            "svg", "g", "path", "text", "rect", "line", "defs", "clipPath", "tspan",
        }  # fmt: skip
        fields = set(re.findall(r'"field": "([^"]*)"', json.dumps(figure.to_dict())))
        assert all(field.isidentifier() for field in fields)


def test_charts_stay_ours_when_they_are_changed() -> None:
    """`.properties`, `+`, `|`, `&` as with Altair, still drawn without the network, and Altair's settings untouched."""
    plot = interaction().plot
    renderer, transformer = alt.renderers.active, alt.data_transformers.active
    wide = plot.timeline().properties(width=900, title="Mine")
    assert shown_as(wide)[VEGA_LITE]["width"] == 900
    rule = alt.Chart(alt.InlineData([{"y": 150}])).mark_rule().encode(y="y:Q")
    for changed in (
        plot.pace() + rule,
        plot.timeline() | plot.talk_ratio(),
        plot.pace() & plot.emotions(),
        wide.copy(),
    ):
        shown_as(changed)
    assert isinstance(plot.emotions(), alt.Chart)
    assert isinstance(plot.timeline(), alt.LayerChart)
    assert (alt.renderers.active, alt.data_transformers.active) == (renderer, transformer)
    with alt.renderers.enable("json"):
        assert "application/json" in plot.timeline()._repr_mimebundle_()[0]


def test_figures_are_saved(tmp_path: Any) -> None:
    """As pictures, and as a page that holds all that it needs."""
    figure = interaction().plot.timeline()
    for name in ("x.svg", "x.png", "x.json", "x.html"):
        figure.save(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    page = (tmp_path / "x.html").read_text()
    assert re.findall(r"<script[^>]+src=|<link", page) == []
    assert '"editor": false' in page


def test_long_conversations_are_drawn() -> None:
    """More lines than Altair takes, in figures that a browser can bear."""
    words = "one two three four five"
    lines = tuple((str(n % 2), 3.0 * n, 3.0 * n + 2.5, words, ("Joy", "Fear")[n % 7 == 0]) for n in range(6000))
    long = interaction("long.mp3", lines)
    corpus = gather([long], lambda _: None)
    for figure in (long.plot.timeline(), long.plot.emotions(), long.plot.pace(), corpus.plot.timeline()):
        assert len(json.dumps(figure.to_dict())) < 3_000_000
    assert len(values(long.plot.pace())) < 1000
    assert len(values(corpus.plot.timeline())) <= 5000
    assert values(corpus.plot.timeline())[-1]["end"] > 17_000


def test_figures_are_found() -> None:
    """A repr that says what there is; called without a name, the timeline."""
    plot = interaction("a.mp3").plot
    assert [name for name in NAMES if f".{name}()" in repr(plot)] == list(NAMES)
    assert set(NAMES) <= set(dir(plot))
    assert plot().to_dict() == plot.timeline().to_dict()
    assert "1 conversation" in repr(gather([interaction()], lambda _: None).plot)


def test_colours_are_the_players() -> None:
    """A speaker and a feeling have the same colour in a figure as in the player, where what is neutral lets the ground
    show through; every emotion on the scale has one.
    """
    theme = static("theme.css")
    for place, colour in enumerate(SPEAKER_COLOURS):
        assert f"--aij-speaker-{place}: {colour};" in theme
    assert set(SCALES["emotion"]) == set(EMOTION_COLOURS)
    drawn = static("player/text.js")
    for name, colour in EMOTION_COLOURS.items():
        assert f'{name.lower()}: "{colour}"' in drawn or name == "Neutral"


def test_labels_are_unlike_each_other() -> None:
    """Names that begin the same, that are the same in what one sees, and that are nothing."""
    long = "a" * 40
    assert list(labels([long + "b", long + "c", "", "\u202e"], 10).values()) == [
        "aaaaaaaaa…",
        "aaaaaaaaa… (2)",
        "?",
        "? (2)",
    ]
    assert len(set(labels(["x", "x (2)", "x\u200b"]).values())) == 3
    assert shown("a\n<b>\u202e c\x00", 20) == "a ‹b› c"  # noqa: RUF001  # look-alikes, on purpose


def test_ticks_are_round_times() -> None:
    """A few of them, whatever the length."""
    assert time_ticks(113) == [0, 15, 30, 45, 60, 75, 90, 105]
    assert time_ticks(3 * 3600) == [0, 1800, 3600, 5400, 7200, 9000, 10800]
    for until in (0.5, 7.0, 59.0, 1e5, 1e9):
        assert 1 <= len(time_ticks(until)) <= 9
