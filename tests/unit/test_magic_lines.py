"""What a person writes after %aijupyter: words, options, recordings, and slips of the pen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aijupyter.errors import MediaError, OptionError
from aijupyter.magics.options import ACTIONS, TAKING, fields_for, parser_of, understand
from aijupyter.magics.recordings import many_recordings, one_recording
from aijupyter.magics.suggesting import suggest
from aijupyter.magics.words import quoted, scan, split
from aijupyter.session.verbs import VERBS

GUIDE = Path(__file__).parents[2] / "docs" / "magics.md"


def test_words_are_split_as_in_a_shell() -> None:
    """Quotes hold a name with spaces together, and an empty line has no words."""
    assert split("""transcribe "my call.wav" 'it is "so"' a'b c'd""") == [
        "transcribe",
        "my call.wav",
        'it is "so"',
        "ab cd",
    ]
    assert split("  ") == []
    with pytest.raises(OptionError, match="never closed"):
        split("transcribe 'my call.wav")


@pytest.mark.parametrize("text", ["plain.wav", "my call.wav", "it's.wav", 'so "called".wav', "a\\b c.wav"])
def test_what_is_quoted_is_read_back(text: str) -> None:
    """A completed path is one word, whatever is in its name."""
    assert split(quoted(text)) == [text]
    (word,) = scan(quoted(text, '"'))
    assert word.text == text


@pytest.mark.parametrize(
    ("line", "options", "recordings", "target"),
    [
        ("transcribe call.wav", {}, ["call.wav"], None),
        ("transcribe call.wav as call", {}, ["call.wav"], "call"),
        ("transcribe call.wav as call --wait", {"wait": True}, ["call.wav"], "call"),
        ("transcribe --wait call.wav", {"wait": True}, ["call.wav"], None),
        (
            "analyze call.mp3 --insights KeyPhrases Topics --speaker-count 2 as job",
            {"insights": ["KeyPhrases", "Topics"], "speaker_count": 2},
            ["call.mp3"],
            "job",
        ),
        ("analyze --insights KeyPhrases,topics x.wav", {"insights": ["KeyPhrases", "Topics"]}, ["x.wav"], None),
        ("analyze --insights=All --speaker_count=3 x.wav", {"insights": ["All"], "speaker_count": 3}, ["x.wav"], None),
        ("analyze --speakerCount 3 x.wav", {"speaker_count": 3}, ["x.wav"], None),
        ("analyze --insights All as calls", {"insights": ["All"]}, [], "calls"),
        ("transcribe x.wav --enable-punctuation", {"enable_punctuation": True}, ["x.wav"], None),
        ("transcribe x.wav --no-enable-punctuation", {"enable_punctuation": False}, ["x.wav"], None),
        ("transcribe x.wav --fresh", {"fresh": True}, ["x.wav"], None),
        ("transcribe x.wav --audio-type callcenter", {"audio_type": "CallCenter"}, ["x.wav"], None),
        (
            'transcribe x.wav --speech-contexts refund,invoice "late delivery" --speaker-ids a b as y',
            {"speech_contexts": ["refund", "invoice", "late delivery"], "speaker_ids": ["a", "b"]},
            ["x.wav"],
            "y",
        ),
        ('jobs --state failed expired --since "2 days"', {"state": ["failed", "expired"], "since": "2 days"}, [], None),
        ("jobs --limit 5 as asked", {"limit": 5}, [], "asked"),
        (
            'recordings --since "7 days" --direction inbound --everyone as calls',
            {"since": "7 days", "direction": "Inbound", "everyone": True},
            [],
            "calls",
        ),
        ("start --name mine --no-embedded --port 8080", {"name": "mine", "embedded": False, "port": 8080}, [], None),
    ],
)
def test_lines_are_understood(line: str, options: dict[str, object], recordings: list[str], target: str) -> None:
    """Each way to write a thing that a person may try."""
    action, *words = split(line)
    asked = understand(action, words)
    assert (asked.options, asked.recordings, asked.target) == (options, recordings, target)


@pytest.mark.parametrize(
    ("line", "problem", "mend"),
    [
        ("transcirbe x.wav", "no action 'transcirbe'", "Did you mean transcribe?"),
        ("xyzzy", "no action", "There are: start"),
        ("analyze x.wav --insight All", "no option '--insight'", "Did you mean --insights?"),
        ("analyze x.wav -w", "no option '-w'", "Did you mean --wait?"),
        ("analyze x.wav --zzz", "no option '--zzz'", "There are: --insights"),
        ("analyze x.wav --insights Topcs", "--insights does not know 'Topcs'", "Did you mean Topics?"),
        ("analyze --insights All Topcs", "--insights does not know 'Topcs'", "Did you mean Topics?"),
        ("analyze x.wav --insights", "expected at least one argument", "--help"),
        ("analyze x.wav --speaker-count two", "'two' is no whole number", "--help"),
        ("transcribe x.wav --audio-type call", "does not know 'call'", "CallCenter"),
        ("transcribe x.wav as", "name of a variable is missing", "as call"),
        ("transcribe x.wav as a b", "takes one name", "as a"),
        ("transcribe x.wav as a as b", "takes one name", "as a"),
        ("transcribe x.wav as --wait", "name of a variable is missing", "as call"),
        ("transcribe x.wav as 2nd", "'2nd' is no name", "letters"),
        ("transcribe x.wav as class", "'class' is no name", "letters"),
        ("status --name a-b", "'a-b' is no name", "--name ai"),
        ("status now", "does not take 'now'", "--help"),
        ("enroll ann", "enroll takes ID and RECORDING", "%aijupyter enroll ID RECORDING"),
        ("forget-speaker", "forget-speaker takes ID", "%aijupyter forget-speaker ID"),
        ("speakers ann", "does not take 'ann'", "--help"),
        ("forget-speaker ann as it", "nothing that a variable could hold", "Leave `as` out"),
        ("stop as it", "nothing that a variable could hold", "Leave `as` out"),
        ("start --jwt abc", "does not belong into a notebook", ".env"),
        ("start --client-secret=abc", "does not belong into a notebook", ".env"),
    ],
)
def test_slips_get_one_line_and_the_mend(line: str, problem: str, mend: str) -> None:
    """What is wrong, in one line, and what would be right."""
    action, *words = split(line)
    with pytest.raises(OptionError) as caught:
        understand(action, words)
    assert problem in caught.value.problem
    assert mend in caught.value.mend
    assert "\n" not in caught.value.problem
    assert "abc" not in str(caught.value)


def test_every_option_of_the_api_can_be_written() -> None:
    """The options are made from the verbs themselves, and the help names each."""
    for verb in VERBS:
        text = parser_of(verb).format_help()
        for one in fields_for(verb):
            assert f"--{one.name.replace('_', '-')}" in text
            assert all(choice in text for choice in one.choices)
    for action in ACTIONS:
        assert parser_of(action).format_help().startswith(f"usage: %aijupyter {action}")


def test_a_cell_names_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths, globs, URLs, quotes, comments and the home folder, each recording once and in their order."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    for name in ("b.wav", "a.wav", "my call.wav", "call#2.wav", "odd[1].wav", "in/deep/c.wav", "home/h.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    cell = """# the first ones
    b.wav
    ?.wav  # again, and a
    "my call.wav"
    my call.wav

    call#2.wav
    odd[1].wav
    in/**/*.wav
    ~/h.wav
    https://example.com/x.mp3#t=1
    """
    assert many_recordings(cell) == [
        "b.wav",
        "a.wav",
        "my call.wav",
        "call#2.wav",
        "odd[1].wav",
        str(Path("in/deep/c.wav")),
        str(tmp_path / "home" / "h.wav"),
        "https://example.com/x.mp3#t=1",
    ]


def test_a_cell_with_a_wrong_line_says_which(tmp_path: Path) -> None:
    """All wrong lines at once, with their numbers in the cell and what is wrong with each."""
    (tmp_path / "a.wav").touch()
    (tmp_path / "calls").mkdir()
    with pytest.raises(MediaError) as caught:
        many_recordings("a.wav\nnowhere.wav\n*.mp3\ncalls\n")
    for words in (
        "Nothing was sent",
        "line 3: there is no file nowhere.wav",
        "line 4: no file matches *.mp3",
        "line 5",
    ):
        assert words in caught.value.problem
    assert "calls is a folder" in caught.value.problem
    with pytest.raises(MediaError, match="names no recording"):
        many_recordings("# nothing\n\n")


def test_a_line_names_one_recording(tmp_path: Path) -> None:
    """Several, none, a glob and a missing one each get their own mend."""
    (tmp_path / "a.wav").touch()
    assert one_recording(["a.wav"]) == "a.wav"
    assert one_recording(["https://example.com/a.wav"]) == "https://example.com/a.wav"
    for words, mend in (([], "%aijupyter transcribe call.wav"), (["my", "call.wav"], '"my call.wav"')):
        with pytest.raises(OptionError) as caught:
            one_recording(words)
        assert mend in caught.value.mend
    with pytest.raises(OptionError, match="may be many"):
        one_recording(["*.wav"])
    with pytest.raises(MediaError, match=r"no file nowhere\.wav"):
        one_recording(["nowhere.wav"])


@pytest.mark.parametrize(
    ("before", "offered", "silent"),
    [
        ("%aijupyter st", ["start", "stop", "status"], ["jobs"]),
        ("%aij ", ["transcribe", "analyze", "doctor"], []),
        ("%%aijupyter ", ["transcribe", "analyze"], ["doctor"]),
        ("%aijupyter analyze a.wav --sp", ["--speaker-count", "--speaker-ids", "--speech-contexts"], ["--wait"]),
        ("%aijupyter analyze --insights ", ["All", "KeyPhrases"], ["a.wav"]),
        ("%aijupyter analyze --insights key", ["KeyPhrases"], ["All"]),
        ("%aijupyter analyze --insights All,Key", ["KeyPhrases"], ["All"]),
        ("%aijupyter analyze --insights KeyPhrases ", ["Topics", "--wait"], ["KeyPhrases", "--insights"]),
        ("%aijupyter transcribe ", ["a.wav", '"my call.wav"', "calls/", "--fresh"], ["notes.txt"]),
        ("%aijupyter transcribe calls/", ["calls/c.wav"], ["a.wav"]),
        ('%aijupyter transcribe "my', ['"my call.wav"'], []),
        ("%aijupyter transcribe n", ["notes.txt"], ["a.wav"]),
        ("%aijupyter transcribe a.wav ", ["as", "--wait"], ["a.wav", "calls/"]),
        ("%aijupyter transcribe a.wav as ", ["call"], ["a.wav"]),
        ("%%aijupyter transcribe ", ["--wait", "as"], ["a.wav"]),
        ("%aijupyter jobs --state fa", ["failed"], ["succeeded"]),
        ("%aijupyter recordings --direction ", ["Inbound", "Outbound"], ["--limit"]),
        ("%aijupyter recordings --since '2 days' ", ["--direction", "as"], ["--since"]),
        ("%aijupyter start --delivery ", ["auto", "shared", "status"], []),
        ("%aijupyter start --ledger no", ["notes.txt"], []),
        ("%aijupyter nosuch ", [], []),
        ("print(1)", [], []),
    ],
)
def test_the_tab_key(tmp_path: Path, before: str, offered: list[str], silent: list[str]) -> None:
    """What fits is offered, and what does not is not."""
    (tmp_path / "calls").mkdir()
    for name in ("a.wav", "my call.wav", "notes.txt", "calls/c.wav"):
        (tmp_path / name).touch()
    fragment, _, found = suggest(before, "", {})
    assert before.endswith(fragment)
    assert set(offered) <= set(found)
    assert not set(silent) & set(found)


def test_the_tab_key_below_a_cell_magic(tmp_path: Path) -> None:
    """In the cell there are paths, with spaces and without quotes."""
    (tmp_path / "my call.wav").touch()
    assert suggest("my ", "%%aijupyter transcribe", {})[2] == ["my call.wav"]
    assert suggest("my ", "print(1)", {})[2] == []


def examples() -> list[tuple[str, str]]:
    """The magics of the guide: a line each, with the cell below it where it is a cell's."""
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    found = []
    for block in blocks:
        if block.startswith("%%"):
            line, _, cell = block.partition("\n")
            found.append((line, cell))
        else:
            found += [(line, "") for line in block.splitlines() if "%aij" in line]
    return found


def test_the_guide_tells_the_truth() -> None:
    """Every example of docs/magics.md can be written so, and every action and operation has one."""
    seen = set()
    for line, cell in examples():
        action, *words = split(re.sub(r".*?%%?aij(?:upyter)?", "", line, count=1).partition("  # ")[0]) or ["status"]
        if action.startswith("-"):
            continue
        seen.add(action)
        if "--help" not in words:
            asked = understand(action, words)
            assert bool(asked.recordings) == (action in (*VERBS, *TAKING) and not cell), line
    assert seen == {*ACTIONS, *VERBS}
    text = GUIDE.read_text(encoding="utf-8")
    assert all(f"`--{one.name.replace('_', '-')}" in text for verb in VERBS for one in fields_for(verb))
