"""Two spans compared: pinned, live against it, swapped, listed, told without relying on colour, kept in the link."""

from __future__ import annotations

from dataclasses import replace

import pytest

from browser.conftest import View
from browser.stage import Stage
from browser.synthetic import KINDS, PARK, PERIOD, SERVE, Kind, Source

OLD = "example.com/orders.(*service).before"
NEW = "example.com/orders.(*service).after"
AT = 30.0
"""Seconds at which the program changes."""


def changing() -> Source:
    """One function goes at AT, another comes, a third has twice as much to do."""

    def there(name: str, when: tuple[float, float]) -> Kind:
        stack = (*SERVE, name, "runtime.chansend1", *PARK)
        return Kind(stack, "waiting", lambda t: 20.0 if when[0] <= t + PERIOD / 2 < when[1] else 0.0, "chan send")

    def doubled(t: float) -> float:
        return 30.0 if t < AT else 60.0

    steady = replace(KINDS[0], count=doubled)
    calm = [replace(kind, count=lambda _t: 5.0) for kind in KINDS[2:4]]
    return Source(kinds=[there(OLD, (0, AT)), there(NEW, (AT, 1e9)), steady, *calm])


def compared(view: View, stage: Stage) -> Source:
    """Ten seconds before the change pinned as A, live after it is B."""
    source = stage.play(changing(), AT + 31)
    view.page.set_viewport_size({"width": 1440, "height": 1200})
    view.open(stage.url)
    view.until("flarego.painted().sequence > 10")
    view.ask("flarego.store.setSpan({ from: 15e9, to: 25e9 })")
    view.press("b")
    return source


def change(view: View, name: str) -> float:
    value: float = view.frame(name)["change"]
    return value


def test_a_pinned_span_is_compared_with_live(view: View, stage: Stage) -> None:
    compared(view, stage)
    assert view.text("fg-header .live") == "live"
    bar = view.text("fg-compare")
    assert "10 s" in bar and "live" in bar and "1 new, 1 gone" in bar and "▲" in bar
    assert change(view, NEW) == 1
    assert 0.4 < change(view, "example.com/orders.(*priceCache).get") < 0.6
    labels = {frame["name"]: frame["label"] for frame in view.frames()}
    assert "▲ new" in labels[NEW] and "▲ 100 %" in labels["example.com/orders.(*priceCache).get"]
    assert OLD not in labels, "as wide as in B, what is gone has no width"
    view.shot("live")
    view.page.mouse.move(*view.point(view.frame("example.com/orders.(*priceCache).get")))
    view.settle()
    card = view.text("fg-flame .card")
    assert "A" in card and "B" in card and "▲ 100 %" in card


def test_zoom_and_order_stay_while_live_is_compared(view: View, stage: Stage) -> None:
    compared(view, stage)
    view.page.mouse.click(*view.point(view.frame("net/http.serverHandler.ServeHTTP")))
    view.settle()
    before = [(frame["name"], frame["row"]) for frame in view.frames()]
    sequence = view.ask("flarego.painted().sequence")
    view.until(f"flarego.painted().sequence > {sequence} + 10")
    assert [(frame["name"], frame["row"]) for frame in view.frames()] == before


def test_what_is_gone_is_listed_and_found(view: View, stage: Stage) -> None:
    compared(view, stage)
    view.page.locator(".compare-more").click()
    view.page.locator("fg-panel fg-changes [data-id=gone]").click()
    rows = view.page.locator("fg-panel .table-changes .table-row:visible")
    view.settle()
    assert rows.count() == 1 and "before" in rows.first.inner_text() and "gone" in rows.first.inner_text()
    assert "\N{MINUS SIGN}20" in rows.first.inner_text()
    rows.first.click()
    view.settle()
    assert view.ask("flarego.store.selected.peek().at(-1).name") == OLD
    assert change(view, OLD) == -1, "made wide enough to be seen"
    view.shot("gone")


def test_measure_width_and_swap(view: View, stage: Stage) -> None:
    compared(view, stage)
    view.page.locator("fg-compare [data-id=absolute]").click()
    absolute = change(view, "example.com/orders.(*priceCache).get")
    assert absolute > 0.8, "30 s against 10 s"
    view.page.locator("fg-compare [data-id=share]").click()
    assert change(view, "all goroutines") == 0
    view.page.locator("fg-compare [data-id=rate]").click()
    view.page.locator("fg-compare [data-id=a]").click()
    assert OLD in view.names() and NEW not in view.names()
    view.press("X")
    view.page.locator("fg-compare [data-id=b]").click()
    assert change(view, OLD) == 1, "A and B have changed places"
    assert view.text("fg-header .live") == "span"
    view.page.locator("fg-compare button[aria-label='End the comparison']").click()
    view.settle()
    assert view.page.locator("fg-compare").is_hidden()
    assert view.ask("flarego.store.graph.colour.peek()") == "state"


def test_a_comparison_is_in_the_link(view: View, stage: Stage) -> None:
    compared(view, stage)
    view.press("B")
    view.page.locator("fg-compare [data-id=both]").click()
    view.until("/a=15.*width=both|width=both.*a=15/.test(location.hash)")
    b = view.ask("flarego.store.span.peek()")
    view.page.reload()
    view.until("flarego.painted().sequence > 10 && flarego.store.weighed().base !== null")
    assert view.ask("flarego.store.span.peek().to") == pytest.approx(b["to"], abs=1e6)
    assert OLD in view.names() and NEW in view.names()


def test_comparing_works_on_a_phone_and_in_light(view: View, stage: Stage) -> None:
    compared(view, stage)
    view.page.emulate_media(color_scheme="light")
    view.page.set_viewport_size({"width": 390, "height": 844})
    view.settle()
    width = view.ask("document.documentElement.scrollWidth")
    assert width <= 390
    assert view.page.locator("fg-compare").is_visible()
    view.shot("phone")
    view.page.set_viewport_size({"width": 1440, "height": 900})
    view.page.locator("fg-compare [data-id=both]").click()
    view.shot("light")


def test_y_copies_a_link_without_the_token(view: View, stage: Stage) -> None:
    stage.token = "s3cret"
    view.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    compared(view, stage)
    view.press("y")
    view.until("document.querySelector('fg-toast').textContent.includes('Link copied')")
    link = view.ask("navigator.clipboard.readText()")
    assert "s3cret" not in link and "a=15" in link
