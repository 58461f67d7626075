"""What every conversation can be made into: figures, subtitles, documents, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aijupyter.errors import OptionError

if TYPE_CHECKING:
    from os import PathLike

    import pandas as pd

    from aijupyter.explore.figures import ConversationFigures
    from aijupyter.results.transcript import Transcript


FRAMES = (
    "utterances", "words", "speakers", "insights", "questions", "key_phrases", "topics", "summary", "tasks", "titles",
    "not_made",
)  # fmt: skip


class Explorable:
    """Figures and files of one conversation."""

    @property
    def plot(self) -> ConversationFigures:
        """Ready figures: `call.plot.timeline()`, `.talk_ratio()`, `.emotions()`, `.pace()`."""
        from aijupyter.explore.figures import ConversationFigures  # noqa: PLC0415  # figures are not for every result

        return ConversationFigures(self._transcript)

    def to_srt(self, path: str | PathLike[str] | None = None, *, speakers: bool = True) -> str | None:
        """Subtitles as SRT: the text, or with a path a file, and None. Cues have at most two lines and seven seconds.

        `speakers` names who speaks where that changes. SRT knows no escapes: tags and braces become look-alikes.
        """
        from aijupyter.explore import exports, subtitles  # noqa: PLC0415  # files are not for every result

        return exports.write_text(subtitles.to_srt(self._transcript, speakers=speakers), path)

    def to_vtt(self, path: str | PathLike[str] | None = None, *, speakers: bool = True) -> str | None:
        """Subtitles as WebVTT, with speakers as voices (`<v Agent>`): the text, or with a path a file, and None."""
        from aijupyter.explore import exports, subtitles  # noqa: PLC0415  # files are not for every result

        return exports.write_text(subtitles.to_vtt(self._transcript, speakers=speakers), path)

    def to_markdown(self, path: str | PathLike[str] | None = None) -> str | None:
        """A document, with facts, summary, questions and every line: the text, or with a path a file, and None."""
        from aijupyter.explore import documents, exports  # noqa: PLC0415  # files are not for every result

        return exports.write_text(documents.to_markdown(self._transcript), path)

    def to_csv(
        self, path: str | PathLike[str] | None = None, frame: str = "utterances", *, safe: bool = True
    ) -> str | None:
        """A frame as CSV: the text, or with a path a file, and None.

        A text that a spreadsheet would run as a formula (it begins with = + - @, a tab or a line's end) gets an
        apostrophe before it. `safe=False` writes all texts as they are, for programs; Parquet needs no such choice.
        """
        from aijupyter.explore import exports  # noqa: PLC0415  # files are not for every result

        return exports.write_csv(self._frame(frame), path, safe=safe)

    def to_parquet(self, path: str | PathLike[str] | None = None, frame: str = "utterances") -> bytes | None:
        """A frame as Parquet, with its dtypes: the bytes, or with a path a file, and None."""
        from aijupyter.explore import exports  # noqa: PLC0415  # files are not for every result

        return exports.write_parquet(self._frame(frame), path)

    @property
    def _transcript(self) -> Transcript:
        return cast("Transcript", self)

    def _frame(self, name: str) -> pd.DataFrame:
        names = [known for known in FRAMES if hasattr(type(self), known)]
        if name not in names:
            raise OptionError(f"There is no frame {name!r} here.", f"There are {', '.join(names)}.", option="frame")
        return cast("pd.DataFrame", getattr(self, name))
