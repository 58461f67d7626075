"""Figures of many conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from aijupyter.errors import OptionError
from aijupyter.explore.drawing import (
    MOST_IN_LABEL,
    NOBODY,
    felt,
    labels,
    shown,
    speaker_labels,
)
from aijupyter.explore.figures import (
    GRID,
    QUIET,
    WIDTH,
    Figures,
    altair,
    charts,
    emotion_scale,
    finished,
    no_emotions,
    quiet_axis,
    speaker_scale,
    time_axis,
)
from aijupyter.explore.lines import merged, rows_of, sliced
from aijupyter.explore.overview import seconds_of, side_of
from aijupyter.palette import clock

if TYPE_CHECKING:
    from aijupyter.explore.charts import Figure, LayerFigure
    from aijupyter.explore.corpus import Corpus

MOST_ROWS = 30
ROW = 24
MOST_BARS = 5000
OVER = ("recordings", "time")


class CorpusFigures(Figures):
    """The figures of many conversations. Where there are many, the `most` that tell most are shown."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    def timeline(self, *, most: int = MOST_ROWS) -> LayerFigure:
        """Who speaks when: a row for each conversation, the longest first."""
        alt, ours = altair(), charts()
        recordings = self._corpus.recordings.sort_values("duration", ascending=False, kind="stable").head(most)
        rows = self._row_labels(recordings)
        names = speaker_labels(self._corpus.speakers["speaker"], named_first=True)
        utterances = self._corpus.utterances
        lines = merged(utterances[utterances["job"].isin(list(rows))], MOST_BARS)
        lines = lines.assign(
            row=lines["job"].map(rows),
            who=lines["speaker"].map(names).fillna(NOBODY),
            when=[f"{clock(start)} to {clock(end)}" for start, end in zip(lines["start"], lines["end"], strict=True)],
        )
        until = float(lines["end"].max()) if len(lines) else 1.0
        lanes = [name for name in [*names.values(), NOBODY] if (lines["who"] == name).any()]
        bars = alt.Chart(ours.inline(rows_of(lines[["row", "who", "start", "end", "when"]]))).mark_bar(height=14)
        bars = bars.encode(
            x=time_axis(alt, "start", until),
            x2="end:Q",
            y=_row(alt, list(rows.values())),
            color=speaker_scale(alt, lanes),
            tooltip=[
                alt.Tooltip("row:N", title="recording"),
                alt.Tooltip("who:N", title="speaker"),
                alt.Tooltip("when:N", title="time"),
            ],
        )
        figure = ours.layered(bars, width=WIDTH, height=ROW * max(1, len(rows)))
        return cast("LayerFigure", self._finished(figure, "Who speaks when", "timeline", len(rows), "the longest"))

    def talk_ratio(self, *, most: int = MOST_ROWS) -> LayerFigure:
        """Who talks how much: the shares of talk in each conversation, the least balanced first."""
        alt, ours = altair(), charts()
        recordings = self._corpus.recordings.sort_values("top_share", ascending=False, kind="stable").head(most)
        rows = self._row_labels(recordings)
        speakers = self._corpus.speakers
        names = speaker_labels(speakers["speaker"], named_first=True)
        kept = speakers[speakers["job"].isin(list(rows)) & speakers["speaker"].notna()]
        talk = kept["talk_seconds"].fillna(0.0)
        whole = talk.groupby(kept["job"]).transform("sum")
        table = pd.DataFrame(
            {
                "row": kept["job"].map(rows),
                "who": kept["speaker"].map(names),
                "share": (talk / whole.where(whole > 0)).round(4),
                "place": kept["speaker"].map({name: place for place, name in enumerate(names)}),
                "talk": [clock(seconds) for seconds in talk],
            }
        )
        lanes = [name for name in names.values() if (table["who"] == name).any()]
        bars = alt.Chart(ours.inline(rows_of(table[table["share"].notna()]))).mark_bar(height=16)
        bars = bars.encode(
            x=_share(alt, "share of the talk"),
            y=_row(alt, list(rows.values())),
            color=speaker_scale(alt, lanes),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("row:N", title="recording"),
                alt.Tooltip("who:N", title="speaker"),
                alt.Tooltip("share:Q", title="share", format=".0%"),
                alt.Tooltip("talk:N", title="talk"),
            ],
        )
        half = alt.Chart(ours.inline([{"share": 0.5}])).mark_rule(strokeDash=[4, 4], color=QUIET).encode(x="share:Q")
        figure = ours.layered(bars, half, width=WIDTH, height=ROW * max(1, len(rows)))
        return cast(
            "LayerFigure", self._finished(figure, "Who talks how much", "talk ratio", len(rows), "the least balanced")
        )

    def emotions(self, *, over: str = "recordings", most: int = MOST_ROWS) -> Figure:
        """How it felt: the emotions' shares of talk in each conversation, or from beginning to end (over="time")."""
        if over not in OVER:
            raise OptionError(f"{over!r} is nothing to go over.", f"Give one of {', '.join(OVER)}.", option="over")
        utterances = self._corpus.utterances
        utterances = utterances[utterances["emotion"].notna()]
        if utterances.empty:
            raise no_emotions()
        utterances = utterances.assign(seconds=seconds_of(utterances), emotion=utterances["emotion"].astype(str))
        return self._emotions_over_time(utterances) if over == "time" else self._emotions_by_row(utterances, most)

    def pace(self, *, most: int = MOST_ROWS) -> LayerFigure:
        """How fast they talk: each circle is a speaker in a conversation, each bar the middle of a speaker's."""
        alt, ours = altair(), charts()
        speakers = self._corpus.speakers
        speakers = speakers[speakers["speaker"].notna()]
        counted = (
            60 * speakers["words"].astype("float64") / speakers["talk_seconds"].where(speakers["talk_seconds"] > 0)
        )
        speakers = speakers.assign(wpm=speakers["pace_wpm"].fillna(counted).round(1))
        speakers = speakers[speakers["wpm"].notna()]
        often = speakers["speaker"].value_counts(sort=True).head(most).index
        names = {
            who: name for who, name in speaker_labels(speakers["speaker"], named_first=True).items() if who in often
        }
        kept = speakers[speakers["speaker"].isin(list(names))]
        rows = self._row_labels(self._corpus.recordings)
        table = pd.DataFrame(
            {
                "who": kept["speaker"].map(names),
                "wpm": kept["wpm"],
                "row": kept["job"].map(rows),
                "aside": _aside(kept),
            }
        )
        lanes = list(names.values())
        across = alt.X(
            "wpm:Q",
            title="words a minute",
            scale=alt.Scale(zero=False, nice=True),
            axis=alt.Axis(gridColor=QUIET, gridOpacity=GRID, domain=False, tickOpacity=0.4, tickCount=8),
        )
        up = alt.Y("who:N", title=None, scale=alt.Scale(domain=lanes), axis=quiet_axis(alt))
        dots = alt.Chart(ours.inline(rows_of(table.head(MOST_BARS)))).mark_point(opacity=1, size=42, strokeWidth=1.4)
        dots = dots.encode(
            x=across,
            y=up,
            yOffset=alt.YOffset("aside:Q", scale=alt.Scale(domain=[-1, 1], range=[6, 34])),
            color=speaker_scale(alt, lanes, legend=False),
            tooltip=[
                alt.Tooltip("row:N", title="recording"),
                alt.Tooltip("who:N", title="speaker"),
                alt.Tooltip("wpm:Q", title="words a minute", format=".0f"),
            ],
        )
        middles = table.groupby("who", sort=False)["wpm"].agg(["median", "count"]).reset_index()
        middle = alt.Chart(ours.inline(rows_of(middles))).mark_tick(thickness=3, height=30, opacity=1)
        middle = middle.encode(
            x=alt.X("median:Q"),
            y=up,
            color=speaker_scale(alt, lanes, legend=False),
            tooltip=[
                alt.Tooltip("who:N", title="speaker"),
                alt.Tooltip("median:Q", title="in the middle", format=".0f"),
                alt.Tooltip("count:Q", title="conversations"),
            ],
        )
        figure = ours.layered(dots, middle, width=WIDTH, height=40 * max(1, len(lanes)))
        return cast("LayerFigure", self._finished(figure, "How fast they talk", "pace", len(self._corpus), ""))

    def _emotions_by_row(self, utterances: pd.DataFrame, most: int) -> Figure:
        alt, ours = altair(), charts()
        felt_long = utterances.groupby(["job", "emotion"])["seconds"].sum().reset_index()
        felt_long["share"] = felt_long["seconds"] / felt_long.groupby("job")["seconds"].transform("sum").replace(
            0, np.nan
        )
        felt_long["unpleasant"] = felt_long["share"].where(felt_long["emotion"].map(side_of) < 0, 0.0)
        worst = felt_long.groupby("job")["unpleasant"].sum().sort_values(ascending=False, kind="stable").head(most)
        recordings = self._corpus.recordings.set_index("job", drop=False).loc[worst.index]
        rows = self._row_labels(recordings)
        order = felt(utterances["emotion"])
        table = felt_long[felt_long["job"].isin(list(rows)) & felt_long["share"].notna()]
        table = table.assign(
            row=table["job"].map(rows),
            share=table["share"].round(4),
            place=table["emotion"].map({emotion: place for place, emotion in enumerate(order)}),
            emotion=[shown(emotion, MOST_IN_LABEL) for emotion in table["emotion"]],
        )
        bars = ours.Figure(ours.inline(rows_of(table[["row", "emotion", "share", "place"]]))).mark_bar(height=16)
        figure = bars.encode(
            x=_share(alt, "share of the talk"),
            y=_row(alt, list(rows.values())),
            color=emotion_scale(alt, [shown(emotion, MOST_IN_LABEL) for emotion in order]),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("row:N", title="recording"),
                alt.Tooltip("emotion:N", title="emotion"),
                alt.Tooltip("share:Q", title="share", format=".0%"),
            ],
        ).properties(width=WIDTH, height=ROW * max(1, len(rows)))
        jobs = felt_long["job"].nunique()
        return cast(
            "Figure", self._finished(figure, "How it felt", "emotions", len(rows), "the most unpleasant", of=jobs)
        )

    def _emotions_over_time(self, utterances: pd.DataFrame) -> Figure:
        alt, ours = altair(), charts()
        whole = utterances.groupby("job")["end"].transform("max")
        known = utterances[utterances["start"].notna() & (whole > 0)]
        table = sliced(known.assign(whole=whole.loc[known.index]))
        order, jobs = felt(utterances["emotion"]), utterances["job"].nunique()
        table["place"] = table["emotion"].map({emotion: place for place, emotion in enumerate(order)})
        table["emotion"] = [shown(emotion, MOST_IN_LABEL) for emotion in table["emotion"]]
        figure = (
            ours.Figure(ours.inline(rows_of(table)))
            .mark_area(interpolate="monotone", opacity=1)
            .encode(
                x=alt.X(
                    "at:Q",
                    title="from beginning to end",
                    scale=alt.Scale(domain=[0, 1], nice=False),
                    axis=alt.Axis(format="%", grid=False, tickCount=5, domain=False, tickOpacity=0.4),
                ),
                y=alt.Y(
                    "share:Q",
                    title="share of the talk",
                    stack="zero",
                    scale=alt.Scale(domain=[0, 1]),
                    axis=alt.Axis(
                        format="%", tickCount=5, gridColor=QUIET, gridOpacity=GRID, domain=False, ticks=False
                    ),
                ),
                color=emotion_scale(alt, [shown(emotion, MOST_IN_LABEL) for emotion in order]),
                order=alt.Order("place:Q"),
                tooltip=[alt.Tooltip("emotion:N", title="emotion")],
            )
            .properties(width=WIDTH, height=240)
        )
        return cast(
            "Figure",
            self._finished(figure, "How it felt, from beginning to end", "emotions over time", jobs, "", of=jobs),
        )

    def _row_labels(self, recordings: pd.DataFrame) -> dict[str, str]:
        """A label for each job, of its recording's name; those of one name are numbered."""
        given = labels(zip(recordings["recording"], recordings["job"], strict=True), said=lambda pair: pair[0])
        return {job: label for (_, job), label in given.items()}

    def _subject(self) -> str:
        return repr(self._corpus).strip("<>")

    def _finished(self, figure: Any, title: str, kind: str, rows: int, which: str, of: int | None = None) -> Any:
        """`rows` is how many are shown, of those (`of`) that could be: all, where it is not said."""
        count = len(self._corpus) if of is None else of
        subtitle = f"{count:,} conversation{'' if count == 1 else 's'}"
        if rows < count:
            subtitle = f"{which} {rows:,} of {subtitle}"
        return finished(figure, title, subtitle, f"{kind} of {subtitle}")


def _row(alt: Any, rows: list[str]) -> Any:
    return alt.Y("row:N", title=None, scale=alt.Scale(domain=rows), axis=quiet_axis(alt))


def _share(alt: Any, title: str) -> Any:
    return alt.X(
        "share:Q",
        title=title,
        stack="zero",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(format="%", grid=False, tickCount=5, domain=False, tickOpacity=0.4),
    )


def _aside(speakers: pd.DataFrame) -> list[float]:
    """Where to put each circle within its lane, -1 to 1, so that near ones do not cover each other; always the same."""
    places = speakers.groupby("speaker").cumcount().to_numpy(dtype=float)
    return [round(float(side), 3) for side in 2 * ((places * GOLDEN) % 1) - 1]


GOLDEN = 0.6180339887
