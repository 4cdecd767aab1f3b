"""Programs nobody has to run: streams of chunks that look like a service's, of as many stacks as wanted."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wire.streams import INFO as _INFO

from flarego.model.chunk import STATES, Chunk, ProcessInfo
from flarego.model.definitions import Definitions
from flarego.model.frame import Frame

PERIOD_NS = 200_000_000
REASONS = ("", "chan receive", "select", "sync.Mutex.Lock", "IO wait", "sleep")
INFO = replace(_INFO, reasons=REASONS, process="4121-17", labels={"app": "orders"})
RUNNING, WAITING = STATES.index("running"), STATES.index("waiting")


@dataclass(frozen=True)
class Kind:
    """Goroutines of one stack, group and state."""

    stack: tuple[Frame, ...]
    group: int
    state: int
    reason: int
    flags: int = 0


@dataclass
class Program:
    """Chunks of one process, one after the other; a generation every `generation` chunks."""

    stacks: int = 50
    depth: int = 14
    groups: int = 12
    seed: int = 1
    generation: int = 150
    info: ProcessInfo = INFO
    sequence: int = 0
    churn: int = 0
    """Stacks that are new in every generation, instead of old ones."""
    kinds: list[Kind] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._functions = [
            Frame(f"example.com/p{i % 17}.(*T{i % 5}).f{i}", f"/src/p{i % 17}/f.go", 10 + i, i % 11 == 3, i % 13 == 0)
            for i in range(40 + self.stacks // 4)
        ]
        self.kinds = [self._kind() for _ in range(self.stacks)]
        self._number = -1

    def _kind(self) -> Kind:
        pick = self._random
        if self.kinds and pick.random() < 0.7:  # most stacks share their beginning with others
            stem = pick.choice(self.kinds).stack
            stem = stem[: pick.randrange(1, len(stem) + 1)]
        else:
            stem = ()
        more = pick.randrange(1, max(self.depth - len(stem), 1) + 1)
        stack = (*stem, *(pick.choice(self._functions) for _ in range(more)))
        state = WAITING if pick.random() < 0.8 else pick.randrange(len(STATES))
        return Kind(stack, pick.randrange(self.groups), state, pick.randrange(1, 6) if state == WAITING else 0)

    def chunks(self, count: int) -> Iterator[Chunk]:
        for _ in range(count):
            yield self.chunk()

    def chunk(self, share: float = 1.0) -> Chunk:
        """Return the next chunk, with that share of the kinds in it."""
        new = self._begin() if self.sequence % self.generation == 0 else {}
        start = self.sequence * PERIOD_NS
        chunk = Chunk(
            self.info.process,
            self._number,
            self.sequence,
            start,
            start + PERIOD_NS,
            rows=self._rows(share),
            series=self._series(),
            events=self._events(start),
            **new,
        )
        self.sequence += 1
        return chunk

    def _begin(self) -> Mapping[str, Any]:
        self._number += 1
        for _ in range(self.churn if self._number else 0):
            self.kinds[self._random.randrange(len(self.kinds))] = self._kind()
        names = Definitions()
        groups = [
            {
                "created_by": names.frame(self._functions[i]) if i else -1,
                "entry": names.frame(self._functions[i + 1]),
                "labels": {"tenant": "blue" if i % 2 else "red"} if i % 3 else {},
                "system": i == self.groups - 1,
            }
            for i in range(self.groups)
        ]
        spans: dict[tuple[Frame, ...], int] = {}
        nodes: dict[tuple[int, int], int] = {}
        self._nodes = array("I", (self._node(kind.stack, spans, nodes) for kind in self.kinds))
        locations = names.locations(spans)
        frames = names.take_frames()
        columns = {
            "parent": array("I", (parent for parent, _ in nodes)).tobytes(),
            "location": array("I", (location for _, location in nodes)).tobytes(),
        }
        self._columns = {
            "node": self._nodes.tobytes(),
            "group": array("I", (kind.group for kind in self.kinds)).tobytes(),
            "state": bytes(kind.state for kind in self.kinds),
            "reason": bytes(kind.reason for kind in self.kinds),
            "flags": bytes(kind.flags for kind in self.kinds),
        }
        return {
            "strings": names.take_strings(),
            "frames": frames,
            "locations": locations,
            "nodes": columns,
            "groups": groups,
        }

    def _node(
        self, stack: Sequence[Frame], spans: dict[tuple[Frame, ...], int], nodes: dict[tuple[int, int], int]
    ) -> int:
        """A frame is a location of its own, with those after it that were inlined."""
        node, at = 0, 0
        while at < len(stack):
            end = at + 1
            while end < len(stack) and stack[end].inlined:
                end += 1
            location = spans.setdefault(tuple(stack[at:end]), len(spans))
            node = nodes.setdefault((node, location), len(nodes) + 1)
            at = end
        return node

    def _rows(self, share: float) -> Mapping[str, bytes]:
        n, pick = len(self.kinds), self._random
        weights = array("d", (float(x) for x in pick.choices(range(0, 5 * PERIOD_NS, 1000), k=n)))
        rows = {
            **self._columns,
            "wall": weights.tobytes(),
            "cpu": array("d", pick.choices((0.0, 0.0, 0.0, 1e6, 3e6), k=n)).tobytes(),
            "count": array("I", pick.choices(range(6), k=n)).tobytes(),
            "wait": array("d", pick.choices((0.0, 2e6, 4e9, 7e9), k=n)).tobytes(),
        }
        if share >= 1:
            return rows
        kept = sorted(pick.sample(range(n), int(share * n)))
        return _choose(rows, kept)

    def _series(self) -> Mapping[str, float]:
        live = 2e7 + 1e5 * (self.sequence % 40)
        names = {f"goroutines.{state}": 10.0 * i + self.sequence % 7 for i, state in enumerate(STATES)}
        return {**names, "heap.live": live, "goroutines.created": 5.0 * self.sequence, "sched.latency.p99": 2e5}

    def _events(self, start: int) -> Sequence[Mapping[str, Any]]:
        if self.sequence % 10:
            return ()
        return ({"kind": "gc", "at": start + 5000, "cycle": self.sequence // 10, "pause": 40_000},)


def _choose(rows: Mapping[str, bytes], kept: Sequence[int]) -> Mapping[str, bytes]:
    widths = {"node": 4, "group": 4, "wall": 8, "cpu": 8, "count": 4, "wait": 8}
    return {
        name: b"".join(column[i * w : (i + 1) * w] for i in kept)
        for name, column in rows.items()
        for w in (widths.get(name, 1),)
    } if kept else {}  # fmt: skip
