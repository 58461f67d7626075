"""Any answer as it is shown: a conversation, what was heard without words, texts, summaries."""

from __future__ import annotations

from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import ipywidgets

from aijupyter.errors import OptionError
from aijupyter.results.base import Result
from aijupyter.results.conversation import Conversation, without_words
from aijupyter.results.diarization import Diarization
from aijupyter.results.emotions import Emotions
from aijupyter.results.punctuation import Punctuation
from aijupyter.results.summary import Summary
from aijupyter.results.transcript import Transcript
from aijupyter.views.conversation import conversation_html
from aijupyter.views.forms import Bundle, bundle
from aijupyter.views.html import CARD, Markup, tag
from aijupyter.views.plain import conversation_text
from aijupyter.views.written import punctuation_html, punctuation_text, summary_html, summary_text


def answer_bundle(result: Result, **_kinds: object) -> Bundle:
    """An answer in every form; the player where there is something to hear."""
    heard = conversation_of(result)
    if heard is None:
        return bundle(answer_text(result), answer_html(result))
    return bundle(answer_text(result), answer_html(result), lambda: answer_widget(result))


def answer_html(result: Result) -> Markup:
    """An answer as a self-contained card."""
    heard = conversation_of(result)
    if heard is not None:
        return Markup(conversation_html(heard))
    if isinstance(result, Punctuation):
        return punctuation_html(result)
    return summary_html(result) if isinstance(result, Summary) else tag("div", repr(result), style=CARD)


def answer_text(result: Result) -> str:
    """An answer in some lines."""
    heard = conversation_of(result)
    if heard is not None:
        return conversation_text(heard)
    if isinstance(result, Punctuation):
        return punctuation_text(result)
    return summary_text(result) if isinstance(result, Summary) else repr(result)


def answer_widget(result: Result) -> Any:
    """The result's one player, however often it is displayed. Raises OptionError for an answer without sound."""
    from aijupyter.views.player import player_of  # noqa: PLC0415  # nobody may be there to look at a widget

    heard = conversation_of(result)
    if heard is None:
        raise OptionError(f"There is no live view of a {type(result).__name__}.", "Shown by itself it is a card.")
    return player_of(heard)


def fresh_widget(result: Result) -> ipywidgets.Widget:
    """A widget of its own, to be closed with whatever holds it."""
    from aijupyter.views.player import Player  # noqa: PLC0415  # nobody may be there to look at a widget

    heard = conversation_of(result)
    return Player(heard) if heard is not None else ipywidgets.HTML(answer_html(result))


def conversation_of(result: Result) -> Transcript | None:
    """What the player can show of an answer: itself, or what was heard, without words; None for texts."""
    if isinstance(result, Transcript):
        return result
    if not isinstance(result, Diarization | Emotions):
        return None
    with _MAKING:
        if result not in _HEARD:
            _HEARD[result] = without_words(result)
        return _HEARD[result]


_MAKING = Lock()
_HEARD: WeakKeyDictionary[Result, Conversation] = WeakKeyDictionary()
