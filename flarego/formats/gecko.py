"""The Firefox profiler's processed profile, as JSON: one thread for each group of goroutines, states as categories.

Samples weigh milliseconds. Those of a chunk lie side by side in its span, each as long as its share, so that the graph
of a thread shows what its goroutines did in proportion. Source: firefox-devtools/profiler, src/types/profile.ts and
docs-developer/CHANGELOG-formats.md at version 57; the page upgrades it to whatever it has come to.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from flarego import __version__
from flarego.formats.category import NAMES, category_of
from flarego.formats.recording import Recording
from flarego.formats.states import lane
from flarego.formats.timeline import Busiest, Span, finite, spans
from flarego.model.frame import Frame
from flarego.model.profile import Row

VERSION, GECKO_VERSION = 57, 31
MAX_THREADS = 40
"""Of the busiest groups; the others share one."""
MAX_SPANS = 1500
_MS = 1e6
_COLOURS = {
    "other": "grey", "running": "green", "runnable": "yellow", "syscall": "orange", "lock": "red", "chan": "blue",
    "select": "purple", "io": "lightblue", "sleep": "darkgrey", "gc": "magenta",
}  # fmt: skip
_COUNTERS = {
    "heap.live": ("Memory", "heap marked by the last collection", "green"),
    "heap.used": ("Memory", "heap in use", "purple"),
    "runq": ("Scheduler", "goroutines in run queues", "yellow"),
}
_INSTANT = 0


def export(recording: Recording, out: BinaryIO) -> None:
    """Write the recording."""
    out.write(json.dumps(_profile(recording), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def _profile(recording: Recording) -> dict[str, Any]:
    categories, strings = _Categories(), _Strings()
    busiest = Busiest(recording, MAX_THREADS)
    threads = [_Thread(name, strings, categories) for name in busiest.names]
    series: list[tuple[int, Mapping[str, float]]] = []
    events: list[Mapping[str, Any]] = []
    for span in spans(recording, MAX_SPANS):
        for number, rows in busiest.split(span.profile).items():
            threads[number].add(span, rows, recording)
        series.append((span.end, span.series))
        events += span.events
    info = recording.process
    tables = [thread.to_json(i, info.name, str(info.pid), recording) for i, thread in enumerate(threads)]
    tables[0]["markers"] = _markers(events, strings, categories)
    return {
        "meta": _meta(recording, categories, len(series), len(threads)),
        "libs": [],
        "pages": [],
        "counters": [*_counters(series, str(info.pid))],
        "shared": {"stringArray": strings.known()},
        "threads": tables,
    }


class _Strings:
    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def known(self) -> list[str]:
        return list(self._numbers)


@dataclass
class _Categories:
    """Categories of states; their subcategories are the wait reasons."""

    _subcategories: dict[str, list[str]] = field(default_factory=lambda: {name: ["Other"] for name in _COLOURS})

    def number(self, row: Row) -> tuple[int, int]:
        category = category_of(row.state, row.reason)
        known, reason = self._subcategories[category], lane(row.state, row.reason)
        if reason not in known:
            known.append(reason)
        return list(_COLOURS).index(category), known.index(reason)

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {"name": NAMES[name], "color": _COLOURS[name], "subcategories": subcategories}
            for name, subcategories in self._subcategories.items()
        ]


@dataclass
class _Thread:
    """The tables of one thread."""

    name: str
    strings: _Strings
    categories: _Categories
    _functions: dict[tuple[str, str], int] = field(default_factory=dict)
    _frames: dict[tuple[Frame, int, int], int] = field(default_factory=dict)
    _stacks: dict[tuple[int | None, int], int] = field(default_factory=dict)
    _samples: list[tuple[int | None, float, float, float]] = field(default_factory=list)
    """Stack, time, weight, on-CPU time: ms, ms, ms or goroutines, ns."""

    def add(self, span: Span, rows: Sequence[Row], recording: Recording) -> None:
        """Add the samples of one chunk, like states side by side."""
        weights = [
            (row, recording.weigh(row)) for row in sorted(rows, key=lambda row: (row.state, row.reason, row.node))
        ]
        total, at = sum(weight for _, weight in weights) or 1.0, float(span.start)
        unit = 1.0 if recording.weight == "count" else _MS
        for row, weight in weights:
            if weight:
                stack = self._stack(span.profile.stack(row.node), row)
                self._samples.append((stack, round(at / _MS, 6), weight / unit, row.cpu))
            at += weight / total * (span.end - span.start)

    def _stack(self, frames: Iterable[Frame], row: Row) -> int | None:
        category, subcategory = self.categories.number(row)
        stack: int | None = None
        for frame in frames:
            number = self._frames.setdefault((frame, category, subcategory), len(self._frames))
            stack = self._stacks.setdefault((stack, number), len(self._stacks))
        if stack is None:
            number = self._frames.setdefault((Frame("?", "", 0), category, subcategory), len(self._frames))
            stack = self._stacks.setdefault((None, number), len(self._stacks))
        return stack

    def to_json(self, number: int, process: str, pid: str, recording: Recording) -> dict[str, Any]:
        weight_type = "samples" if recording.weight == "count" else "tracing-ms"
        return {
            "name": self.name,
            "processName": process,
            "processType": "default",
            "processStartupTime": recording.start / _MS,
            "processShutdownTime": None,
            "registerTime": recording.start / _MS,
            "unregisterTime": None,
            "pausedRanges": [],
            "isMainThread": number == 0,
            "pid": pid,
            "tid": number + 1,
            "samples": {
                "stack": [stack for stack, _, _, _ in self._samples],
                "time": [time for _, time, _, _ in self._samples],
                "weight": [weight for _, _, weight, _ in self._samples],
                "weightType": weight_type,
                "threadCPUDelta": [round(cpu) for _, _, _, cpu in self._samples],
                "length": len(self._samples),
            },
            "markers": _no_markers(),
            "stackTable": {
                "frame": [frame for _, frame in self._stacks],
                "prefix": [prefix for prefix, _ in self._stacks],
                "length": len(self._stacks),
            },
            **self._frame_tables(),
            "resourceTable": {"length": 0, "lib": [], "name": [], "host": [], "type": []},
            "nativeSymbols": {"libIndex": [], "address": [], "name": [], "functionSize": [], "length": 0},
        }

    def _frame_tables(self) -> dict[str, Any]:
        frames = list(self._frames)
        functions = [self._function(frame) for frame, _, _ in frames]
        n, none = len(frames), [None] * len(frames)
        names = list(self._functions)
        m, nothing = len(names), [None] * len(names)
        return {
            "frameTable": {
                "address": [-1] * n,
                "inlineDepth": [0] * n,
                "category": [category for _, category, _ in frames],
                "subcategory": [subcategory for _, _, subcategory in frames],
                "func": functions,
                "nativeSymbol": none,
                "innerWindowID": none,
                "line": [frame.line or None for frame, _, _ in frames],
                "column": none,
                "length": n,
            },
            "funcTable": {
                "name": [self.strings.number(function) for function, _ in names],
                "isJS": [False] * m,
                "relevantForJS": [False] * m,
                "resource": [-1] * m,
                "fileName": [self.strings.number(file) if file else None for _, file in names],
                "lineNumber": nothing,
                "columnNumber": nothing,
                "length": m,
            },
        }

    def _function(self, frame: Frame) -> int:
        return self._functions.setdefault((frame.function, frame.file), len(self._functions))


def _meta(recording: Recording, categories: _Categories, spans: int, threads: int) -> dict[str, Any]:
    info = recording.process
    return {
        "interval": (recording.end - recording.start) / max(spans, 1) / _MS,
        "startTime": info.epoch / _MS,
        "profilingStartTime": recording.start / _MS,
        "profilingEndTime": recording.end / _MS,
        "processType": 0,
        "product": f"{info.name} ({info.runtime_version})" if info.runtime_version else info.name,
        "importedFrom": f"flarego {__version__}",
        "arguments": info.command,
        "oscpu": info.host,
        "stackwalk": 1,
        "debug": False,
        "version": GECKO_VERSION,
        "preprocessedProfileVersion": VERSION,
        "symbolicated": True,
        "symbolicationNotSupported": True,
        "usesOnlyOneStackType": True,
        "sourceCodeIsNotOnSearchfox": True,
        "keepProfileThreadOrder": True,
        "initialVisibleThreads": [*range(threads)],
        "initialSelectedThreads": [0],
        "sampleUnits": {"time": "ms", "eventDelay": "ms", "threadCPUDelta": "ns"},
        "categories": categories.to_json(),
        "markerSchema": [_GC_SCHEMA, _NOTE_SCHEMA],
    }


_GC_SCHEMA = {
    "name": "GC",
    "tooltipLabel": "garbage collection {marker.data.cycle}",
    "tableLabel": "cycle {marker.data.cycle}",
    "display": ["marker-chart", "marker-table", "timeline-overview"],
    "fields": [
        {"key": "cycle", "label": "Cycle", "format": "integer"},
        {"key": "pause", "label": "World stopped", "format": "duration"},
    ],
}
_NOTE_SCHEMA = {
    "name": "Note",
    "tooltipLabel": "{marker.data.text}",
    "tableLabel": "{marker.data.text}",
    "display": ["marker-chart", "marker-table", "timeline-overview"],
    "fields": [{"key": "text", "label": "Text", "format": "string"}],
}


def _no_markers() -> dict[str, Any]:
    return {"data": [], "name": [], "startTime": [], "endTime": [], "phase": [], "category": [], "length": 0}


def _markers(events: Iterable[Mapping[str, Any]], strings: _Strings, categories: _Categories) -> dict[str, Any]:
    markers = _no_markers()
    names = list(_COLOURS)
    for event in events:
        at, pause = finite(event.get("at")) / _MS, finite(event.get("pause")) / _MS
        if event.get("kind") == "gc":
            name, category = "GC", "gc"
            data = {"type": "GC", "cycle": round(finite(event.get("cycle"))), "pause": pause}
        else:
            name, category = "Note", "other"
            data = {"type": "Note", "text": str(event.get("text") or event.get("why") or event.get("kind"))}
        markers["data"].append(data)
        markers["name"].append(strings.number(name))
        markers["startTime"].append(at)
        markers["endTime"].append(None)
        markers["phase"].append(_INSTANT)
        markers["category"].append(names.index(category))
        markers["length"] += 1
    return markers


def _counters(series: Sequence[tuple[int, Mapping[str, float]]], pid: str) -> Iterable[dict[str, Any]]:
    """Yield each series as a counter, which holds changes."""
    goroutines = sorted({name for _, values in series for name in values if name.startswith("goroutines.")})
    kinds = _COUNTERS | {name: ("Goroutines", name, "blue") for name in goroutines}
    for name, (category, description, colour) in kinds.items():
        known = [(end, _value(values, name)) for end, values in series]
        known = [(end, value) for end, value in known if math.isfinite(value)]
        if known:
            values = [value for _, value in known]
            yield {
                "name": name,
                "category": category,
                "description": description,
                "color": colour,
                "pid": pid,
                "mainThreadIndex": 0,
                "samples": {
                    "time": [end / _MS for end, _ in known],
                    "count": [now - before for before, now in zip([0.0, *values], values, strict=False)],
                    "length": len(known),
                },
            }


def _value(values: Mapping[str, float], name: str) -> float:
    if name == "runq":
        return values.get("runq.global", 0.0) + values.get("runq.local", 0.0)
    return values.get(name, math.nan)
