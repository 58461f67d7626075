"""Files made of results: they can be read back, they are whole or not there, and hostile text does nothing in them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from calls import HOSTILE, LINES, interaction, transcript
from pandas.testing import assert_frame_equal

from aijupyter.errors import OptionError
from aijupyter.explore.corpus import TABLES, gather
from aijupyter.explore.documents import escaped
from aijupyter.explore.exports import file_stem
from aijupyter.explore.subtitles import cues

STAMP = re.compile(r"(\d\d):(\d\d):(\d\d)[.,](\d\d\d)")


def times(line: str) -> list[float]:
    """The seconds of a cue's times."""
    return [int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in STAMP.findall(line)]


# Subtitles


def test_srt() -> None:
    """Numbered cues in order, at most two lines of 42 characters, the speaker where it changes."""
    text = interaction().to_srt()
    blocks = text.strip().split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == [str(n + 1) for n in range(len(blocks))]
    assert blocks[0].splitlines() == [
        "1", "00:00:00,500 --> 00:00:04,000", "Speaker 0: Good morning,", "how can I help you?",
    ]  # fmt: skip
    for block in blocks:
        _, when, *lines = block.splitlines()
        start, end = times(when)
        assert 0.9 < end - start <= 7.001
        assert len(lines) <= 2
        assert max(map(len, lines)) <= 42
    assert text.count("Speaker 1:") == 2
    assert "Speaker" not in (interaction().to_srt(speakers=False) or "")


def test_cues_follow_the_words() -> None:
    """A long line is cut where a sentence ends, at the time of its words, and no word is lost."""
    found = cues(interaction())
    said = [cue for cue in found if cue.speaker == "Speaker 1"]
    assert [cue.text for cue in said][:2] == [
        "I want a refund.",
        "This is the worst lamp that I have ever had, and it is broken.",
    ]
    assert said[1].start == pytest.approx(4.5 + 4 * 7.5 / 18)
    whole = " ".join(cue.text for cue in found)
    assert whole == " ".join(line[3] for line in LINES)


def test_vtt() -> None:
    """Speakers are voices; a given name is escaped as WebVTT demands."""
    call = interaction()
    call.name_speakers({"0": "Jane & <Bob>"})
    text = call.to_vtt() or ""
    head, first, *_ = text.split("\n\n")
    assert head == "WEBVTT"
    assert first.splitlines() == [
        "00:00:00.500 --> 00:00:04.000", "<v Jane &amp; &lt;Bob&gt;>Good morning, how can I help you?",
    ]  # fmt: skip
    assert "<v" not in (call.to_vtt(speakers=False) or "")


def test_a_hostile_transcript_makes_no_cues_of_its_own() -> None:
    """No tag, no arrow, no blank line, no cue and no style comes out of what was said or how somebody is called."""
    evil = "A\n\n2\n00:00:00,000 --> 09:00:00,000\n\nSTYLE <b>{\\an8}\n\n" + HOSTILE
    call = interaction(HOSTILE, ((evil, 0.0, 5.0, evil, None), ("1", 6.0, 8.0, "y" * 100_000, None)))
    srt, vtt = call.to_srt() or "", call.to_vtt() or ""
    blocks = srt.strip().split("\n\n")
    assert [block.split("\n")[0] for block in blocks] == [str(n + 1) for n in range(len(blocks))]
    assert srt.count("-->") == len(blocks)
    assert not set("<>{}\x00") & set(srt.replace("-->", ""))
    cue_blocks = vtt.strip().split("\n\n")[1:]
    assert vtt.count("-->") == len(cue_blocks)
    assert all(STAMP.match(block) for block in cue_blocks)
    assert {tag[:2] for tag in re.findall(r"<[^>]*>", vtt)} == {"<v"}
    assert max(map(len, (line for line in srt.splitlines() if "y" in line))) <= 42


def test_lines_without_times_or_words() -> None:
    """They come after those before them, for as long as it takes to read them; nothing said is left out."""
    lines: Any = (("0", None, None, "", None), ("0", 1.0, 2.0, "First.", None), (None, None, None, "Second.", None))
    response = {"utteranceInsights": [{"speakerId": w, "start": s, "end": e, "text": t} for w, s, e, t, _ in lines]}
    found = cues(interaction(response=response))
    assert [(cue.text, cue.start) for cue in found] == [("First.", 1.0), ("Second.", 2.0)]
    assert (interaction(lines=()).to_srt(), interaction(lines=()).to_vtt()) == ("", "WEBVTT\n")


# Documents


def test_markdown() -> None:
    """Title, facts, what was found, and every line by speaker with its time."""
    call = interaction()
    call.name_speakers({"0": "Jane"})
    text = call.to_markdown() or ""
    assert text.startswith("# call.mp3\n\n**Duration** 0:17 · **Words** 36 · **Jane** 40% · **Speaker 1** 60%\n")
    assert "## In their words\n\nI want a refund.\n" in text
    assert "## Questions\n\n- How can I help you? (Jane, 0:01)\n" in text
    assert "## Topics\n\nlamp\n" in text
    assert "**Speaker 1** 0:04\\\nI want a refund. This is the worst lamp" in text
    assert "## Transcript" in (transcript().to_markdown() or "")


@pytest.mark.parametrize(
    "text",
    [
        "<b>x</b>", "[a](javascript:x)", "![a](http://x)", "**bold**", "_it_", "`code`", "# head", "- item", "+ item",
        "1. item", "2) item", "a | b", "~~gone~~", "$x$", "http://evil.example", "www.evil.example", "me@evil.example",
        "[^1]", "&lt;b&gt;", "=== x", "\\*", "--- x", "> quote", HOSTILE,
    ],
)  # fmt: skip
def test_markdown_of_others_is_text(text: str) -> None:
    """Through a real renderer: what was said comes out as text, in one paragraph, and no element is made of it."""
    from mistune import create_markdown  # noqa: PLC0415  # nbconvert's own

    render = create_markdown(escape=False, plugins=["strikethrough", "table", "footnotes", "url", "math"])
    html = str(render(f"**A** 0:01\\\n{escaped(text)}"))
    inside = re.fullmatch(r"<p><strong>A</strong> 0:01<br\s*/?>\s*(.*)</p>\s*", html, re.DOTALL)
    assert inside, html
    assert not re.search(r"<[^>]*>", inside[1]), html


# Frames


def test_parquet_keeps_dtypes(tmp_path: Path) -> None:
    """Ordered categories, whole numbers with gaps, texts and times come back as they were."""
    corpus = gather([interaction(), transcript()], lambda _: None)
    paths = corpus.to_parquet(tmp_path / "new" / "folder")
    assert [path.stem for path in paths] == list(TABLES)
    for path in paths:
        back, frame = pd.read_parquet(path), corpus.frame(path.stem)
        assert_frame_equal(back, frame, check_categorical=True)
        assert {name: str(dtype) for name, dtype in back.dtypes.items()} == {
            name: str(dtype) for name, dtype in frame.dtypes.items()
        }
    call = interaction()
    assert call.to_parquet(tmp_path / "call.parquet", frame="words") is None
    assert_frame_equal(pd.read_parquet(tmp_path / "call.parquet"), call.words)
    call.to_parquet(tmp_path / "call.parquet")  # again, as pandas does
    back = pd.read_parquet(tmp_path / "call.parquet")
    assert (back.index.name, back["emotion"].min()) == ("utterance", "Anger")


def test_csv(tmp_path: Path) -> None:
    """As text or as a file, with the number of each line; the files of a corpus by frame."""
    call = interaction()
    text = call.to_csv() or ""
    assert text.splitlines()[0] == "utterance,start,end,speaker,text,confidence,emotion,emotion_confidence"
    assert call.to_csv(tmp_path / "x.csv") is None
    assert (tmp_path / "x.csv").read_text(encoding="utf-8") == text
    assert len(pd.read_csv(tmp_path / "x.csv")) == 4
    paths = gather([call], lambda _: None).to_csv(tmp_path)
    assert [path.name for path in paths] == [f"{name}.csv" for name in TABLES]
    with pytest.raises(OptionError, match="There are utterances, words, speakers"):
        transcript().to_csv(frame="insights")


@pytest.mark.parametrize(
    "formula", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "a\r=1", "\uff1d1+1"]
)
def test_no_cell_is_a_formula(tmp_path: Path, formula: str) -> None:
    """In a spreadsheet a text is a text; for a program `safe=False` leaves it as it was said."""
    call = interaction(formula, ((formula, -1.0, 2.0, formula, formula),))
    for corpus_file in gather([call], lambda _: None).to_csv(tmp_path):
        rows = pd.read_csv(corpus_file, dtype=str, keep_default_na=False)
        texts = [cell for name in rows if name not in {"start", "end"} for cell in rows[name]]
        assert not [cell for cell in texts if cell.startswith(tuple("=+-@\t\r\uff1d"))]
    call.to_csv(tmp_path / "raw.csv", safe=False)
    assert pd.read_csv(tmp_path / "raw.csv")["text"][0] == formula
    assert pd.read_csv(tmp_path / "utterances.csv")["start"][0] == -1.0


# Files


def test_files_have_names_of_their_own(tmp_path: Path) -> None:
    """A recording is called what it likes: its file is in the folder, and no other recording's."""
    names = [
        "../../etc/passwd", "/etc/passwd", "C:\\Windows\\win.ini", "CON.mp3", "call.mp3", "CALL.wav", "call.ogg", "",
        "..", "...", "nul", "a" * 5000 + ".mp3", "https://example.com/talk.mp3?token=x", "x\x00y\n.mp3", "-rf.mp3",
        "gpj.\u202eexe", "é" * 300, ".bashrc", HOSTILE,
    ]  # fmt: skip
    corpus = gather([interaction(name, job=str(n)) for n, name in enumerate(names)], lambda _: None)
    paths = corpus.to_srt(tmp_path / "out")
    assert len({path.name.casefold() for path in paths}) == len(names)
    assert {path.parent for path in paths} == {tmp_path / "out"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in paths)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger", "out"][-len(list(tmp_path.iterdir())) :]
    stems = [path.stem for path in paths]
    assert stems[4:7] == ["call", "CALL-2", "call-3"]
    assert stems[12] == "talk"
    for stem in stems:
        assert len(f"{stem}.srt".encode()) < 200
        assert stem.isprintable()
        assert not set(stem) & set('<>:"/\\|?*')
        assert not stem.startswith((".", "-", " "))
        assert stem.casefold() not in {"con", "nul", "prn", "aux"}
    assert file_stem("com1.backup.mp3") == "_com1.backup"
    assert [path.suffix for path in (*corpus.to_markdown(tmp_path / "md"), *corpus.to_vtt(tmp_path / "vtt"))][:1] == [
        ".md"
    ]


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up half-way leaves the old file, and nothing beside it."""
    path = tmp_path / "talk.srt"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        interaction().to_srt(path)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".tmp")] == []


def test_where_a_file_cannot_be(tmp_path: Path) -> None:
    """No folder, a folder in its place, a file where a folder should be: each with what to do."""
    call = interaction()
    with pytest.raises(OptionError, match="no folder"):
        call.to_vtt(tmp_path / "missing" / "x.vtt")
    with pytest.raises(OptionError, match="is a folder"):
        call.to_markdown(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="is a file"):
        gather([call], lambda _: None).to_csv(tmp_path / "file")
    with pytest.raises(OptionError, match="cannot be made"):
        gather([call], lambda _: None).to_csv(tmp_path / "file" / "folder")
    with pytest.raises(OptionError, match="no folder"):
        call.to_srt("~nosuch/x.srt")
    with pytest.raises(OptionError, match="NUL"):
        call.to_srt("x\0.srt")


def test_a_link_is_written_through(tmp_path: Path) -> None:
    """As when one opens it to write; a file that is made has the rights that new files have."""
    real, link = tmp_path / "real.srt", tmp_path / "link.srt"
    real.write_text("old")
    link.symlink_to(real)
    interaction().to_srt(link)
    assert link.is_symlink()
    assert real.read_text().startswith("1\n")
    (tmp_path / "plain").write_text("")
    assert real.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_every_text_is_utf_8(tmp_path: Path) -> None:
    """Half of a surrogate pair, which some providers send, keeps no file from being written."""
    call = interaction("\ud83d.mp3", (("\ud83d", 0.0, 1.0, "half \ud83d of it, und Größe", None),))
    for name in ("to_srt", "to_vtt", "to_markdown", "to_csv"):
        getattr(call, name)(tmp_path / name)
        assert "Größe" in (tmp_path / name).read_text(encoding="utf-8")
