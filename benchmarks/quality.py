"""How well the local engine hears, tells voices apart, and reads, on recordings whose truth is known.

    python benchmarks/quality.py [--model tiny.en] [--only words,voices,text,feelings,call] [--quick]

prints a table for each: word errors, sentence ends, speaker time error and the number of voices found, enrolled voices
recognised and strangers called by a name, questions, punctuation, emotion, and the real-time factor of a whole analysis
(seconds, and seconds of processor time, for each second of audio). The recordings are made with espeak-ng (see
tests/recordings/make.py); `../shared/media` is measured as well where it is there. `--quick` leaves the noisy and the
narrow ones out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import machine
import numpy as np
import quality_recordings as recordings
from quality_recordings import Conversation
from scoring import (
    f1,
    matched,
    on_grid,
    sentence_ends,
    sentences,
    speaker_time_error,
    spoken,
    word_error_rate,
    word_errors,
)

from aijupyter.models import AnalysisTask, Operation, VoicePrint
from aijupyter.service.engines.local import LocalEngine

DECOYS = ("en-us+david", "en-us+iven", "en-us+Annie")


def ask(engine: LocalEngine, operation: Operation, audio: Path | str, voices: Any = None, **options: Any) -> Any:
    """The engine's response."""
    return engine.analyze(AnalysisTask(operation, str(audio), options, voices or {}), lambda _: None)


def percent(value: float) -> str:
    """A share, in percent."""
    return f"{100 * value:.1f} %"


def row(*cells: object) -> None:
    """A line of a table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def questions_of(answer: dict[str, Any]) -> list[str]:
    """The questions that an analysis found."""
    insights = answer["speakerInsights"]["insights"]
    values = next(entry["values"] for entry in insights if entry["name"] == "QuestionsAsked")
    return [question["text"] for value in values for question in value["questions"]]


def asked(turns: Iterable[dict[str, Any]]) -> list[str]:
    """The questions that were asked."""
    return [text for turn in turns for text in sentences(turn["text"]) if text.endswith("?")]


def conversations(engine: LocalEngine, folder: Path, conditions: list[str]) -> None:
    """Words, sentence ends, voices, questions and speed of each conversation in each condition, and the sums."""
    head = ("word errors", "voices found", "speaker time error", "F1 of sentence ends", "questions P, R")
    row("recording", "condition", *head, "real-time factor, processor time")
    row(*["---"] * 8)
    for number, kinds in ((2, recordings.TWO), (3, recordings.THREE)):
        sums: dict[str, Counter[str]] = {}
        for one in recordings.conversations(kinds, folder, conditions):
            counts = conversation(engine, one, number)
            sums.setdefault(one.condition, Counter()).update(counts)
            row(one.name, one.condition, *cells(counts))
        for condition, counts in sums.items():
            row(f"**all of {number} voices**", condition, *cells(counts))
        row(f"**all of {number} voices**", "all", *cells(sum(sums.values(), Counter())))


def conversation(engine: LocalEngine, one: Conversation, number: int) -> Counter[str]:
    """What there is to count in one recording; shares of time in milliseconds of it."""
    wall, processor = time.perf_counter(), time.process_time()
    answer = ask(engine, Operation.ANALYZE, one.file, insights=["All"])
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    units = answer["utteranceInsights"]
    heard = " ".join(unit["text"] for unit in units)
    reference, wanted, found = spoken(one.text), asked(one.turns), questions_of(answer)
    hits, ends_found, ends_true = sentence_ends(one.text, heard)
    seconds = one.turns[-1]["end"]
    return Counter(
        {
            "recordings": 1,
            "counted": int(answer["speakerInsights"]["speakerCount"] == number),
            "wrong": word_errors(reference, spoken(heard)),
            "words": len(reference),
            "astray": round(1000 * seconds * speaker_time_error(one.turns, units)),
            "time": round(1000 * seconds),
            "wall": round(1000 * wall),
            "processor": round(1000 * processor),
            "end hit": hits,
            "end found": ends_found,
            "end true": ends_true,
            "ask hit": matched(wanted, found),
            "ask found": len(found),
            "ask true": len(wanted),
        }
    )


def cells(counts: Counter[str]) -> list[str]:
    """The cells that follow from the counts."""
    precision, recall = (counts["ask hit"] / max(1, counts[f"ask {other}"]) for other in ("found", "true"))
    return [
        percent(counts["wrong"] / counts["words"]),
        f"{counts['counted']} of {counts['recordings']} right",
        percent(counts["astray"] / counts["time"]),
        f"{f1(counts['end hit'], counts['end found'], counts['end true']):.2f}",
        f"{precision:.2f}, {recall:.2f}",
        f"{counts['wall'] / counts['time']:.3f}, {counts['processor'] / counts['time']:.3f}",
    ]


def named(turns: Sequence[dict[str, Any]], units: Sequence[dict[str, Any]], speaker: str) -> tuple[float, float]:
    """Of the enrolled speaker's time, the share called by the name "known"; of the others', that called by any name."""
    seconds = max(turn["end"] for turn in [*turns, *units])
    right, found = on_grid(turns, "speaker", seconds), on_grid(units, "speakerId", seconds)
    own, others = (right == speaker) & (found != ""), (right != speaker) & (right != "") & (found != "")
    called = (found != "UserNotIdentified") & (found != "")
    return float((found[own] == "known").mean()), float(called[others].mean())


def enrolled(engine: LocalEngine, folder: Path, conditions: list[str]) -> None:
    """Each conversation's first voice is enrolled from another recording, with three strangers beside it."""
    row("recording", "condition", "recognised in", "strangers named in")
    row(*["---"] * 4)
    decoys = {f"decoy{n}": engine.voice_print(str(recordings.reading(folder, v))) for n, v in enumerate(DECOYS)}
    shares: dict[str, list[tuple[float, float]]] = {}
    for one in recordings.conversations({**recordings.TWO, **recordings.THREE}, folder, conditions):
        speaker, voice = next(iter(one.voices.items()))
        known = engine.voice_print(str(recordings.reading(folder, voice)))
        units = ask(engine, Operation.IDENTIFY, one.file, {"known": known, **decoys})["utterances"]
        share = named(one.turns, units, speaker)
        shares.setdefault(one.condition, []).append(share)
        row(one.name, one.condition, *map(percent, share))
    for condition, found in shares.items():
        row("**all**", condition, *(percent(float(np.mean(column))) for column in zip(*found, strict=True)))


def text() -> None:
    """Sentence ends of bare words, each conversation as one long text, and turn by turn."""
    row("text", "F1 as one text", "F1 turn by turn", "question marks P, R")
    row(*["---"] * 4)
    sums: dict[str, Counter[str]] = {}
    for name, turns in recordings.texts().items():
        whole, single = ends([" ".join(turns)]), ends(turns)
        sums.setdefault(name.partition(":")[0], Counter()).update(
            {f"w{key}": n for key, n in whole.items()} | {f"s{key}": n for key, n in single.items()}
        )
        row(name, *scores(whole, single))
    for kind, total in sums.items():
        parts = [{key[1:]: n for key, n in total.items() if key[0] == letter} for letter in "ws"]
        row(f"**all that are {kind}**", *scores(*parts))


def ends(texts: Sequence[str]) -> dict[str, int]:
    """Sentence ends and question marks: in the truth, found, and both."""
    bare = [" ".join(word.strip(".,?!").lower() for word in said.split()) for said in texts]
    answer = LocalEngine().analyze(AnalysisTask(Operation.PUNCTUATE, "", {"texts": bare}), lambda _: None)
    assert isinstance(answer, dict)
    counts: Counter[str] = Counter()
    for true, made in zip(texts, answer["texts"], strict=True):
        for kind, marks in (("end", ".?!"), ("ask", "?")):
            right, found = ({n for n, w in enumerate(t.split()) if w[-1] in marks} for t in (true, made))
            counts.update({f"{kind} true": len(right), f"{kind} found": len(found), f"{kind} hit": len(right & found)})
    return counts


def scores(whole: dict[str, int], single: dict[str, int]) -> list[str]:
    """The three cells of a text's row."""
    cells = [f"{f1(c['end hit'], c['end found'], c['end true']):.2f}" for c in (whole, single)]
    precision, recall = (whole["ask hit"] / max(1, whole[f"ask {other}"]) for other in ("found", "true"))
    return [*cells, f"{precision:.2f}, {recall:.2f}"]


def feelings(engine: LocalEngine, folder: Path) -> None:
    """Emotion against sentences that say what they feel; arousal against speech that was made agitated."""
    one = recordings.feelings(folder)
    found = ask(engine, Operation.EMOTIONS, one.file)
    pairs = [(turn["feeling"], heard) for turn in one.turns if (heard := _during(turn, found)) is not None]
    print(f"emotion of {len(pairs)} sentences: {percent(_share(f == h['emotion'] for f, h in pairs))} right")
    for feeling in dict.fromkeys(feeling for feeling, _ in pairs):
        told = Counter(h["emotion"] for f, h in pairs if f == feeling)
        print(f"  {feeling}: {', '.join(f'{name} {count}' for name, count in told.most_common())}")
    for low, high in ((0.0, 0.5), (0.5, 0.65), (0.65, 1.0)):
        right = [f == h["emotion"] for f, h in pairs if low <= h["confidence"] < high]
        print(f"  confidence {low} to {high}: {len(right)} sentences, {percent(_share(right))} right")
    acted = recordings.feelings(folder, agitated=True)
    with engine._pipeline._heard(AnalysisTask(Operation.EMOTIONS, str(acted.file)), lambda _: None) as heard:  # noqa: SLF001  # arousal is in no answer
        from aijupyter.service.engines.prosody import arousals  # noqa: PLC0415  # needs the local extra

        units = [
            {"start": u.start, "end": u.end, "arousal": a}
            for u, a in zip(heard.said, arousals(heard.tracks, heard.said), strict=True)
        ]
    both = [(turn["agitated"], unit["arousal"]) for turn in acted.turns if (unit := _during(turn, units)) is not None]
    up, calm = ([arousal for agitated, arousal in both if agitated is want] for want in (True, False))
    right = percent(_share(one > other for one in up for other in calm))
    print(f"agitated speech sounds more agitated than calm speech in {right} of pairs")


def _during(turn: dict[str, Any], found: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What was found in most of a turn's time."""
    shared = [(min(turn["end"], f["end"]) - max(turn["start"], f["start"]), n) for n, f in enumerate(found)]
    overlap, place = max(shared, default=(0.0, 0))
    return found[place] if overlap > 0 else None


def _share(right: Iterable[bool]) -> float:
    values = list(right)
    return sum(values) / max(1, len(values))


def the_call(engine: LocalEngine, folder: Path, media: Path) -> None:
    """The real call: words of its first minute, voices, enrolled ones, and sentence ends of its bare words."""
    from aijupyter.service.engines.audio import opened  # noqa: PLC0415  # needs the local extra

    there = recordings.the_call(media)
    if there is None:
        print(f"there is none in {media}")
        return
    file, words, turns = there
    with opened(file) as tracks:
        minute = recordings.write(folder / "minute.wav", tracks[0].read(0, 60))
        first = [turn for turn in turns if turn["end"] < 60]
        voice = {
            who: np.concatenate([tracks[0].read(t["start"], t["end"]) for t in first if t["speaker"] == who])
            for who in "AC"
        }
    heard = ask(engine, Operation.TRANSCRIBE, minute)["transcript"]
    row("word errors of the first 60 s", percent(word_error_rate(spoken(words), spoken(heard))))
    started = time.perf_counter()
    answer = ask(engine, Operation.ANALYZE, file, insights=["All"])
    row("real-time factor", f"{(time.perf_counter() - started) / 126:.3f}")
    row("voices found", answer["speakerInsights"]["speakerCount"])
    row("speaker time error, the notice an own voice", percent(speaker_time_error(turns, answer["utteranceInsights"])))
    two = [turn for turn in turns if turn["speaker"] != "R"]
    row("speaker time error, without the notice", percent(speaker_time_error(two, answer["utteranceInsights"])))
    for who in "AC":
        known: VoicePrint = engine.voice_print(str(recordings.write(folder / f"{who}.wav", voice[who])))
        units = ask(engine, Operation.IDENTIFY, file, {"known": known})["utterances"]
        later = [turn for turn in turns if turn["start"] > 60]
        row(
            f"{who} enrolled from the first minute: recognised later, others named",
            *map(percent, named(later, units, who)),
        )
    said = [unit["text"] for unit in answer["utteranceInsights"]]
    cell = scores(ends([" ".join(said)]), ends(said))
    row("F1 of sentence ends of its bare words, against Whisper's: as one text, by utterance", *cell[:2])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Quality of the local engine on recordings of known truth.")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--only", default="words,voices,text,feelings,call")
    parser.add_argument("--media", type=Path, default=recordings.MEDIA)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    wanted = options.only.split(",")
    conditions = list(recordings.CONDITIONS)[: 1 if options.quick else None]
    print(machine.describe("faster-whisper", "ctranslate2", "onnxruntime", "numpy", "av"))
    engine = LocalEngine(options.model)
    engine.load(lambda _: None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, title, measure in (
            ("words", "Words, voices, questions", lambda: conversations(engine, folder, conditions)),
            ("voices", "Enrolled voices", lambda: enrolled(engine, folder, conditions)),
            ("text", "Punctuation of bare words", text),
            ("feelings", "Emotion", lambda: feelings(engine, folder)),
            ("call", "A real call", lambda: the_call(engine, folder, options.media)),
        ):
            if part in wanted:
                print(f"\n## {title}")
                measure()


if __name__ == "__main__":
    main()
