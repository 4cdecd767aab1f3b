"""A browser, a page that tells every error, and the two servers it is shown: the real one and the stage."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from browser.stage import Stage

CHROMIUM = Path("/usr/bin/chromium")
ROW = 19
"""Pixels of a row of the flame graph."""
SHOTS = Path(__file__).resolve().parent / "shots"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module only: while Playwright's loop runs in this thread no asynchronous test can."""
    if not CHROMIUM.exists():
        pytest.fail("chromium is needed for browser tests: tests/system.sh installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@dataclass
class View:
    """The dashboard in a browser tab, with the questions tests ask it."""

    page: Page
    name: str
    problems: list[str] = field(default_factory=list)
    expected: str = ""
    """A pattern of console errors that belong to the test, such as a refused connection."""

    def open(self, url: str, *, live: bool = True) -> None:
        self.page.goto(url)
        if live:
            self.until("flarego.painted().sequence >= 0")

    def ask(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def until(self, expression: str, timeout_s: float = 15) -> None:
        """Wait until an expression is true. Playwright's own wait is an eval in the page, which its policy forbids."""
        deadline = time.monotonic() + timeout_s
        while not self.ask(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"{expression} did not come true in {timeout_s} s"
            self.page.wait_for_timeout(50)

    def settle(self) -> None:
        """Wait for two frames: what was asked for is painted."""
        self.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))")

    def frames(self) -> list[dict[str, Any]]:
        self.settle()
        frames: list[dict[str, Any]] = self.ask("flarego.frames()")
        return frames

    def names(self) -> list[str]:
        return [frame["name"] for frame in self.frames()]

    def frame(self, name: str) -> dict[str, Any]:
        """The widest frame of that name, scrolled to if there is too little room to show it whole."""
        height: float = self.ask("document.querySelector('.flame-canvas').clientHeight")
        for _ in range(12):
            found = [frame for frame in self.frames() if frame["name"] == name and 0 <= frame["y"] <= height - ROW]
            if found:
                return max(found, key=lambda frame: frame["width"])
            self.page.locator(".flame-canvas").hover(position={"x": 2, "y": height / 2})
            self.page.mouse.wheel(0, 2 * ROW)
        raise AssertionError(f"no frame {name}")

    def fills(self, name: str) -> bool:
        """Whether a frame is as wide as the graph, but for its scroll bar."""
        width: float = self.ask("document.querySelector('.flame-canvas').clientWidth")
        return bool(self.frame(name)["width"] >= width - 10)

    def point(self, frame: dict[str, Any]) -> tuple[float, float]:
        """Where a frame is on the screen."""
        box = self.page.locator(".flame-canvas").bounding_box()
        assert box is not None
        return box["x"] + frame["x"] + frame["width"] / 2, box["y"] + frame["y"] + 9

    def text(self, selector: str) -> str:
        """What an element says once everything asked for so far is painted."""
        self.settle()
        return self.page.locator(selector).inner_text()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def shot(self, what: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{self.name}-{what}.png")


@pytest.fixture
def endings() -> Iterator[ExitStack]:
    """What is to end after the tab has been closed: a page whose server goes away complains."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def view(browser: Browser, endings: ExitStack, request: pytest.FixtureRequest) -> Iterator[View]:
    """A fresh tab. The test fails if the page logs an error or violates its content policy."""
    options = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"} | getattr(request, "param", {})
    context = browser.new_context(**options)
    page = context.new_page()
    view = View(page, request.node.name.removeprefix("test_").split("[")[0])
    page.on("pageerror", lambda error: view.problems.append(str(error)))
    page.on(
        "console", lambda message: view.problems.append(message.text) if message.type in ("error", "warning") else None
    )
    yield view
    context.close()
    unexpected = [p for p in view.problems if not (view.expected and re.search(view.expected, p))]
    assert unexpected == []


@pytest.fixture
def stage(endings: ExitStack) -> Stage:
    stage = Stage()
    endings.callback(stage.end)
    return stage


@dataclass
class Attached:
    """A running `flarego attach`."""

    process: subprocess.Popen[str]
    url: str
    pid: int


@pytest.fixture
def attach(endings: ExitStack) -> Callable[..., Attached]:
    """A function that attaches the real flarego to a pid and gives its dashboard's address."""

    def start(pid: int, *options: str, listen: str = "127.0.0.1:0") -> Attached:
        command = [sys.executable, "-m", "flarego", "attach", "--pid", str(pid), "--listen", listen, *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        endings.callback(_end, process)
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            found = re.search(r"http://\S+", line)
            if found:
                return Attached(process, found.group(), pid)
        raise AssertionError(f"flarego attach ended without an address: {''.join(said)}")

    return start


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
