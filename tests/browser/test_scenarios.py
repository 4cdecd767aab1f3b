"""Five things people do with FlareGo, from end to end: the real program, real targets, a real browser.

The best of their pictures are in deployments/readme: `FLAREGO_IMG=deployments/readme` writes them there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from targets import Target

from browser.conftest import SHOTS, Attached, View

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize("view", [{"viewport": {"width": 1280, "height": 800}}], indirect=True),
]
Attach = Callable[..., Attached]
Serve = Callable[..., Any]
NEWEST = "flarego.store.data.peek().ring.newest.end"


@pytest.fixture
def replay(endings: ExitStack) -> Callable[[Path], str]:
    """A function that serves a clip by the real flarego and gives the page's address."""

    def start(clip: Path) -> str:
        command = [sys.executable, "-m", "flarego", "replay", str(clip), "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        endings.callback(process.wait, 10)
        endings.callback(process.terminate)
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://\S+", line):
                return found.group()
        raise AssertionError(f"flarego replay ended without an address: {''.join(said)}")

    return start


def picture(view: View, name: str) -> None:
    """Take a screenshot; keep it with the others and, if asked, where the README shows it."""
    view.settle()
    view.shot(name)
    if folder := os.environ.get("FLAREGO_IMG"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(SHOTS / f"{view.name}-{name}.png", Path(folder) / f"{name}.png")


def shown(view: View) -> dict[str, float]:
    """The span that is folded, ns."""
    view.settle()
    span: dict[str, float] = view.ask("({ ...flarego.store.fold.span })")
    return span


@pytest.fixture
def leaking() -> Iterator[Target]:
    with Target("leaking", "-n", "20") as target:
        yield target


def test_live(serve_demo: Serve, view: View, attach: Attach) -> None:
    """Attach to a busy service: what it does is there within seconds, follows it, and stays where one looks."""
    demo = serve_demo()
    view.open(attach(demo.pid).url)
    view.until(f"{NEWEST} > 8e9", 60)
    assert view.text("fg-header .live") == "live"
    names = view.names()
    assert any(name.startswith("net/http.") for name in names)
    assert any(name.startswith("main.") or "/demo" in name for name in names)
    picture(view, "live")
    frame = next(frame for frame in view.frames() if frame["name"] == "net/http.(*conn).serve")
    view.page.mouse.click(*view.point(frame))
    zoomed = view.ask("JSON.stringify(flarego.store.zoom.peek())")
    sequence = view.ask("flarego.painted().sequence")
    view.until(f"flarego.painted().sequence > {sequence + 10}")
    assert view.ask("JSON.stringify(flarego.store.zoom.peek())") == zoomed, "the zoom stays while data streams in"
    assert view.ask("location.hash").startswith("#"), "and it is in the address"


def test_pause_scrub_resume(serve_demo: Serve, view: View, attach: Attach) -> None:
    """Stand still, look back at a span, and return to live with nothing lost."""
    demo = serve_demo()
    view.open(attach(demo.pid).url)
    view.until(f"{NEWEST} > 10e9", 60)
    view.press("Space")
    still = shown(view)
    at = view.ask(NEWEST)
    view.until(f"{NEWEST} > {at} + 1e9")
    assert shown(view) == still, "paused, the picture stands still while data keeps coming"
    box = view.page.locator(".timeline-canvas").bounding_box()
    assert box is not None
    y = box["y"] + 50
    right = box["x"] + box["width"] - 70
    view.page.mouse.move(right - 260, y)
    view.page.mouse.down()
    view.page.mouse.move(right - 120, y, steps=6)
    view.page.mouse.up()
    brushed = shown(view)
    assert view.text("fg-header .live") == "span"
    assert brushed["end"] - brushed["start"] < still["end"] - still["start"]
    picture(view, "scrub")
    view.press("Shift+ArrowRight")
    assert shown(view)["end"] >= brushed["end"]
    view.press("End")
    view.until("document.querySelector('fg-header .live').textContent === 'live'")
    view.until(f"flarego.store.fold.span.end === {NEWEST}")
    assert view.ask("flarego.store.data.peek().missed") == 0, "nothing was lost meanwhile"


def test_save_and_reopen(
    serve_demo: Serve, view: View, attach: Attach, replay: Callable[[Path], str], tmp_path: Path
) -> None:
    """Save what is kept, open it again a year later: by `flarego replay`, and by giving the file to any page."""
    demo = serve_demo()
    view.open(attach(demo.pid).url)
    view.until(f"{NEWEST} > 8e9", 60)
    view.press("Space")
    names = set(view.names())
    view.page.locator("fg-save summary").click()
    with view.page.expect_download() as download:
        view.page.get_by_role("button", name="Save everything kept").click()
    clip = tmp_path / download.value.suggested_filename
    download.value.save_as(clip)
    assert clip.suffix == ".fgo" and clip.stat().st_size > 5_000

    view.page.locator("fg-save input[type=file]").set_input_files(clip)
    view.until("flarego.store.recording.peek() !== null && flarego.painted().sequence >= 0")
    assert f"pid {demo.pid}" in view.text("fg-header")
    view.until("flarego.frames().length > 10")
    dropped = view.frames()[0]["total"]

    view.open(replay(clip))
    view.until("flarego.store.recording.peek() !== null && flarego.frames().length > 10")
    assert view.frames()[0]["total"] == pytest.approx(dropped, rel=1e-6), "the same clip, the same picture"
    assert len(names & set(view.names())) > 10, "and what was seen live"
    picture(view, "replay")
    before = shown(view)
    view.press("Space")
    view.until(f"flarego.store.fold.span.end !== {before['end']}")
    view.press("Space")


def test_leak_hunt(leaking: Target, view: View, attach: Attach) -> None:
    """A program loses goroutines: which, since when, from where."""
    view.open(attach(leaking.pid).url)
    view.until(f"{NEWEST} > 14e9", 60)
    view.page.locator("[role=tab][data-id=leaks]").click()
    panel = view.page.locator("fg-leaks")
    panel.get_by_text("answerLate").first.wait_for()
    row = panel.locator("[role=row]", has_text="answerLate").first
    assert "worker" not in panel.inner_text(), "an idle pool is no suspect"
    picture(view, "leak")
    row.click()
    view.until("flarego.store.selected.peek() !== null")


def test_before_and_after(serve_demo: Serve, view: View, attach: Attach) -> None:
    """Pin how it was, change something, and see what has become more, what is new and what is gone."""
    demo = serve_demo()
    view.open(attach(demo.pid).url)
    view.until(f"{NEWEST} > 8e9", 60)
    view.press("i", "b")  # what leaks here waits at the top of its own loop: it looks idle
    at = view.ask(NEWEST)
    urllib.request.urlopen(urllib.request.Request(f"{demo.url}/leak?on=true", method="POST"), timeout=5).close()
    view.until(f"{NEWEST} > {at} + 8e9", 30)
    view.ask("flarego.store.setWindow(5)")
    bar = view.text("fg-compare")
    assert "new" in bar and "▲" in bar
    view.page.locator(".compare-more").click()
    view.page.locator("fg-panel fg-changes [data-id=new]").click()
    row = view.page.locator("fg-panel fg-changes [role=row]", has_text="abandoned").first
    row.wait_for()
    picture(view, "compare")
    row.click()
    view.until("flarego.store.selected.peek() !== null")
    view.press("X")
    assert "gone" in view.text("fg-compare"), "swapped, what was new is what has gone"
