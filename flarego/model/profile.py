"""A span of a stream, folded: its rows, what they refer to in words, and ways to keep some of them.

A fold is a Merger's chunk with names: columns are unpacked here, once, for whoever reads rows one by one (exports,
summaries, comparisons); what draws pictures live does without.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from flarego.errors import FlareError
from flarego.model.chunk import Chunk, ProcessInfo
from flarego.model.frame import UNKNOWN, Frame

STALE, THREAD = 1, 2
"""Flags of a row: the stack is the last one known; a runtime thread without a goroutine."""
_INLINED, _INTERNAL = 1, 2
_MAX_DEPTH = 1 << 14
"""Calls; the sampler leaves frames out long before, and what other tools recorded is rarely as deep as 1,000."""


class BadRows(FlareError):
    """Rows or definitions that refer to what nobody defined."""

    exit_code = 8
    usual_remedy = "the recording is damaged, or another program made it; record again"


class Row(NamedTuple):
    """Goroutines of one group that were in one place, doing one thing."""

    node: int
    group: int
    state: str
    reason: str
    flags: int
    wall: float
    """Goroutine-ns."""
    cpu: float
    """On-CPU ns."""
    count: int  # type: ignore[assignment]  # the field's name everywhere; nobody looks for one in a row
    """Goroutines that were there at the end of the span."""
    wait: float
    """The longest that any of them had been there, ns."""


@dataclass(frozen=True, slots=True)
class Group:
    """What goroutines share: where they were made, where they began, their labels."""

    created_by: Frame | None
    entry: Frame | None
    labels: Mapping[str, str]
    system: bool
    """The runtime's own."""

    def texts(self) -> Iterable[str]:
        """Yield what a pattern is looked for in: functions, and labels as `key=value`."""
        yield from (frame.function for frame in (self.created_by, self.entry) if frame)
        yield from (f"{key}={value}" for key, value in self.labels.items())


class _Stacks:
    """Stack nodes and the frames they stand for."""

    def __init__(self, chunk: Chunk, frames: Sequence[Frame]) -> None:
        self.parents = _column(chunk.nodes, "parent")
        self._locations = _column(chunk.nodes, "location")
        self._spans = _spans(chunk.locations, frames)
        if any(location >= len(self._spans) for location in self._locations):
            raise BadRows("a stack refers to a location that is not defined")
        if any(parent > child for child, parent in enumerate(self.parents)):
            raise BadRows("a stack refers to a caller that is not defined yet")
        depths = [0]
        for parent in self.parents:
            depths.append(depths[parent] + 1)
        if max(depths) > _MAX_DEPTH:
            raise BadRows(f"a stack of more than {_MAX_DEPTH:,} calls")

    def __len__(self) -> int:
        """Return how many nodes there are, the empty stack included."""
        return len(self.parents) + 1

    def own(self, node: int) -> tuple[Frame, ...]:
        """Return the frames that a node adds to its parent's, outermost first."""
        return self._spans[self._locations[node - 1]] if node else ()

    def frames(self, node: int) -> tuple[Frame, ...]:
        spans = []
        while node:
            spans.append(self.own(node))
            node = self.parents[node - 1]
        return tuple(chain.from_iterable(reversed(spans)))


@dataclass(frozen=True)
class Profile:
    """What was seen of one process in [start, end), ns since its epoch."""

    process: ProcessInfo
    start: int
    end: int
    rows: Sequence[Row]
    groups: Sequence[Group]
    _stacks: _Stacks

    @classmethod
    def fold(cls, info: ProcessInfo, chunks: Iterable[Chunk]) -> Profile:
        """Return the sum of chunks, in order and of any generations, each with the definitions it needs before it.

        Raises BadRows; ValueError when there is no chunk at all.
        """
        from flarego.model.merge import Merger

        merger = Merger()
        empty = True
        for chunk in chunks:
            merger.add(chunk)
            empty = False
        if empty:
            raise ValueError("nothing to fold")
        return cls.read(info, merger.chunk())

    @classmethod
    def read(cls, info: ProcessInfo, chunk: Chunk) -> Profile:
        """Return the meaning of one chunk that brings all its definitions: a summary, an overview. Raises BadRows."""
        frames = _frames(chunk)
        groups = [_group(entry, frames) for entry in chunk.groups]
        stacks = _Stacks(chunk, frames)
        return cls(info, chunk.start, chunk.end, _rows(chunk, info, len(stacks), len(groups)), groups, stacks)

    @property
    def span(self) -> int:
        """Length, ns; at least 1, to divide by."""
        return max(self.end - self.start, 1)

    def stack(self, node: int) -> tuple[Frame, ...]:
        """Return the frames of a stack, outermost first."""
        return self._stacks.frames(node)

    def only(
        self,
        states: Sequence[str] = (),
        reasons: Sequence[str] = (),
        groups: Sequence[str] = (),
        system: bool | None = None,
    ) -> Profile:
        """Return the profile of the rows in any of the states, for any of the reasons, of any of the groups.

        Nothing given lets everything pass. A pattern is a part of a function that created goroutines or that they
        began with, or of a label written key=value; with `*` or `?` in it, the whole of one. Upper and lower case
        are alike. system: only the runtime's own goroutines and threads, or only the others.
        """
        matches = _matcher(groups)
        kept = [
            any(map(matches, group.texts())) and (system is None or group.system == system)
            if groups
            else system is None or group.system == system
            for group in self.groups
        ]
        rows = [
            row
            for row in self.rows
            if kept[row.group]
            and (not states or row.state in states)
            and (not reasons or row.reason in reasons)
            and not (system is False and row.flags & THREAD)
        ]
        return replace(self, rows=rows)


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    expression = re.compile("|".join(map(_expression, patterns)), re.IGNORECASE | re.DOTALL)
    return lambda text: expression.search(text) is not None


def _expression(pattern: str) -> str:
    """Return the regular expression of a pattern. Symbol names hold brackets, so those are themselves."""
    if not set(pattern) & {"*", "?"}:
        return re.escape(pattern)
    parts = {"*": ".*", "?": "."}
    return rf"\A{''.join(parts.get(char) or re.escape(char) for char in pattern)}\Z"


def _column(table: Mapping[str, bytes], name: str) -> array[int]:
    return array("I", table.get(name, b""))


def _frames(chunk: Chunk) -> Sequence[Frame]:
    strings, table = chunk.strings, chunk.frames
    functions, files = _column(table, "function"), _column(table, "file")
    if max([*functions, *files], default=-1) >= len(strings):
        raise BadRows("a frame refers to a name that is not defined")
    return [
        Frame(strings[function], strings[file], line, bool(flags & _INLINED), bool(flags & _INTERNAL))
        for function, file, line, flags in zip(
            functions, files, _column(table, "line"), table.get("flags", b""), strict=True
        )
    ]


def _spans(locations: Mapping[str, bytes], frames: Sequence[Frame]) -> Sequence[tuple[Frame, ...]]:
    numbers = _column(locations, "frame")
    if max(numbers, default=-1) >= len(frames):
        raise BadRows("a location refers to a frame that is not defined")
    spans, at = [], 0
    for count in locations.get("count", b""):
        spans.append(tuple(frames[number] for number in numbers[at : at + count]))
        at += count
    return spans


def _group(entry: Mapping[str, object], frames: Sequence[Frame]) -> Group:
    labels = entry.get("labels")
    return Group(
        _frame(entry.get("created_by"), frames),
        _frame(entry.get("entry"), frames),
        {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
        bool(entry.get("system")),
    )


def _frame(number: object, frames: Sequence[Frame]) -> Frame | None:
    if not isinstance(number, int) or number < 0:
        return None
    return frames[number] if number < len(frames) else UNKNOWN


def _rows(chunk: Chunk, info: ProcessInfo, n_nodes: int, n_groups: int) -> Sequence[Row]:
    table = chunk.rows
    if not table:
        return []
    nodes, groups = _column(table, "node"), _column(table, "group")
    if max(nodes, default=0) >= n_nodes or max(groups, default=-1) >= n_groups:
        raise BadRows("a row refers to a stack or a group that is not defined")
    states = [_name(info.states, number) or "other" for number in range(256)]
    reasons = [_name(info.reasons, number) for number in range(256)]
    columns = zip(
        nodes,
        groups,
        map(states.__getitem__, table["state"]),
        map(reasons.__getitem__, table["reason"]),
        table["flags"],
        array("d", table["wall"]),
        array("d", table["cpu"]),
        _column(table, "count"),
        array("d", table["wait"]),
        strict=True,
    )
    return list(map(Row._make, columns))


def _name(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else ""
