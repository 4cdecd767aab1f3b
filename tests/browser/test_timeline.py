"""The timeline: what it shows, how a span is chosen and changed, by pointer and by keyboard, and what it costs."""

from __future__ import annotations

import time

import pytest

from browser.conftest import View
from browser.stage import Stage
from browser.synthetic import NS, PERIOD, Source

LEFT, RIGHT = 172, 58
"""Gutters of the canvas on a wide page."""


def live(view: View, stage: Stage, history: float = 60) -> Source:
    source = stage.play(Source(), history)
    view.open(stage.url)
    view.until(f"flarego.painted().sequence >= {int(history / PERIOD) - 1}", 30)
    return source


def drag(view: View, start: float, end: float, y: float = 60) -> None:
    """Drag over the canvas, in pixels from its corner."""
    box = view.page.locator(".timeline-canvas").bounding_box()
    assert box is not None
    view.page.mouse.move(box["x"] + start, box["y"] + y)
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + end, box["y"] + y, steps=6)
    view.page.mouse.up()
    view.settle()


def span(view: View) -> tuple[float, float]:
    found = view.ask("flarego.store.span.peek()")
    return found["from"], found["to"]


def pixel(view: View, at: float) -> float:
    x: float = view.ask(f"document.querySelector('fg-timeline').time.pixel({at})")
    return x


def test_a_span_is_chosen_moved_and_its_edges_dragged(view: View, stage: Stage) -> None:
    live(view, stage, 110)
    drag(view, 500, 700)
    before = span(view)
    width = before[1] - before[0]
    drag(view, 600, 650)
    moved = span(view)
    assert moved[0] > before[0] and moved[1] - moved[0] == pytest.approx(width)
    drag(view, pixel(view, moved[1]), 900)
    wider = span(view)
    assert wider[0] == moved[0] and wider[1] > moved[1]
    drag(view, pixel(view, wider[0]), pixel(view, wider[1]) + 40)
    crossed = span(view)
    assert crossed[0] == pytest.approx(wider[1]) and crossed[1] > wider[1], "an edge may pass the other"
    view.shot("moved")


def test_live_goes_on_behind_a_span_and_is_one_click_away(view: View, stage: Stage) -> None:
    live(view, stage, 110)
    drag(view, 500, 700)
    chosen, range_ = span(view), view.ask("flarego.store.timeline.range")
    sequence = view.ask("flarego.store.data.peek().sequence")
    view.until(f"flarego.store.data.peek().sequence > {sequence} + 8")
    view.settle()
    assert span(view) == chosen and view.ask("flarego.store.timeline.range") == range_, (
        "nothing moves under the pointer"
    )
    back = view.text(".timeline-back")
    assert "goroutine-seconds in" in back and "+" in back
    view.shot("behind")
    view.page.locator(".timeline-back").click()
    view.until("document.querySelector('fg-header .live').textContent === 'live'")
    assert view.page.locator(".timeline-back").is_hidden()
    assert view.ask("(({ chunks, sequence }) => chunks === sequence + 1)(flarego.store.data.peek())"), (
        "nothing was lost"
    )


def test_everything_works_by_keyboard_and_is_read_out(view: View, stage: Stage) -> None:
    live(view, stage, 110)
    view.press(" ")
    canvas = view.page.locator(".timeline-canvas")
    canvas.focus()
    view.press("ArrowLeft", "ArrowLeft")
    said = canvas.get_attribute("aria-valuetext") or ""
    for fact in ("Goroutines:", "select", "On CPU: own code", "cores", "Heap: live", "MiB", "Run queue"):
        assert fact in said
    low, high, now = (float(canvas.get_attribute(f"aria-value{k}") or "") for k in ("min", "max", "now"))
    assert low <= now <= high
    view.press("Shift+PageDown", "Shift+PageDown")
    first = span(view)
    edge = view.page.locator(".timeline-edge[data-edge=to]")
    edge.focus()
    view.press("ArrowRight", "ArrowRight")
    assert span(view)[0] == first[0] and span(view)[1] > first[1]
    assert "span of" in (edge.get_attribute("aria-valuetext") or "")
    view.page.locator(".flame-canvas").focus()
    wider = span(view)
    view.press("Shift+ArrowLeft")
    assert span(view)[1] < wider[1], "from anywhere the span's end moves with Shift and an arrow"
    view.press("End")
    assert view.ask("flarego.store.span.peek()") is None


def test_wheel_zooms_and_the_overview_shows_where(view: View, stage: Stage) -> None:
    live(view, stage, 300)
    view.press(" ")
    canvas = view.page.locator(".timeline-canvas")
    box = canvas.bounding_box()
    assert box is not None
    before = view.ask("flarego.store.timeline.range")
    at = view.ask("document.querySelector('fg-timeline').time.value(800)")
    view.page.mouse.move(box["x"] + 800, box["y"] + 60)
    for _ in range(6):
        view.page.mouse.wheel(0, -100)
    view.settle()
    after = view.ask("flarego.store.timeline.range")
    assert after["to"] - after["from"] < 0.5 * (before["to"] - before["from"])
    assert pixel(view, at) == pytest.approx(800, abs=4), "around the pointer"
    view.shot("zoomed")
    drag(view, LEFT + 40, LEFT + 20, y=10)
    assert view.ask("flarego.store.timeline.range")["from"] < after["from"] - 60 * NS, "the overview goes there"
    canvas.dblclick(position={"x": 700, "y": 60})
    view.until("document.querySelector('fg-header .live').textContent === 'live'")


def test_tracks_are_chosen_and_stay_chosen(view: View, stage: Stage) -> None:
    live(view, stage)
    height = view.ask("document.querySelector('fg-timeline').clientHeight")
    view.page.locator(".timeline-menu summary").click()
    for track in ("alloc", "created", "sampling"):
        view.page.locator(f".timeline-choices input[data-id={track}]").check()
    view.shot("menu")
    assert view.ask("document.querySelector('fg-timeline').clientHeight") > height + 50
    view.page.locator(".timeline-choices input[data-id=heap]").uncheck()
    view.press("Escape")
    view.until("location.hash.includes('tracks=')")
    view.page.reload()
    view.until("flarego.painted().sequence > 10")
    shown = view.ask("document.querySelector('fg-timeline').shown()")
    assert shown == ["goroutines", "cpu", "queue", "latency", "alloc", "created", "sampling"]


def test_missing_time_is_hatched_and_not_drawn_over(view: View, stage: Stage) -> None:
    source = stage.prepare(Source(), 20)
    view.open(stage.url)
    for _ in range(50):
        source.next()
    source.sequence = 300
    stage.say(*(source.next() for _ in range(50)))
    view.until("document.querySelector('fg-timeline').time.to >= 39.9e9")
    view.settle()
    middle = pixel(view, 25 * NS)
    seen = view.ask(f"""(() => {{ const t = document.querySelector('fg-timeline');
      const c = t.canvas.getContext('2d'), r = t.surface.size.ratio, colours = new Set();
      const {{ data }} = c.getImageData({middle - 20} * r, 40 * r, 40 * r, 40 * r);
      for (let i = 0; i < data.length; i += 4) colours.add(data.slice(i, i + 3).join());
      return [...colours].filter((colour) => {{ const [a, b, c] = colour.split(',').map(Number);
        return Math.max(a, b, c) - Math.min(a, b, c) > 60; }}).length; }})()""")
    assert seen == 0, "grey hatches only where nothing is known"
    box = view.page.locator(".timeline-canvas").bounding_box()
    assert box is not None
    view.page.mouse.move(box["x"] + middle, box["y"] + 60)
    view.settle()
    assert view.page.locator(".timeline-card").is_hidden()
    view.shot("gap")


def test_fifteen_minutes_are_painted_in_a_moment(view: View, stage: Stage) -> None:
    live(view, stage, 905)
    view.ask("flarego.store.setWindow(900)")
    view.ask("""(() => { const t = document.querySelector('fg-timeline'), paint = t.surface.paint;
      window.costs = []; t.surface.paint = (...all) => { paint(...all); costs.push(t.cost.all); }; })()""")
    view.until("costs.length >= 12", 30)
    best = sorted(view.ask("costs"))
    print(f"timeline of {view.ask('flarego.store.data.peek().series.n')} points at 1440 px: median {best[6]:.1f} ms")
    assert best[2] < 12, "about 3 ms on an idle machine"


@pytest.mark.parametrize(
    "view", [{"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}], indirect=True
)
def test_a_phone_shows_few_tracks_and_chooses_spans_by_finger(view: View, stage: Stage) -> None:
    live(view, stage, 110)
    assert view.ask("document.querySelector('fg-timeline').shown()") == ["goroutines", "cpu"]
    drag(view, 120, 240, 40)
    assert view.text("fg-header .live") == "span"
    assert "live" in view.text(".timeline-back")
    view.shot("phone")


def test_a_link_brings_back_the_span(view: View, stage: Stage) -> None:
    source = stage.prepare(Source(started=time.time() - 100), 100)
    view.open(stage.url)
    drag(view, 500, 700)
    chosen = span(view)
    view.until("location.hash.includes('span=')")
    view.page.reload()
    view.until(f"flarego.painted().sequence >= 0 && flarego.store.data.peek().sequence === {source.sequence - 1}")
    assert span(view) == pytest.approx(chosen, abs=1e6)
    assert view.text("fg-header .live") == "span"
