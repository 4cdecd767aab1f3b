"""Windows out: into another gateway, where everything adds up to the same; into files, which other tools read."""

from __future__ import annotations

import asyncio
import http.server
import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from formats.foreign import pprof_top
from formats.recordings import REASONS, small
from wire.messages import info as about

import flarego
from flarego.config import exporter as config
from flarego.config.exporter import ExporterSettings
from flarego.gateway.exporters import new_exporter
from flarego.gateway.exporters.file import BadDirectory, FileExporter
from flarego.gateway.exporters.push import BadTarget
from flarego.gateway.exporters.runner import Runner
from flarego.gateway.hub import Hub
from flarego.gateway.pyramid import Pyramid
from flarego.model.profile import Profile
from flarego.wire.clip import Clip
from flarego.wire.prometheus import Registry
from gateway.interop.conftest import TOKEN, Port, wait

STEP_NS = 200_000_000


def hub_with(name: str, pyramid: Pyramid | None = None) -> tuple[Hub, Any]:
    """Return a hub that has two generations of one process, and who that is."""
    hub = Hub()
    if pyramid is not None:
        hub.taps.append(pyramid)
    info = replace(about(reasons=REASONS, name=name, host="web-1"), runtime="go", runtime_version="go1.27.3",
                   labels={"region": "eu"}, epoch=time.time_ns() - 30 * 10**9)  # fmt: skip
    hub.publish(info)
    for chunk in small().held:
        hub.publish(replace(chunk, process=info.process))
    return hub, info


def rows(profile: Profile) -> Counter[Any]:
    """Return rounded wall, cpu and count by what everything is called."""
    found: Counter[Any] = Counter()
    for row in profile.rows:
        stack = tuple((f.function, f.file, f.line, f.inlined) for f in profile.stack(row.node))
        group = profile.groups[row.group]
        created = group.created_by.function if group.created_by else ""
        key = stack, row.state, row.reason, created, tuple(sorted(group.labels.items()))
        for name, value in (("wall", row.wall), ("cpu", row.cpu), ("count", row.count)):
            found[key, name] += round(value)
    return +found


def profile_of(hub: Hub, process: str) -> Profile:
    from flarego.wire.codec import decode

    history = hub.history(process)
    assert history is not None
    return Profile.fold(decode(history.info), [decode(data) for data in history.chunks])  # type: ignore[arg-type, misc]


def close(found: Counter[Any], wanted: Counter[Any]) -> bool:
    """Nanoseconds are rounded once a window."""
    return all(abs(found[key] - wanted[key]) <= 2 for key in found | wanted)


@pytest.fixture
def headers(tmp_path: Path) -> Path:
    path = tmp_path / "headers"
    path.write_text(f"# to the other gateway\nAuthorization: Bearer {TOKEN}\n")
    return path


def deliver(hub: Hub, settings: ExporterSettings, pyramid: Pyramid | None = None) -> Registry:
    """Export what a hub has, once, and return what was counted."""
    registry = Registry()

    async def run() -> None:
        runner = Runner(hub, new_exporter(settings), settings, registry, pyramid)
        running = asyncio.ensure_future(runner.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    return registry


@pytest.mark.parametrize("kind", ["otlp", "pyroscope"])
@pytest.mark.parametrize("summed", [True, False], ids=["pyramid", "chunks"])
def test_another_gateway_adds_up_to_the_same(port: Port, headers: Path, kind: str, summed: bool) -> None:
    name, pyramid = f"round-{kind}-{summed}", Pyramid() if summed else None
    hub, info = hub_with(name, pyramid)
    settings = ExporterSettings(kind, port.url, headers_file=headers, every=600)
    registry = deliver(hub, settings, pyramid)
    assert f'flarego_exporter_windows_total{{exporter="{kind}",outcome="delivered"}} 1' in registry.text()
    there = port.named(name)
    assert (there.runtime, there.runtime_version, there.host) == ("go", "go1.27.3", "web-1")
    assert there.labels["region"] == "eu" and there.pid == info.pid
    assert close(rows(port.profile(there)), rows(profile_of(hub, info.process)))


def test_windows_follow_each_other_and_nothing_is_sent_twice(port: Port, headers: Path) -> None:
    hub, info = hub_with("steps")
    settings = ExporterSettings("pyroscope", port.url, headers_file=headers, every=600)
    held = list(small().held)

    async def run() -> None:
        runner = Runner(hub, new_exporter(settings), settings, Registry(), None)
        runner.collect()
        told = {"strings": (), "frames": {}, "locations": {}, "nodes": {}, "groups": ()}
        end = held[-1].end
        hub.publish(replace(held[-1], process=info.process, sequence=7, start=end, end=end + STEP_NS, **told))
        runner.collect()
        runner.collect()
        assert len(runner._queue) == 2
        running = asyncio.ensure_future(runner.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    there = port.named("steps")
    wanted = rows(profile_of(hub, info.process))
    # What a process tells at the end of a window, counts of goroutines, is that of the last one.
    time_only = lambda found: Counter({key: n for key, n in found.items() if key[1] != "count"})  # noqa: E731
    wait(lambda: close(time_only(rows(port.profile(there))), time_only(wanted)))


class Flaky(http.server.BaseHTTPRequestHandler):
    answers: ClassVar[list[int]]
    bodies: ClassVar[list[tuple[str, dict[str, str], bytes]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append((self.path, dict(self.headers), body))
        self.send_response(self.answers.pop(0) if self.answers else 200)
        self.send_header("Content-Length", "0")
        self.send_header("Retry-After", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def collector(*answers: int) -> Iterator[tuple[str, list[Any]]]:
    """A collector that answers like this, then 200."""
    handler = type("Handler", (Flaky,), {"answers": list(answers), "bodies": [], "protocol_version": "HTTP/1.1"})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.bodies  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


def ran(hub: Hub, exporter: Any, settings: ExporterSettings, until: Callable[[str], bool]) -> str:
    """Run an exporter until what it counts is so, and return that."""
    registry = Registry()

    async def run() -> None:
        runner = Runner(hub, exporter, settings, registry)
        runner.collect()
        running = asyncio.ensure_future(runner.run())
        async with asyncio.timeout(20):
            while not until(registry.text()):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())
    return registry.text()


def test_what_cannot_be_delivered_now_is_offered_again() -> None:
    hub, _ = hub_with("again")
    with collector(503, 429) as (url, bodies):
        settings = ExporterSettings("otlp", f"{url}/base?x=1", every=60)
        counted = ran(hub, new_exporter(settings), settings, lambda text: 'outcome="delivered"} 1' in text)
    assert 'outcome="retried"} 2' in counted
    paths = {path for path, _, _ in bodies}
    assert paths == {"/base/v1/profiles?x=1"} and len({body for _, _, body in bodies}) == 1
    assert bodies[0][1]["Content-Encoding"] == "gzip"


def test_what_is_refused_for_good_is_not() -> None:
    hub, _ = hub_with("refused")
    with collector(400) as (url, bodies):
        settings = ExporterSettings("pyroscope", url, every=60)
        counted = ran(hub, new_exporter(settings), settings, lambda text: 'outcome="failed"} 1' in text)
    assert len(bodies) == 1 and 'flarego_exporter_ok{exporter="pyroscope"} 0' in counted


def test_a_broken_exporter_harms_nobody() -> None:
    hub, info = hub_with("broken")

    class Broken:
        def export(self, window: flarego.Window) -> None:
            raise RuntimeError("broken")

        def close(self) -> None:
            raise RuntimeError("broken again")

    assert isinstance(Broken(), flarego.Exporter)
    settings = ExporterSettings("file", "/nowhere", name="mine", every=60)
    counted = ran(hub, Broken(), settings, lambda text: 'exporter="mine",outcome="failed"} 1' in text)
    assert "retried" not in counted
    assert hub.publish(replace(small().held[-1], process=info.process, sequence=9))


def test_an_exporter_of_ones_own_gets_windows() -> None:
    hub, info = hub_with("own")
    windows: list[flarego.Window] = []

    class Mine:
        def export(self, window: flarego.Window) -> None:
            windows.append(window)
            if len(windows) == 1:
                raise flarego.ExportFailed("not now")

        def close(self) -> None:
            pass

    ran(hub, Mine(), ExporterSettings("file", "x", every=60), lambda text: 'outcome="delivered"} 1' in text)
    assert windows[0] is windows[1]
    window = windows[0]
    assert (window.process.name, window.process.namespace) == ("own", "default")
    assert rows(window.profile) == rows(profile_of(hub, info.process))
    assert len(list(window.chunks())) == 6
    out = io.BytesIO()
    from flarego.formats.registry import exporter

    exporter("collapsed").export(window.recording("cpu"), out)
    assert b"main.serve" in out.getvalue()


def test_files_are_what_other_tools_read(tmp_path: Path) -> None:
    hub, info = hub_with("files")
    for format in ("pprof", "fgo", "collapsed"):
        deliver(hub, ExporterSettings("file", str(tmp_path / format), format=format, every=60))
    (pprof,) = (tmp_path / "pprof" / "default").iterdir()
    wanted = rows(profile_of(hub, info.process))
    total, _ = pprof_top(pprof, "wall")
    assert total == pytest.approx(sum(n for key, n in wanted.items() if key[1] == "wall"), rel=1e-6)
    (clip,) = (tmp_path / "fgo" / "default").iterdir()
    assert clip.name.startswith("files-") and clip.suffix == ".fgo"
    with Clip.open(clip) as opened:
        (process,) = opened.processes
        assert len(list(opened.messages(process.process))) == 7
    (text,) = (tmp_path / "collapsed" / "default").iterdir()
    assert "main.serve" in text.read_text()


def test_old_files_go_and_those_of_others_stay(tmp_path: Path) -> None:
    hub, _ = hub_with("old")
    settings = ExporterSettings("file", str(tmp_path), format="fgo", keep_bytes=1, every=60)
    other = tmp_path / "default" / "notes.txt"
    other.parent.mkdir()
    other.write_text("mine")
    deliver(hub, settings)
    assert [path.name for path in other.parent.iterdir()] == ["notes.txt"]
    deliver(hub, replace(settings, keep_bytes=1 << 20))
    assert len(list(other.parent.iterdir())) == 2
    aged = FileExporter(replace(settings, keep_bytes=0, keep_age=10), clock=lambda: time.time() + 60)
    aged._rotate()
    assert [path.name for path in other.parent.iterdir()] == ["notes.txt"]


def test_only_what_is_wanted_is_exported(tmp_path: Path) -> None:
    hub, _ = hub_with("orders")
    for pattern, count in (("ord*", 1), ("billing", 0)):
        folder = tmp_path / pattern.replace("*", "_")
        deliver(hub, ExporterSettings("file", str(folder), process=pattern, every=60))
        assert len(list(folder.glob("*/*"))) == count


def test_what_cannot_work_is_said_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadDirectory):
        new_exporter(ExporterSettings("file", str(tmp_path / "file" / "below")))
    (tmp_path / "headers").write_text("no header")
    with pytest.raises(BadTarget):
        new_exporter(ExporterSettings("otlp", "http://127.0.0.1:1", headers_file=tmp_path / "headers"))
    for text in ("what:x", "file:", "otlp:nowhere", "file"):
        with pytest.raises(ValueError):
            config.parse(text)
    with pytest.raises(ValueError, match="did you mean every"):
        config.read({"kind": "file", "target": "x", "evry": "3s"})
    read = config.read({"kind": "file", "target": "x", "every": "30s", "keep_bytes": "1GiB", "format": "fgo"})
    assert (read.interval, read.keep_bytes) == (30.0, 1 << 30)
