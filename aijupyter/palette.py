"""What a conversation looks like wherever it is shown: the colours of speakers and feelings, and times in digits."""

from __future__ import annotations

import math
from typing import Any

SPEAKER_COLOURS = ("#3b7dd8", "#d9730d", "#2e9e6b", "#a855c7", "#c9405b", "#5f7a8a")
"""In the order in which speakers appear; `views/static/theme.css` has the same."""

EMOTION_COLOURS = {
    "Anger": "#d64550",
    "Disgust": "#8a8f2a",
    "Fear": "#8a63c9",
    "Frustration": "#d9730d",
    "Sadness": "#4a7fb5",
    "Sad": "#4a7fb5",
    "Neutral": "#c4c8cc",
    "Surprise": "#b57edc",
    "Anticipation": "#c9a227",
    "Trust": "#2f9c95",
    "Excitement": "#7fb53a",
    "Excited": "#7fb53a",
    "Happy": "#37a862",
    "Joy": "#37a862",
}
"""From the most unpleasant to the most pleasant; `views/static/player/text.js` has the same."""

UNKNOWN_EMOTION_COLOUR = "#8a8f98"
_BY_LOWER_NAME = {name.lower(): colour for name, colour in EMOTION_COLOURS.items()}


def emotion_colour(name: Any) -> str:
    """The colour of a feeling, grey for one that is not on the scale."""
    return _BY_LOWER_NAME.get(str(name).lower(), UNKNOWN_EMOTION_COLOUR)


def clock(seconds: Any) -> str:
    """Seconds as m:ss or h:mm:ss; a dash where there are none."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
