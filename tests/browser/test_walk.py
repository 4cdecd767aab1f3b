"""The whole page by keyboard alone: everything is reached, the focus is seen, nothing holds it."""

from __future__ import annotations

from typing import Any

from browser.conftest import View
from browser.stage import Stage
from browser.synthetic import Source

MOST_STOPS = 120
FOCUS = """(() => {
  const e = document.activeElement;
  if (e === document.body || e === null) return null;
  const box = e.getBoundingClientRect();
  const outline = (of) => of ? getComputedStyle(of) : { outlineStyle: "none", outlineWidth: "0" };
  const ring = (of) => outline(of).outlineStyle !== "none" && parseFloat(outline(of).outlineWidth) > 0;
  const name = e.dataset.id || e.getAttribute("aria-label") || e.textContent.trim().slice(0, 30) || e.className;
  return {
    name: `${e.localName} ${name}`,
    seen: ring(e) || ring(e.nextElementSibling) || ring(e.parentElement),
    inside: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
    part: e.closest("fg-header, fg-timeline, fg-toolbar, fg-flame, fg-panel")?.localName ?? "",
  };
})()"""


def walk(view: View, key: str = "Tab") -> list[dict[str, Any]]:
    """Where Tab leads, from the beginning until the focus leaves the page."""
    view.ask("document.activeElement.blur()")
    stops: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        view.page.keyboard.press(key)
        stop = view.ask(FOCUS)
        if stop is None:
            return stops
        stops.append(stop)
    raise AssertionError(f"the focus does not leave the page: {[stop['name'] for stop in stops[-5:]]}")


def test_tab_reaches_everything_and_goes_on(view: View, stage: Stage) -> None:
    stage.prepare(Source(), 60)
    view.open(stage.url)
    for panel in view.ask("[...document.querySelectorAll('[role=tab]')].map((tab) => tab.dataset.id)"):
        view.ask(f"flarego.store.panel.value = {panel!r}")
        view.settle()
        stops = walk(view)
        assert [stop["name"] for stop in stops if not stop["seen"]] == [], "a ring around whatever has the focus"
        assert [stop["name"] for stop in stops if not stop["inside"]] == [], "and it is in sight"
        parts = [stop["part"] for stop in stops]
        for part in ("fg-header", "fg-timeline", "fg-toolbar", "fg-flame", "fg-panel"):
            assert part in parts, f"{part} cannot be reached with {panel} open"
        first = [parts.index(part) for part in ("fg-header", "fg-timeline", "fg-toolbar", "fg-flame", "fg-panel")]
        assert first == sorted(first), "in the order in which it is read"
    assert len(walk(view, "Shift+Tab")) == len(stops), "and the same way back"


def test_every_shortcut_can_be_pressed(view: View, stage: Stage) -> None:
    stage.prepare(Source(), 60)
    view.open(stage.url)
    keys = view.ask("import('./core/keys.js').then(({ SHORTCUTS }) => SHORTCUTS.map(({ key }) => key))")
    for key in keys:
        view.press("Space" if key == " " else key)
        if key == "/":
            view.press("Escape")
        if view.ask("document.querySelector('dialog[open], [popover]:popover-open') !== null"):
            view.press("Escape")
    view.press(*["Escape"] * 6, "1")
    view.until("flarego.frames().length > 10")


def test_every_view_without_a_pointer(view: View, stage: Stage) -> None:
    stage.prepare(Source(), 60)
    view.open(stage.url)
    for key, shown in (("2", "cpu"), ("3", "blocked"), ("1", "state")):
        view.press(key)
        assert view.ask("flarego.store.view.peek()") == shown
    view.press("ArrowDown", "ArrowDown", "ArrowDown")
    selected = view.ask("flarego.store.selected.peek().at(-1).name")
    view.press("Enter")
    assert view.ask("flarego.store.zoom.peek().at(-1).name") == selected
    view.press("Backspace")
    assert view.ask("flarego.store.zoom.peek()") == []
    panels = view.ask("[...document.querySelectorAll('[role=tab]')].map((tab) => tab.dataset.id)")
    seen = [view.ask("flarego.store.panel.peek()")]
    for _ in panels[1:]:
        view.press("p")
        seen.append(view.ask("flarego.store.panel.peek()"))
    assert seen == panels
    view.press("p", "g")
    assert view.ask("document.activeElement.closest('fg-panel') !== null"), "g goes into the panel"
    view.press("ArrowDown", "Enter")
    assert view.ask("flarego.store.selected.peek() !== null"), "a row leads to its frame"


def test_help_gives_the_focus_back(view: View, stage: Stage) -> None:
    stage.prepare(Source(), 20)
    view.open(stage.url)
    button = view.page.get_by_role("button", name="Shortcuts")
    button.focus()
    view.press("Enter")
    dialog = view.page.locator("dialog.help")
    assert dialog.is_visible()
    view.press("Tab", "Tab", "Tab")
    assert view.ask("document.activeElement === document.body || document.activeElement.closest('dialog') !== null")
    view.press("Escape")
    assert not dialog.is_visible()
    assert view.ask("document.activeElement.getAttribute('aria-label')") == "Shortcuts"


def test_the_panel_is_made_higher_by_keys(view: View, stage: Stage) -> None:
    stage.prepare(Source(), 20)
    view.open(stage.url)
    before = view.ask("document.querySelector('fg-panel').clientHeight")
    view.page.locator(".panel-grip").focus()
    view.press("ArrowUp", "ArrowUp")
    assert view.ask("document.querySelector('fg-panel').clientHeight") > before + 30
