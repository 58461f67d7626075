"""The live views as widgets, for layouts of a person's own."""

from __future__ import annotations

import gc

import ipywidgets
import pytest
from calls import interaction

import aijupyter
from aijupyter.errors import OptionError
from aijupyter.views.player import Player, player_of


def test_a_result_has_one_player() -> None:
    """However often a conversation is displayed, its words lie in the kernel once; a closed player is made anew."""
    call, other = interaction("a.mp3"), interaction("a.mp3")
    first = player_of(call)
    assert player_of(call) is first
    assert player_of(other) is not first
    first.close()
    again = player_of(call)
    assert again is not first
    assert again.comm is not None
    gc.collect()
    assert player_of(call) is again


def test_a_view_can_be_laid_out() -> None:
    """`aijupyter.widget` gives what ipywidgets takes; what has no live view says so."""
    call = interaction("a.mp3")
    shown = aijupyter.widget(call)
    assert isinstance(shown, Player)
    assert ipywidgets.HBox([shown]).children == (shown,)
    with pytest.raises(OptionError, match="no live view of a int"):
        aijupyter.widget(3)
