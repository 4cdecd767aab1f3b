"""What the gateway tells of itself: its process, its event loop, what it keeps; and of others' schedulers, if asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from flarego.gateway.channel import Channel
from flarego.gateway.hub import Hub
from flarego.gateway.limits import Meter
from flarego.model.chunk import Chunk
from flarego.wire.prometheus import Counter, Family, Gauge, Histogram, Registry

LAG_PERIOD_S = 0.5
"""How often the loop is asked for."""


class LoopLag:
    """How late the event loop is: the first sign that there is too much to do."""

    def __init__(self, registry: Registry) -> None:
        self._lag: Histogram = registry.histogram(
            "flarego_loop_lag_seconds", "How much later than due the event loop wakes up."
        )
        self.last = 0.0
        self.at = time.monotonic()

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_PERIOD_S
            await asyncio.sleep(LAG_PERIOD_S)
            self.last, self.at = max(0.0, loop.time() - due), time.monotonic()
            self._lag.observe(self.last)


class HubMetrics:
    """Tells what the hub keeps."""

    def __init__(self, hub: Hub, meter: Meter) -> None:
        self._hub, self._meter = hub, meter
        self._known: list[str] = []

    def families(self) -> Iterator[Family]:
        size = Gauge("flarego_retention_bytes", "Bytes that are kept.", ["namespace"])
        for namespace, n in self._hub.sizes().items():
            size.set(n, namespace)
        yield size
        processes = Gauge("flarego_processes", "Processes that are kept, living or gone.", ["namespace", "state"])
        readers = Gauge("flarego_readers", "Who watches a process; one watching two counts twice.", ["namespace"])
        kept: dict[str, int] = dict.fromkeys(self._known, 0)
        for channel in self._hub.channels():
            kept[channel.namespace] = kept.get(channel.namespace, 0) + 1
            processes.inc(channel.namespace, "gone" if channel.gone else "living")
            readers.inc(channel.namespace, by=len(channel.readers))
        yield processes
        yield readers
        self._known = [namespace for namespace, n in kept.items() if n]
        for namespace, n in kept.items():
            self._meter.note("processes", namespace, n)


_SERIES = {
    "runq.global": ("flarego_process_runq", {"queue": "global"}, 1.0),
    "runq.local": ("flarego_process_runq", {"queue": "local"}, 1.0),
    "processors": ("flarego_process_processors", {"state": "all"}, 1.0),
    "processors.idle": ("flarego_process_processors", {"state": "idle"}, 1.0),
    "threads": ("flarego_process_threads", {"state": "all"}, 1.0),
    "threads.idle": ("flarego_process_threads", {"state": "idle"}, 1.0),
    "threads.spinning": ("flarego_process_threads", {"state": "spinning"}, 1.0),
    "sched.latency.p50": ("flarego_process_scheduler_latency_seconds", {"percentile": "50"}, 1e-9),
    "sched.latency.p99": ("flarego_process_scheduler_latency_seconds", {"percentile": "99"}, 1e-9),
    "heap.live": ("flarego_process_heap_bytes", {"kind": "live"}, 1.0),
    "heap.used": ("flarego_process_heap_bytes", {"kind": "used"}, 1.0),
    "heap.goal": ("flarego_process_heap_bytes", {"kind": "goal"}, 1.0),
    "gc.cycles": ("flarego_process_gc_cycles_total", {}, 1.0),
    "gc.pause_total": ("flarego_process_gc_pause_seconds_total", {}, 1e-9),
}
_HELP = {
    "flarego_process_goroutines": "Goroutines by state, when they were last looked at.",
    "flarego_process_runq": "Goroutines that wait for a processor.",
    "flarego_process_processors": "Processors (GOMAXPROCS).",
    "flarego_process_threads": "Threads of the runtime.",
    "flarego_process_scheduler_latency_seconds": "How long goroutines waited for a processor, in the last chunk.",
    "flarego_process_heap_bytes": "Bytes of the heap.",
    "flarego_process_gc_cycles_total": "Cycles of the garbage collector.",
    "flarego_process_gc_pause_seconds_total": "How long those stopped the world.",
}
_STATE = "goroutines."
_NO_STATE = ("goroutines.created", "goroutines.system")
MAX_PROCESSES = 500
"""Whose schedulers are told of; Prometheus has to keep a series for each number."""


class ProcessMetrics:
    """Tells Prometheus of every process's scheduler: what its last chunk said. A tap of the hub."""

    def __init__(self) -> None:
        self._last: dict[Channel, Chunk] = {}

    def met(self, channel: Channel) -> None:
        """Nothing is known of its scheduler yet."""

    def took(self, channel: Channel, chunk: Chunk, data: bytes) -> None:
        if channel in self._last or len(self._last) < MAX_PROCESSES:
            self._last[channel] = chunk

    def trimmed(self, channel: Channel, generation: int) -> None:
        """The last chunk is still there."""

    def dropped(self, channel: Channel) -> None:
        self._last.pop(channel, None)

    def families(self) -> Iterator[Family]:
        found: dict[str, Family] = {}
        for channel, chunk in list(self._last.items()):
            if channel.gone is None and channel.info is not None:
                own = {"namespace": channel.namespace, "process": channel.process, "name": channel.info.name}
                for name, labels, number in _told(chunk):
                    _set(found, name, own | labels, number)
        yield from found.values()


def _told(chunk: Chunk) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield (metric, labels, number) of what a chunk says of the scheduler."""
    for name, number in chunk.series.items():
        if name.startswith(_STATE) and name not in _NO_STATE:
            yield "flarego_process_goroutines", {"state": name.removeprefix(_STATE)}, number
        elif name in _SERIES:
            metric, labels, unit = _SERIES[name]
            yield metric, labels, number * unit


def _set(found: dict[str, Family], name: str, labels: dict[str, str], number: float) -> None:
    family = found.get(name)
    if family is None:
        kind = Counter if name.endswith("_total") else Gauge
        family = found[name] = kind(name, _HELP[name], list(labels), max_series=MAX_PROCESSES * _MAX_STATES)
    assert isinstance(family, Counter | Gauge)
    family.inc(*labels.values(), by=number)


_MAX_STATES = 16
