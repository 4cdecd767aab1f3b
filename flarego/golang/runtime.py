"""What the Go runtime knows about itself, read from its own variables five times a second.

Each series is what the process's own runtime/metrics (or runtime.MemStats) would report at that moment:

    heap.live         /gc/heap/live:bytes           marked by the last cycle (up to 1.20 there is no such metric)
    heap.used         what the pacer counts as the heap: live plus all allocated since (gcController.heapLive)
    heap.goal         /gc/heap/goal:bytes
    heap.limit        /gc/gomemlimit:bytes          left out when there is no limit
    heap.total_alloc  /gc/heap/allocs:bytes         grows as processors fetch spans, as the metric does
    stacks            /memory/classes/heap/stacks:bytes
    gc.cycles         /gc/cycles/total:gc-cycles
    gc.pause_total    MemStats.PauseTotalNs
    gc.assist         /cpu/classes/gc/mark/assist:cpu-seconds, in ns, the running cycle's included; before 1.21 what
                      was seen since attach
    gc.phase          1 while a cycle marks (a cycle has begun whose end is not counted yet)
    mutex.wait        /sync/mutex/wait/total:seconds, in ns; absent before 1.20
    goroutines.created  /sched/goroutines-created:goroutines, or before 1.26 the ids given out
    processors        /sched/gomaxprocs:threads
    processors.idle, threads, threads.idle, threads.spinning, runq.global, runq.local
                      sched.npidle, mnext - nmfreed, nmidle, nmspinning, runqsize; the processors' own queues
    sched.latency.p50, .p99   of /sched/latencies:seconds, in ns, between two reads; absent when nothing was scheduled

Source: runtime/metrics.go, mgcpacer.go (heapGoalInternal, memoryLimitHeapGoal), mstats.go, proc.go at go1.19 … go1.27.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from flarego.golang.anchors import Addresses
from flarego.golang.histogram import LatencyHistogram
from flarego.golang.layout import Release, Shape
from flarego.golang.occupants import occupants_of
from flarego.golang.pacer import HeapGoal
from flarego.native import Memory

Span = tuple[int, int]
_MAX_PROCESSORS = 1 << 12
_MAX_THREADS = 10_000
_RING = 256
"""Cycles that memstats.pause_ns and pause_end remember."""
_NO_LIMIT = (1 << 63) - 1
_NOBODY = bytes(8)
_P_STATUS = {0: "idle", 1: "running", 2: "syscall", 3: "gcstop", 4: "dead"}


def _unsigned(data: bytes | None) -> int:
    return int.from_bytes(data, "little") if data else 0


class _Collected:
    """Adds to a collection what the series before and after it say, when it alone lies between two reads."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}

    def tell(self, events: list[dict[str, Any]], series: dict[str, float]) -> list[dict[str, Any]]:
        before, self._before = self._before, series
        if len(events) == 1 and {"heap.used", "gc.assist"} <= before.keys() & series.keys():
            events[0] |= {
                "before": before["heap.used"], "live": series["heap.live"], "goal": series["heap.goal"],
            }  # fmt: skip
            if series["gc.phase"] == 0 == before["gc.phase"]:  # else part of it belongs to a neighbour
                events[0]["assist"] = series["gc.assist"] - before["gc.assist"]
        return events


class RuntimeReader:
    """Reads series, garbage collections and processors. One batched read each time; nothing is written."""

    def __init__(self, memory: Memory, release: Release, addresses: Addresses) -> None:
        self._memory = memory
        self._release = release
        self._addresses = addresses
        self._latency = LatencyHistogram(release.shape("timeHistogram"))
        self._goal = HeapGoal(release.shape("gcControllerState"), release.minor)
        self._fixed = dict(self._fixed_spans())
        self._names = list(self._fixed)
        self._spans = list(self._fixed.values())
        self._ps: list[int] = []
        self._p_header = b""
        self._ms: list[int] = []
        self._m_head = 0
        self._p_blocks: list[bytes | None] = []
        self._cycles = -1
        self._collected = _Collected()
        self._assist_seen = self._assist_base = 0
        self._p_spans, self._p_width = self._processor_spans(release.shape("p"))
        self._lock_wait = release.shape("m").offset_or_zero("mLockProfile.waitTime")

    def _fixed_spans(self) -> Iterator[tuple[str, Span]]:
        a, shape = self._addresses, self._release.shape
        sched, stats, work = shape("schedt"), shape("mstats"), shape("workType")

        def field(base: int, of: Shape, *names: str, size: int = 8) -> Iterator[Span]:
            for name in names:
                if name in of.fields:
                    yield base + of.offset(name), size
                    return

        def named(key: str, spans: Iterator[Span]) -> Iterator[tuple[str, Span]]:
            return ((key, span) for span in spans)

        histogram = sched.offset("timeToRun.counts", "timeToRun")
        yield "sched", (a.sched, histogram)
        yield "latency", (a.sched + histogram, self._latency.size)
        yield "controller", (a.gc_controller, shape("gcControllerState").size)
        yield "allp", (a.allp, 16)
        yield "allm", (a.allm, 8)
        yield from named("mutex", field(a.sched, sched, "totalMutexWaitTime"))
        yield from named("locks", field(a.sched, sched, "totalRuntimeLockWaitTime"))
        yield from named("created", field(a.sched, sched, "goroutinesCreated"))
        yield from named("pause_total", field(a.memstats, stats, "pause_total_ns"))
        yield from named("numgc", field(a.memstats, stats, "numgc", size=4))
        yield from named("cycles", field(a.work, work, "cycles", size=4))
        yield from named("assist", field(a.work, work, "cpuStats.GCAssistTime", "cpuStats.gcAssistTime"))
        delta = stats.fields["heapStats.stats"]
        for i in range(delta.size // delta.stride):
            at = a.memstats + delta.offset + i * delta.stride + shape("heapStatsDelta").offset("inStacks")
            yield f"stacks{i}", (at, 8)

    def _processor_spans(self, shape: Shape) -> tuple[Callable[[int], list[Span]], int]:
        parts = [(0, 24), (shape.offset("runqhead"), 8), (shape.offset("runnext"), 8)]
        created = shape.offset_or_zero("goroutinesCreated")
        parts.append((created, 8) if created else (shape.offset("goidcache"), 16))
        return (lambda p: [(p + at, size) for at, size in parts]), len(parts)

    def read(self, now_ns: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Return series by name and the events since the read before: `gc` with `at` in Unix ns.

        Raises OSError when the process is gone or may not be read. now_ns is not used yet by any series; it is the
        moment they are said to be of.
        """
        blocks = self._memory.read_spans(self._spans)
        n_fixed, n_p = len(self._names), len(self._ps) * self._p_width
        fixed = dict(zip(self._names, blocks, strict=False))
        self._p_blocks = blocks[n_fixed : n_fixed + n_p]
        lock_waits = sum(map(_unsigned, blocks[n_fixed + n_p :]))
        if self._refresh(fixed) and not self._p_blocks:
            return self.read(now_ns)  # the first read learns where the processors are
        series = self._scheduler(fixed) | self._heap(fixed) | self._collector(fixed)
        if "mutex" in fixed:
            series["mutex.wait"] = float(_unsigned(fixed["mutex"]) + _unsigned(fixed.get("locks")) + lock_waits)
        events = self._collections(_unsigned(fixed["numgc"]))
        return series, self._collected.tell(events, series)

    def _refresh(self, fixed: dict[str, bytes | None]) -> bool:
        """Follow allp and allm when they changed; tells whether the processors are others than before."""
        head, header = _unsigned(fixed["allm"]), fixed["allp"] or b""
        same_processors = header == self._p_header or len(header) < 16
        if head != self._m_head:
            self._m_head = head
            self._ms = self._threads(head)
        elif same_processors:
            return False
        if not same_processors:
            self._p_header = header
            array, count = struct.unpack("<QQ", header)
            data = self._memory.read_some(array, 8 * min(count, _MAX_PROCESSORS))
            self._ps = [p for (p,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8]) if p]
        self._spans = [*self._fixed.values(), *(span for p in self._ps for span in self._p_spans(p))]
        if self._lock_wait:
            self._spans += [(m + self._lock_wait, 8) for m in self._ms]
        return bool(self._ps)

    def _threads(self, head: int) -> list[int]:
        link = self._release.shape("m").offset("alllink")
        found: list[int] = []
        while head and len(found) < _MAX_THREADS:
            found.append(head)
            head = _unsigned(self._memory.read_some(head + link, 8))
        return found

    def _scheduler(self, fixed: dict[str, bytes | None]) -> dict[str, float]:
        sched, shape = fixed["sched"] or b"", self._release.shape("schedt")

        def number(*names: str) -> int:
            at = shape.offset(*names)
            return int.from_bytes(sched[at : at + 4], "little", signed=True)

        made = int.from_bytes(sched[shape.offset("mnext") : shape.offset("mnext") + 8], "little")
        freed_at = shape.offset("nmfreed")
        queued, given_out = self._queued()
        series = {
            "runq.global": number("runqsize", "runq.size"), "runq.local": queued, "processors": len(self._ps),
            "processors.idle": number("npidle"), "threads.idle": number("nmidle"),
            "threads": made - int.from_bytes(sched[freed_at : freed_at + 8], "little"),
            "threads.spinning": number("nmspinning"),
        }  # fmt: skip
        if "created" in fixed:
            series["goroutines.created"] = _unsigned(fixed["created"]) + given_out
        else:
            series["goroutines.created"] = int.from_bytes(sched[:8], "little") - given_out
        result = {name: float(value) for name, value in series.items()}
        latencies = self._latency.update(fixed["latency"] or b"", (0.5, 0.99)) if fixed["latency"] else []
        return result | dict(zip(("sched.latency.p50", "sched.latency.p99"), latencies, strict=False))

    def _queued(self) -> tuple[int, int]:
        """Return goroutines in the processors' queues, and the sum of what is kept per processor about new ones.

        Since 1.26 that is the number made; before, the ids it holds and has not given out.
        """
        queued = kept = 0
        for i in range(0, len(self._p_blocks), self._p_width):
            _, queue, following, ids = self._p_blocks[i : i + self._p_width]
            if queue and following and ids:
                if queue[:4] != queue[4:]:
                    queued += (_unsigned(queue[4:]) - _unsigned(queue[:4])) & 0xFFFFFFFF
                queued += following != _NOBODY
                kept += _unsigned(ids) if len(ids) == 8 else _unsigned(ids[8:]) - _unsigned(ids[:8])
        return queued, kept

    def _heap(self, fixed: dict[str, bytes | None]) -> dict[str, float]:
        controller = fixed["controller"]
        if not controller:
            return {}
        word = self._goal.decode(controller)
        series = {
            "heap.live": word["heapMarked"], "heap.used": word["heapLive"], "heap.goal": self._goal.goal(word),
            "heap.total_alloc": word["totalAlloc"],
            "stacks": sum(_unsigned(fixed[f"stacks{i}"]) for i in range(3)) & (1 << 64) - 1,
        }  # fmt: skip
        if word["memoryLimit"] < _NO_LIMIT:
            series["heap.limit"] = word["memoryLimit"]
        return {name: float(value) for name, value in series.items()}

    def _collector(self, fixed: dict[str, bytes | None]) -> dict[str, float]:
        done, begun = _unsigned(fixed["numgc"]), _unsigned(fixed["cycles"])
        running = begun != done
        at = self._release.shape("gcControllerState").offset("assistTime")
        current = _unsigned((fixed["controller"] or b"")[at : at + 8])
        return {
            "gc.cycles": float(done),
            "gc.pause_total": float(_unsigned(fixed["pause_total"])),
            "gc.phase": float(running),
            "gc.assist": float(self._assist(fixed, current, running)),
        }

    def _assist(self, fixed: dict[str, bytes | None], current: int, running: bool) -> int:
        if "assist" in fixed:
            return _unsigned(fixed["assist"]) + (current if running else 0)
        if current < self._assist_seen:  # a new cycle counts from zero
            self._assist_base += self._assist_seen
        self._assist_seen = current
        return self._assist_base + current

    def _collections(self, done: int) -> list[dict[str, Any]]:
        before, self._cycles = self._cycles, done
        if before < 0 or done <= before:
            return []
        shape, base = self._release.shape("mstats"), self._addresses.memstats
        rings = self._memory.read_spans([(base + shape.offset(name), 8 * _RING) for name in ("pause_ns", "pause_end")])
        if rings[0] is None or rings[1] is None:
            return []
        pauses, ends = (struct.unpack(f"<{_RING}Q", ring) for ring in rings if ring)
        cycles = range(max(before, done - _RING) + 1, done + 1)
        return [
            {"kind": "gc", "cycle": cycle, "at": ends[(cycle - 1) % _RING], "pause": pauses[(cycle - 1) % _RING]}
            for cycle in cycles
        ]

    def processors(self) -> list[dict[str, Any]]:
        """Return the processors (Ps) as the last read saw them, with their timers and what runs on them now."""
        found = []
        occupants = occupants_of(self._memory, self._release, self._ps)
        for i in range(0, len(self._p_blocks), self._p_width):
            head, queue, following, _ = self._p_blocks[i : i + self._p_width]
            if head and queue and following:
                number, status, _, tick, syscall_tick = struct.unpack("<iIQII", head)
                first, last = struct.unpack("<II", queue)
                found.append({
                    "id": number, "status": _P_STATUS.get(status, "?"), "schedtick": tick, "syscalltick": syscall_tick,
                    "runq": ((last - first) & 0xFFFFFFFF) + (following != _NOBODY),
                } | occupants[i // self._p_width])  # fmt: skip
        return found
