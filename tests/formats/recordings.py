"""Recordings for tests: made of rows that say what they mean, in chunks of any generations."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from wire.messages import info

from flarego.formats.recording import Recording
from flarego.model.chunk import STATES, Chunk, ProcessInfo
from flarego.model.definitions import Definitions
from flarego.model.frame import Frame

STEP = 200_000_000
REASONS = ("", "chan receive", "select", "sync.Mutex.Lock", "IO wait", "GC worker (idle)", "sleep")


@dataclass(frozen=True)
class Seen:
    """One row: `main.main;main.work` (a `~` before what is inlined), what its goroutines did, and its weights."""

    stack: str
    state: str = "waiting"
    reason: str = "chan receive"
    wall: float = 1e6
    cpu: float = 0.0
    count: int = 1
    wait: float = 0.0
    created_by: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def frames(stack: str) -> list[Frame]:
    """Return the frames of a stack written as Seen's; a function's line is the length of its name."""
    return [
        Frame(name.lstrip("~"), f"/src/{len(name)}.go", len(name), inlined=name.startswith("~"))
        for name in stack.split(";") if name
    ]  # fmt: skip


class Stream:
    """Chunks of rows, one after the other."""

    def __init__(self) -> None:
        self.generation, self.sequence = 0, 0
        self.begin_generation()

    def begin_generation(self) -> None:
        self.generation += 1
        self._definitions = Definitions()
        self._locations: dict[tuple[int, ...], int] = {}
        self._nodes: dict[tuple[int, int], int] = {}
        self._groups: dict[Any, int] = {}
        self._told = (0, 0, 0)

    def chunk(self, *rows: Seen, series: Mapping[str, float] | None = None, events: Sequence[Any] = ()) -> Chunk:
        columns = [
            (self._node(frames(row.stack)), self._group(row), STATES.index(row.state), REASONS.index(row.reason),
             0, row.wall, row.cpu, row.count, row.wait)
            for row in rows
        ]  # fmt: skip
        names = ("node", "group", "state", "reason", "flags", "wall", "cpu", "count", "wait")
        packed = {
            name: array(kind, [row[i] for row in columns]).tobytes()
            for i, (name, kind) in enumerate(zip(names, "IIBBBddId", strict=True))
        }
        self.sequence += 1
        return Chunk(
            process="7-1",
            generation=self.generation,
            sequence=self.sequence,
            start=(self.sequence - 1) * STEP,
            end=self.sequence * STEP,
            rows=packed if rows else {},
            series=series or {},
            events=events,
            **self._news(),
        )

    def _news(self) -> dict[str, Any]:
        locations, nodes, groups = self._told
        self._told = len(self._locations), len(self._nodes), len(self._groups)
        new_locations, new_nodes = list(self._locations)[locations:], list(self._nodes)[nodes:]
        defined = self._definitions.take_frames()
        return {
            "groups": [
                {"created_by": created_by, "entry": -1, "labels": dict(labels), "system": False}
                for created_by, labels in list(self._groups)[groups:]
            ],
            "frames": defined,
            "strings": self._definitions.take_strings(),
            "locations": {
                "count": bytes(map(len, new_locations)),
                "frame": array("I", [frame for location in new_locations for frame in location]).tobytes(),
            } if new_locations else {},
            "nodes": {
                "parent": array("I", [parent for parent, _ in new_nodes]).tobytes(),
                "location": array("I", [location for _, location in new_nodes]).tobytes(),
            } if new_nodes else {},
        }  # fmt: skip

    def _node(self, stack: Sequence[Frame]) -> int:
        node, begin = 0, 0
        for end in range(1, len(stack) + 1):
            if end == len(stack) or not stack[end].inlined:
                numbers = tuple(self._definitions.frame(frame) for frame in stack[begin:end])
                location = self._locations.setdefault(numbers, len(self._locations))
                node = self._nodes.setdefault((node, location), len(self._nodes) + 1)
                begin = end
        return node

    def _group(self, row: Seen) -> int:
        created_by = self._definitions.frame(frames(row.created_by)[0]) if row.created_by else -1
        return self._groups.setdefault((created_by, tuple(sorted(row.labels.items()))), len(self._groups))


@dataclass(frozen=True)
class Fixed(Recording):
    """A recording of chunks in memory."""

    held: Sequence[Chunk] = ()

    def chunks(self) -> Iterator[Chunk]:
        yield from self.held


def recording(chunks: Sequence[Chunk], about: ProcessInfo | None = None, **choices: Any) -> Fixed:
    about = about or info(reasons=REASONS, name="orders", build_id="abc123")
    return Fixed(cast(Any, None), about, chunks[0].start, chunks[-1].end, held=chunks, **choices)


def small(**choices: Any) -> Fixed:
    """Two generations, five states, inlining, labels, a name that means markup, and a collection."""
    stream, chunks = Stream(), []
    for i in range(6):
        if i == 3:
            stream.begin_generation()
        rows = [
            Seen("main.main;main.serve;~main.inlined", "running", "", 150e6 + i, 120e6, 1),
            Seen("main.main;main.worker;runtime.gopark", wall=7 * 200e6, count=7, wait=9e9, created_by="main.start",
                 labels={"endpoint": "/orders", "state": "open"}),
            Seen("main.main;main.worker;runtime.gopark", reason="select", wall=0.3 * 200e6, created_by="main.start"),
            Seen('main.<b>&"x";y%3B%2e', reason="sync.Mutex.Lock", wall=12345.4, count=2),
            Seen("", "runnable", "", 50e6, 0, 1),
            Seen("runtime.gcBgMarkWorker", reason="GC worker (idle)", wall=200e6, created_by="runtime.gcStart"),
        ]  # fmt: skip
        series = {"goroutines.waiting": 10.0 + i, "heap.live": 1e6 * i, "runq.local": 2.0, "gc.phase": float(i == 2)}
        events = [{"kind": "gc", "at": i * STEP + 5, "cycle": 4, "pause": 60_000}] if i == 3 else []
        chunks.append(stream.chunk(*rows, series=series, events=events))
    return recording(chunks, **choices)
