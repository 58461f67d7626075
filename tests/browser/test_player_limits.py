"""The player at its limits: hours of talk, nothing at all, a narrow cell, and a provider at its worst."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from player_support import Player, call, long, said, short
from playwright.sync_api import expect
from stage import Stage, stage

from aijupyter.results import Interaction


@pytest.fixture
def bare() -> Iterator[Stage]:
    """A stage without a widget, whose console must stay clean."""
    with stage() as empty:
        yield empty
        assert empty.errors == []


def test_only_what_is_seen_is_drawn(bare: Stage) -> None:
    """30,000 words make a page of some hundred elements, and every line can be reached."""
    player = Player(bare, long())
    assert player.page.evaluate("document.querySelectorAll('*').length") < 2500
    view = player.root.get_by_role("region", name="Transcript")
    view.evaluate("(view) => { view.scrollTop = view.scrollHeight; }")
    expect(player.line(1499)).to_be_visible()
    view.evaluate("(view) => { view.scrollTop = view.scrollHeight / 2; }")
    expect(player.root.locator(".aij-line").filter(has_text="Turn 75").first).to_be_visible()
    assert player.page.evaluate("document.querySelectorAll('*').length") < 2500
    player.root.get_by_role("searchbox").fill("turn 1234:")
    expect(player.line(1234)).to_be_visible()
    player.wait_for_time(12.0 * 1234)


def test_the_transcript_follows_until_a_person_scrolls(bare: Stage) -> None:
    """While it plays the line of now is kept in view; who scrolls is left alone, until they ask to follow again."""
    player = Player(bare, long())
    player.line(0).locator(".aij-when").click()
    follow = player.root.get_by_role("button", name="Follow")
    expect(follow).to_be_hidden()
    player.page.evaluate("sound.seek(12 * 200)")
    expect(player.line(200)).to_be_in_viewport()
    player.root.get_by_role("region", name="Transcript").hover()
    player.page.mouse.wheel(0, -4000)
    expect(follow).to_be_visible()
    player.page.evaluate("sound.seek(12 * 400)")
    expect(player.root.get_by_role("slider", name="Position")).to_have_attribute("aria-valuenow", "4800.0")
    assert player.line(400).count() == 0
    follow.click()
    expect(player.line(400)).to_be_in_viewport()
    expect(follow).to_be_hidden()


HOSTILE = "<script>window.harm = 1</script><img src=x onerror='window.harm = 2'>"


def hostile() -> Interaction:
    """What a provider could send at its worst."""
    lines = [
        said("0", f"{HOSTILE} \u202ebackwards \x00\x07\x1b[31m", 0.0),
        said("1", "W" * 100_000, 5.0, f"{HOSTILE}{'x' * 500}"),
        said("0", "שלום עולם, מה שלומך?", 10.0),
        said(f"{HOSTILE}\u202e{'z' * 5000}", "z\u0301\u0302\u0303" * 300, 15.0),
        said("1", " ".join(f"word{place}" for place in range(20_000)), 20.0),
        {"text": "No times.", "start": None, "end": float("nan")},
        {"text": "Backwards.", "start": 30.0, "end": 2.0, "speakerId": None},
        said("__proto__", "Nobody is a prototype.", 25.0, "constructor"),
    ]
    result = call(lines)
    told = result.raw["response"]["conversationalInsights"]
    told[0]["values"] += [{"value": HOSTILE, "start": -5}, {"value": "K" * 3000, "start": 1e300}]
    told += [{"name": HOSTILE, "values": [{"value": HOSTILE}]}, {"name": "__proto__", "values": [{"value": "x"}]}]
    result.recording = HOSTILE + "n" * 400
    return result


@pytest.mark.parametrize("width", [1000, 320])
def test_a_hostile_conversation_does_no_harm(width: int) -> None:
    """Nothing runs, nothing is wider than the page, each line keeps to itself, and all of it can be used."""
    with stage(width=width) as on:
        player = Player(on, hostile())
        view = player.root.get_by_role("region", name="Transcript")
        for share in (0, 0.25, 0.5, 0.75, 1):
            view.evaluate("(view, share) => { view.scrollTop = share * view.scrollHeight; }", share)
            player.page.wait_for_function("() => document.querySelectorAll('.aij-line').length > 0")
            assert player.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            assert player.page.evaluate("document.querySelectorAll('*').length") < 4000
        player.root.get_by_role("searchbox").fill("word19999")
        player.wait_for_time(20.0 + 9999.5, within=10_000)
        expect(player.root.locator("mark").first).to_be_visible()
        player.page.keyboard.press("Escape")
        player.root.get_by_role("searchbox").fill("script")
        expect(player.root.locator("mark").first).to_be_visible()
        assert player.page.evaluate("window.harm") is None
        assert "\u202e" not in player.root.inner_text()
        assert on.errors == []


def test_narrow_cells_stack(bare: Stage) -> None:
    """In 320 pixels the jumps stand below the transcript, and nothing is cut off; the timeline is drawn anew."""
    player = Player(bare, short())
    player.page.set_viewport_size({"width": 320, "height": 800})
    player.page.wait_for_function("() => document.querySelector('.aij-track canvas').clientWidth < 260")
    transcript, jumps = (
        player.root.locator(".aij-words").bounding_box(),
        player.root.locator(".aij-jumps").bounding_box(),
    )
    assert transcript is not None
    assert jumps is not None
    assert jumps["y"] >= transcript["y"] + transcript["height"]
    assert player.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_silence_is_shown_as_silence(bare: Stage) -> None:
    """An answer without a single line draws, and says so."""
    player = Player(bare, call([]), audible=False)
    assert "No speech was heard." in player.root.inner_text()
