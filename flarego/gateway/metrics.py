"""What the gateway tells of itself: of the process, its event loop, and what its parts count."""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from flarego import __version__
from flarego.wire.prometheus import Counter, Family, Gauge, Histogram, Registry

LAG_PERIOD_S = 0.5
"""How often the loop is asked for."""


def new_registry() -> Registry:
    """Return a registry that tells of this process already."""
    registry = Registry()
    build = registry.gauge("flarego_build_info", "Which FlareGo this is.", ["version", "python"])
    build.set(1, __version__, platform.python_version())
    registry.collect(_process)
    return registry


def _process() -> Iterator[Family]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = Counter("process_cpu_seconds_total", "CPU time of this process, user and system.")
    cpu.inc(by=usage.ru_utime + usage.ru_stime)
    yield cpu
    for name, help, number in (
        ("process_resident_memory_bytes", "Memory that is really there.", _resident()),
        ("process_open_fds", "Open file descriptors.", len(list(Path("/proc/self/fd").iterdir()))),
        ("process_start_time_seconds", "When this process started, since 1970.", _STARTED),
    ):
        gauge = Gauge(name, help)
        gauge.set(number)
        yield gauge


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


_STARTED = time.time()


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
