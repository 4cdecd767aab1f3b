"""The whole way: the demo service, the real `flarego attach`, a real browser."""

from __future__ import annotations

import importlib.util
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from browser.conftest import Attached, View

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        importlib.util.find_spec("flarego.cli") is None or importlib.util.find_spec("flarego.cli.main") is None,
        reason="there is no command line yet",
    ),
]
# serve_demo comes before view in every test: what is set up first ends last, and a page left alone complains.
Attach = Callable[..., Attached]
Serve = Callable[..., Any]


def test_attach_shows_what_all_goroutines_do(serve_demo: Serve, view: View, attach: Attach) -> None:
    demo = serve_demo()
    view.open(attach(demo.pid).url)
    view.until("flarego.painted().sequence > 15", 30)
    assert view.text("fg-header .live") == "live"
    assert f"pid {demo.pid}" in view.text("fg-header")
    assert "go1." in view.text("fg-header")
    for fact in ("engine", "scan", "cost", "budget", "goroutines"):
        assert fact in view.text("fg-status")
    view.shot("state")
    names = set(view.names())
    assert any(name.startswith("main.") for name in names)
    view.press("i")
    assert "main.(*followers).watch" in view.names()
    view.shot("idle")
    view.press("2")
    view.shot("cpu")
    view.press("3")
    view.shot("blocked")
    assert "token" not in view.page.url, "the token does not stay in the address"


def test_zoom_stays_put_on_a_live_target(serve_demo: Serve, view: View, attach: Attach) -> None:
    view.open(attach(serve_demo().pid).url)
    view.until("flarego.painted().sequence > 15", 30)
    view.press("i")
    view.page.mouse.click(*view.point(view.frame("main.(*followers).watch")))
    view.settle()
    zoom, first = view.ask("flarego.store.zoom.peek()"), view.ask("flarego.painted().sequence")
    view.until(f"flarego.painted().sequence > {first} + 25", 30)
    assert view.ask("flarego.store.zoom.peek()") == zoom
    assert view.fills("main.(*followers).watch")


def test_a_killed_target_is_said_to_have_gone(serve_demo: Serve, view: View, attach: Attach) -> None:
    view.expected = "WebSocket|net::ERR"
    demo = serve_demo()
    view.open(attach(demo.pid).url)
    view.until("flarego.painted().sequence > 5", 30)
    os.kill(demo.pid, signal.SIGKILL)
    view.until("document.querySelector('fg-header .live').textContent === 'gone'", 15)
    assert "The target has gone" in view.text("fg-notice")
    assert view.names()
    view.shot("gone")


def test_without_the_token_there_is_no_page(serve_demo: Serve, attach: Attach) -> None:
    url = attach(serve_demo().pid).url
    assert "token=" in url
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.split("?")[0], timeout=10)
    assert refused.value.code in (401, 403)
