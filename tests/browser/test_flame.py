"""The flame graph in hand: zoom, pan, sandwich, filters, colours, its table, and the tree for who does not see it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from browser.conftest import View
from browser.stage import Stage
from browser.synthetic import Source

SERVE = "example.com/orders.(*service).serveOrder"
CHARGE = "example.com/orders.(*paymentClient).charge"
LOCK = "sync.(*Mutex).Lock"


def live(view: View, stage: Stage, history: float = 60, fragment: str = "") -> Source:
    source = stage.play(Source(), history)
    view.open(stage.url + fragment)
    view.until("flarego.painted().sequence > 10")
    return source


def still(view: View, stage: Stage, fragment: str = "") -> None:
    """A page at rest: what is clicked stands where it was seen."""
    stage.prepare(Source(), 60)
    view.open(stage.url + fragment)
    view.until("flarego.painted().sequence === 299")


def sight(view: View) -> Any:
    view.settle()
    return view.ask(
        "({zoom: flarego.store.zoom.peek().map(({name}) => name), range: {...flarego.store.graph.range.peek()}})"
    )


def test_wheel_drag_and_keys_zoom_freely_and_lead_back(view: View, stage: Stage) -> None:
    still(view, stage)
    start, frame = sight(view), view.frame("select")
    x, y = view.point(frame)
    view.page.mouse.move(x, y)
    view.page.keyboard.down("Control")
    view.page.mouse.wheel(0, -200)
    view.page.keyboard.up("Control")
    closer = sight(view)
    assert closer != start
    assert view.frame("select")["width"] > 1.2 * frame["width"], "closer around the pointer"
    assert view.frames()[0]["total"] > 0 and view.names()[0] == "all goroutines"
    view.page.keyboard.down("Shift")
    view.page.mouse.wheel(0, 150)
    view.page.keyboard.up("Shift")
    moved = sight(view)
    assert moved != closer
    view.page.mouse.down()
    view.page.mouse.move(x + 60, y, steps=4)
    view.page.mouse.up()
    assert sight(view) != moved
    assert view.ask("flarego.store.zoom.peek().length") <= 1, "a drag is not a click"
    view.press("w", "d")
    assert re.search(r"part=", view.ask("location.hash"))
    for _ in range(6):
        view.press("Backspace")
    assert sight(view) == start


def test_a_sandwich_has_callers_above_and_callees_below(view: View, stage: Stage) -> None:
    still(view, stage)
    view.page.mouse.click(*view.point(view.frame(SERVE)), button="right")
    menu = view.page.get_by_role("menu")
    assert "Callers and callees" in menu.inner_text() and "Hide package example.com/orders" in menu.inner_text()
    view.shot("menu")
    view.page.keyboard.press("ArrowDown")
    view.page.keyboard.press("Enter")
    frames = view.frames()
    root = next(f for f in frames if f["row"] == 0)
    above = {f["name"] for f in frames if f["row"] < 0}
    below = {f["name"] for f in frames if f["row"] > 0}
    assert root["name"] == SERVE
    assert "net/http.HandlerFunc.ServeHTTP" in above and CHARGE in below
    assert sum(f["total"] for f in frames if f["row"] == -1) == pytest.approx(root["total"])
    view.shot("sandwich")
    view.page.mouse.click(*view.point(next(f for f in frames if f["name"] == CHARGE)))
    assert view.fills(CHARGE)
    view.press("Backspace", "Backspace")
    assert view.names()[0] == "all goroutines"
    view.press("v")
    inverted = view.frames()
    assert LOCK in {f["name"] for f in inverted if f["row"] == 2}, "below its lane the innermost frame comes first"
    view.shot("inverted")
    view.press("v", "l")
    assert not any(f["lane"] and f["row"] > 0 for f in view.frames()), "all states in one graph"


def test_filters_are_chips_and_travel_in_the_link(view: View, stage: Stage) -> None:
    still(view, stage)
    everything = view.frames()[0]["total"]
    view.page.locator(".legend button", has_text="select").click()
    assert {f["name"] for f in view.frames() if f["row"] == 1} == {"select"}
    view.page.locator(".legend button", has_text="lock").click()
    assert {f["name"] for f in view.frames() if f["row"] == 1} == {"select", "sync.Mutex.Lock", "sync.WaitGroup.Wait"}
    view.ask(f"flarego.store.filters.add('function', {json.dumps(CHARGE)}, 'not')")
    assert CHARGE not in view.names()
    view.ask("flarego.store.filters.add('package', 'net/http', 'hide')")
    names = view.names()
    assert not any(name.startswith("net/http.") for name in names) and "main.labelled.func1" in names
    assert view.page.locator(".filter-chip").count() == 4
    shown = view.frames()[0]["total"]
    view.shot("filters")
    view.page.reload()
    view.until("flarego.painted().sequence === 299")
    assert view.frames()[0]["total"] == shown < everything
    view.page.locator(".filter-chip", has_text="without").get_by_role("button").first.click()
    assert {"select"} == {f["name"] for f in view.frames() if f["row"] == 1}, "turned into its opposite"
    view.page.locator(".filter-clear").click()
    assert view.frames()[0]["total"] == everything
    view.ask("flarego.store.filters.add('label', 'tenant=blue')")
    assert 0 < view.frames()[0]["total"] < everything
    view.ask("flarego.store.filters.add('label', 'tenant=none')")
    view.ask("flarego.store.filters.remove({what: 'label', how: 'only', value: 'tenant=blue'})")
    assert "Nothing passes the filters" in view.text(".flame-message")


def test_the_table_of_functions_finds_sorts_and_follows(view: View, stage: Stage) -> None:
    still(view, stage)
    view.press("F")
    rows = view.page.locator(".table-functions .table-row:visible")
    view.until("document.querySelectorAll('.table-functions .table-row:not([hidden])').length > 5")
    shares = [
        float(cell.split()[0])
        for cell in rows.locator(".cell:nth-child(2)").all_inner_texts()
        if "<" not in cell and cell
    ]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(100, abs=2)
    view.page.locator(".table-functions .table-sort", has_text="Total").click()
    assert rows.first.locator(".cell").nth(2).inner_text() != ""
    row = rows.filter(has_text="orders.(*priceCache).get").first
    row.click()
    view.settle()
    assert view.ask("flarego.store.selected.peek().at(-1).name") == "example.com/orders.(*priceCache).get"
    view.shot("table")
    view.page.locator(".table-functions .table-body").focus()
    view.press("Enter")
    assert view.ask("flarego.store.graph.focus.peek()") == "example.com/orders.(*priceCache).get"
    view.press("Escape", "Escape", "/")
    view.page.keyboard.type("json")
    shown = "[...document.querySelectorAll('.table-functions .table-row:not([hidden])')]"
    view.until(f"{shown}.every((row) => row.textContent.includes('json'))")


def test_matches_are_counted_and_walked(view: View, stage: Stage) -> None:
    still(view, stage)
    view.press("/")
    view.page.keyboard.type("labelled.func1.1")
    view.settle()
    found = re.search(r"(\d+), [\d.]+ % matched", view.text(".matched"))
    assert found and int(found.group(1)) > 1
    view.page.keyboard.press("Enter")
    assert view.text(".matched").startswith(f"1 of {found.group(1)}, ")
    view.page.keyboard.press("Enter")
    assert view.text(".matched").startswith("2 of ")
    view.page.keyboard.press("Shift+Enter")
    assert view.text(".matched").startswith("1 of ")
    assert view.ask("flarego.store.selected.peek().at(-1).name") == "main.labelled.func1.1"


def test_colour_by_change_tells_it_in_words(view: View, stage: Stage) -> None:
    still(view, stage, "#window=10")
    view.press("c", "c")
    frames = view.frames()
    assert any("▲" in f["label"] for f in frames) and any("▼" in f["label"] for f in frames)
    assert {f["change"] > 0 for f in frames if "▲" in f["label"]} == {True}
    assert "than the window before" in view.text(".legend")
    view.shot("change")
    view.press("c", "c")
    assert "orders" in view.text(".legend"), "by package"
    view.shot("package")


def test_arrows_walk_a_tree_that_is_read(view: View, stage: Stage) -> None:
    still(view, stage)
    view.page.locator(".flame-tree").focus()
    view.press("ArrowDown", "ArrowDown")
    view.page.wait_for_timeout(100)
    descendant = "document.querySelector('.flame-tree').getAttribute('aria-activedescendant')"
    active = view.ask(f"document.getElementById({descendant}).textContent")
    path = view.ask("flarego.store.selected.peek().map(({name}) => name)")
    assert active.startswith(path[-1]) and re.search(r"[\d.]+ %, \w+", active)
    items = view.ask("""[...document.querySelectorAll('[role=treeitem]')].map((item) => [
      Number(item.ariaLevel), Number(item.ariaPosInSet), Number(item.ariaSetSize), item.ariaExpanded, item.ariaSelected
    ])""")
    assert len(items) < 200 and items[0][:4] == [1, 1, 1, "true"]
    assert sum(selected == "true" for *_, selected in items) == 1
    assert all(place <= size for _, place, size, *_ in items)
    view.press("ArrowLeft")
    assert view.ask("flarego.store.selected.peek()[0].name") != path[0]
    view.press("ArrowDown")
    assert view.ask("flarego.store.selected.peek().length") == 2
    view.press("Enter")
    assert view.ask("flarego.store.zoom.peek().length") == 2
    view.until("document.querySelector('fg-flame [role=status]').textContent.startsWith('Zoomed to')")
    view.press("m")
    assert view.ask("document.activeElement.closest('[role=menu]') !== null")
    view.press("Escape")
    assert view.ask("document.activeElement.className").startswith("flame-tree"), "the focus comes back"


@pytest.mark.long
def test_nothing_moves_in_a_minute_of_streaming(view: View, stage: Stage) -> None:
    """Zoom, part of the width, selection, scroll and the order of siblings, over 60 s of chunks."""
    live(view, stage)
    view.page.set_viewport_size({"width": 1200, "height": 620})
    view.page.mouse.click(*view.point(view.frame("select")))
    view.press("w", "d", "ArrowDown", "ArrowDown", "ArrowDown")
    view.page.locator(".flame-canvas").hover()
    view.page.mouse.wheel(0, 57)
    view.settle()

    def rows() -> dict[int, list[str]]:
        """Names by height; at the edges frames come and go with their neighbours' weight."""
        found: dict[int, list[str]] = {}
        for frame in sorted(view.frames(), key=lambda frame: frame["x"]):
            found.setdefault(frame["y"], []).append(frame["name"])
        return found

    def place() -> Any:
        return [
            sight(view),
            view.ask("flarego.store.selected.peek()"),
            view.ask("document.querySelector('fg-flame').scrolled"),
        ]

    before, order, first = place(), rows(), view.ask("flarego.painted().sequence")
    for seconds in range(10, 61, 10):
        view.until(f"flarego.painted().sequence >= {first + 5 * seconds}", 40)
        assert place() == before, f"after {seconds} s"
        for y, names in rows().items():
            there = [name for name in order.get(y, []) if name in names]
            assert [name for name in names if name in there] == there, f"after {seconds} s"
    view.shot("minute")


@pytest.mark.parametrize("view", [{"has_touch": True, "viewport": {"width": 390, "height": 800}}], indirect=True)
def test_fingers_tap_pinch_and_pan(view: View, stage: Stage) -> None:
    still(view, stage)
    x, y = view.point(view.frame("select"))
    view.page.touchscreen.tap(x, y)
    view.settle()
    card = view.page.locator("fg-flame .card")
    assert "select" in card.inner_text() and view.ask("flarego.store.zoom.peek().length") == 0
    view.shot("tapped")
    card.get_by_role("button", name="Zoom").click()
    assert view.fills("select")
    view.press("Backspace")
    start = sight(view)
    cdp = view.page.context.new_cdp_session(view.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        cdp.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(points)]},
        )

    touch("touchStart", (150, y), (230, y))
    for step in range(1, 7):
        touch("touchMove", (150 - 8 * step, y), (230 + 8 * step, y))
    touch("touchEnd")
    pinched = sight(view)
    assert pinched != start
    touch("touchStart", (200, y))
    for step in range(1, 6):
        touch("touchMove", (200 - 10 * step, y))
    touch("touchEnd")
    assert sight(view) != pinched
