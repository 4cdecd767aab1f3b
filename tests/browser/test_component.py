"""`<flarego-view>` in pages that are not ours: a plain one with a strict policy, a frame like an editor's webview."""

from __future__ import annotations

import functools
import http.server
import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.conftest import View
from browser.stage import Stage
from browser.synthetic import STATIC, Source, messages
from flarego.wire.clip import ClipWriter
from flarego.wire.codec import decode

Publish = Callable[[dict[str, str], str], str]

INNER = """(() => {
  const app = [...document.querySelectorAll('flarego-view')].map((view) => view.shadowRoot.querySelector('fg-app'));
  return (i) => app[i];
})()"""


@pytest.fixture
def publish(tmp_path: Path) -> Iterator[Publish]:
    """A function that serves files and, under vendor/flarego/, the package's own; it returns the origin."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(files: dict[str, str], policy: str) -> str:
        class Handler(http.server.SimpleHTTPRequestHandler):
            extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript"}

            def end_headers(self) -> None:
                if self.path.endswith(".html"):
                    self.send_header("Content-Security-Policy", policy.format(origin=origin))
                self.send_header("Access-Control-Allow-Origin", "*")  # a sandboxed frame is of no origin
                super().end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path)))
        origin = f"http://127.0.0.1:{server.server_address[1]}"
        for name, text in ({"favicon.ico": ""} | files).items():
            (tmp_path / name).write_text(text.replace("{origin}", origin))
        (tmp_path / "vendor").mkdir()
        (tmp_path / "vendor" / "flarego").symlink_to(STATIC)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return origin

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


FOREIGN = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Their page</title>
<link rel="stylesheet" href="theirs.css"><script type="module" src="vendor/flarego/flarego-view.js"></script></head>
<body><h1>Somebody's own page</h1><button id="theirs">Theirs</button>
<flarego-view id="live" src="{stream}" theme="dark" view="blocked" aria-label="Orders"></flarego-view>
<flarego-view id="other" src="{stream}" theme="light" controls="min" weight="count" search="serveOrder"></flarego-view>
</body></html>"""
THEIRS = """body { margin: 20px; background: #fff6e0; color: #402; font: 20px serif; }
button { background: red; } div { letter-spacing: 5px; } flarego-view { height: 420px; border: 1px solid #402; }"""
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {stream}; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
)


def embed(view: View, stage: Stage, publish: Publish) -> None:
    stream = stage.url.replace("http:", "ws:") + "stream"
    origin = publish(
        {"index.html": FOREIGN.replace("{stream}", stream), "theirs.css": THEIRS}, STRICT.replace("{stream}", stream)
    )
    view.open(f"{origin}/index.html", live=False)
    for i in (0, 1):
        view.until(f"{INNER}({i})?.flame?.painted.sequence >= 0")


def test_two_of_them_in_a_foreign_page(view: View, stage: Stage, publish: Publish) -> None:
    stage.play(Source(), 20)
    embed(view, stage, publish)
    view.shot("two")
    assert view.ask("document.title") == "Their page"
    assert view.ask("location.hash") == ""
    assert view.ask("document.documentElement.dataset.theme ?? null") is None
    themes = view.ask(f"[0, 1].map((i) => getComputedStyle({INNER}(i)).backgroundColor)")
    assert themes == ["rgb(20, 23, 28)", "rgb(255, 255, 255)"]
    assert view.ask(f"getComputedStyle({INNER}(0)).letterSpacing") == "normal", "the page's own rules stay outside"
    assert view.ask(f"[0, 1].map((i) => {INNER}(i).flame.frames()[0].total > 0)") == [True, True]
    assert view.ask(f"getComputedStyle({INNER}(1).querySelector('fg-header')).display") == "none"
    assert "%" in view.ask(f"{INNER}(1).querySelector('.matched').textContent"), "the attribute searches"


def test_keys_are_its_own_only_inside(view: View, stage: Stage, publish: Publish) -> None:
    stage.play(Source(), 20)
    embed(view, stage, publish)
    weights = "[...document.querySelectorAll('flarego-view')].map((view) => view.store.weight.peek())"
    assert view.ask(weights) == ["wall", "count"]
    view.page.locator("#theirs").focus()
    view.press("t", "?")
    assert view.ask(weights) == ["wall", "count"]
    view.page.locator("#live .flame-tree").focus()
    view.press("t")
    assert view.ask(weights) == ["cpu", "count"]
    view.press("?")
    assert view.page.locator("#live dialog.help").is_visible()
    view.press("Escape")
    view.page.locator("#theirs").focus()
    view.page.locator("#other .flame-canvas").click()
    view.press("2")
    assert view.ask("document.querySelector('#other').store.view.peek()") == "cpu", "a click brings the focus inside"


def test_methods_state_and_events(view: View, stage: Stage, publish: Publish) -> None:
    stage.play(Source(), 20)
    embed(view, stage, publish)
    view.ask("""(() => {
      window.heard = [];
      const live = document.querySelector('#live');
      for (const type of ['flarego-select', 'flarego-range', 'flarego-status'])
        live.addEventListener(type, ({ detail }) => window.heard.push([type, detail]));
      document.addEventListener('open-source', (event) => { event.preventDefault(); window.opened = event.detail; });
    })()""")
    view.ask("document.querySelector('#live').pause()")
    view.until("heard.some(([type, detail]) => type === 'flarego-range' && !detail.live)")
    end = view.ask("document.querySelector('#live').range.to")
    view.ask(f"document.querySelector('#live').seek({end - 5000})")
    assert view.ask("document.querySelector('#live').range.to") == pytest.approx(end - 5000, abs=1)
    view.ask("document.querySelector('#live').resume()")
    assert view.ask("document.querySelector('#live').range.live")

    view.page.locator("#live .flame-tree").focus()
    view.press("ArrowDown", "ArrowDown", "ArrowDown")
    view.until("heard.some(([type, detail]) => type === 'flarego-select' && detail?.file.endsWith('.go'))")
    view.press("o")
    assert view.ask("opened.file").endswith(".go")
    assert view.ask("opened.line") > 0

    view.ask("document.querySelector('#live').state = { view: 'cpu', search: 'json', window: '60' }")
    state = json.loads(view.ask("JSON.stringify(document.querySelector('#live').state)"))
    assert state == state | {"view": "cpu", "search": "json", "window": "60"}
    view.ask("document.querySelector('#live').setAttribute('view', 'state')")
    assert view.ask("document.querySelector('#live').store.view.peek()") == "state"


def test_taken_out_and_put_back_it_goes_on(view: View, stage: Stage, publish: Publish) -> None:
    stage.play(Source(), 20)
    embed(view, stage, publish)
    before = stage.connections
    view.ask("(() => { window.kept = document.querySelector('#live'); kept.remove(); })()")
    view.ask("document.body.prepend(kept)")
    view.until("kept.store.connection.peek().phase === 'open'")
    assert stage.connections == before + 1
    view.ask("kept.shadowRoot.querySelector('.flame-tree').focus()")
    view.press("t")
    assert view.ask("kept.store.weight.peek()") == "cpu"


def clip_of(source: Source, seconds: float) -> bytes:
    """A clip of that many seconds of a source."""
    out = io.BytesIO()
    writer = ClipWriter(out)
    for packed in messages(source, seconds):
        message = decode(packed)
        assert message is not None
        writer.write(message)
    writer.close()
    return out.getvalue()


def test_one_live_one_from_a_file(view: View, stage: Stage, publish: Publish, tmp_path: Path) -> None:
    stage.play(Source(), 20)
    (tmp_path / "saved.fgo").write_bytes(clip_of(Source(name="saved", pid=77), 40))
    stream = stage.url.replace("http:", "ws:") + "stream"
    page = FOREIGN.replace('id="other" src="{stream}"', 'id="other" src="saved.fgo"').replace("{stream}", stream)
    origin = publish({"index.html": page, "theirs.css": THEIRS}, STRICT.replace("{stream}", f"{stream} 'self'"))
    view.open(f"{origin}/index.html", live=False)
    view.until(f"{INNER}(0)?.flame?.painted.sequence >= 0")
    view.until("document.querySelector('#other').store.recording.peek() !== null")
    view.until(f"{INNER}(1).flame.frames()[0]?.total > 0")
    assert view.ask("document.querySelector('#other').store.process.peek().name") == "saved"
    assert view.ask("document.querySelector('#live').store.process.peek().name") == "orders"
    view.shot("file")
    view.ask("""(async () => {
      const clip = await (await fetch("saved.fgo")).blob();
      document.querySelector("#live").load(clip, "given.fgo");
    })()""")
    view.until("document.querySelector('#live').store.process.peek()?.name === 'saved'")
    view.until(f"{INNER}(0).flame.frames()[0]?.total > 0")


OUTER = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Editor</title>
<script src="outer.js"></script></head><body>
<iframe sandbox="allow-scripts" src="inner.html" width="1200" height="700" title="webview"></iframe></body></html>"""
OUTER_SCRIPT = """
const heard = [];
addEventListener("message", ({ data, source }) => {
  heard.push(data);
  if (data.flarego !== "ready") return;
  const socket = new WebSocket("{stream}");
  socket.binaryType = "arraybuffer";
  socket.onopen = () => source.postMessage({ flarego: "open" }, "*");
  socket.onmessage = ({ data }) => source.postMessage({ flarego: "data", bytes: data }, "*");
  socket.onclose = () => source.postMessage({ flarego: "closed", problem: "flarego has ended" }, "*");
});
"""
INNER_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>flarego</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src {origin} 'nonce-Zm9v';
style-src {origin}; img-src {origin} data: blob:; font-src {origin}; worker-src blob:">
<link rel="stylesheet" href="inner.css">
<script nonce="Zm9v" type="module" src="{origin}/vendor/flarego/flarego-view.js"></script></head>
<body><flarego-view src="message:" theme="dark"></flarego-view></body></html>"""


def test_in_a_webview_without_a_network(view: View, stage: Stage, publish: Publish) -> None:
    """A sandboxed frame that may connect to nothing, as VS Code makes them; all comes by postMessage."""
    stage.play(Source(), 20)
    view.expected = "WebSocket"
    files = {
        "index.html": OUTER,
        "outer.js": OUTER_SCRIPT.replace("{stream}", stage.url.replace("http:", "ws:") + "stream"),
        "inner.html": INNER_PAGE,
        "inner.css": "html, body { height: 100%; margin: 0; } flarego-view { height: 100%; }",
    }
    origin = publish(files, "frame-ancestors *")
    view.open(f"{origin}/index.html", live=False)
    view.until("frames.length === 1")
    frame = view.page.frames[1]
    label = frame.locator("fg-header .live")
    label.wait_for()
    frame.locator(".live[data-state=live]").wait_for()
    view.shot("webview")
    stage.close()
    frame.locator(".live[data-state=ended]").wait_for()
    assert "Flarego has ended" in frame.locator("fg-notice").inner_text()
    stage.open()
    frame.locator("fg-notice button").click()
    frame.locator(".live[data-state=live]").wait_for()
