"""A Perfetto trace of TrackEvents: counters for states and the runtime's series, a lane for each group of goroutines.

A lane's slices say what most of the group's goroutines did; their arguments how much, `wall_ns` and `cpu_ns` adding up
to the recording's own totals, as do the state counters over time. Times are ns since the process's epoch, and a clock
snapshot ties them to the wall clock. Source: google/perfetto, protos/perfetto/trace/perfetto_trace.proto.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from flarego.formats.recording import Recording
from flarego.formats.states import lane
from flarego.formats.timeline import Busiest, Span, finite, spans
from flarego.model.frame import Frame
from flarego.model.profile import Profile, Row
from flarego.model.units import share
from flarego.wire.protobuf import blob, double, number, text, varint

MAX_LANES = 100
"""Of the busiest groups; the others share one."""
MAX_SPANS = 20_000
_BOOTTIME, _REALTIME = 6, 1
_SEQUENCE = 1
_CLEARED, _NEEDED = 1, 2
_BEGIN, _END, _INSTANT, _COUNTER = 1, 2, 3, 4
_EXPLICIT = 3
_UNIT_NS, _UNIT_COUNT, _UNIT_BYTES = 1, 2, 3
_PROCESS = 1
_TIMESTAMP = varint(8 << 3)
"""The field's key: a time of 0 has to be said."""
_SHOWN = 8
"""Frames of a stack that an argument shows, the innermost."""
_SERIES = (
    ("scheduler", _UNIT_COUNT, ("runq.global", "runq.local", "processors.idle", "threads", "threads.idle")),
    ("scheduling latency", _UNIT_NS, ("sched.latency.p50", "sched.latency.p99")),
    ("memory", _UNIT_BYTES, ("heap.live", "heap.used", "heap.goal", "heap.limit", "stacks")),
    ("goroutines", _UNIT_COUNT, ("goroutines.running", "goroutines.runnable", "goroutines.syscall",
                                 "goroutines.waiting", "goroutines.preempted", "goroutines.other",
                                 "goroutines.system", "goroutines.created")),
)  # fmt: skip


def export(recording: Recording, out: BinaryIO) -> None:
    """Write the recording."""
    trace = _Trace(out, recording)
    pictures: list[_Picture] = [_States(trace), _Series(trace), _Events(trace), _Groups(trace, recording)]
    for span in spans(recording, MAX_SPANS):
        for picture in pictures:
            picture.add(span)
    for picture in pictures:
        picture.close()


class _Picture(Protocol):
    """A part of the trace."""

    def add(self, span: Span) -> None: ...

    def close(self) -> None: ...


class _Trace:
    """Packets, written as they come: tracks, and what happens on them."""

    def __init__(self, out: BinaryIO, recording: Recording) -> None:
        self._out, self._tracks = out, _PROCESS
        info, start = recording.process, recording.start
        clocks = ((_BOOTTIME, start), (_REALTIME, info.epoch + start))
        snapshot = b"".join(blob(1, number(1, clock) + number(2, time)) for clock, time in clocks)
        self._packet(blob(6, snapshot) + number(13, _CLEARED))
        process = number(1, info.pid or 1) + text(2, info.command) + text(6, info.name)
        self._packet(blob(60, number(1, _PROCESS) + blob(3, process) + number(11, _EXPLICIT)))

    def track(self, name: str, parent: int = _PROCESS, *, unit: int = 0, rank: int = 0) -> int:
        """Return a new track; unit: of a counter."""
        self._tracks += 1
        counter = blob(8, number(3, unit)) if unit else b""
        place = number(5, parent) + number(11, _EXPLICIT) + number(12, rank)
        self._packet(blob(60, number(1, self._tracks) + text(2, name) + place + counter))
        return self._tracks

    def count(self, track: int, time: int, value: float) -> None:
        """Say what a counter is from now on."""
        self._event(time, number(9, _COUNTER) + number(11, track) + double(44, value))

    def slice(self, track: int, start: int, end: int, name: str, arguments: Mapping[str, Any]) -> None:
        self._event(start, number(9, _BEGIN) + number(11, track) + text(23, name) + _annotations(arguments))
        self._event(end, number(9, _END) + number(11, track))

    def instant(self, track: int, time: int, name: str, arguments: Mapping[str, Any]) -> None:
        self._event(time, number(9, _INSTANT) + number(11, track) + text(23, name) + _annotations(arguments))

    def _event(self, time: int, event: bytes) -> None:
        self._packet(_TIMESTAMP + varint(time) + number(58, _BOOTTIME) + blob(11, event))

    def _packet(self, packet: bytes) -> None:
        self._out.write(blob(1, packet + number(10, _SEQUENCE)))


def _annotations(arguments: Mapping[str, Any]) -> bytes:
    return b"".join(blob(4, text(10, name) + _value(value)) for name, value in arguments.items())


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return text(6, value)
    return number(4, value) if isinstance(value, int) else double(5, value)


class _States:
    """A counter for each state and wait reason: goroutines in it, the mean of each span."""

    def __init__(self, trace: _Trace) -> None:
        self._trace = trace
        self._parent = trace.track("goroutines by state", rank=1)
        self._tracks: dict[str, int] = {}
        self._end = 0

    def add(self, span: Span) -> None:
        weights = dict.fromkeys(self._tracks, 0.0)
        for row in span.profile.rows:
            name = lane(row.state, row.reason)
            weights[name] = weights.get(name, 0.0) + row.wall
        for name, wall in weights.items():
            if name not in self._tracks:
                self._tracks[name] = self._trace.track(name, self._parent, unit=_UNIT_COUNT)
            self._trace.count(self._tracks[name], span.start, wall / max(span.end - span.start, 1))
        self._end = span.end

    def close(self) -> None:
        for track in self._tracks.values():
            self._trace.count(track, self._end, 0.0)


class _Series:
    """The runtime's own numbers, each a counter, in groups."""

    def __init__(self, trace: _Trace) -> None:
        self._trace = trace
        self._parents: dict[str, int] = {}
        self._tracks: dict[str, int] = {}

    def add(self, span: Span) -> None:
        for parent, unit, names in _SERIES:
            for name in names:
                value = span.series.get(name, math.nan)
                if math.isfinite(value):
                    self._trace.count(self._track(parent, name, unit), span.end, value)

    def _track(self, parent: str, name: str, unit: int) -> int:
        if name not in self._tracks:
            if parent not in self._parents:
                self._parents[parent] = self._trace.track(parent, rank=2)
            self._tracks[name] = self._trace.track(name, self._parents[parent], unit=unit)
        return self._tracks[name]

    def close(self) -> None:
        pass


class _Events:
    """Collections as slices, as long as they were seen to run; their ends, and everything else, as instants."""

    def __init__(self, trace: _Trace) -> None:
        self._trace = trace
        self._track = trace.track("garbage collection and events", rank=3)
        self._since: int | None = None
        self._end = 0

    def add(self, span: Span) -> None:
        self._end = span.end
        running = span.series.get("gc.phase", 0.0) == 1.0
        if running and self._since is None:
            self._since = span.start
        elif not running:
            self.close(span.start)
        for event in span.events:
            kind = str(event.get("kind"))
            arguments = {str(name): _plain(value) for name, value in event.items() if name not in ("kind", "at")}
            name = f"GC {finite(event.get('cycle')):.0f} done" if kind == "gc" else kind
            self._trace.instant(self._track, max(round(finite(event.get("at"))), 0), name, arguments)

    def close(self, at: int | None = None) -> None:
        if self._since is not None:
            self._trace.slice(self._track, self._since, self._end if at is None else at, "collecting", {})
            self._since = None


@dataclass
class _Slice:
    """What a group did for a while, as of its spans so far."""

    doing: str
    start: int
    end: int = 0
    walls: dict[str, float] = field(default_factory=dict)
    """By state and reason, ns."""
    cpu: float = 0.0
    stack: Sequence[Frame] = ()
    """The one that weighed most in any span."""
    most: float = -1.0

    def add(self, row: Row, profile: Profile) -> None:
        name = lane(row.state, row.reason)
        self.walls[name] = self.walls.get(name, 0.0) + row.wall
        self.cpu += row.cpu
        if row.wall > self.most:
            self.most, self.stack = row.wall, profile.stack(row.node)

    def arguments(self) -> dict[str, Any]:
        wall = sum(self.walls.values())
        return {
            "goroutines": wall / max(self.end - self.start, 1),
            "wall_ns": wall,
            "cpu_ns": self.cpu,
            "states": ", ".join(f"{name} {share(part, wall)}" for name, part in self.walls.items()),
            "commonest_stack": "; ".join(frame.function for frame in self.stack[-_SHOWN:]),
        }


class _Groups:
    """A track for each group; neighbouring spans in which most of it did the same are one slice."""

    def __init__(self, trace: _Trace, recording: Recording) -> None:
        self._trace = trace
        self._busiest = Busiest(recording, MAX_LANES)
        parent = trace.track("goroutine groups", rank=4)
        self._tracks = [trace.track(name, parent, rank=i) for i, name in enumerate(self._busiest.names)]
        self._slices: dict[int, _Slice] = {}

    def add(self, span: Span) -> None:
        groups = self._busiest.split(span.profile)
        for group in self._slices.keys() - groups:
            self._end(group)
        for group, rows in groups.items():
            doing = _commonest(rows)
            if group in self._slices and self._slices[group].doing != doing:
                self._end(group)
            now = self._slices.setdefault(group, _Slice(doing, span.start))
            now.end = span.end
            for row in rows:
                now.add(row, span.profile)

    def _end(self, group: int) -> None:
        ended = self._slices.pop(group)
        self._trace.slice(self._tracks[group], ended.start, ended.end, ended.doing, ended.arguments())

    def close(self) -> None:
        for group in list(self._slices):
            self._end(group)


def _commonest(rows: Sequence[Row]) -> str:
    weights: dict[str, float] = {}
    for row in rows:
        name = lane(row.state, row.reason)
        weights[name] = weights.get(name, 0.0) + row.wall
    return max(weights, key=lambda name: weights[name])


def _plain(value: Any) -> str | int | float:
    return value if isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 1 << 63) else str(value)
