"""The contract's insights about a conversation: per utterance, per speaker, and as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aijupyter.service.engines import responses, summaries
from aijupyter.service.engines.audio import Track
from aijupyter.service.engines.emotions import emotion
from aijupyter.service.engines.phrases import Phrase, key_phrases, topics
from aijupyter.service.engines.questions import questions
from aijupyter.service.engines.responses import number
from aijupyter.service.engines.speaking import by_speaker, energy, pace, talk_to_listen
from aijupyter.service.engines.summary import extractive_summary
from aijupyter.service.engines.turns import Utterance

ALL = "All"
EMOTION = "Emotion"


def interaction(
    tracks: Sequence[Track],
    utterances: Sequence[Utterance],
    options: Mapping[str, Any],
    chat: summaries.Endpoint = lambda: None,
) -> dict[str, Any]:
    """The response to an analysis: utteranceInsights, speakerInsights and conversationalInsights.

    Only the insights that `options["insights"]` names are in it (All, or no list, means every one). Abstractive
    summaries come from `chat`; where none could be made, the list of values is empty, and a `note` beside it says why.
    """
    names = set(options.get("insights") or [ALL])

    def wanted(name: str) -> bool:
        return ALL in names or name in names

    return {
        "utteranceInsights": [
            {**responses.utterance(said), "insights": [_emotion(said)] if wanted(EMOTION) else []}
            for said in utterances
        ],
        "speakerInsights": {
            "speakerCount": len(by_speaker(utterances)),
            "insights": [
                {"name": name, "values": values(tracks, utterances)}
                for name, values in _OF_SPEAKERS.items()
                if wanted(name)
            ],
        },
        "conversationalInsights": [
            *({"name": name, "values": values(utterances)} for name, values in _OF_ALL.items() if wanted(name)),
            *(
                summaries.abstractive(name, summaries.lines_of(utterances), chat)
                for name in summaries.ABSTRACTIVE
                if wanted(name)
            ),
        ],
    }


Values = list[dict[str, Any]]


def _emotion(said: Utterance) -> dict[str, Any]:
    value, confidence = emotion(said.text)
    return {"name": EMOTION, "value": value, "confidence": number(confidence)}


def _energy(tracks: Sequence[Track], utterances: Sequence[Utterance]) -> Values:
    return [{"speakerId": name, "value": number(energy(tracks, said))} for name, said in by_speaker(utterances).items()]


def _pace(_: Sequence[Track], utterances: Sequence[Utterance]) -> Values:
    paces = {name: pace(said) for name, said in by_speaker(utterances).items()}
    return [{"speakerId": name, "value": p.value, "wpm": number(p.words_per_minute)} for name, p in paces.items()]


def _talk_to_listen(_: Sequence[Track], utterances: Sequence[Utterance]) -> Values:
    return [{"speakerId": name, "value": ratio} for name, ratio in talk_to_listen(utterances).items()]


def _questions(_: Sequence[Track], utterances: Sequence[Utterance]) -> Values:
    asked = questions(utterances)
    values: Values = []
    for name in by_speaker(utterances):
        own = [{"text": q.text, "start": number(q.start), "end": number(q.end)} for q in asked if q.speaker == name]
        values.append({"speakerId": name, "value": len(own), "questions": own})
    return values


def _phrase_values(phrases: Sequence[Phrase]) -> Values:
    return [
        {"value": p.value, "start": number(p.start), "end": number(p.end), "confidence": number(p.confidence)}
        for p in phrases
    ]


def _key_phrases(utterances: Sequence[Utterance]) -> Values:
    return _phrase_values(key_phrases(utterances))


def _topics(utterances: Sequence[Utterance]) -> Values:
    return _phrase_values(topics(utterances, key_phrases(utterances)))


def _extractive(utterances: Sequence[Utterance]) -> Values:
    return [
        {"sentence": said.text, "start": number(said.start), "end": number(said.end)}
        for said in extractive_summary(utterances)
    ]


_OF_SPEAKERS: dict[str, Callable[[Sequence[Track], Sequence[Utterance]], Values]] = {
    "Energy": _energy,
    "Pace": _pace,
    "TalkToListenRatio": _talk_to_listen,
    "QuestionsAsked": _questions,
}

_OF_ALL: dict[str, Callable[[Sequence[Utterance]], Values]] = {
    "KeyPhrases": _key_phrases,
    "Topics": _topics,
    summaries.EXTRACTIVE: _extractive,
}
