"""Several answers about one recording as one conversation."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from aijupyter.results.base import Result
from aijupyter.results.diarization import Diarization
from aijupyter.results.emotions import Emotions
from aijupyter.results.frames import member, speakers_of
from aijupyter.results.identification import UNKNOWN, Identification
from aijupyter.results.interaction import Interaction
from aijupyter.results.joining import felt, names_heard, spoken_by
from aijupyter.results.overlaps import Stretches
from aijupyter.results.transcript import Transcript


class Conversation(Interaction):
    """Answers about one recording, joined. `raw["joined"]` holds each as it came, by its operation.

    Its speakers are those of the answer that tells them apart: names given here are kept with that one, and names given
    there show here.
    """


def join(
    words: Transcript,
    *,
    speakers: Diarization | Transcript | None = None,
    emotions: Emotions | None = None,
    identification: Identification | None = None,
) -> Conversation:
    """The words of one answer with the speakers, the emotions and the names of others. See `results.joining`."""
    items = words._utterance_items  # noqa: SLF001  # a family of results
    if speakers is not None:
        items = spoken_by(items, turns_of(speakers))
    if emotions is not None:
        items = felt(items, Stretches.of(emotions._items, emotions._felt))  # noqa: SLF001  # see above
    names = {} if identification is None else names_heard(items, turns_of(identification), UNKNOWN)
    given = (words, speakers, emotions, identification)
    new = {str(one.operation): one.raw for one in given if one is not None and not isinstance(one, Conversation)}
    answers = {**_joined_before(words), **new}
    response = {**_kept(words, are_others=speakers is not None), "utteranceInsights": items}
    return made({"status": "Success", "response": response, "joined": answers}, words, speakers or words, names)


def without_words(heard: Diarization | Emotions) -> Conversation:
    """An answer that has no words as a conversation that has none, for whatever shows or draws one.

    Scores of an identification are no confidences, and are left out.
    """
    if isinstance(heard, Emotions):
        pairs = zip(heard._items, heard._felt, strict=True)  # noqa: SLF001  # a family of results
        items = [_felt(item, emotion) for item, emotion in pairs]
    else:
        items = heard._utterance_items  # noqa: SLF001  # see above
    if isinstance(heard, Identification):
        items = [{**item, "confidence": None} for item in items]
    raw = {"status": "Success", "response": {"utteranceInsights": items}, "joined": {str(heard.operation): heard.raw}}
    return made(raw, heard, heard, {})


def _felt(item: dict[str, Any], emotion: Any) -> dict[str, Any]:
    insight = {"name": "Emotion", "value": emotion, "confidence": item.get("confidence")}
    return {"start": item.get("start"), "end": item.get("end"), "insights": [insight]}


def made(raw: dict[str, Any], words: Result, owner: Result, names: Mapping[str, str]) -> Conversation:
    """A conversation whose speakers are the `owner`'s, called by `names` where that one has given none."""
    conversation = Conversation(
        raw,
        operation=words.operation,
        recording=words.recording,
        job_id=words.job_id,
        options=words.options,
        names={**names, **owner.names},
        audio=words.audio or owner.audio,
        keep=owner.name_speakers,
    )
    held = weakref.ref(conversation)

    def follow() -> None:
        ours = held()
        if ours is not None:
            ours.take_names({**names, **owner.names})
            if owner.audio is not None and ours.audio != owner.audio:
                ours.audio = owner.audio

    weakref.finalize(conversation, owner.watch(follow)).atexit = False
    return conversation


def turns_of(speakers: Diarization | Transcript) -> Stretches:
    """Who speaks when, by the labels of the answer."""
    items = speakers._utterance_items  # noqa: SLF001  # see above
    return Stretches.of(items, speakers_of(items))


def _joined_before(words: Transcript) -> Mapping[str, Any]:
    before = words.raw.get("joined")
    return before if isinstance(words, Conversation) and isinstance(before, dict) else {}


def _kept(words: Transcript, *, are_others: bool) -> dict[str, Any]:
    """What stays of the answer; what it says of speakers does not where others take their place."""
    names = ("conversationalInsights", *(() if are_others else ("speakerInsights",)))
    kept = {name: member(words.response, name) for name in names if member(words.response, name) is not None}
    return {"transcript": words.text, "confidence": words.confidence, **kept}
