"""Goroutines one by one: groups and members, leak suspects, wait-for, scheduler and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from targets import Target

from browser.conftest import Attached, View
from browser.stage import Stage
from browser.synthetic import KINDS, Source

pytestmark = pytest.mark.timeout(180)
Attach = Callable[..., Attached]
Serve = Callable[..., Any]
ROWS = ".table-goroutines .table-row:visible"
GROUPS = "document.querySelector('fg-goroutines').groups()"
FOCUSED = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))"


def play(view: View, stage: Stage, seconds: float = 40) -> None:
    stage.prepare(Source(), seconds)
    view.open(stage.url)
    view.until(f"flarego.painted().sequence >= {int(seconds / 0.2) - 1}")


def panel(view: View, name: str) -> None:
    view.page.locator("[role=tab]", has_text=name).click()
    view.settle()


def counts(view: View) -> list[int]:
    view.settle()
    return [int(text) for text in view.page.locator(f"{ROWS}[aria-level='1'] > :first-child").all_inner_texts()]


def test_a_group_opens_to_its_members_and_a_member_to_its_stack_and_past(view: View, stage: Stage) -> None:
    play(view, stage)
    group = view.page.locator(ROWS, has_text="charge").first
    group.click()
    view.settle()
    assert group.get_attribute("aria-expanded") == "true"
    members = view.page.locator(f"{ROWS}[aria-level='2']")
    assert members.count() >= 3
    rows = view.ask("Number(document.querySelector('.table-goroutines').getAttribute('aria-rowcount'))")
    size = view.ask(f"{GROUPS}.find((g) => g.where.endsWith('charge')).members.length")
    assert rows == 1 + view.ask(f"{GROUPS}.length") + size
    members.first.click()
    card = view.text(".goroutine-card")
    for fact in ("goroutine ", "select", "0xc000", "net/http.(*persistConn).roundTrip", "created by net/http", ".go:"):
        assert fact in card, fact
    past = view.page.locator(".card-strip").get_attribute("aria-label") or ""
    assert "looked at once a second: select" in past
    view.shot("card")
    view.page.locator(".card-close").focus()
    view.press("Escape")
    assert not view.page.locator(".goroutine-card").is_visible()


def test_the_table_is_a_tree_that_the_keyboard_walks(view: View, stage: Stage) -> None:
    play(view, stage)
    view.page.keyboard.press("g")
    assert view.ask("document.activeElement.getAttribute('role')") == "treegrid"
    view.press("ArrowDown", "ArrowRight")
    assert view.ask(f"{FOCUSED}.getAttribute('aria-expanded')") == "true"
    view.press("ArrowDown")
    assert view.ask(f"{FOCUSED}.getAttribute('aria-level')") == "2"
    view.press("Enter")
    assert view.page.locator(".goroutine-card").is_visible()
    view.press("ArrowLeft", "ArrowLeft")
    assert view.ask(f"{FOCUSED}.getAttribute('aria-expanded')") == "false"
    view.press("End")
    assert int(view.ask(f"{FOCUSED}.getAttribute('aria-rowindex')")) == 1 + view.ask(f"{GROUPS}.length")


@pytest.mark.parametrize("by", ["created", "state", "label", "on"])
def test_other_ways_to_group_add_up_to_the_same(view: View, stage: Stage, by: str) -> None:
    play(view, stage)
    everybody = f"{GROUPS}.reduce((sum, {{ count }}) => sum + count, 0)"
    all_of_them = view.ask(everybody)
    view.page.locator(f"fg-goroutines [data-id={by}]").click()
    view.settle()
    assert len(counts(view)) >= 2
    assert by == "on" or view.ask(everybody) == all_of_them
    said = {"created": "priceCache", "state": "sync.Mutex.Lock", "label": "endpoint=order", "on": "0xc000"}
    assert said[by] in view.text("fg-goroutines")
    view.page.reload()
    view.until("window.flarego && flarego.painted().sequence > 100")
    assert view.page.locator(f"fg-goroutines [data-id={by}]").get_attribute("aria-pressed") == "true", "the link knows"


def test_what_was_then_is_shown_of_a_moment_of_the_past(view: View, stage: Stage) -> None:
    play(view, stage)
    sends = f"{GROUPS}.find((g) => g.lane === 'chan send').members.length"
    now = view.ask(sends)
    view.ask("flarego.store.setSpan({ from: 8e9, to: 12e9 })")
    view.settle()
    then = view.ask(sends)
    assert 0 < then < now
    assert abs(then - (3 + 0.2 * 12)) <= 2


def test_waits_say_who_waits_and_never_who_might_hold(view: View, stage: Stage) -> None:
    play(view, stage)
    panel(view, "Waits")
    text = view.text("fg-waits")
    assert "mutex" in text and "sync.Mutex.Lock" in text and "0xc000" in text
    assert not view.page.locator(".deadlock").is_visible()
    view.page.locator(".table-waits .table-row:visible").first.click()
    view.settle()
    assert view.page.locator(".table-waits .table-row[aria-level='2']:visible").count() >= 3
    view.shot("waits")


def test_scheduler_and_memory_say_what_the_runtime_tells(view: View, stage: Stage) -> None:
    play(view, stage)
    panel(view, "Scheduler")
    scheduler = view.text("fg-processors")
    for fact in ("4 processors", "P0", "P3", "running", "#1", "4122", "In system calls", "deliver"):
        assert fact in scheduler, fact
    view.shot("scheduler")
    panel(view, "Memory")
    memory = view.text("fg-memory")
    for fact in ("Goal", "Collections", "Pause", "MiB"):
        assert fact in memory, fact
    assert "Limit" not in memory, "there is none"
    assert view.page.locator(".table-collections .table-row:visible").count() >= 1
    view.shot("memory")


@pytest.mark.parametrize("view", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_on_a_phone_nothing_is_wider_than_the_screen(view: View, stage: Stage) -> None:
    play(view, stage)
    for name in ("Goroutines", "Waits", "Leaks", "Scheduler", "Memory"):
        panel(view, name)
        assert view.ask("document.documentElement.scrollWidth") <= 390, name
        shown = view.page.locator(".panel-page:visible")
        assert shown.evaluate("(e) => e.scrollWidth <= e.clientWidth"), name
        view.shot(name.lower())


@pytest.fixture
def leaking() -> Iterator[Target]:
    with Target("leaking", "-n", "5") as target:
        yield target


def test_a_leak_is_suspected_and_a_busy_service_is_not(
    leaking: Target, serve_demo: Serve, view: View, attach: Attach, endings: ExitStack
) -> None:
    busy = attach(serve_demo().pid).url
    view.open(attach(leaking.pid).url)
    other = View(view.page.context.new_page(), view.name)
    other.open(busy)
    panel(view, "Leaks")
    panel(other, "Leaks")
    assert "at least 20 s" in view.text("fg-leaks")
    for one in (view, other):
        one.until("flarego.store.data.peek().ring.newest.end > 27e9", 60)
    view.until("document.querySelector('fg-leaks .table-row:not([hidden])')")
    suspects = view.page.locator("fg-leaks .table-row:visible")
    assert suspects.count() == 1
    row = suspects.first.inner_text()
    assert "main.answerLate" in row and "chan send" in row and "main.ask" in row and "→" in row
    assert "Nothing looks like a leak" in other.text("fg-leaks")
    view.shot("suspect")
    panel(view, "Waits")
    view.until("/holder unknown/.test(document.querySelector('fg-waits').innerText)")
    other.page.close()


def test_a_deadlock_is_told_when_it_is_certain(view: View, attach: Attach, endings: ExitStack) -> None:
    target = endings.enter_context(Target("deadlocked", form="cgo"))
    view.open(attach(target.pid).url)
    panel(view, "Waits")
    view.until("flarego.store.data.peek().ring.newest.end > 2.5e9")
    assert not view.page.locator(".deadlock").is_visible()
    target.send("lock")
    view.until("!document.querySelector('.deadlock').hidden", 20)
    assert "all goroutines of the program wait" in view.text(".deadlock")
    assert "2 not done" in view.text("fg-waits") and "holder unknown" in view.text("fg-waits")
    view.shot("told")


def test_kinds_of_the_stream_have_members(stage: Stage) -> None:
    source = Source()
    chunk = source.next()
    assert sum(kind.count(0.2) >= 1 for kind in KINDS) <= len(chunk["members"]["goid"]) // 8
