"""What the numbers of a profile stand for, told by their types: time on CPU, of waiting, of everything, goroutines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flarego.formats.assembly import INSTANT_NS, Kind
from flarego.formats.pprof import SAMPLE_TYPES
from flarego.formats.source import BadFile

UNITS = {"nanoseconds": 1, "microseconds": 1_000, "milliseconds": 1_000_000, "seconds": 1_000_000_000,
         "ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}  # fmt: skip
_TASKS = ("goroutine", "goroutines", "goroutineleak", "threadcreate", "threads")
_DELAYS = ("delay", "off_cpu", "off-cpu", "offcpu", "lock_time", "lock_duration", "block_duration")
_ON_CPU = ("cpu", "on_cpu", "itimer")

Type = tuple[str, str]
"""Name and unit: ("cpu", "nanoseconds")."""


class NoTime(BadFile):
    """A profile of neither time nor goroutines: memory, exceptions."""

    usual_remedy = (
        "flarego shows goroutine, CPU, block, mutex and wall-clock profiles; open this one with go tool pprof"
    )


class Part(NamedTuple):
    """What one sample weighs in one state."""

    state: str
    wall: float
    cpu: float
    count: int  # type: ignore[assignment]  # the name that rows have for it
    wait: float


@dataclass(frozen=True)
class Meaning:
    """Which of a sample's values is what, and what to multiply it by."""

    kind: Kind
    wall: tuple[int, float]
    cpu: tuple[int, float] | None = None
    tasks: int | None = None
    waits: int | None = None
    """How many waits the time is the sum of."""
    state: str = "other"
    """Of samples that do not show it by where they stand."""
    mixed: bool = False
    """Part of the time is time on CPU, and no state says so."""
    span: int = 0
    """ns, when the profile does not tell its duration; 0: as long as all its time."""

    def parts(self, values: Sequence[int], state: str) -> Iterator[Part]:
        """Yield what a sample weighs; its time is divided when it was on CPU for some of it."""
        wall, cpu = (values[part[0]] * part[1] if part else 0.0 for part in (self.wall, self.cpu))
        count = 0 if self.tasks is None else values[self.tasks]
        wait = wall / values[self.waits] if self.waits is not None and values[self.waits] else 0.0
        if self.mixed:
            running = min(wall, cpu)
            if running:
                yield Part("running", running, cpu, 0, 0.0)
            wall, cpu = wall - running, 0.0
            if not wall:
                return
        yield Part(self.state if state == "other" else state, wall, cpu, count, wait)


def meaning_of(
    types: Sequence[Type], *, default: str = "", period: tuple[Type, int] = (("", ""), 0), duration: int = 0,
    unit_ns: float = 1.0,
) -> Meaning:  # fmt: skip
    """Return what values of these types are.

    `default` names the type a profile prefers; `period` is what lies between samples, and how much of it; `duration`
    in ns; `unit_ns` is what a sample stands for where nothing tells, 0 when that is not known. Raises NoTime.
    """
    names, units = [name for name, _ in types], [unit for _, unit in types]
    if list(types) == list(SAMPLE_TYPES.items()):
        return Meaning("wall", (0, 1), (1, 1), 2)
    tasks = [i for i, name in enumerate(names) if name in _TASKS and units[i] in ("count", "")]
    if tasks:
        span = duration or INSTANT_NS
        return Meaning("tasks", (tasks[0], span), tasks=tasks[0], span=span)
    timed = [i for i, unit in enumerate(units) if unit in UNITS]
    if timed:
        return _of_time(names, units, timed, default)
    if units[0] in ("count", "samples", "") and "bytes" not in units:
        return _of_samples(period, unit_ns)
    raise NoTime(f"a profile of {', '.join(map('/'.join, types))}: not of time, and not of goroutines")


def _of_time(names: Sequence[str], units: Sequence[str], timed: Sequence[int], default: str) -> Meaning:
    by_name = {names[i]: (i, UNITS[units[i]]) for i in timed}
    if "wall" in by_name and "cpu" in by_name:
        return Meaning("wall", by_name["wall"], by_name["cpu"], mixed=True)
    chosen = next((i for i in timed if names[i] == default), timed[-1])
    time = chosen, UNITS[units[chosen]]
    if names[chosen] in _ON_CPU:
        return Meaning("cpu", time, time, state="running")
    if any(name in _DELAYS for name in names):
        return Meaning("delay", time, waits=names.index("contentions") if "contentions" in names else None,
                       state="waiting")  # fmt: skip
    return Meaning("wall", time)


def _of_samples(period: tuple[Type, int], unit_ns: float) -> Meaning:
    (name, unit), every = period
    one = every * UNITS[unit] if unit in UNITS and every > 0 else unit_ns
    if not one:
        raise NoTime("a profile of samples that does not tell how much time lies between them")
    if name in _ON_CPU:
        return Meaning("cpu", (0, one), (0, one), state="running")
    return Meaning("delay", (0, one), state="waiting") if name in _DELAYS else Meaning("wall", (0, one))
