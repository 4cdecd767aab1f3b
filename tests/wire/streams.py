"""Streams for tests: a source of random chunks that knows what they mean, and a strict reader that finds it out."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flarego.model.chunk import Chunk, Gap, Gone, ProcessInfo
from flarego.wire.codec import decode

INTERVAL_NS = 200_000_000

INFO = ProcessInfo(
    process="17-4711",
    pid=17,
    name="orders",
    command="orders -addr :8080",
    host="here",
    runtime="go",
    runtime_version="go1.27.3",
    module="example.com/orders",
    build_id="",
    task="goroutine",
    reasons=("", "chan receive", "select"),
    engine="perf",
    engine_why="",
    epoch=1_700_000_000_000_000_000,
    budget=0.01,
    namespace="default",
)

Meaning = list[tuple[tuple[tuple[str, ...], ...], str, float]]
"""Of each row: the stack (locations of function names), what is special about the group, wall time."""


def pack(kind: str, values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}{kind}", *values)


def unpack(kind: str, column: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(column) // struct.calcsize(kind)}{kind}", column)


@dataclass
class Source:
    """Random chunks; `meanings` says what the rows of each one mean, by sequence."""

    seed: int = 0
    sequence: int = 0
    generation: int = 0
    meanings: dict[int, Meaning] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._reset()

    def _reset(self) -> None:
        self._strings: list[str] = []
        self._frames: list[int] = []
        self._locations: list[list[int]] = []
        self._nodes: list[tuple[int, int]] = []
        self._groups: list[str] = []

    def begin_generation(self) -> None:
        self.generation += 1
        self._reset()

    def chunk(self, rows: int = 3, filling: int = 0, news: int = 3) -> Chunk:
        """Return the next chunk, with up to `news` new definitions of each kind; `filling` makes it so much larger."""
        new = self._define(news)
        picked = [(self._random.randrange(len(self._nodes) + 1), self._random.randrange(len(self._groups)))
                  for _ in range(rows)]
        walls = [self._random.random() for _ in picked]
        self.meanings[self.sequence] = [
            (self._stack(node), self._groups[group], wall)
            for (node, group), wall in zip(picked, walls, strict=True)
        ]
        none = bytes(rows)
        chunk = Chunk(
            INFO.process,
            self.generation,
            self.sequence,
            self.sequence * INTERVAL_NS,
            (self.sequence + 1) * INTERVAL_NS,
            **new,
            rows={
                "node": pack("I", [node for node, _ in picked]),
                "group": pack("I", [group for _, group in picked]),
                "state": none,
                "reason": none,
                "flags": none,
                "wall": pack("d", walls),
                "cpu": none * 8,
                "count": none * 4,
                "wait": none * 8,
            },
            events=[{"kind": "note", "at": 0, "text": "x" * filling}] if filling else (),
        )
        self.sequence += 1
        return chunk

    def _define(self, news: int) -> dict[str, object]:
        pick, first = self._random.randrange, not self._strings
        strings = [""] * first + [f"f{self.generation}.{len(self._strings) + i}" for i in range(first + pick(news + 1))]
        self._strings += strings
        frames = [pick(len(self._strings)) for _ in range(first + pick(news + 1))]
        self._frames += frames
        locations = [[pick(len(self._frames)) for _ in range(1 + pick(3))] for _ in range(first + pick(news + 1))]
        self._locations += locations
        nodes = []
        for _ in range(first + pick(news + 1)):
            nodes.append((pick(len(self._nodes) + 1), pick(len(self._locations))))
            self._nodes.append(nodes[-1])
        groups = [f"g{len(self._groups) + i}" for i in range(first + pick(2))]
        self._groups += groups
        return {
            "strings": strings,
            "frames": _or_nothing(frames, {
                "function": pack("I", frames),
                "file": bytes(4 * len(frames)),
                "line": bytes(4 * len(frames)),
                "flags": bytes(len(frames)),
            }),
            "locations": _or_nothing(locations, {
                "count": bytes(len(frames) for frames in locations),
                "frame": pack("I", [frame for frames in locations for frame in frames]),
            }),
            "nodes": _or_nothing(nodes, {
                "parent": pack("I", [parent for parent, _ in nodes]),
                "location": pack("I", [location for _, location in nodes]),
            }),
            "groups": [{"created_by": -1, "entry": 0, "labels": {"id": g}, "system": False} for g in groups],
        }  # fmt: skip

    def _stack(self, node: int) -> tuple[tuple[str, ...], ...]:
        stack = []
        while node:
            node, location = self._nodes[node - 1]
            stack.append(tuple(self._strings[self._frames[frame]] for frame in self._locations[location]))
        return tuple(stack)


def _or_nothing(entries: Sequence[object], columns: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return columns if entries else {}


@dataclass
class Reader:
    """Reads one subscriber's stream; fails where it cannot be understood, or a chunk is missing without a word."""

    info: ProcessInfo | None = None
    gone: Gone | None = None
    gaps: list[Gap] = field(default_factory=list)
    meanings: dict[int, Meaning] = field(default_factory=dict)
    expected: int = -1
    generation: int = -1

    def feed(self, data: bytes) -> None:
        message = decode(data)
        assert message is not None
        assert self.gone is None, "nothing follows gone"
        match message:
            case ProcessInfo():
                self.info = message
            case Gone():
                self.gone = message
            case Gap():
                assert self.expected in (-1, message.first)
                assert message.last >= message.first
                self.expected = message.last + 1
                self.gaps.append(message)
            case Chunk():
                self._read(message)

    @property
    def missed(self) -> int:
        return sum(gap.last - gap.first + 1 for gap in self.gaps)

    def _read(self, chunk: Chunk) -> None:
        assert self.info is not None
        assert self.expected in (-1, chunk.sequence)
        self.expected = chunk.sequence + 1
        if chunk.generation != self.generation:
            assert chunk.strings[0] == "", "a generation begins with its first definitions"
            self.generation = chunk.generation
            self._strings: list[str] = []
            self._frames: list[str] = []
            self._locations: list[tuple[str, ...]] = []
            self._stacks: list[tuple[tuple[str, ...], ...]] = [()]
            self._groups: list[str] = []
        self._define(chunk)
        rows = chunk.rows
        self.meanings[chunk.sequence] = [
            (self._stacks[node], self._groups[group], wall)
            for node, group, wall in zip(
                unpack("I", rows["node"]), unpack("I", rows["group"]), unpack("d", rows["wall"]), strict=True
            )
        ] if rows else []  # fmt: skip

    def _define(self, chunk: Chunk) -> None:
        self._strings += chunk.strings
        if chunk.frames:
            self._frames += [self._strings[function] for function in unpack("I", chunk.frames["function"])]
        if chunk.locations:
            frames = iter(unpack("I", chunk.locations["frame"]))
            self._locations += [
                tuple(self._frames[next(frames)] for _ in range(count)) for count in chunk.locations["count"]
            ]
        if chunk.nodes:
            for parent, location in zip(
                unpack("I", chunk.nodes["parent"]), unpack("I", chunk.nodes["location"]), strict=True
            ):
                self._stacks.append((self._locations[location], *self._stacks[parent]))
        self._groups += [group["labels"]["id"] for group in chunk.groups]
