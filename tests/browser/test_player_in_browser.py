"""The conversation player in Chromium, as a person uses it; the stage is its kernel, and a clock its sound."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from player_support import SECONDS, Player, short
from playwright.sync_api import expect
from stage import Stage, stage

from aijupyter.models import Operation
from aijupyter.results import Diarization
from aijupyter.results.conversation import without_words


@pytest.fixture
def bare() -> Iterator[Stage]:
    """A stage without a widget, whose console must stay clean."""
    with stage() as empty:
        yield empty
        assert empty.errors == []


@pytest.fixture
def player(bare: Stage) -> Player:
    """A short call."""
    return Player(bare, short())


def test_the_call_at_a_glance(player: Player) -> None:
    """Name, length, words, speakers, lines with their feelings and questions, summary, tasks, shares of the talk."""
    shown = player.root.inner_text()
    for expected in ("call.mp3", "0:24", "34 words", "2 speakers", "A late order is sent.", "Tasks", "60%"):
        assert expected in shown
    assert player.page.get_by_role("listitem").filter(has_text="Good morning").count() == 1
    assert player.line(1).locator(".aij-felt").inner_text() == "Anger"
    assert player.line(2).get_by_role("img", name="Question").count() == 1
    assert player.line(0).get_by_role("img", name="Question").count() == 0


def test_an_answer_without_words(bare: Stage) -> None:
    """Who speaks when: lanes, how long each turn lasts, a click that plays it, and nothing to search."""
    turns = [{"speakerId": str(turn % 2), "start": 3.0 * turn, "end": 3.0 * turn + 2.5} for turn in range(4)]
    raw = {"response": {"utterances": turns}}
    heard = Diarization(raw, operation=Operation.DIARIZE, recording="call.mp3", job_id="1")
    player = Player(bare, without_words(heard))
    shown = player.root.inner_text()
    assert "2 speakers" in shown
    assert "word" not in shown
    assert player.line(2).locator(".aij-said").inner_text() == "2.5 s"
    expect(player.root.locator(".aij-search")).to_be_hidden()
    player.line(2).locator(".aij-said").click()
    player.wait_for_time(6.0)


def test_clicking_a_word_plays_from_it(player: Player) -> None:
    """A click on a word starts there, one beside the words starts with the line, and the word of now is marked."""
    player.word(1, "Señor").click()
    assert player.page.evaluate("!sound.paused")
    player.wait_for_time(SECONDS + 2.0)
    player.page.get_by_role("button", name="Pause").click()
    expect(player.line(1)).to_have_attribute("aria-current", "true")
    assert player.root.locator(".aij-now").count() == 1
    player.line(3).locator(".aij-when").click()
    player.wait_for_time(3 * SECONDS)


def test_playing_moves_on(player: Player) -> None:
    """The clock, the playhead's value and the current line go with the sound; the speed is the sound's."""
    player.root.get_by_label("Speed").select_option("2")
    assert player.page.evaluate("sound.speed") == 2
    player.page.get_by_role("button", name="Play", exact=True).click()
    player.page.evaluate("sound.seek(4.5)")
    expect(player.line(1)).to_have_attribute("aria-current", "true")
    expect(player.root.get_by_role("slider", name="Position")).to_have_attribute("aria-valuetext", "0:05, Speaker 1")


def test_the_timeline_seeks(player: Player) -> None:
    """A click goes there and does not begin to play; a drag shows where it would go; hovering tells who says what."""
    track = player.root.locator(".aij-track")
    box = track.bounding_box()
    assert box is not None
    half = player.page.evaluate("sound.duration") / 2
    track.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    player.wait_for_time(half)
    assert player.page.evaluate("sound.paused")
    player.page.mouse.move(box["x"] + 3, box["y"] + 20)
    player.page.mouse.down()
    player.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    player.wait_for_time(half / 2)
    assert player.page.evaluate("sound.time") == pytest.approx(half, abs=0.3), "the sound moves when the drag ends"
    player.page.mouse.up()
    assert player.page.evaluate("sound.time") == pytest.approx(half / 2, abs=0.3)
    assert "Müller" in player.root.locator(".aij-tip").inner_text()


def test_keys_do_what_they_say(player: Player) -> None:
    """Space, arrows, Enter, and the search's keys; none of them reaches the notebook, but those with Ctrl do."""
    player.page.evaluate("document.addEventListener('keydown', (event) => (window.heard ??= []).push(event.key))")
    player.line(0).locator(".aij-when").click()
    player.page.keyboard.press("Space")
    assert player.page.evaluate("sound.paused")
    player.page.evaluate("sound.seek(0)")
    player.page.keyboard.press("ArrowRight")
    player.wait_for_time(5.0)
    player.page.keyboard.press("ArrowLeft")
    player.wait_for_time(0.0)
    player.page.keyboard.press("ArrowDown")
    player.page.keyboard.press("ArrowDown")
    player.wait_for_time(2 * SECONDS)
    player.page.keyboard.press("ArrowUp")
    player.wait_for_time(SECONDS)
    player.page.keyboard.press("Enter")
    assert player.page.evaluate("!sound.paused")
    player.page.keyboard.press("Space")
    for key in ("d", "d", "x", "a", "Delete"):
        player.page.keyboard.press(key)
    player.page.keyboard.press("/")
    expect(player.root.get_by_role("searchbox")).to_be_focused()
    player.page.keyboard.type("order")
    expect(player.root.locator(".aij-count")).to_have_text("1 of 3")
    player.page.keyboard.press("Enter")
    expect(player.root.locator(".aij-count")).to_have_text("2 of 3")
    player.page.keyboard.press("Escape")
    expect(player.root.locator("mark")).to_have_count(0)
    assert player.page.evaluate("window.heard") is None
    player.page.keyboard.press("Control+s")
    assert "s" in player.page.evaluate("window.heard")


def test_search_finds_whatever_the_accents(player: Player) -> None:
    """Hits are counted and marked, next and previous go round, and the position goes to the word."""
    box = player.root.get_by_role("searchbox")
    box.fill("CAFE order")
    expect(player.root.locator(".aij-count")).to_have_text("1 of 1")
    assert "".join(player.root.locator("mark").all_inner_texts()) == "café order"
    player.wait_for_time(SECONDS + 0.5)
    box.fill("muller")
    player.wait_for_time(SECONDS + 2.5)
    box.fill("order")
    expect(player.root.locator(".aij-count")).to_have_text("2 of 3")
    for expected in ("3 of 3", "1 of 3"):
        player.root.get_by_role("button", name="Next hit").click()
        expect(player.root.locator(".aij-count")).to_have_text(expected)
    player.root.get_by_role("button", name="Previous hit").click()
    expect(player.root.locator(".aij-count")).to_have_text("3 of 3")
    player.wait_for_time(4 * SECONDS + 2.0)
    box.fill("nowhere")
    expect(player.root.locator(".aij-count")).to_have_text("nothing found")


def test_hits_show_on_the_timeline(player: Player) -> None:
    """The picture of the timeline is another with hits, and the same again without."""
    picture = "document.querySelector('.aij-track canvas').toDataURL()"
    before = player.page.evaluate(picture)
    player.root.get_by_role("searchbox").fill("order")
    expect(player.root.locator(".aij-count")).to_have_text("1 of 3")
    assert player.page.evaluate(picture) != before
    player.root.get_by_role("searchbox").fill("")
    expect(player.root.locator(".aij-count")).to_have_text("")
    assert player.page.evaluate(picture) == before


def test_jumps_lead_into_the_conversation(player: Player) -> None:
    """A question and a task play from where they are said, a phrase is found, a feeling goes to its line."""
    player.root.get_by_role("button", name="What is the order number?").click()
    player.wait_for_time(2 * SECONDS + 1.5)
    player.root.get_by_role("button", name="I will send the order tomorrow.").click()
    player.wait_for_time(4 * SECONDS)
    player.page.get_by_role("button", name="Pause").click()
    player.root.get_by_role("button", name="order", exact=True).click()
    expect(player.root.get_by_role("searchbox")).to_have_value("order")
    expect(player.root.locator("mark")).to_have_count(3)
    player.root.get_by_role("button", name="Anger").click()
    player.wait_for_time(SECONDS)


def test_a_speaker_is_renamed_in_place(player: Player) -> None:
    """The pencil's form asks the kernel; the name is everywhere at once, and stays when the kernel says so."""
    player.root.get_by_role("button", name="Rename Speaker 0").click()
    field = player.root.get_by_role("textbox", name="A name for Speaker 0")
    field.fill("Ann")
    field.press("Enter")
    expect(player.line(0).locator(".aij-who")).to_have_text("Ann")
    sent = player.page.evaluate("model.sent.find((content) => content.kind === 'rename')")
    assert sent["names"] == {"0": "Ann"}
    told = {"kind": "renamed", "id": sent["id"], "ok": True}
    player.page.evaluate(
        "([told, names]) => { model.change(names); model.tell(told); }", [told, {"names": {"0": "Ann"}}]
    )
    expect(player.root.locator(".aij-rename")).to_have_count(0)
    for part in (".aij-lane-names", ".aij-line", ".aij-jumps"):
        expect(player.root.locator(part).first).to_contain_text("Ann")


def test_a_name_that_cannot_be_kept_is_taken_back(player: Player) -> None:
    """The old name is shown again, with what to do; Escape gives up."""
    player.line(1).locator(".aij-speaker").dblclick()
    field = player.root.get_by_role("textbox", name="A name for Speaker 1")
    field.fill("Bob")
    field.press("Enter")
    sent = player.page.evaluate("model.sent.find((content) => content.kind === 'rename')")
    told = {"kind": "renamed", "id": sent["id"], "ok": False, "problem": "It is locked.", "mend": "Try again."}
    player.page.evaluate("(told) => model.tell(told)", told)
    expect(player.root.get_by_role("alert")).to_have_text("It is locked. Try again.")
    expect(player.line(1).locator(".aij-who")).to_have_text("Speaker 1")
    field.press("Escape")
    expect(player.root.locator(".aij-rename")).to_have_count(0)


def test_names_given_in_the_kernel_show(player: Player) -> None:
    """Two labels of one name are one lane, as they are in the frames, and two again when the name is taken back."""
    player.page.evaluate("model.change({ names: { 0: 'Ann', 1: 'Ann' } })")
    expect(player.root.locator(".aij-lane-name .aij-speaker")).to_have_text(["Ann"])
    player.page.evaluate("model.change({ names: {} })")
    expect(player.root.locator(".aij-lane-name .aij-speaker")).to_have_text(["Speaker 0", "Speaker 1"])


def test_without_audio_it_is_complete(bare: Stage) -> None:
    """It says how to give the audio; clicks and keys move the position; audio that comes later plays."""
    player = Player(bare, short(), audible=False)
    expect(player.root.get_by_role("button", name="Play", exact=True)).to_be_disabled()
    expect(player.root.get_by_role("status").filter(has_text="call.audio =")).to_be_visible()
    player.line(2).locator(".aij-when").click()
    player.wait_for_time(2 * SECONDS, within=0.01)
    player.page.evaluate("model.change({ audible: true, duration: 30 })")
    expect(player.root.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    assert player.page.evaluate("sound.time") == pytest.approx(2 * SECONDS)
    player.page.get_by_role("button", name="Play", exact=True).click()
    player.page.wait_for_function("() => document.querySelector('[data-aij]').dataset.time > 10.05")


def test_the_picture_follows_the_theme(player: Player) -> None:
    """When the page turns dark, the timeline's colours do, too."""
    picture = "document.querySelector('.aij-track canvas').toDataURL()"
    before = player.page.evaluate(picture)
    player.page.evaluate("document.body.className = 'dark'")
    player.page.wait_for_function(f"(before) => {picture} !== before", arg=before)


def test_a_player_that_is_removed_stops(player: Player) -> None:
    """No sound, no listeners on the model, nothing left on the page."""
    player.line(0).locator(".aij-when").click()
    player.page.evaluate("leave()")
    assert player.page.evaluate("destroyed") == 1
    assert player.page.evaluate("model.callbacks.length") == 0
    assert player.root.count() == 0
    player.page.evaluate("model.change({ names: { 0: 'Ann' }, peaks: new DataView(new ArrayBuffer(8)) })")
