"""Goroutine counts, heap and garbage collection agree with the process's own runtime/metrics."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from bench.common import Attached, Stream
from targets import Target, toolchains
from targets.server import Server

LIVE_TOLERANCE = 0.01


def last_series(stream: Stream) -> dict[str, float]:
    """Return the series of the next chunk that is recorded from now on."""
    known = len(stream.chunks())
    deadline = time.monotonic() + 10
    while len(stream.chunks()) < known + 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    series = stream.chunks()[-1][1]["series"]
    assert isinstance(series, dict)
    return series


def goroutines(series: dict[str, float]) -> float:
    names = ("running", "runnable", "syscall", "waiting", "preempted", "other")
    return sum(series.get(f"goroutines.{name}", 0) for name in names)


@pytest.mark.parametrize("version", toolchains())
def test_a_quiet_process_has_the_same_numbers(version: str) -> None:
    with (
        Target("garbage", version=version) as target,
        Attached(target.pid) as attached,
        Stream(attached.url) as stream,
    ):
        time.sleep(1)
        target.ask("stop")
        target.ask("gc")
        truth = target.metrics()
        seen = last_series(stream)
    assert seen["gc.cycles"] == truth["gc_cycles"]
    assert seen["gc.pause_total"] == truth["gc_pause_total"]
    assert goroutines(seen) == truth["goroutines"]
    assert seen["heap.live"] == pytest.approx(_live(truth), rel=LIVE_TOLERANCE)
    assert seen["heap.goal"] == pytest.approx(_metric(truth, "/gc/heap/goal:bytes"), rel=0.001)


def test_every_cycle_and_pause_is_reported_once() -> None:
    with (
        Target("garbage") as target,
        Attached(target.pid) as attached,
        Stream(attached.url) as stream,
    ):
        last_series(stream)
        first = target.metrics()["gc_cycles"]
        time.sleep(3)
        target.ask("stop")
        truth = target.metrics()
        last_series(stream)
        events = [event for _, chunk in stream.chunks() for event in chunk.get("events", [])]
    events = [event for event in events if event["kind"] == "gc"]
    cycles = [event["cycle"] for event in events]
    assert len(cycles) == len(set(cycles))
    assert set(range(first + 1, truth["gc_cycles"] + 1)) <= set(cycles)
    newest_first = {truth["gc_cycles"] - i: pause for i, pause in enumerate(truth["gc_pauses"])}
    for event in events:
        if event["cycle"] in newest_first:
            assert event["pause"] == newest_first[event["cycle"]]


def test_a_busy_process_is_within_one_percent(serve_demo: Callable[..., Server]) -> None:
    service = serve_demo(goroutines=8000)
    with Attached(service.pid) as attached, Stream(attached.url) as stream:
        for _ in range(10):
            before = _tell(service)
            seen = last_series(stream)
            after = _tell(service)
            for name, value in (
                ("goroutines", goroutines(seen)),
                ("gc_cycles", seen["gc.cycles"]),
                ("/gc/heap/allocs:bytes", seen["heap.total_alloc"]),
            ):
                low, high = sorted((before[name], after[name]))
                assert low * (1 - LIVE_TOLERANCE) <= value <= high * (1 + LIVE_TOLERANCE), name


def _tell(service: Server) -> dict[str, float]:
    told = json.loads(service.get("/metrics.json"))
    return told | told["metrics"]


def _metric(truth: Any, name: str) -> float:
    return float(truth["metrics"][name])


def _live(truth: Any) -> float:
    """The heap in use after the collection: live bytes by 1.21's own metric, objects before."""
    live = truth["metrics"].get("/gc/heap/live:bytes")
    return float(live if live is not None else _metric(truth, "/memory/classes/heap/objects:bytes"))
