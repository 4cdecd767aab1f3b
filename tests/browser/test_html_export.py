"""The page and a recording in one file, opened from file:// without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser.conftest import View
from browser.recorded import record
from flarego.wire.clip import Clip

SECONDS = 40
READ = "flarego.store.recording.peek()?.progress === 1 && flarego.painted().sequence >= 0"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("html") / "orders.fgo", SECONDS)


@pytest.fixture
def offline(browser: Browser, request: pytest.FixtureRequest) -> Iterator[View]:
    """A tab that has no network; what it tries to fetch nevertheless is a problem."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    view = View(page, request.node.name.removeprefix("test_"))
    page.on("pageerror", lambda error: view.problems.append(str(error)))
    page.on("console", lambda message: view.problems.append(message.text) if message.type != "log" else None)
    page.on(
        "request", lambda asked: None if re.match("file:|data:|blob:", asked.url) else view.problems.append(asked.url)
    )
    yield view
    context.close()
    assert view.problems == []


def export(clip: Path, *options: str) -> Path:
    out = clip.with_name(f"page{len(options)}.html")
    command = [sys.executable, "-m", "flarego", "export", str(clip), "--format", "html", "-o", str(out), *options]
    subprocess.run(command, check=True, capture_output=True)
    return out


def test_the_page_works_from_a_file_without_a_network(offline: View, clip: Path) -> None:
    page = export(clip)
    assert page.stat().st_size < 1_200_000 + clip.stat().st_size * 4 // 3
    offline.open(page.as_uri(), live=False)
    offline.until(READ)
    offline.shot("page")
    assert "orders" in offline.text("fg-header")
    with Clip.open(str(clip)) as recorded:
        start, end = recorded.span(recorded.processes[0].process)
    assert offline.ask("flarego.store.fold.span") == {"start": start, "end": end}, "all of it is shown first"
    assert "sync.Mutex.Lock" in offline.names()
    offline.press("Space")
    offline.until("flarego.store.playback.playing.peek() && flarego.store.fold.span.end > 1e9")
    offline.press("Space")


def test_a_part_is_exported_and_the_clip_can_be_saved_from_the_page(offline: View, clip: Path, tmp_path: Path) -> None:
    offline.open(export(clip, "--from", "10", "--to", "20").as_uri(), live=False)
    offline.until(READ)
    span = offline.ask("flarego.store.fold.span")
    assert span["end"] - span["start"] == pytest.approx(10e9, abs=0.5e9)
    for button in ("Save the whole clip", "Save the span shown"):
        offline.page.locator("fg-save summary").click()
        with offline.page.expect_download() as download:
            offline.page.get_by_role("button", name=button).click()
        download.value.save_as(tmp_path / "saved.fgo")
        with Clip.open(str(tmp_path / "saved.fgo")) as saved:
            assert saved.problem == ""
            assert saved.span(saved.processes[0].process) == (span["start"], span["end"])


def test_names_of_the_target_are_text_in_the_page(tmp_path: Path) -> None:
    from dataclasses import replace

    from flarego.formats import html
    from flarego.formats.recording import Recording

    path = record(tmp_path / "hostile.fgo", 1)
    with Clip.open(str(path)) as clip, (tmp_path / "hostile.html").open("wb") as out:
        info = replace(clip.processes[0], name='"><script>alert(1)</script>')
        html.export(Recording(clip, info, *clip.span(info.process)), out)
    page = (tmp_path / "hostile.html").read_text()
    assert "<script>alert" not in page
    assert "default-src 'none'" in page and "unsafe" not in page and "http:" not in page.split("<noscript>")[0]
