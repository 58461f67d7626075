"""How fast an answer becomes frames, beside what one would write with pandas alone.

    python benchmarks/frames.py [--words 100000] [--rounds 9]

All sides start from the same JSON text (we read it as the receiver does, the others with the standard library's json)
and end with two equal DataFrames (that is checked): one row for each word with its utterance and speaker, and one row
for each utterance, in the documented dtypes. `by record path` is the call of the pandas manual, on the answer as it is;
`by hand` first takes the list of utterances out and numbers them, which spares json_normalize a deep copy of every
utterance. `frames alone` starts from the parsed answer. The rounds alternate.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
from machine import describe, spread

from aijupyter.envelope import parse_envelope
from aijupyter.models import Operation
from aijupyter.results import Transcript
from aijupyter.results.frames import UTTERANCES, WORDS

WORDS_EACH = 20
Answer = dict[str, Any]
Frames = tuple[pd.DataFrame, pd.DataFrame]
Way = tuple[Callable[[bytes], Answer], Callable[[Answer], Frames]]
"""How the text is read, and how what was read becomes frames."""


def make_answer(words: int, seed: int = 1) -> str:
    """A delivery with so many words, in utterances of 20, as JSON."""
    draw, clock, utterances = random.Random(seed), 0.0, []
    for _ in range(words // WORDS_EACH):
        timings, begin = [], clock
        for _ in range(WORDS_EACH):
            end = clock + draw.uniform(0.1, 0.6)
            word = "".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 8)))
            sure = round(draw.uniform(0.5, 1), 2)
            timings.append({"word": word, "start": round(clock, 2), "end": round(end, 2), "confidence": sure})
            clock = end
        said = " ".join(str(timing["word"]) for timing in timings)
        utterance = {"speakerId": str(draw.randrange(2)), "start": round(begin, 2), "end": round(clock, 2)}
        utterances.append({**utterance, "text": said, "confidence": 0.9, "wordTimings": timings})
    whole = " ".join(str(utterance["text"]) for utterance in utterances)
    answer = {"status": "Success", "response": {"transcript": whole, "utterances": utterances}}
    return json.dumps(answer, separators=(",", ":"))


def ours(answer: Answer) -> Frames:
    """The package's way."""
    result = Transcript(answer, operation=Operation.TRANSCRIBE, recording="call.wav", job_id="j")
    return result.words, result.utterances


def by_record_path(answer: Answer) -> Frames:
    """As the manual of pandas has it; an utterance is told by its start."""
    lines = ["response", "utterances"]
    words = pd.json_normalize(answer, [*lines, "wordTimings"], [[*lines, "start"], [*lines, "speakerId"]])
    words["utterance"] = words["response.utterances.start"].factorize()[0]
    words = words.rename(columns={"response.utterances.speakerId": "speaker"})
    utterances = pd.json_normalize(answer, lines).rename(columns={"speakerId": "speaker"})
    return words[list(WORDS)].astype(dict(WORDS)), utterances[list(UTTERANCES)].astype(dict(UTTERANCES))


def by_hand(answer: Answer) -> Frames:
    """As one writes it who has seen how slow the other is."""
    lines = answer["response"]["utterances"]
    for number, line in enumerate(lines):
        line["utterance"] = number
    words = pd.json_normalize(lines, "wordTimings", ["utterance", "speakerId"]).rename(columns={"speakerId": "speaker"})
    utterances = pd.json_normalize(lines).rename(columns={"speakerId": "speaker"})
    return words[list(WORDS)].astype(dict(WORDS)), utterances[list(UTTERANCES)].astype(dict(UTTERANCES))


WAYS: dict[str, Way] = {
    "aijupyter": (lambda text: parse_envelope(text).raw, ours),
    "json_normalize by record path": (json.loads, by_record_path),
    "json_normalize by hand": (json.loads, by_hand),
}


def measure(way: Way, text: bytes) -> tuple[float, float]:
    """Seconds from the text, and from the parsed answer, to the frames."""
    started = time.perf_counter()
    read, frame = way
    answer = read(text)
    parsed = time.perf_counter()
    frames = frame(answer)
    ended = time.perf_counter()
    del answer, frames
    return ended - started, ended - parsed


def check(text: bytes) -> None:
    """All ways make the same tables."""
    words, utterances = ours(parse_envelope(text).raw)
    for way in (by_record_path, by_hand):
        for mine, theirs in zip((words, utterances), way(json.loads(text)), strict=True):
            pd.testing.assert_frame_equal(mine, theirs, check_names=False)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="From JSON text to frames.")
    parser.add_argument("--words", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()

    text = make_answer(options.words).encode()
    check(text)
    print(describe("pandas", "numpy"))
    print(f"input      {options.words:,} words, {len(text) / 1e6:.1f} MB of JSON, {options.rounds} alternating rounds")
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for _ in range(options.rounds):
        for name, way in WAYS.items():
            times[name].append(measure(way, text))
    for title, place in (("from JSON text, parsing included", 0), ("frames alone, from the parsed answer", 1)):
        print(title)
        base = statistics.median(pair[place] for pair in times["aijupyter"])
        for name, measured in times.items():
            taken = [pair[place] for pair in measured]
            print(f"  {name:31} {spread(taken, ' ms', 1000, 0):25} {statistics.median(taken) / base:5.2f} x aijupyter")


if __name__ == "__main__":
    main()
