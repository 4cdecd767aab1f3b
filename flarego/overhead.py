"""What a program of ours costs itself, as metrics: CPU, memory, descriptors."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from flarego import __version__
from flarego.wire.prometheus import Counter, Family, Gauge, Registry


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
