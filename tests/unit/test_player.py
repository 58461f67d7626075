"""The player's kernel side: what it sends of a conversation, and how it follows and names."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aijupyter.errors import LedgerError
from aijupyter.models import Operation
from aijupyter.results import Interaction, Transcript
from aijupyter.views.payload import NO_TIME, NOBODY, UNSURE, payload
from aijupyter.views.player import Player

Answer = dict[str, Any]


def word(said: str, start: float, end: float, confidence: float = 0.9) -> Answer:
    """A word as the API tells it."""
    return {"word": said, "start": start, "end": end, "confidence": confidence}


def line(text: str, start: Any, end: Any, **more: Any) -> Answer:
    """An utterance of an analysis."""
    return {"text": text, "start": start, "end": end, "confidence": 0.8, **more}


CALL = [
    line(
        "Hello there.",
        0.5,
        1.5,
        speakerId="a",
        wordTimings=[word("Hello", 0.5, 1.0), word("there.", 1.0, 1.5, 0.4)],
        insights=[{"name": "Emotion", "value": "Joy", "confidence": 0.7}],
    ),
    line(
        "Where is it?", 2.0, 3.0, speakerId="b", wordTimings=[word(said, 2.0, 2.3) for said in ("Where", "is", "it?")]
    ),
    line("Here.", 3.5, 4.0, speakerId="a", wordTimings=[word("Here.", 3.5, 4.0)]),
]


def analysis(lines: list[Answer], conversation: list[Answer] | None = None, **more: Any) -> Interaction:
    """An answer of analyze."""
    asked = {"speakerId": "b", "value": 1, "questions": [{"text": "Where is it?", "start": 2.0, "end": 3.0}]}
    response = {
        "utteranceInsights": lines,
        "speakerInsights": {"insights": [{"name": "QuestionsAsked", "values": [asked]}]},
        "conversationalInsights": conversation or [],
    }
    return Interaction({"response": response}, operation=Operation.ANALYZE, recording="call.mp3", job_id="1", **more)


class Columns:
    """The columns read back, as the browser does."""

    def __init__(self, sent: dict[str, Any]) -> None:
        self._rest: bytes = sent["columns"]
        lines, words = self._take("<u4", 2)
        self.start, self.end, self.counts = (self._take("<u4", lines) for _ in range(3))
        self.word_start, self.word_end = (self._take("<u4", words) for _ in range(2))
        self.speaker = self._take("<u2", lines)
        self.sure, self.emotion, self.emotion_sure = (self._take("u1", lines) for _ in range(3))
        self.word_sure = self._take("u1", words)
        assert self._rest == b""
        texts = json.loads(sent["texts"])
        self.lines: list[str] = texts["lines"]
        self.words: dict[str, list[str]] = texts["words"]

    def _take(self, kind: str, count: int) -> list[int]:
        size = int(count) * np.dtype(kind).itemsize
        taken, self._rest = self._rest[:size], self._rest[size:]
        return np.frombuffer(taken, dtype=kind).tolist()


def test_a_conversation_in_columns() -> None:
    """Times in milliseconds, speakers and emotions by their places, confidence in percent, texts once."""
    sent = payload(analysis(CALL))
    columns = Columns(sent)
    assert columns.start == [500, 2000, 3500]
    assert columns.end == [1500, 3000, 4000]
    assert columns.counts == [2, 3, 1]
    assert columns.word_start == [500, 1000, 2000, 2000, 2000, 3500]
    assert [sent["facts"]["labels"][place] for place in columns.speaker] == ["a", "b", "a"]
    assert columns.sure == [80, 80, 80]
    assert columns.emotion == [0, UNSURE, UNSURE]
    assert sent["facts"]["emotions"] == ["Joy"]
    assert columns.emotion_sure[0] == 70
    assert columns.word_sure[:2] == [90, 40]
    assert columns.lines == ["Hello there.", "Where is it?", "Here."]
    assert columns.words == {}, "words that the text has between its blanks are not sent twice"


def test_words_that_the_text_writes_otherwise_are_sent() -> None:
    """A text may have punctuation, or figures, that its words have not."""
    sent = payload(analysis([line("It is 25.", 0, 1, wordTimings=[word("it", 0, 0.2), word("twenty", 0.3, 0.5)])]))
    assert Columns(sent).words == {"0": ["it", "twenty"]}


def test_lines_are_in_order_of_time() -> None:
    """However an answer orders them; their words come along, and a line without a time stays behind its predecessor."""
    lines = [CALL[2], CALL[0], line("When?", None, None, speakerId="b"), CALL[1]]
    columns = Columns(payload(analysis(lines)))
    assert columns.lines == ["Hello there.", "When?", "Where is it?", "Here."]
    assert columns.start == [500, NO_TIME, 2000, 3500]
    assert columns.counts == [2, 0, 3, 1]
    assert columns.word_start == [500, 1000, 2000, 2000, 2000, 3500]


def test_numbers_that_are_none() -> None:
    """NaN, infinity, negative and huge times, and confidences beyond their bounds, do no harm."""
    odd = [math.nan, math.inf, -3.0, 1e300, "soon", None, True]
    lines = [line("x", value, value, confidence=value, speakerId=None) for value in odd]
    columns = Columns(payload(analysis(lines)))
    assert set(columns.start) == {0, NO_TIME}
    assert set(columns.speaker) == {NOBODY}
    assert set(columns.sure) <= {0, 100, UNSURE}


def test_words_without_lines_and_lines_without_words() -> None:
    """An answer without speakers is cut into sentences; one whose words stand apart has them put into their lines."""
    words = [word("Hello.", 0.5, 1.0), word("Who", 2.0, 2.2), word("is", 2.2, 2.4), word("it?", 2.4, 2.6)]
    alone = {"response": {"words": words}}
    columns = Columns(payload(Transcript(alone, operation=Operation.TRANSCRIBE, recording="a", job_id="1")))
    assert columns.lines == ["Hello.", "Who is it?"]
    assert columns.counts == [1, 3]
    spoken = [{key: value for key, value in item.items() if key != "wordTimings"} for item in CALL[:2]]
    apart = {"response": {"utterances": spoken, "words": words}}
    columns = Columns(payload(Transcript(apart, operation=Operation.TRANSCRIBE, recording="a", job_id="1")))
    assert columns.counts == [1, 3]


@pytest.mark.parametrize("answer", [{}, {"response": None}, {"response": {"utteranceInsights": "none"}}])
def test_an_answer_of_nothing(answer: Answer) -> None:
    """Silence is a conversation, too."""
    columns = Columns(payload(Interaction(answer, operation=Operation.ANALYZE, recording="a", job_id="1")))
    assert columns.lines == []


def test_what_came_up() -> None:
    """Questions, phrases, topics, summaries and insights of names that are new; all of it is JSON without NaN."""
    said = [
        {"name": "Topics", "values": [{"value": "bicycles", "start": 1, "end": 3, "confidence": 0.5}, {"value": None}]},
        {"name": "AbstractiveSummaryShort", "values": [{"value": "A call."}]},
        {"name": "Tasks", "values": [{"value": "Send it", "start": 3.5}]},
    ]
    facts = payload(analysis(CALL, said))["facts"]
    json.dumps(facts, allow_nan=False)
    assert [question["value"] for question in facts["questions"]] == ["Where is it?"]
    assert [topic["value"] for topic in facts["topics"]] == ["bicycles"]
    assert facts["summaries"] == {"AbstractiveSummaryShort": [{"value": "A call.", "start": None}]}
    assert [task["value"] for task in facts["others"]["Tasks"]] == ["Send it"]


def test_three_hours_fit_into_a_message() -> None:
    """30,000 words go well below a megabyte."""
    text = "It is number twenty five and not here yet."
    lines = [
        line(
            text,
            10.0 * turn,
            10.0 * turn + 9,
            speakerId=str(turn % 2),
            wordTimings=[
                word(said, 10.0 * turn + place, 10.0 * turn + place + 1) for place, said in enumerate(text.split())
            ],
        )
        for turn in range(3400)
    ]
    sent = payload(analysis(lines))
    assert sum(Columns(sent).counts) > 30_000
    assert len(sent["columns"]) + len(sent["texts"]) + len(json.dumps(sent["facts"])) < 700_000


def test_a_hostile_text_survives_as_it_is() -> None:
    """Nothing is cut or escaped here: the browser shows text as text."""
    said = "<script>alert(1)</script>\u202e\x00\ud800 'x'"
    columns = Columns(payload(analysis([line(said, 0, 1)])))
    assert columns.lines[0].startswith("<script>alert(1)</script>\u202e\x00")


class Sent:
    """What a player sends to its browser."""

    def __init__(self, player: Player) -> None:
        self.contents: list[Answer] = []
        player.send = self._keep

    def _keep(self, content: Answer, buffers: object = None) -> None:
        self.contents.append(content)


def renamed(player: Player, names: Any) -> Answer:
    """What the browser is answered when it asks for names."""
    sent = Sent(player)
    player._handle_custom_msg({"kind": "rename", "id": "7", "names": names}, [])
    return sent.contents[-1]


def test_naming_in_the_browser_names_everywhere() -> None:
    """The frames, the kept names, this player and every other player of the result."""
    kept: list[Any] = []
    result = analysis(CALL, keep=kept.append)
    one, other = Player(result), Player(result)
    assert renamed(one, {"a": "Agent"}) == {"kind": "renamed", "id": "7", "ok": True}
    assert kept == [{"a": "Agent"}]
    assert list(result.utterances["speaker"]) == ["Agent", "b", "Agent"]
    for player in (one, other):
        assert player.names == {"a": "Agent"}
        assert [row["speaker"] for row in player.people] == ["Agent", "b"]
    assert renamed(one, {"a": None})["ok"]
    assert other.names == {}


def test_names_that_cannot_be_kept_are_explained() -> None:
    """The browser gets the problem and its mend, and nothing changes."""

    def refuse(_names: Any) -> None:
        raise LedgerError("The ledger is read-only.", "Make it writable.")

    player = Player(analysis(CALL, keep=refuse))
    answer = renamed(player, {"a": "Agent"})
    assert (answer["ok"], answer["problem"], answer["mend"]) == (False, "The ledger is read-only.", "Make it writable.")
    assert player.names == {}


@pytest.mark.parametrize("names", [None, 7, "ab", {"nobody": "x"}, [["a", "b", "c"]]])
def test_a_malformed_wish_is_refused(names: Any) -> None:
    """Whatever comes over the comm, the player answers and lives on."""
    player = Player(analysis(CALL))
    assert renamed(player, names)["ok"] is False
    assert renamed(player, {"a": "Agent"})["ok"] is True


@pytest.mark.parametrize("content", [None, "rename", [], {}, {"kind": "audio"}, {"kind": "unheard"}])
def test_other_messages_are_passed_over(content: Any) -> None:
    """A message that means nothing here raises nothing and answers nothing."""
    player = Player(analysis(CALL))
    sent = Sent(player)
    player._handle_custom_msg(content, [])
    assert sent.contents == []


def test_two_labels_of_one_name_keep_their_lines() -> None:
    """The payload is of labels, so that names can be taken back; the frames' rows are of names."""
    result = analysis(CALL, names={"a": "Ann", "b": "Ann"})
    player = Player(result)
    assert Columns({"columns": player.columns, "texts": player.texts}).speaker == [0, 1, 0]
    assert [row["speaker"] for row in player.people] == ["Ann"]


def test_audio_that_is_given_later(wav: Path) -> None:
    """A player can be heard as soon as its result has audio, and no longer when that is taken away."""
    result = analysis(CALL)
    player = Player(result)
    assert not player.audible
    result.audio = wav
    assert player.audible
    assert player.duration == pytest.approx(1.0, abs=0.1)
    result.audio = None
    assert not player.audible
    assert player.duration is None
    player.close()


def test_a_closed_player_follows_no_more(wav: Path) -> None:
    """Closing ends what it watches; closing twice is as good."""
    result = analysis(CALL, audio=wav)
    player = Player(result)
    player.close()
    player.close()
    result.name_speakers({"a": "Agent"})
    assert player.names == {}


def test_the_state_holds_no_path(wav: Path) -> None:
    """What a notebook saves of the widget does not tell where the recording is."""
    player = Player(analysis(CALL, audio=wav))
    assert str(wav.parent) not in repr(player.get_state())
    player.close()
