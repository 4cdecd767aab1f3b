"""Clips in the page: replayed by the real server, dropped as files, cut, damaged, and too large to read whole."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from browser.conftest import View
from browser.recorded import record
from browser.stage import Stage
from browser.synthetic import Source
from flarego.wire.clip import ClipWriter
from flarego.wire.codec import decode

SECONDS = 70
READ = "flarego.store.recording.peek()?.progress === 1 && flarego.painted().sequence >= 0"
STANDS = "(flarego.store.span.peek()?.to ?? flarego.store.paused.peek() ?? flarego.store.playback.bounds.to)"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return record(folder / "before.fgo", SECONDS), record(folder / "after.fgo", 35)


@pytest.fixture(scope="module")
def served(clips: tuple[Path, Path]) -> Iterator[str]:
    """The address of the real server, replaying both."""
    command = [sys.executable, "-m", "flarego", "replay", *map(str, clips), "--listen", "127.0.0.1:0", "--speed", "4"]
    with ExitStack() as endings:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        endings.callback(process.wait, 10)
        endings.callback(process.terminate)
        assert process.stdout is not None
        yield next(found.group() for line in process.stdout if (found := re.search(r"http://\S+", line)))


def at(view: View) -> float:
    return float(view.ask(STANDS))


def test_a_clip_is_shown_whole_then_played_stepped_and_looped(view: View, served: str) -> None:
    view.open(served, live=False)
    view.until(READ)
    view.shot("whole")
    assert view.ask("flarego.store.fold.span") == {"start": 0, "end": SECONDS * 1e9}
    assert view.ask("flarego.store.playback.speed.peek()") == 4, "as the command line said"
    view.press("Space")
    view.until(f"{STANDS} > 3e9 && {STANDS} < 60e9")
    view.shot("playing")
    view.press("Space")
    stood = at(view)
    view.page.wait_for_timeout(300)
    assert at(view) == stood, "it stays where it is"
    view.press(".")
    stepped = at(view)
    assert 0 < stepped - stood <= 0.2e9 + 1
    view.press(",")
    assert at(view) == pytest.approx(stepped - 0.2e9)
    view.ask("flarego.store.setSpan({from: 10e9, to: 11e9})")
    view.press("k")
    view.until(f"{STANDS} > 10.3e9")
    view.until(f"{STANDS} < 10.3e9")
    assert 10e9 <= at(view) <= 11e9, "a span is played over and over"
    view.press("k")


def test_another_clip_can_be_chosen(view: View, served: str) -> None:
    view.open(served, live=False)
    view.until(READ)
    view.page.get_by_role("combobox", name="Clip").select_option("after.fgo")
    view.until("flarego.store.recording.peek()?.name === 'after.fgo' && " + READ)


def test_a_dropped_clip_opens_beside_live_and_live_is_a_click_away(
    view: View, stage: Stage, clips: tuple[Path, Path]
) -> None:
    view.expected = "404"  # the stage knows no `session`
    stage.play(Source(), 20)
    view.open(stage.url)
    view.page.locator("fg-save input[type=file]").set_input_files(clips[1])
    view.until("flarego.store.recording.peek()?.name === 'after.fgo' && " + READ)
    view.page.get_by_role("button", name="Back to live").click()
    view.until("flarego.store.recording.peek() === null && flarego.store.connection.peek().phase === 'open'")
    view.until("document.querySelector('.live').textContent === 'live'")


def test_live_is_live_again_after_a_clip_of_the_same_process(view: View, stage: Stage, tmp_path: Path) -> None:
    source = stage.play(Source(), 20)
    path = tmp_path / "same.fgo"
    with path.open("wb") as file:
        writer = ClipWriter(file)
        for data in stage.opening:
            message = decode(data)
            assert message is not None
            writer.write(message)
        writer.close()
    view.open(stage.url)
    view.page.locator("fg-save input[type=file]").set_input_files(path)
    view.until("flarego.store.recording.peek()?.name === 'same.fgo' && " + READ)
    assert view.ask("flarego.store.process.peek().process") == source.process
    view.page.get_by_role("button", name="Back to live").click()
    view.until("flarego.store.recording.peek() === null && flarego.store.arrived.peek() > 0")
    assert view.ask("flarego.store.data.peek().overview") is None
    assert view.text(".live") == "live"
    before = view.ask("flarego.painted().sequence")
    view.until(f"flarego.painted().sequence > {before} + 3")


@pytest.mark.parametrize(
    ("name", "damage", "says"),
    [
        ("cut", lambda data: data[: len(data) * 2 // 3], "cut short"),
        ("newer", lambda data: data[:8] + b"\x09" + data[9:], "version 9"),
        ("other", lambda data: b"SQLite format 3\0" * 100, "not a clip"),
        ("empty", lambda data: b"", "not a clip"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    view: View, stage: Stage, clips: tuple[Path, Path], tmp_path: Path, name: str, damage: object, says: str
) -> None:
    view.expected = "404"
    stage.play(Source(), 5)
    view.open(stage.url)
    path = tmp_path / f"{name}.fgo"
    path.write_bytes(damage(clips[1].read_bytes()))  # type: ignore[operator]
    view.page.locator("fg-save input[type=file]").set_input_files(path)
    view.until(f"/{says}/.test(document.body.textContent)")
    view.settle()
    view.shot(name)
    state = view.text(".live")
    assert state == ("clip" if name == "cut" else "live"), "what cannot be opened changes nothing"


def test_live_can_be_stepped_back_and_played_on(view: View, stage: Stage) -> None:
    view.expected = "404"
    stage.play(Source(), 30)
    view.open(stage.url)
    view.until("flarego.store.data.peek().ring.newest.end > 29e9")
    view.press("Space")
    paused = at(view)
    for _ in range(5):
        view.press(",")
    stood = at(view)
    assert paused - stood == pytest.approx(1e9, abs=0.1e9)
    view.page.wait_for_timeout(500)
    assert at(view) == stood, "it does not snap back"
    view.ask("flarego.store.playback.setSpeed(16)")
    view.press("k")
    view.until("flarego.store.paused.peek() === null")
    assert view.ask("flarego.store.data.peek().missed") == 0
