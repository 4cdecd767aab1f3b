"""One process that others profile: how its profiles become chunks, whatever order and clocks they come with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from flarego.formats.assembly import Kind
from flarego.formats.pushed import Pushed, new_assembly, new_budget
from flarego.gateway.hub import Hub
from flarego.gateway.interop.identity import identify, runtime_of, slug, version_of
from flarego.gateway.interop.intake import Intake
from flarego.gateway.interop.stream import SILENT_S, Stream
from flarego.gateway.limits import LimitReached, Limits, Meter
from flarego.model.chunk import Chunk, ProcessInfo
from flarego.model.frame import Frame
from flarego.model.profile import Profile

NOW = 1_800_000_000.0
S = 1_000_000_000
EPOCH = int((NOW - 100) * S)
WHO = {"service.name": "orders", "pod": "a"}


def at(seconds: float) -> int:
    """Return Unix ns of so many seconds after the epoch."""
    return EPOCH + int(seconds * S)


def pushed(stack: str, start: float, end: float, *, kind: Kind = "cpu", wall: float = 1.0, reason: str = "",
           attributes: Mapping[str, str] = WHO, id: str = "", count: int = 0) -> Pushed:  # fmt: skip
    assembly = new_assembly(new_budget())
    numbers = [assembly.location(Frame(name, "", 0)) for name in stack.split(";")]
    state = {"cpu": "running", "delay": "waiting"}.get(kind, "other")
    assembly.add(numbers, state=state, reason=reason, wall=wall * S, cpu=wall * S if kind == "cpu" else 0, count=count)
    return Pushed(attributes, assembly, kind, at(start) if start >= 0 else 0, at(end) if end >= 0 else 0, "test", id)


def stream() -> Stream:
    return Stream(identify(WHO, "peer"), "otlp", EPOCH)


def fold(one: Stream, *pushes: Pushed, now: float = NOW) -> tuple[ProcessInfo | None, Chunk]:
    for push in pushes:
        one.pend(push, now)
    *before, chunk = one.fold(one.claim(), now)
    assert isinstance(chunk, Chunk)
    return (before[0] if before else None), chunk  # type: ignore[return-value]


def walls(one: Stream, *chunks: Chunk) -> dict[str, float]:
    profile = Profile.fold(one.info(), chunks)
    found: dict[str, float] = {}
    for row in profile.rows:
        key = ";".join(frame.function for frame in profile.stack(row.node))
        found[key] = found.get(key, 0.0) + row.wall / S
    return found


def test_chunks_follow_each_other_in_a_generation_and_define_everything_once() -> None:
    one = stream()
    _, first = fold(one, pushed("a;b", 10, 20))
    _, second = fold(one, pushed("a;b", 20, 30), pushed("a;c", 20, 30))
    assert (first.start, first.end, second.start, second.end) == (10 * S, 20 * S, 20 * S, 30 * S)
    assert first.generation == second.generation and (first.sequence, second.sequence) == (1, 2)
    assert second.strings == ["c"]
    assert walls(one, first, second) == {"a;b": 2.0, "a;c": 1.0}


def test_a_generation_ends_after_half_a_minute() -> None:
    one = stream()
    chunks = [fold(one, pushed("a", start, start + 20))[1] for start in (0, 20, 40)]
    assert chunks[0].generation == chunks[1].generation < chunks[2].generation
    assert chunks[2].strings[0] == ""


def test_what_comes_late_or_over_each_other_is_told_in_full_but_time_goes_on() -> None:
    one = stream()
    _, first = fold(one, pushed("a", 10, 20))
    _, late = fold(one, pushed("b", 5, 15), now=NOW)
    _, over = fold(one, pushed("c", 95, 105), now=NOW + 6)
    assert first.end == late.start < late.end == over.start < over.end
    assert walls(one, first, late, over) == {"a": 1.0, "b": 1.0, "c": 1.0}


@pytest.mark.parametrize(("start", "end"), [(-1, -1), (10, 10), (20, 10), (1e6, 1e6 + 10)])
def test_a_clock_that_is_wrong_or_missing_is_replaced_by_ours(start: float, end: float) -> None:
    _, chunk = fold(stream(), pushed("a", start, end))
    assert chunk.end == 100 * S and chunk.start == 99 * S


def test_whoever_tells_of_all_time_is_believed_and_the_others_add_what_was_on_cpu() -> None:
    one = stream()
    chunks = [fold(one, pushed("a", 0, 10), pushed("lock", 0, 10, kind="delay"))[1]]
    assert walls(one, *chunks) == {"a": 1.0, "lock": 1.0}
    chunks += [fold(one, pushed("a", 10, 20), pushed("lock", 10, 20, kind="delay"),
                    pushed("b", 10, 20, kind="tasks", wall=10, count=1))[1]]  # fmt: skip
    assert walls(one, *chunks) == {"a": 1.0, "lock": 1.0, "b": 10.0}
    chunks += [fold(one, pushed("b", 20, 30, kind="tasks", wall=10, count=1),
                    pushed("w", 20, 30, kind="wall", wall=3))[1]]  # fmt: skip
    assert walls(one, *chunks) == {"a": 1.0, "lock": 1.0, "b": 10.0, "w": 3.0}
    assert chunks[-1].series["goroutines.other"] == 1
    assert sum(row.cpu for row in Profile.fold(one.info(), chunks).rows) == 2 * S
    later = NOW + 300  # nobody has sent the others for a while
    _, chunk = fold(one, pushed("a", 300, 310), now=later)
    assert walls(one, chunk) == {"a": 1.0}


def test_new_reasons_are_told_before_the_rows_that_have_them() -> None:
    one = stream()
    info, chunk = fold(one, pushed("a", 0, 1, kind="delay", reason="select"))
    assert info is not None and list(info.reasons) == ["", "select"]
    again, _ = fold(one, pushed("a", 1, 2, kind="delay", reason="select"))
    assert again is None
    info, chunk = fold(one, pushed("a", 40, 41, kind="delay", reason="sleep"))
    assert info is not None and list(info.reasons) == ["", "select", "sleep"]
    assert {row.reason for row in Profile.read(info, chunk).rows} == {"sleep"}


def test_what_is_sent_again_counts_once() -> None:
    one = stream()
    assert one.pend(pushed("a", 0, 1, id="x"), NOW) and not one.pend(pushed("a", 0, 1, id="x"), NOW)
    assert one.pend(pushed("a", 0, 1, id="x", kind="wall"), NOW)
    for i in range(1000):
        one.pend(pushed("a", 0, 1, id=str(i)), NOW)
    assert len(one._ids) <= 256


def intake(hub: Hub, clock: list[float], limits: Limits | None = None) -> Intake:
    return Intake(hub, Meter(limits), clock=lambda: clock[0])


async def test_a_process_of_which_nothing_comes_is_gone_until_something_does() -> None:
    hub, clock = Hub(), [NOW]
    one = intake(hub, clock)
    await one.take("otlp", "team", [pushed("a", 80, 100)], "peer")
    process = identify(WHO, "peer").process
    await one.flush("team", process)
    clock[0] += SILENT_S + 5
    await one._sweep(clock[0])
    channel = hub.channel("team", process)
    assert channel is not None and channel.gone is None, "it sends spans of 20 s: 80 s are not yet long"
    clock[0] += 20
    await one._sweep(clock[0])
    assert channel.gone is not None and channel.gone.why == "orders has sent no profile for 85 s"
    await one.take("otlp", "team", [pushed("a", 200, 210)], "peer")
    await one.flush("team", process)
    assert channel.gone is None and [packet.sequence for packet in map(channel.log.__getitem__, range(2))] == [1, 2]


async def test_it_goes_on_where_another_gateway_left_it() -> None:
    hub, clock = Hub(), [NOW]
    first, second = intake(hub, clock), intake(hub, clock)
    process = identify(WHO, "peer").process
    for i, one in enumerate((first, second, first, second)):
        await one.take("otlp", "default", [pushed("a;b", i * 10, i * 10 + 10)], "peer")
        await one.flush("default", process)
    channel = hub.channel("default", process)
    assert channel is not None and channel.info is not None
    chunks = [channel.log[i].chunk() for i in range(channel.log.end)]
    assert [chunk.sequence for chunk in chunks] == [1, 2, 3, 4]
    assert sorted({chunk.generation for chunk in chunks}) == [chunk.generation for chunk in chunks]
    profile = Profile.fold(channel.info, chunks)
    assert sum(row.wall for row in profile.rows) == 4 * S


async def test_namespaces_do_not_meet() -> None:
    hub, clock = Hub(), [NOW]
    one = intake(hub, clock)
    process = identify(WHO, "peer").process
    for namespace in ("red", "blue"):
        await one.take("otlp", namespace, [pushed(namespace, 0, 10)], "peer")
        await one.flush(namespace, process)
    for namespace in ("red", "blue"):
        channel = hub.channel(namespace, process)
        assert channel is not None and channel.log[0].chunk().strings == ["", namespace]


async def test_too_much_is_refused_and_says_when_to_come_again() -> None:
    clock = [NOW]
    one = intake(Hub(), clock, Limits(bytes_per_s=1000))
    with pytest.raises(LimitReached) as refused:
        for _ in range(10):
            await one.read("otlp", "team", len, b"x" * 1000)
    assert refused.value.retry_after_s > 0
    assert await one.read("otlp", "other", len, b"x") == 1


async def test_a_crowd_of_bodies_is_told_to_come_later() -> None:
    import threading

    one, go = intake(Hub(), [NOW], Limits(bytes_per_s=0)), threading.Event()
    reading = [asyncio.ensure_future(one.read("otlp", "team", lambda data: go.wait(20), b"x")) for _ in range(16)]
    await asyncio.sleep(0)
    with pytest.raises(LimitReached):
        await one.read("otlp", "team", len, b"x")
    other = asyncio.ensure_future(one.read("otlp", "other", len, b"x"))
    go.set()
    assert all(await asyncio.gather(*reading)) and await other == 1, "one namespace does not shut out another"


@pytest.mark.parametrize(("attributes", "wanted"), [
    ({"service_name": "a", "process.runtime.name": "cpython", "process.runtime.version": "3.12.1"},
     ("a", "python", "python 3.12.1", "thread", 0, "10.0.0.1")),
    ({"service.name": "b", "process.pid": "12", "host.name": "h", "telemetry.sdk.language": "go"},
     ("b", "go", "go", "goroutine", 12, "h")),
    ({"spy": "javaspy", "hostname": "x"}, ("unknown", "java", "java", "thread", 0, "x")),
    ({"service_name": "c", "otel.scope.name": "com.grafana.pyroscope/ruby"},
     ("c", "ruby", "ruby", "thread", 0, "10.0.0.1")),
    ({"service_name": "d" * 900, "pid": "9" * 30}, ("d" * 200, "unknown", "", "thread", 0, "10.0.0.1")),
])  # fmt: skip
def test_a_process_is_known_by_what_its_sender_says(attributes: dict[str, str], wanted: tuple[Any, ...]) -> None:
    who = identify(attributes, "10.0.0.1")
    assert (who.name, who.runtime, who.runtime_version, who.task, who.pid, who.host) == wanted
    assert len(who.process) <= 128


def test_instances_differ_and_what_changes_does_not() -> None:
    pod = {"service_name": "a", "pod": "1"}
    same = [identify({**pod, "endpoint": e}, peer).process for e, peer in (("/x", "p"), ("/y", "q"))]
    assert len(set(same)) == 1, "the pod tells, not the endpoint and not the address"
    assert identify({"service_name": "a", "pod": "2"}, "p").process not in same
    assert identify({"service_name": "a"}, "p").process != identify({"service_name": "a"}, "q").process
    assert slug("../../etc/passwd") == "etc-passwd" and slug("…") == "process"
    assert runtime_of({}) == "unknown" and version_of("go", "go1.27.3") == "go1.27.3"
