"""Series equal what the process itself reports through runtime/metrics, on every version, when it is quiet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from targets import Target, toolchains

from flarego.golang import GoProcess, attach

EQUAL = {
    "gc.cycles": "/gc/cycles/total:gc-cycles",
    "heap.live": "/gc/heap/live:bytes",
    "heap.goal": "/gc/heap/goal:bytes",
    "heap.limit": "/gc/gomemlimit:bytes",
    "heap.total_alloc": "/gc/heap/allocs:bytes",
    "stacks": "/memory/classes/heap/stacks:bytes",
    "processors": "/sched/gomaxprocs:threads",
    "threads": "/sched/threads/total:threads",
    "goroutines.created": "/sched/goroutines-created:goroutines",
}
IN_SECONDS = {"mutex.wait": "/sync/mutex/wait/total:seconds", "gc.assist": "/cpu/classes/gc/mark/assist:cpu-seconds"}
CLOSE = 0.02
"""Answering the question takes the target a few kilobytes and goroutine switches itself."""


@contextmanager
def quiet(*arguments: object, version: str) -> Iterator[tuple[Target, GoProcess]]:
    with Target("garbage", *arguments, version=version) as target, attach(target.pid) as process:
        time.sleep(0.5)
        target.ask("stop")
        target.ask("gc")
        yield target, process


@pytest.mark.parametrize("version", toolchains())
def test_a_quiet_process_reports_the_same(version: str) -> None:
    with quiet(version=version) as (target, process):
        truth = target.metrics()
        series, _ = process.runtime.read(time.monotonic_ns())
        again = target.metrics()
    metrics = truth["metrics"]
    for name, metric in EQUAL.items():
        if metric in metrics and name in series:
            low, high = sorted(told["metrics"][metric] for told in (truth, again))
            assert low * (1 - CLOSE) <= series[name] <= high * (1 + CLOSE), name
    for name, metric in IN_SECONDS.items():
        if metric in metrics:
            low, high = (told["metrics"][metric] * 1e9 for told in (truth, again))
            assert low - 1e6 <= series[name] <= high + 1e6, name
    assert series["gc.pause_total"] == truth["gc_pause_total"]
    assert series["gc.cycles"] == truth["gc_cycles"]
    assert series["heap.goal"] == metrics["/gc/heap/goal:bytes"]
    assert series["gc.phase"] == 0


@pytest.mark.parametrize("version", toolchains())
def test_cycles_and_pauses_are_told_once_with_their_time(version: str) -> None:
    with Target("garbage", version=version) as target, attach(target.pid) as process:
        process.runtime.read(0)
        first = target.metrics()["gc_cycles"]
        events = []
        for _ in range(5):
            time.sleep(0.1)
            events += process.runtime.read(0)[1]
        target.ask("stop")
        truth = target.metrics()
        events += process.runtime.read(0)[1]
        now = time.time_ns()
    cycles = [event["cycle"] for event in events]
    assert cycles == sorted(set(cycles))
    assert set(range(first + 1, truth["gc_cycles"] + 1)) <= set(cycles)
    assert [e["pause"] for e in reversed(events)][: len(truth["gc_pauses"])] == truth["gc_pauses"][: len(events)]
    assert all(0 <= now - event["at"] < 60e9 for event in events)


@pytest.mark.parametrize("version", toolchains())
def test_latencies_are_seen_while_goroutines_are_scheduled(version: str) -> None:
    with Target("garbage", version=version) as target, attach(target.pid) as process:
        process.runtime.read(0)
        time.sleep(0.3)
        series, _ = process.runtime.read(0)
        busy = {p["id"]: p["schedtick"] for p in process.runtime.processors()}
        target.ask("stop")
    assert 0 < series["sched.latency.p50"] <= series["sched.latency.p99"] < 10e9
    assert sum(busy.values()) > 0


def test_a_memory_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMEMLIMIT", "40MiB")
    with quiet(version="1.27.3") as (target, process):
        metrics = target.metrics()["metrics"]
        series, _ = process.runtime.read(0)
    assert series["heap.limit"] == 40 << 20
    assert series["heap.goal"] == pytest.approx(metrics["/gc/heap/goal:bytes"], rel=CLOSE)


def test_a_read_is_cheap() -> None:
    """Five reads a second share 1 % of a core with everything else: well below a millisecond each."""
    with Target("many", "-n", 100) as target, attach(target.pid) as process:
        process.runtime.read(0)
        began = time.process_time()
        for _ in range(200):
            process.runtime.read(0)
        assert (time.process_time() - began) / 200 < 0.0006
