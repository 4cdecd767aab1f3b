"""A clip's index: where each generation lies, and what the whole clip looks like without reading any of them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import msgpack

from flarego.model.chunk import STATES, Chunk, Gone, ProcessInfo
from flarego.model.merge import MAX_EVENTS
from flarego.wire.clip.records import MAX_GENERATIONS, ClipError, get, messages, unpack
from flarego.wire.codec import encode, shallow

MAX_POINTS = 4096
_MAX_SERIES = 256


@dataclass(slots=True)
class Generation:
    """One generation of one process: where in the file it lies, and what time it tells of (ns since epoch)."""

    stream: int
    process: str
    start: int
    end: int
    first: int
    last: int
    """Sequences of its first and last chunk."""
    chunks: int
    offset: int
    """Of its first record."""
    size: int
    """Bytes from there to the end of its last record; other processes' records may lie between."""
    summary: int
    """Offset of its SUMM record; 0 for none."""
    raw: int
    """Bytes once decompressed."""


class Timeline(NamedTuple):
    """Series over a whole clip, coarse. Columns of one length; NaN where nothing is known."""

    start: Sequence[float]
    end: Sequence[float]
    series: Mapping[str, Sequence[float]]


class TimelineBuilder:
    """Collects at most MAX_POINTS points: when they are too many, neighbours become one."""

    def __init__(self) -> None:
        self._start, self._end = array("d"), array("d")
        self._series: dict[str, array[float]] = {}
        self._step = 0.0
        """Shortest time between two points, ns."""

    def add(self, chunk: Chunk) -> None:
        values = {k: float(v) for k, v in chunk.series.items()} | _by_state(chunk)
        last = len(self._start) - 1
        if last >= 0 and chunk.end - self._start[last] <= self._step:
            self._merge_into_last(chunk, values)
            return
        self._start.append(chunk.start)
        self._end.append(chunk.end)
        for name in values:
            if name not in self._series and len(self._series) < _MAX_SERIES:
                self._series[name] = array("d", [math.nan]) * (last + 1)
        for name, column in self._series.items():
            column.append(values.get(name, math.nan))
        if len(self._start) > MAX_POINTS:
            self._coarsen()

    def _merge_into_last(self, chunk: Chunk, values: Mapping[str, float]) -> None:
        before, span = self._end[-1] - self._start[-1], max(chunk.end - chunk.start, 1)
        self._end[-1] = chunk.end
        for name, value in values.items():
            if name in self._series:
                self._series[name][-1] = _joined(name, self._series[name][-1], before, value, span)

    def _coarsen(self) -> None:
        """Every two points become one."""
        whole = self.timeline()
        self._start, self._end = array("d", whole.start[::2]), array("d", whole.end[1::2])
        if len(whole.start) % 2:
            self._end.append(whole.end[-1])
        for name, column in whole.series.items():
            self._series[name] = array("d", self._pairs(name, column, whole))
        self._step = 2 * (self._end[-1] - self._start[0]) / MAX_POINTS

    @staticmethod
    def _pairs(name: str, column: Sequence[float], whole: Timeline) -> Iterable[float]:
        for i in range(0, len(column), 2):
            if i + 1 == len(column):
                yield column[i]
            else:
                spans = whole.end[i] - whole.start[i], whole.end[i + 1] - whole.start[i + 1]
                yield _joined(name, column[i], spans[0], column[i + 1], spans[1])

    def timeline(self) -> Timeline:
        return Timeline(self._start, self._end, self._series)


def _joined(name: str, a: float, a_span: float, b: float, b_span: float) -> float:
    """Mean goroutines by state and rates are means over time; everything else is a reading, and the later one holds."""
    if math.isnan(a) or math.isnan(b) or not name.startswith("state."):
        return a if math.isnan(b) else b
    return (a * a_span + b * b_span) / max(a_span + b_span, 1)


def _by_state(chunk: Chunk) -> dict[str, float]:
    """Return how many goroutines there were, on average, in each state, and how many processors they kept busy."""
    span = max(chunk.end - chunk.start, 1)
    sums = [0.0] * 256
    for state, wall in zip(chunk.rows.get("state", b""), array("d", chunk.rows.get("wall", b"")), strict=False):
        sums[state] += wall
    cpu = sum(array("d", chunk.rows.get("cpu", b""))) / span
    return {f"state.{name}": sums[number] / span for number, name in enumerate(STATES)} | {"state.cpu": cpu}


@dataclass(slots=True)
class Index:
    """What INDX holds."""

    processes: dict[str, ProcessInfo] = field(default_factory=dict)
    generations: list[Generation] = field(default_factory=list)
    overview: dict[str, Chunk] = field(default_factory=dict)
    timeline: dict[str, Timeline] = field(default_factory=dict)
    events: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    gone: dict[str, Gone] = field(default_factory=dict)
    span: dict[str, tuple[int, int]] = field(default_factory=dict)

    def pack(self) -> bytes:
        packed: bytes = msgpack.packb(
            {
                "processes": [encode(info) for info in self.processes.values()],
                "generations": [asdict(generation) for generation in self.generations],
                "overview": {
                    process: encode(self.processes[process]) + encode(chunk) for process, chunk in self.overview.items()
                },
                "timeline": {process: _pack_timeline(timeline) for process, timeline in self.timeline.items()},
                "events": {process: list(events) for process, events in self.events.items()},
                "gone": {process: {"at": gone.at, "why": gone.why} for process, gone in self.gone.items()},
                "span": {process: list(span) for process, span in self.span.items()},
            },
            unicode_errors="replace",
        )
        return packed

    @classmethod
    def read(cls, data: bytes, size: int) -> Index:
        """Return the index those bytes are, of a file of `size` bytes. Raises ClipError."""
        value = unpack(data)
        index = cls()
        for packed in get(value, "processes", list):
            info = _only(packed, ProcessInfo)
            index.processes[info.process] = info
        entries = get(value, "generations", list)
        if len(entries) > MAX_GENERATIONS:
            raise ClipError(f"a clip of more than {MAX_GENERATIONS:,} generations")
        index.generations = [_generation(entry, index.processes, size) for entry in entries]
        for process in index.processes:
            index._read_process(value, process)
        return index

    def _read_process(self, value: dict[str, Any], process: str) -> None:
        if packed := _entry(value, "overview", process):
            self.overview[process] = _only(packed, Chunk)
        if packed := _entry(value, "timeline", process):
            self.timeline[process] = _read_timeline(packed)
        if isinstance(events := _entry(value, "events", process), list):
            self.events[process] = [
                event for event in events[-MAX_EVENTS:] if isinstance(event, dict) and shallow(event)
            ]
        if isinstance(gone := _entry(value, "gone", process), dict):
            self.gone[process] = Gone(process, get(gone, "at", int), get(gone, "why", str))
        span = _entry(value, "span", process)
        if isinstance(span, list) and len(span) == 2 and all(isinstance(at, int) for at in span):
            self.span[process] = (span[0], span[1])


def _entry(value: dict[str, Any], key: str, process: str) -> Any:
    table = value.get(key)
    return table.get(process) if isinstance(table, dict) else None


def _only(packed: object, kind: type[Any]) -> Any:
    if isinstance(packed, bytes):
        for message in messages(packed):
            if isinstance(message, kind):
                return message
    raise ClipError(f"the clip is damaged: no {kind.__name__} in its index")


def _generation(entry: object, processes: Mapping[str, ProcessInfo], size: int) -> Generation:
    if not isinstance(entry, dict):
        raise ClipError("the clip is damaged: its index lists what is no generation")
    names = [name for name in Generation.__slots__ if name != "process"]
    generation = Generation(process=get(entry, "process", str), **{name: get(entry, name, int) for name in names})
    if generation.process not in processes or generation.offset + generation.size > size or generation.summary >= size:
        raise ClipError("the clip is damaged: its index points outside of it")
    if generation.end < generation.start:
        raise ClipError("the clip is damaged: a generation ends before it starts")
    return generation


def _pack_timeline(timeline: Timeline) -> dict[str, Any]:
    series = {name: array("d", column).tobytes() for name, column in timeline.series.items()}
    start, end = array("d", timeline.start).tobytes(), array("d", timeline.end).tobytes()
    return {"start": start, "end": end, "series": series}


def _read_timeline(packed: object) -> Timeline:
    if not isinstance(packed, dict):
        raise ClipError("the clip is damaged: its timeline is no map")
    series = get(packed, "series", dict)
    columns = [get(packed, "start", bytes), get(packed, "end", bytes), *series.values()]
    if not all(isinstance(column, bytes) and len(column) == len(columns[0]) for column in columns):
        raise ClipError("the clip is damaged: columns of its timeline differ in length")
    if len(columns[0]) % 8 or len(columns[0]) > 16 * MAX_POINTS or len(series) > _MAX_SERIES:
        raise ClipError("the clip is damaged: its timeline is of no sensible size")
    start, end, *rest = (array("d", column) for column in columns)
    return Timeline(start, end, dict(zip(map(str, series), rest, strict=True)))
