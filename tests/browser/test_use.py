"""What a person does with the page: look, zoom, search, pause, choose a span. Over a stream that is known exactly."""

from __future__ import annotations

import re

from browser.conftest import View
from browser.stage import Stage
from browser.synthetic import Source

CHARGE = "example.com/orders.(*paymentClient).charge"


def live(view: View, stage: Stage, history: float = 60) -> Source:
    source = stage.play(Source(), history)
    view.open(stage.url)
    view.until("flarego.painted().sequence > 10")
    return source


def test_the_first_screen_tells_who_what_and_how(view: View, stage: Stage) -> None:
    live(view, stage)
    assert view.text("fg-header .live") == "live"
    header, status = view.text("fg-header"), view.text("fg-status")
    for fact in ("orders", "pid 4121", "go1.27.3", "example.com/orders"):
        assert fact in header
    for fact in ("engine perf", "scan 24 Hz", "on-CPU 997 Hz", "budget", "goroutines"):
        assert fact in status
    lanes = [frame["name"] for frame in view.frames() if frame["lane"] and frame["row"] == 1]
    assert lanes == ["running", "runnable", "syscall", "sync.Mutex.Lock", "sync.WaitGroup.Wait", "chan send", "select"]
    assert re.search(r"\d+ idle folded", view.text("fg-toolbar"))
    assert view.page.locator(".table-goroutines .table-row:visible").count() >= 5
    view.shot("first")


def test_a_chunk_is_painted_in_the_frame_after_it_came(view: View, stage: Stage) -> None:
    live(view, stage)
    view.ask("""() => { window.delays = []; let last = -1; setInterval(() => {
      const { sequence, receivedAt, paintedAt } = flarego.painted();
      if (sequence !== last && last >= 0) delays.push(paintedAt - receivedAt);
      last = sequence; }, 20); }""")
    view.page.wait_for_timeout(5000)
    delays = sorted(view.ask("delays"))
    print(f"received to painted: median {delays[len(delays) // 2]:.1f} ms, worst {delays[-1]:.1f} ms of {len(delays)}")
    assert len(delays) >= 20
    assert delays[int(len(delays) * 0.95)] < 100


def test_zoom_selection_scroll_and_order_stay_put_while_data_streams(view: View, stage: Stage) -> None:
    live(view, stage)
    view.page.set_viewport_size({"width": 1200, "height": 800})
    view.page.mouse.click(*view.point(view.frame(CHARGE)))
    view.press("ArrowDown", "ArrowDown")
    view.page.locator(".flame-canvas").hover()
    view.page.mouse.wheel(0, 60)
    view.settle()

    def state() -> list[object]:
        boxes = [(f["name"], f["row"], f["y"]) for f in view.frames()]
        return [boxes, view.ask("flarego.store.zoom.peek()"), view.ask("flarego.store.selected.peek()")]

    before, first = state(), view.ask("flarego.painted().sequence")
    view.until(f"flarego.painted().sequence > {first} + 40", 30)
    assert state() == before
    assert view.fills(CHARGE)
    view.shot("zoomed")


def test_crumbs_backspace_and_escape_lead_back(view: View, stage: Stage) -> None:
    live(view, stage)
    everything = view.names()
    view.page.mouse.click(*view.point(view.frame("select")))
    view.page.mouse.click(*view.point(view.frame(CHARGE)))
    assert view.text(".crumbs button:last-of-type") == "orders.(*paymentClient).charge"
    view.press("Backspace")
    assert view.text(".crumbs button:last-of-type") == "select"
    view.page.locator(".crumbs button", has_text="all").click()
    assert set(view.names()) == set(everything)
    view.press("Backspace")
    assert view.ask("flarego.store.zoom.peek().length") == 1, "a crumb can be undone"
    view.press("0")
    assert view.ask("flarego.store.zoom.peek().length") == 0


def test_search_highlights_and_tells_the_matched_share(view: View, stage: Stage) -> None:
    live(view, stage)
    view.press(" ", "/")
    view.page.keyboard.type("/priceCache|json/")
    view.settle()
    frames = view.frames()
    found = [f for f in frames if f["match"] & 1]
    assert found and all(re.search("priceCache|json", f["name"]) for f in found)
    top = [f for f in found if not f["match"] & 2]
    share = 100 * sum(f["total"] for f in top) / frames[0]["total"]
    assert f"{share:.1f} %" in view.text(".matched")
    rows = view.page.locator(".table-goroutines .table-row:visible")
    assert 1 <= rows.count() <= 6
    view.shot("found")
    view.press("Escape", "n")
    view.page.keyboard.press("/")
    view.page.keyboard.type("/a(")
    view.settle()
    assert view.page.locator("input[aria-invalid=true]").count() == 1
    assert view.names(), "a bad pattern changes nothing"


def test_pause_freezes_the_display_and_loses_nothing(view: View, stage: Stage) -> None:
    live(view, stage)
    view.press(" ")
    assert view.text("fg-header .live") == "paused"
    before, sequence = view.frames(), view.ask("flarego.store.data.peek().sequence")
    table = view.text("fg-goroutines")
    view.until(f"flarego.store.data.peek().sequence > {sequence} + 12")
    assert view.frames() == before
    assert view.text("fg-goroutines") == table
    assert "behind live" in view.text("fg-status")
    view.shot("paused")
    view.press("2")
    assert view.names(), "paused is not dead"
    view.press("1", " ")
    view.until("flarego.painted().sequence === flarego.store.data.peek().sequence")
    data = view.ask("(({ chunks, sequence, missed }) => ({ chunks, sequence, missed }))(flarego.store.data.peek())")
    assert data["missed"] == 0 and data["chunks"] == data["sequence"] + 1


def test_a_brushed_span_is_what_everything_shows(view: View, stage: Stage) -> None:
    live(view, stage, 110)
    box = view.page.locator(".timeline-canvas").bounding_box()
    assert box is not None
    view.page.mouse.move(box["x"] + 500, box["y"] + 40)
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + 700, box["y"] + 40, steps=5)
    view.page.mouse.up()
    view.settle()
    assert view.text("fg-header .live") == "span"
    span, fold = view.ask("flarego.store.span.peek()"), view.ask("flarego.store.fold.span")
    assert abs(span["from"] - fold["start"]) <= 1e9 and abs(span["to"] - fold["end"]) <= 1e9
    before, sequence = view.frames(), view.ask("flarego.store.data.peek().sequence")
    view.until(f"flarego.store.data.peek().sequence > {sequence} + 5")
    assert view.frames() == before
    view.shot("brushed")
    view.page.mouse.dblclick(box["x"] + 900, box["y"] + 40)
    view.until("document.querySelector('fg-header .live').textContent === 'live'")


def test_views_weights_and_folded_goroutines(view: View, stage: Stage) -> None:
    live(view, stage)
    view.press("2")
    assert {"encoding/json.(*Encoder).Encode", "runtime.mallocgc", "runtime.gcBgMarkWorker"} <= set(view.names())
    assert not any(frame["lane"] and frame["row"] > 0 for frame in view.frames())
    view.press("3")
    leaves = [frame for frame in view.frames() if frame["lane"] and frame["row"] > 0]
    assert {"sync.Mutex.Lock", "select", "chan send"} <= {leaf["name"] for leaf in leaves}
    view.press("1")
    folded = view.frames()[0]["total"]
    view.page.locator(".chip[data-id=idle]").click()
    assert view.frames()[0]["total"] > folded
    assert "example.com/orders.(*workers).run" in view.names()
    assert "idle shown" in view.text("fg-toolbar")
    view.page.locator(".segmented button[data-id=count]").click()
    total = view.frames()[0]["total"]
    assert total == int(total) and f"{total:.0f} goroutines" in view.text(".crumb-total")


def test_the_card_tells_everything_about_a_frame(view: View, stage: Stage) -> None:
    live(view, stage)
    view.press("3", " ")
    x, y = view.point(view.frame("net/http.serverHandler.ServeHTTP"))
    view.page.mouse.move(x, y)
    view.settle()
    card = view.text("fg-flame .card")
    for fact in (
        "net/http.serverHandler.ServeHTTP",
        ".go:",
        "total",
        "self",
        "goroutines",
        "since first seen",
        "select",
        "sync.Mutex.Lock",
    ):
        assert fact in card
    view.shot("card")
    view.page.mouse.move(5, 5)
    view.settle()
    assert view.page.locator("fg-flame .card").is_hidden()


def test_the_table_sorts_and_finds_a_group_in_the_graph(view: View, stage: Stage) -> None:
    live(view, stage)
    view.press(" ")
    rows = view.page.locator(".table-goroutines .table-row:visible")
    counts = [int(cell) for cell in rows.locator(".cell:first-child").all_inner_texts()]
    assert counts == sorted(counts, reverse=True)
    view.page.locator(".table-goroutines .table-sort", has_text="Function").click()
    assert view.page.locator("fg-goroutines [data-column=where]").get_attribute("aria-sort") == "ascending"
    row = rows.filter(has_text="orders.(*pool).acquire").first
    row.click()
    view.settle()
    selected = view.ask("flarego.store.selected.peek()")
    assert selected[-1]["name"] == "example.com/orders.(*pool).acquire"
    view.shot("selected")
    view.page.locator(".table-goroutines .table-body").focus()
    view.press("ArrowLeft", "ArrowDown", "Enter")  # the click has opened the group: past its members
    assert view.ask("flarego.store.selected.peek()") != selected, "the table works by keyboard"


def test_the_graph_can_stand_on_its_root(view: View, stage: Stage) -> None:
    live(view, stage)
    view.press(" ", "f")
    height = view.ask("document.querySelector('.flame-canvas').clientHeight")
    root, lane = view.frame("all goroutines"), view.frame("select")
    assert root["y"] == height - 19 and lane["y"] == root["y"] - 19
    view.shot("flipped")
    view.page.mouse.click(*view.point(lane))
    view.settle()
    assert view.fills("select")
    view.press("f")
    assert view.frame("all goroutines")["y"] == 0


def test_waits_and_processors_have_their_tables(view: View, stage: Stage) -> None:
    live(view, stage)
    view.page.locator("[role=tab]", has_text="Waits").click()
    view.until("document.querySelectorAll('.table-waits .table-row:not([hidden])').length > 2")
    assert "sync.Mutex.Lock" in view.text("fg-waits") and "0xc000" in view.text("fg-waits")
    view.shot("waits")
    view.page.locator("[role=tab]", has_text="Scheduler").click()
    assert "P0" in view.text("fg-processors") and "4 processors" in view.text("fg-processors")
    view.shot("processors")


def test_the_timeline_reads_out_a_moment(view: View, stage: Stage) -> None:
    live(view, stage, 110)
    box = view.page.locator(".timeline-canvas").bounding_box()
    assert box is not None
    view.page.mouse.move(box["x"] + 900, box["y"] + 30)
    view.settle()
    card = view.text(".timeline-card")
    for fact in ("lock", "select", "idle", "Heap\nlive", "goal", "Run queue", "cores"):
        assert fact in card
    view.shot("readout")


def test_a_link_shows_the_same(view: View, stage: Stage) -> None:
    live(view, stage)
    view.press("3")
    view.page.mouse.click(*view.point(view.frame(CHARGE)))
    view.until("flarego.store.zoom.peek().length > 0")
    view.page.reload()
    view.until("flarego.painted().sequence > 10")
    assert view.ask("flarego.store.view.peek()") == "blocked"
    assert view.fills(CHARGE)


def test_question_mark_lists_the_shortcuts(view: View, stage: Stage) -> None:
    live(view, stage)
    view.press("?")
    assert "pause, or back to live" in view.text("dialog.help")
    view.shot("help")
    view.press("Escape")
    assert view.page.locator("dialog.help").is_hidden()


def test_heap_and_scene_stay_bounded_over_many_generations(view: View, stage: Stage) -> None:
    source = stage.prepare(Source(), 20)
    view.open(stage.url)
    for _ in range(60):
        stage.say(*(source.next() for _ in range(75)))
    view.until(f"flarego.painted().sequence === {source.sequence - 1}", 60)
    sizes = view.ask("""(() => { const { dictionary, ring, series } = flarego.store.data.peek();
      return { keys: dictionary.keys, stacks: dictionary.stackParent.length, entries: ring.entries.length,
        bytes: ring.bytes, span: ring.newest.end - ring.entries[0].start }; })()""")
    assert sizes["keys"] < 40 and sizes["stacks"] < 150
    assert sizes["entries"] < 900 and sizes["bytes"] < 4 << 20
    assert 890e9 < sizes["span"] <= 906e9
