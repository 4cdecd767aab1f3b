"""For everybody: axe on every view and state in both themes, forced colours, fingers, and nothing moves unasked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from js.npm import package

from browser.conftest import View
from browser.stage import Stage
from browser.synthetic import Source

BOTH = pytest.mark.parametrize("view", [{"color_scheme": "dark"}, {"color_scheme": "light"}], indirect=True)
AXE = """axe.run({ preload: false }).then(({ violations }) =>
  violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`))"""
REFUSED = "WebSocket|Failed to load resource|net::ERR"


def examine(view: View, where: str) -> None:
    """Let axe look at the page as it is now."""
    view.settle()
    if not view.ask("typeof axe === 'object'"):
        view.ask((package("axe-core") / "axe.min.js").read_text())
    assert view.ask(AXE) == [], where


@BOTH
@pytest.mark.timeout(120)
def test_axe_finds_no_fault_in_any_view(view: View, stage: Stage) -> None:
    stage.prepare(Source(), 60)
    view.open(stage.url)
    for panel in view.ask("[...document.querySelectorAll('[role=tab]')].map((tab) => tab.dataset.id)"):
        view.ask(f"flarego.store.panel.value = {panel!r}")
        view.settle()
        examine(view, panel)
    for name, keys in (
        ("blocked, functions beside", ["3", "F"]),
        ("callers and callees", ["ArrowDown", "ArrowDown", "ArrowDown", "x"]),
        ("on CPU by package, inverted", ["x", "2", "c", "v"]),
        ("a search", ["Escape", "Escape", "1", "/", *"serve", "Enter"]),
        ("paused", ["Escape", " "]),
        ("help", ["?"]),
    ):
        view.press(*keys)
        examine(view, name)
        view.shot(name.replace(" ", "-").replace(",", ""))


@BOTH
@pytest.mark.timeout(120)
def test_axe_finds_no_fault_in_any_state(view: View, stage: Stage) -> None:
    view.expected = REFUSED
    view.open(stage.url, live=False)
    view.until("flarego.store.connection.peek().phase === 'open'")
    examine(view, "connecting")
    source = Source(engine=("memory", "perf_event_paranoid is 4 and this process has no CAP_PERFMON"))
    stage.say(source.hello())
    view.until("document.querySelector('fg-notice strong').textContent === 'Reading orders'")
    examine(view, "nothing yet")
    stage.say(source.hello() | {"version": 9})
    view.until("document.querySelector('fg-notice').textContent.includes('version 9')")
    examine(view, "a newer version")
    stage.prepare(source, 20)
    view.page.reload()
    view.until("flarego.painted().sequence >= 0")
    stage.say({"type": "gone", "process": source.process, "at": int(20e9), "why": "it exited with code 137"})
    view.until("document.querySelector('fg-header .live').textContent === 'gone'")
    view.press("2")
    examine(view, "gone, without CPU samples")
    stage.prepare(Source(), 20)
    view.page.reload()
    view.until("flarego.painted().sequence >= 0")
    stage.close()
    view.until("document.querySelector('fg-header .live').textContent === 'reconnecting'")
    examine(view, "reconnecting")


@pytest.mark.parametrize("view", [{"viewport": {"width": 390, "height": 844}, "has_touch": True}], indirect=True)
def test_fingers_find_what_they_aim_at(view: View, stage: Stage) -> None:
    """WCAG 2.5.8: targets of 24 by 24 pixels, or as far from the next as if they were."""
    stage.prepare(Source(), 60)
    view.open(stage.url)
    view.press("3")
    small = view.ask("""(() => {
      const targets = [...document.querySelectorAll("button, select, input, summary, [role=tab], a[href]")];
      const boxes = targets.filter((e) => e.checkVisibility()).map((e) => [e, e.getBoundingClientRect()]);
      return boxes.filter(([, b]) => b.width && (b.height < 23.5 || b.width < 23.5)).map(([e, b]) =>
        `${e.outerHTML.slice(0, 80)} ${b.width}x${b.height}`);
    })()""")
    assert small == []
    assert view.ask("document.documentElement.scrollWidth") == 390
    frame = view.frame("net/http.(*conn).serve")
    view.page.touchscreen.tap(*view.point(frame))
    view.settle()
    view.shot("tapped")


@pytest.mark.parametrize("view", [{"forced_colors": "active"}], indirect=True)
def test_forced_colours_keep_what_colour_says(view: View, stage: Stage) -> None:
    stage.prepare(Source(), 60)
    view.open(stage.url)
    pressed, other = view.ask("""["true", "false"].map((pressed) => getComputedStyle(
      document.querySelector(`.segmented [aria-pressed="${pressed}"]`)).backgroundColor)""")
    assert pressed != other, "the chosen view is seen"
    chosen, rest = view.ask("""["true", "false"].map((selected) => getComputedStyle(
      document.querySelector(`[role=tab][aria-selected="${selected}"]`)).borderBottomColor)""")
    assert chosen != rest, "the open panel is seen"
    swatches = view.ask("""[...document.querySelectorAll(".legend .swatch")].map(
      (e) => getComputedStyle(e).backgroundColor)""")
    assert len(set(swatches)) == len(swatches), "the legend keeps its colours"
    view.shot("forced")


@pytest.mark.parametrize("view", [{"reduced_motion": "reduce"}], indirect=True)
def test_nothing_moves_unasked(view: View, stage: Stage) -> None:
    stage.play(Source(), 20)
    view.open(stage.url)
    frame = view.frame("net/http.(*conn).serve")
    view.page.mouse.click(*view.point(frame))
    assert view.fills("net/http.(*conn).serve"), "zoomed at once"
    assert view.ask("document.getAnimations().length") == 0


Speak = Callable[[View], Any]


def test_names_for_those_who_do_not_see(view: View, stage: Stage) -> None:
    """What a screen reader would say of each part: a name, and a role that is right."""
    stage.prepare(Source(), 60)
    view.open(stage.url)
    for role, name in (
        ("main", ""),
        ("button", "Pause"),
        ("combobox", "Window of time shown"),
        ("searchbox", "Search functions"),
        ("tab", "Goroutines"),
        ("group", "Weight"),
        ("list", "Colours"),
    ):
        assert view.page.get_by_role(role, name=name).count() >= 1, f"{role} {name}"  # type: ignore[arg-type]
    unnamed = view.ask("""[...document.querySelectorAll("button, input, select")].filter((e) => e.checkVisibility()
      && !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)""")
    assert unnamed == []
