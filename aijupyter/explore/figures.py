"""Figures of one conversation: who spoke when, how much, how fast, and how it felt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from aijupyter.errors import OptionError
from aijupyter.explore.drawing import (
    MOST_IN_TOOLTIP,
    NOBODY,
    emotion_colours,
    felt,
    shown,
    speaker_colours,
    speaker_labels,
    time_label,
    time_ticks,
)
from aijupyter.explore.extras import extra
from aijupyter.explore.lines import MANY_LINES, drawable, paced, rows_of, smoothed, windowed
from aijupyter.palette import clock

if TYPE_CHECKING:
    from aijupyter.explore.charts import Figure, LayerFigure
    from aijupyter.results.transcript import Transcript

WIDTH = 600
LANE = 46
QUIET = "#8a9097"
"""Legible on white and on black."""
GRID = 0.25
NEUTRAL = "Neutral"
ROOM_FOR_LABEL = 14.0
"""Percent."""
MOST_MARKS = 60
"""More questions than this are not marked one by one."""
SHOWN = ("who", "start", "end", "when", "emotion", "text")


def altair() -> Any:
    """Altair. Raises ExtraMissingError."""
    return extra("altair", "Figures")


def charts() -> Any:
    """Our own kinds of charts. Raises ExtraMissingError."""
    altair()
    return extra("aijupyter.explore.charts", "Figures")


class Figures(ABC):
    """Ready figures. Each is a chart of Altair, to be shown, changed (`.properties(width=900)`) and saved."""

    @abstractmethod
    def timeline(self) -> LayerFigure:
        """Who speaks when."""

    @abstractmethod
    def talk_ratio(self) -> LayerFigure | Figure:
        """Who talks how much."""

    @abstractmethod
    def emotions(self) -> Figure:
        """How it felt."""

    @abstractmethod
    def pace(self) -> LayerFigure:
        """How fast they talk."""

    @abstractmethod
    def _subject(self) -> str:
        """What the figures are of."""

    def __call__(self) -> LayerFigure:
        """The timeline."""
        return self.timeline()

    def __repr__(self) -> str:
        kinds = ((name, getattr(type(self), name).__doc__.partition("\n")[0]) for name in NAMES)
        return "\n".join([f"Figures of {self._subject()}:", *(f"  .{name}() - {said}" for name, said in kinds)])


NAMES = ("timeline", "talk_ratio", "emotions", "pace")


class ConversationFigures(Figures):
    """The figures of one conversation."""

    def __init__(self, result: Transcript) -> None:
        self._result = result

    def timeline(self) -> LayerFigure:
        """Who speaks when: a lane for each speaker, what was felt below it, and the questions."""
        alt, ours = altair(), charts()
        lines, names, until = self._lines()
        lanes = [*names.values(), *([NOBODY] if (lines["who"] == NOBODY).any() else [])]
        lane = alt.Y("who:N", title=None, scale=alt.Scale(domain=lanes), axis=quiet_axis(alt))
        spoken = alt.Chart(ours.inline(rows_of(lines, *SHOWN))).mark_bar(height=20, cornerRadius=_corner(lines))
        layers = [
            spoken.encode(
                x=time_axis(alt, "start", until),
                x2="end:Q",
                y=lane,
                color=speaker_scale(alt, lanes, legend=False),
                tooltip=_tooltip(alt, lines),
            )
        ]
        strong = lines[lines["emotion"].notna() & (lines["emotion"] != NEUTRAL)]
        if len(strong):
            strip = alt.Chart(ours.inline(rows_of(strong, "who", "start", "end", "when", "emotion"))).mark_bar(
                height=5, yOffset=14
            )
            colour = emotion_scale(alt, felt(strong["emotion"]))
            layers.append(
                strip.encode(x="start:Q", x2="end:Q", y=lane, color=colour, tooltip=_tooltip(alt, lines)[:-1])
            )
        asked = self._asked(names)
        if 0 < len(asked) <= MOST_MARKS:
            mark = alt.Chart(ours.inline(rows_of(asked))).mark_text(
                text="?", color=QUIET, fontWeight="bold", fontSize=12, yOffset=-17
            )
            layers.append(mark.encode(x="start:Q", y=lane, tooltip=[alt.Tooltip("text:N", title="asks")]))
        figure = ours.layered(*layers, width=WIDTH, height=LANE * max(1, len(lanes)))
        figure = figure.resolve_scale(color="independent")
        return cast("LayerFigure", self._described(figure, "Who speaks when", "timeline"))

    def talk_ratio(self) -> LayerFigure:
        """Who talks how much: each speaker's share of all talk; the dashed line is where all would be equal."""
        alt, ours = altair(), charts()
        speakers = self._result.speakers
        names = speaker_labels(speakers["speaker"])
        rows: list[dict[str, Any]] = [
            {"who": names[speaker], "share": share, "said": f"{share:.0f}% · {clock(seconds)}", "words": int(words)}
            for speaker, share, seconds, words in zip(
                speakers["speaker"],
                _shares(speakers),
                speakers["talk_seconds"],
                speakers["words"].fillna(0),
                strict=True,
            )
            if speaker in names
        ]
        lanes = list(names.values())
        across = alt.X(
            "share:Q",
            title="share of the talk (%)",
            scale=alt.Scale(domain=[0, max([60.0, *(row["share"] for row in rows)])], nice=False),
            axis=alt.Axis(grid=False, tickCount=6, domain=False, tickOpacity=0.4),
        )
        lane = alt.Y("who:N", title=None, scale=alt.Scale(domain=lanes), axis=quiet_axis(alt))
        tooltip = [
            alt.Tooltip("who:N", title="speaker"),
            alt.Tooltip("said:N", title="talk"),
            alt.Tooltip("words:Q", title="words", format=","),
        ]
        bars = alt.Chart(ours.inline(rows)).mark_bar(height=22, cornerRadius=2)
        equal = alt.Chart(ours.inline([{"share": 100 / max(1, len(rows))}])).mark_rule(strokeDash=[4, 4], color=QUIET)
        layers = [
            bars.encode(x=across, y=lane, color=speaker_scale(alt, lanes, legend=False), tooltip=tooltip),
            equal.encode(x="share:Q"),
        ]
        for inside in (True, False):  # white on its bar where there is room, else beside it
            said = [row for row in rows if (row["share"] >= ROOM_FOR_LABEL) is inside]
            place = (
                {"align": "right", "dx": -8, "color": "white"} if inside else {"align": "left", "dx": 6, "color": QUIET}
            )
            text = alt.Chart(ours.inline(said)).mark_text(fontSize=12, **place)
            layers.append(text.encode(x="share:Q", y=lane, text="said:N", tooltip=tooltip))
        figure = ours.layered(*layers, width=WIDTH, height=34 * max(1, len(rows)))
        return cast("LayerFigure", self._described(figure, "Who talks how much", "talk ratio"))

    def emotions(self) -> Figure:
        """How it felt, over time: the pleasant above, the unpleasant below, in the colours of who felt it."""
        alt, ours = altair(), charts()
        lines, names, until = self._lines()
        lines = lines[lines["emotion"].notna()]
        if lines.empty:
            raise no_emotions()
        order = felt(pd.Series([*lines["emotion"], NEUTRAL]))[::-1]
        lanes = [*names.values(), *([NOBODY] if (lines["who"] == NOBODY).any() else [])]
        figure = ours.Figure(ours.inline(rows_of(lines, *SHOWN))).mark_bar(height=16, cornerRadius=_corner(lines))
        figure = figure.encode(
            x=time_axis(alt, "start", until),
            x2="end:Q",
            y=alt.Y("emotion:N", title=None, scale=alt.Scale(domain=order), axis=quiet_axis(alt, grid=True)),
            color=speaker_scale(alt, lanes),
            tooltip=_tooltip(alt, lines),
        ).properties(width=WIDTH, height=28 * len(order))
        return cast("Figure", self._described(figure, "How it felt", "emotions"))

    def pace(self) -> LayerFigure:
        """How fast they talk: words a minute of each line, and a line that follows them. Larger circles are longer."""
        alt, ours = altair(), charts()
        lines, names, until = self._lines()
        lanes = list(names.values()) or [NOBODY]
        lines = paced(lines[lines["who"].isin(lanes)])
        dotted = windowed(lines, until)
        colour = speaker_scale(alt, lanes)
        across = time_axis(alt, "middle", until)
        up = alt.Y(
            "wpm:Q",
            title="words a minute",
            scale=alt.Scale(zero=False, nice=True),
            axis=alt.Axis(tickCount=5, gridOpacity=GRID, gridColor=QUIET, domain=False, ticks=False),
        )
        dots = (
            alt.Chart(ours.inline(rows_of(dotted, *SHOWN, "wpm", "middle", "seconds")))
            .mark_point(opacity=1, strokeWidth=1.5)
            .encode(
                x=across,
                y=up,
                size=alt.Size("seconds:Q", legend=None, scale=alt.Scale(range=[25, 280])),
                color=colour,
                tooltip=[*_tooltip(alt, dotted), alt.Tooltip("wpm:Q", title="words a minute", format=".0f")],
            )
        )
        line = alt.Chart(ours.inline(rows_of(smoothed(dotted, until)))).mark_line(
            interpolate="monotone", strokeWidth=2.5
        )
        figure = ours.layered(dots, line.encode(x="middle:Q", y="wpm:Q", color=colour), width=WIDTH, height=220)
        return cast("LayerFigure", self._described(figure, "How fast they talk", "pace"))

    def _subject(self) -> str:
        return repr(shown(self._result.recording, 60))

    def _described(self, figure: Any, title: str, kind: str) -> Any:
        recording = shown(self._result.recording, 60)
        return finished(figure, title, recording, f"{kind} of {recording}")

    def _lines(self) -> tuple[pd.DataFrame, dict[str, str], float]:
        """The utterances that have a time, with who speaks as it is shown; all speakers; when it ends."""
        utterances = self._result.utterances
        names = speaker_labels(self._result.speakers["speaker"])
        lines = drawable(utterances, names)
        return lines, names, max(1.0, float(lines["end"].max())) if len(lines) else 1.0

    def _asked(self, names: dict[str, str]) -> pd.DataFrame:
        questions = getattr(self._result, "questions", None)
        if questions is None or questions.empty:
            return pd.DataFrame(columns=["who", "start", "text"])
        asked = questions[questions["start"].notna() & questions["speaker"].isin(list(names))]
        return pd.DataFrame(
            {
                "who": asked["speaker"].map(names),
                "start": asked["start"],
                "text": [shown(text, MOST_IN_TOOLTIP) for text in asked["text"].fillna("")],
            }
        )


def _shares(speakers: pd.DataFrame) -> list[float]:
    talk = speakers["talk_seconds"].fillna(0.0)
    own = 100 * talk / talk.sum() if talk.sum() else talk
    return [float(share) for share in speakers["talk_ratio"].fillna(own).round(1)]


def no_emotions() -> OptionError:
    """What a figure of emotions says where there are none."""
    return OptionError("No emotions were asked for.", "Ask for them: ai.analyze(recording, insights=['All']).")


def finished(figure: Any, title: str, subtitle: str, description: str) -> Any:
    """A figure with its title, below it what it is of, and no frame. The description is for who cannot see it."""
    alt = altair()
    heading = alt.TitleParams(
        title, subtitle=subtitle, anchor="start", frame="group", fontSize=14, subtitleColor=QUIET, offset=12
    )
    return figure.properties(title=heading, description=description, view=alt.ViewBackground(stroke=None))


def quiet_axis(alt: Any, *, grid: bool = False) -> Any:
    """The axis of lanes: their names and nothing else."""
    return alt.Axis(
        domain=False,
        ticks=False,
        grid=grid,
        gridOpacity=GRID,
        gridColor=QUIET,
        labelFontSize=12,
        labelLimit=190,
        labelPadding=8,
    )


def time_axis(alt: Any, field: str, until: float) -> Any:
    """Time from the start of the recording to its end, in m:ss."""
    return alt.X(
        f"{field}:Q",
        title=None,
        scale=alt.Scale(domain=[0, until], nice=False),
        axis=alt.Axis(
            values=time_ticks(until),
            labelExpr=time_label(until),
            grid=True,
            gridOpacity=GRID,
            gridColor=QUIET,
            domain=False,
            tickOpacity=0.4,
        ),
    )


def speaker_scale(alt: Any, lanes: list[str], *, legend: bool = True) -> Any:
    """Speakers in the player's colours."""
    shown_legend = alt.Legend(title=None, orient="top", symbolType="circle", symbolLimit=12) if legend else None
    return alt.Color("who:N", scale=alt.Scale(domain=lanes, range=speaker_colours(lanes)), legend=shown_legend)


def emotion_scale(alt: Any, emotions: list[str]) -> Any:
    """Emotions in their colours, the legend below."""
    return alt.Color(
        "emotion:N",
        scale=alt.Scale(domain=emotions, range=emotion_colours(emotions)),
        legend=alt.Legend(title=None, orient="bottom", symbolType="square", columns=8),
    )


def _corner(lines: pd.DataFrame) -> int:
    """Round where one would see it: drawn by the thousand, round corners take megabytes."""
    return 2 if len(lines) <= MANY_LINES else 0


def _tooltip(alt: Any, lines: pd.DataFrame) -> list[Any]:
    felt_too = [alt.Tooltip("emotion:N", title="emotion")] if lines["emotion"].notna().any() else []
    return [
        alt.Tooltip("who:N", title="speaker"),
        alt.Tooltip("when:N", title="time"),
        *felt_too,
        alt.Tooltip("text:N", title="says"),
    ]
