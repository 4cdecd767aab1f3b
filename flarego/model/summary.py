"""What a span of one process comes to: where goroutines stood, who waited longest, what the runtime did meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flarego.model.chunk import ProcessInfo
from flarego.model.leaks import Growth, Suspect
from flarego.model.places import Standing, standings
from flarego.model.profile import Profile

Series = Mapping[str, Sequence[float]]
"""Values of each series at the times that belong to them, NaN where not known."""


@dataclass(frozen=True, slots=True)
class State:
    """Time in one state, for one reason, of the program's own goroutines."""

    state: str
    reason: str
    wall: float
    """Goroutine-ns; by the span's length, the mean number of goroutines."""
    cpu: float
    count: int


@dataclass(frozen=True, slots=True)
class Course:
    """A series over the span."""

    first: float
    last: float
    least: float
    most: float
    mean: float


@dataclass(frozen=True, slots=True)
class Collections:
    """What the garbage collector did."""

    cycles: int
    paused: float
    """ns in which the world stood still, all together."""
    longest: float
    """The longest pause of one cycle, ns."""
    at: int
    """When the cycle of the longest pause ended, ns since epoch."""


@dataclass(frozen=True)
class Summary:
    """See the fields. `profile` names the stacks of standings and suspects."""

    process: ProcessInfo
    start: int
    end: int
    profile: Profile
    states: Sequence[State]
    busy: Sequence[Standing]
    """Where the program's goroutines stood that were not idle, the most wall time first."""
    waits: Sequence[Standing]
    """Those of them that still waited at the end, the longest wait first."""
    idle: float
    """Goroutine-ns of those parked because they had nothing to do."""
    system: float
    """Goroutine-ns of the runtime's own."""
    collections: Collections
    series: Mapping[str, Course]
    """Those that are known at all."""
    rates: Mapping[str, float]
    """Cumulative series, per second."""
    suspects: Sequence[Suspect]

    @property
    def span(self) -> int:
        """Length, ns; at least 1."""
        return max(self.end - self.start, 1)


_CUMULATIVE = ("heap.total_alloc", "goroutines.created", "mutex.wait", "gc.assist", "gc.pause_total", "gc.cycles")


def summarise(
    profile: Profile,
    windows: Iterable[Profile],
    times: Sequence[float],
    series: Series,
    events: Iterable[Mapping[str, Any]],
) -> Summary:
    """Return the summary of a whole span, given some of the spans that it consists of, in order."""
    every = standings(profile)
    own = [standing for standing in every if not standing.place.system]
    busy = [standing for standing in own if not standing.place.idle]
    waits = [standing for standing in busy if standing.place.state == "waiting" and standing.count and standing.wait]
    return Summary(
        profile.process,
        profile.start,
        profile.end,
        profile,
        _states(own),
        busy,
        sorted(waits, key=lambda standing: standing.wait, reverse=True),
        sum(standing.wall for standing in own if standing.place.idle),
        sum(standing.wall for standing in every if standing.place.system),
        _collections(events),
        {name: course for name, values in series.items() if (course := _course(values))},
        {name: rate for name in _CUMULATIVE if (rate := _rate(times, series.get(name, ()))) is not None},
        _suspects(windows),
    )


def _states(own: Iterable[Standing]) -> Sequence[State]:
    totals: dict[tuple[str, str], tuple[float, float, int]] = {}
    for standing in own:
        key = standing.place.state, standing.place.reason
        wall, cpu, count = totals.get(key, (0.0, 0.0, 0))
        totals[key] = wall + standing.wall, cpu + standing.cpu, count + standing.count
    states = [State(*key, wall, cpu, count) for key, (wall, cpu, count) in totals.items()]
    return sorted(states, key=lambda state: state.wall, reverse=True)


def _suspects(windows: Iterable[Profile]) -> Sequence[Suspect]:
    growth = Growth()
    for window in windows:
        growth.note(window)
    return growth.suspects()


def _collections(events: Iterable[Mapping[str, Any]]) -> Collections:
    pauses = {
        event["cycle"]: (float(event["pause"]), int(event["at"]))
        for event in events
        if event.get("kind") == "gc" and all(_is_number(event.get(key)) for key in ("cycle", "pause", "at"))
    }
    longest, at = max(pauses.values(), default=(0.0, 0))
    return Collections(len(pauses), sum(pause for pause, _ in pauses.values()), longest, at)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _course(values: Sequence[float]) -> Course | None:
    known = [value for value in values if math.isfinite(value)]
    return Course(known[0], known[-1], min(known), max(known), sum(known) / len(known)) if known else None


def _rate(times: Sequence[float], values: Sequence[float]) -> float | None:
    """Return the growth of a cumulative series per second."""
    known = [(at, value) for at, value in zip(times, values, strict=False) if math.isfinite(value)]
    if len(known) < 2 or known[-1][0] <= known[0][0]:
        return None
    return (known[-1][1] - known[0][1]) * 1e9 / (known[-1][0] - known[0][0])
