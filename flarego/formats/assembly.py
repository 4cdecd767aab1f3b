"""What an importer found, put together as the messages of a clip."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

from flarego.formats.source import BadFile, clean
from flarego.model.chunk import STATES, Chunk, Message, ProcessInfo
from flarego.model.definitions import Definitions
from flarego.model.frame import Frame

INSTANT_NS = 1_000_000_000
"""How long a snapshot is shown for, so that its goroutines read as goroutine-seconds."""
MAX_DEPTH = 1024
MAX_NAME = 8192
"""Characters of a function, file or label; what is longer is cut."""
MAX_BYTES = 48 << 20
"""Of one chunk; a clip's records hold 64 MB."""
MAX_FRAMES = 200_000_000
"""Of all stacks added, one after the other: half a minute's work."""
_MAX_INLINED = 255
_MAX_REASONS = 255
_ELIDED = Frame("… frames left out …", "", 0)
_FRAME, _LOCATION, _NODE, _ROW, _GROUP = 13, 5, 8, 43, 64
"""Bytes that one more of each costs."""


Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a goroutine has in common with its like."""

    created_by: Frame | None = None
    entry: Frame | None = None
    labels: Labels = ()
    system: bool = False

    def labelled(self, labels: Labels) -> Origin:
        """Return the same with more labels; where one is there already, it stays."""
        if not labels:
            return self
        return replace(self, labels=tuple(sorted((dict(labels) | dict(self.labels)).items())))


@dataclass(slots=True)
class _Weights:
    wall: float = 0.0
    cpu: float = 0.0
    count: int = 0
    wait: float = 0.0


@dataclass(slots=True)
class Budget:
    """What assemblies may still take; several of them may share one."""

    bytes: int = MAX_BYTES
    """Of definitions and rows."""
    frames: int = MAX_FRAMES
    """Of all stacks that are added, one after the other."""


@dataclass
class Assembly:
    """Adds up stacks by what they mean: stack, origin, state and wait reason."""

    budget: Budget = field(default_factory=lambda: Budget())
    max_weight: float = math.inf
    """Of one row, ns."""
    reasons: dict[str, int] = field(default_factory=lambda: {"": 0})
    """Wait reasons, and their numbers in rows."""
    _definitions: Definitions = field(default_factory=Definitions)
    _groups: dict[Origin, int] = field(default_factory=dict)
    _locations: dict[tuple[int, ...], int] = field(default_factory=dict)
    _nodes: dict[tuple[int, int], int] = field(default_factory=dict)
    _rows: dict[tuple[int, int, int, int], _Weights] = field(default_factory=dict)
    _frames: dict[Frame, int] = field(default_factory=dict)
    _bytes: int = 0
    _told: tuple[int, int, int] = (0, 0, 0)
    """How many locations, nodes and groups are in chunks that were taken."""

    @property
    def size(self) -> int:
        """About how many bytes all definitions and rows so far are."""
        return self._bytes

    def location(self, *frames: Frame) -> int:
        """Return the number of a frame, or of a frame and what was inlined into it, outermost first. Raises BadFile."""
        numbers = tuple(map(self._frame, frames[:_MAX_INLINED]))
        found = self._locations.get(numbers)
        if found is None:
            self._spend(_LOCATION + 4 * len(numbers))
            found = self._locations[numbers] = len(self._locations)
        return found

    def add(
        self,
        stack: Sequence[int],
        *,
        state: str = "other",
        reason: str = "",
        origin: Origin | None = None,
        wall: float = 0.0,
        cpu: float = 0.0,
        count: int = 0,
        wait: float = 0.0,
    ) -> None:
        """Add weights to a stack of locations, outermost first: ns, on-CPU ns, goroutines; the longest wait, ns.

        The middle of a very deep stack is left out. Raises BadFile.
        """
        key = (self._node_of(stack), self._group(origin or Origin()), _STATES[state], self._reason(reason))
        self._weigh(key, wall, cpu, count, wait)

    def _weigh(self, key: tuple[int, int, int, int], wall: float, cpu: float, count: int, wait: float) -> None:
        weights = self._rows.get(key)
        if weights is None:
            self._spend(_ROW)
            weights = self._rows[key] = _Weights()
        weights.wall += wall
        weights.cpu += cpu
        if weights.wall > self.max_weight or weights.cpu > self.max_weight:
            raise BadFile("a profile of more time than there is")
        weights.count = min(weights.count + count, (1 << 32) - 1)
        weights.wait = max(weights.wait, wait)

    def join(self, other: Assembly, *, labels: Labels = (), time: bool = True) -> None:
        """Add what another one has added up, with labels that all of it is given; without its wall time if not `time`.

        Costs what is different in it, not what was added. Raises BadFile; then part of it may have been added.
        """
        frames = {number: frame for frame, number in other._frames.items()}
        locations = [self.location(*(frames[number] for number in numbers)) for numbers in other._locations]
        nodes = [0]
        nodes.extend(self._node(nodes[parent], locations[location]) for parent, location in other._nodes)
        groups = [self._group(origin.labelled(labels)) for origin in other._groups]
        reasons = [self._reason(reason) for reason in other.reasons]
        for (node, group, state, reason), weights in other._rows.items():
            wall = weights.wall if time else 0.0
            if wall or weights.cpu or weights.count:
                self._weigh((nodes[node], groups[group], state, reasons[reason]),
                            wall, weights.cpu, weights.count, weights.wait)  # fmt: skip

    def messages(self, about: About) -> list[Message]:
        """Return a process message and the one chunk with everything."""
        process = f"0-{about.epoch}"
        return [self._info(about, process), self.take(process, generation=1, sequence=1, start=0, end=about.span)]

    def _spend(self, size: int) -> None:
        self._bytes += size
        self.budget.bytes -= size
        if self.budget.bytes < 0:
            raise BadFile("more different stacks than flarego takes at once")

    def _node_of(self, stack: Sequence[int]) -> int:
        self.budget.frames -= len(stack) + 1
        if self.budget.frames < 0:
            raise BadFile("more frames to add up than flarego takes at once")
        if len(stack) > MAX_DEPTH:
            half = MAX_DEPTH // 2
            stack = (*stack[:half], self.location(_ELIDED), *stack[-half:])
        node = 0
        for location in stack:
            node = self._node(node, location)
        return node

    def _node(self, parent: int, location: int) -> int:
        found = self._nodes.get((parent, location))
        if found is None:
            self._spend(_NODE)
            found = self._nodes[parent, location] = len(self._nodes) + 1
        return found

    def _frame(self, frame: Frame) -> int:
        found = self._frames.get(frame)
        if found is None:
            self._spend(_FRAME + 2 * len(frame.function) + 2 * len(frame.file))
            kept = Frame(_name(frame.function), _name(frame.file), min(max(frame.line, 0), (1 << 32) - 1),
                         frame.inlined, frame.internal)  # fmt: skip
            found = self._frames[frame] = self._definitions.frame(kept)
        return found

    def _group(self, origin: Origin) -> int:
        found = self._groups.get(origin)
        if found is None:
            self._spend(_GROUP + sum(2 * len(key) + 2 * len(value) for key, value in origin.labels))
            found = self._groups[origin] = len(self._groups)
        return found

    def _reason(self, reason: str) -> int:
        found = self.reasons.get(reason)
        if found is None:
            if len(self.reasons) > _MAX_REASONS:
                return 0
            found = self.reasons.setdefault(_name(reason), len(self.reasons))
        return found

    def _info(self, about: About, process: str) -> ProcessInfo:
        return ProcessInfo(
            process=process,
            pid=0,
            name=_name(about.name),
            command=_name(about.command),
            host="",
            runtime="go",
            runtime_version="",
            module="",
            build_id=about.build_id,
            task="goroutine",
            reasons=tuple(self.reasons),
            engine="import",
            engine_why=f"imported from {about.format}",
            epoch=about.epoch,
            budget=0.0,
        )

    def take(
        self,
        process: str,
        *,
        generation: int,
        sequence: int,
        start: int,
        end: int,
        series: Mapping[str, float] | None = None,
    ) -> Chunk:
        """Return a chunk with the rows, and the definitions that are new since the chunk before; rows begin at 0 again.

        Numbers of definitions are those of one generation: begin another one with another assembly. `series` are added
        to the counts of goroutines.
        """
        first_location, first_node, first_group = self._told
        groups = [self._describe(origin) for origin in islice(self._groups, first_group, None)]
        spans = list(islice(self._locations, first_location, None))
        locations = {
            "count": bytes(map(len, spans)),
            "frame": array("I", [frame for frames in spans for frame in frames]).tobytes(),
        }
        self._told = len(self._locations), len(self._nodes), len(self._groups)
        frames = self._definitions.take_frames()
        chunk = Chunk(
            process=process,
            generation=generation,
            sequence=sequence,
            start=start,
            end=end,
            strings=self._definitions.take_strings(),
            frames=frames,
            locations=locations if spans else {},
            nodes=_columns(("parent", "location"), "II", islice(self._nodes, first_node, None)),
            groups=groups,
            rows=self._row_columns(),
            series={**self._series(), **(series or {})},
        )
        self._rows = {}
        return chunk

    def _describe(self, origin: Origin) -> Mapping[str, Any]:
        return {
            "created_by": -1 if origin.created_by is None else self._frame(origin.created_by),
            "entry": -1 if origin.entry is None else self._frame(origin.entry),
            "labels": {_name(key): _name(value) for key, value in origin.labels},
            "system": origin.system,
        }

    def _row_columns(self) -> Mapping[str, bytes]:
        rows = [(*key, 0, w.wall, w.cpu, w.count, w.wait) for key, w in self._rows.items()]
        names = ("node", "group", "state", "reason", "flags", "wall", "cpu", "count", "wait")
        return _columns(names, "IIBBBddId", rows)

    def _series(self) -> Mapping[str, float]:
        counts = dict.fromkeys(STATES, 0)
        for (_, _, state, _), weights in self._rows.items():
            counts[STATES[state]] += weights.count
        return {f"goroutines.{state}": float(n) for state, n in counts.items()} if any(counts.values()) else {}


Kind = Literal["wall", "tasks", "cpu", "delay"]
"""Everything a program did; its goroutines or threads at an instant; time on CPU only; time of waiting only."""


@dataclass(frozen=True, slots=True)
class About:
    """What there is to say of an imported file."""

    format: str
    name: str
    span: int
    """Length, ns."""
    epoch: int = 0
    """Unix ns of its beginning; 0 when the file does not say."""
    command: str = ""
    build_id: str = ""
    kind: Kind = "wall"
    """What its time is the time of."""


_STATES = {state: i for i, state in enumerate(STATES)}


def _columns(names: Sequence[str], kinds: str, entries: Any) -> Mapping[str, bytes]:
    """Return the columns of a table given by rows; {} when there are none."""
    rows = list(entries)
    if not rows:
        return {}
    # A column at a time, in Python: zip(*rows) would keep other threads waiting for as long as it takes.
    columns = ([row[i] for row in rows] for i in range(len(names)))
    return {name: array(kind, column).tobytes() for name, kind, column in zip(names, kinds, columns, strict=True)}


def _name(name: str) -> str:
    return clean(name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…")
