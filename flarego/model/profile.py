"""A span of a stream, folded: its rows, what they refer to in words, and ways to keep some of them.

A fold is a Merger's chunk with names. Columns are unpacked here for whoever reads rows one by one: exports, summaries,
comparisons, the terminal.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from flarego.errors import FlareError
from flarego.model.chunk import Chunk, ProcessInfo
from flarego.model.frame import UNKNOWN, Frame
from flarego.model.merge import Merger, UndefinedReference

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


class Stacks:
    """What a generation has defined so far: frames, stacks and groups. Grows; numbers never change their meaning."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self._strings: list[str] = []
        self._frames: list[Frame] = []
        self._spans: list[tuple[Frame, ...]] = []
        self._parents = array("I", [0])
        self._locations = array("I", [0])
        self._depths = array("I", [0])

    def __len__(self) -> int:
        """Return how many stacks there are, the empty one included."""
        return len(self._parents)

    def frames(self, node: int) -> tuple[Frame, ...]:
        """Return the frames of a stack, outermost first."""
        spans = []
        while node:
            spans.append(self.own(node))
            node = self._parents[node]
        return tuple(chain.from_iterable(reversed(spans)))

    def own(self, node: int) -> tuple[Frame, ...]:
        """Return the frames that a stack adds to its parent's, outermost first."""
        return self._spans[self._locations[node]] if node else ()

    def parent(self, node: int) -> int:
        return self._parents[node]

    def define(self, chunk: Chunk) -> None:
        """Add what a chunk defines. Raises BadRows."""
        self._strings.extend(chunk.strings)
        self._frames.extend(self._read_frames(chunk.frames))
        self._spans.extend(self._read_spans(chunk.locations))
        self._add_nodes(_column(chunk.nodes, "parent"), _column(chunk.nodes, "location"))
        self.groups.extend(self._read_group(entry) for entry in chunk.groups)

    def _read_frames(self, table: Mapping[str, bytes]) -> Iterator[Frame]:
        functions, files = _column(table, "function"), _column(table, "file")
        if max([*functions, *files], default=-1) >= len(self._strings):
            raise BadRows("a frame refers to a name that is not defined")
        lines, flags = _column(table, "line"), table.get("flags", b"")
        for function, file, line, flag in zip(functions, files, lines, flags, strict=True):
            texts = self._strings[function], self._strings[file]
            yield Frame(*texts, line, bool(flag & _INLINED), bool(flag & _INTERNAL))

    def _read_spans(self, table: Mapping[str, bytes]) -> Iterator[tuple[Frame, ...]]:
        numbers, at = _column(table, "frame"), 0
        if max(numbers, default=-1) >= len(self._frames):
            raise BadRows("a location refers to a frame that is not defined")
        for count in table.get("count", b""):
            yield tuple(self._frames[number] for number in numbers[at : at + count])
            at += count

    def _add_nodes(self, parents: array[int], locations: array[int]) -> None:
        if max(locations, default=-1) >= len(self._spans):
            raise BadRows("a stack refers to a location that is not defined")
        for number, parent in enumerate(parents, len(self._parents)):
            if parent >= number:
                raise BadRows("a stack refers to a caller that is not defined yet")
            self._depths.append(self._depths[parent] + 1)
            if self._depths[-1] > _MAX_DEPTH:
                raise BadRows(f"a stack of more than {_MAX_DEPTH:,} calls")
        self._parents.extend(parents)
        self._locations.extend(locations)

    def _read_group(self, entry: Mapping[str, object]) -> Group:
        labels = entry.get("labels")
        return Group(
            self._frame(entry.get("created_by")),
            self._frame(entry.get("entry")),
            {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {},
            bool(entry.get("system")),
        )

    def _frame(self, number: object) -> Frame | None:
        if not isinstance(number, int) or number < 0:
            return None
        return self._frames[number] if number < len(self._frames) else UNKNOWN


class RowReader:
    """Reads columns of rows of one process, by the names it gave to states and reasons."""

    def __init__(self, info: ProcessInfo) -> None:
        self._states = [_name(info.states, number) or "other" for number in range(256)]
        self._reasons = [_name(info.reasons, number) for number in range(256)]

    def read(self, table: Mapping[str, bytes]) -> list[Row]:
        """Return the rows; what they refer to is not looked at."""
        if not table:
            return []
        columns = zip(
            _column(table, "node"),
            _column(table, "group"),
            map(self._states.__getitem__, table["state"]),
            map(self._reasons.__getitem__, table["reason"]),
            table["flags"],
            array("d", table["wall"]),
            array("d", table["cpu"]),
            _column(table, "count"),
            array("d", table["wait"]),
            strict=True,
        )
        return list(map(Row._make, columns))


class Reader:
    """Reads the chunks of one process in order, each into what it says alone: rows with names."""

    def __init__(self, info: ProcessInfo) -> None:
        self._info = info
        self._stacks = Stacks()
        self._generation = -1
        self._rows = RowReader(info)

    def read(self, chunk: Chunk) -> Profile:
        """Return the chunk's rows. A generation has to be read from its beginning. Raises BadRows."""
        if chunk.generation != self._generation:
            self._generation, self._stacks = chunk.generation, Stacks()
        self._stacks.define(chunk)
        groups, rows = self._stacks.groups, chunk.rows
        nodes, used = _column(rows, "node"), _column(rows, "group")
        if max(nodes, default=0) >= len(self._stacks) or max(used, default=-1) >= len(groups):
            raise BadRows("a row refers to a stack or a group that is not defined")
        return Profile(self._info, chunk.start, chunk.end, self._rows.read(rows), groups, self._stacks)


@dataclass(frozen=True)
class Profile:
    """What was seen of one process in [start, end), ns since its epoch."""

    process: ProcessInfo
    start: int
    end: int
    rows: Sequence[Row]
    groups: Sequence[Group]
    stacks: Stacks

    @classmethod
    def fold(cls, info: ProcessInfo, chunks: Iterable[Chunk]) -> Profile:
        """Return the sum of chunks, in order and of any generations, each with the definitions it needs before it.

        Raises BadRows; ValueError when there is no chunk at all.
        """
        merger = Merger()
        chunk = None
        try:
            for chunk in chunks:
                merger.add(chunk)
        except UndefinedReference as e:
            raise BadRows(str(e)) from None
        if chunk is None:
            raise ValueError("nothing to fold")
        return cls.read(info, merger.chunk())

    @classmethod
    def read(cls, info: ProcessInfo, chunk: Chunk) -> Profile:
        """Return the meaning of one chunk that brings all its definitions: a summary, an overview. Raises BadRows."""
        return Reader(info).read(chunk)

    @property
    def span(self) -> int:
        """Length, ns; at least 1, to divide by."""
        return max(self.end - self.start, 1)

    def stack(self, node: int) -> tuple[Frame, ...]:
        """Return the frames of a stack, outermost first."""
        return self.stacks.frames(node)

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
    expression = re.compile("|".join(map(expression_of, patterns)), re.IGNORECASE | re.DOTALL)
    return lambda text: expression.search(text) is not None


def expression_of(pattern: str) -> str:
    """Return the regular expression of a pattern. Symbol names hold brackets, so those are themselves.

    What follows each `*` is looked for once and never again: no pattern takes long, whatever the text.
    """
    if not set(pattern) & {"*", "?"}:
        return re.escape(pattern)
    first, *parts = ("".join("." if char == "?" else re.escape(char) for char in part) for part in pattern.split("*"))
    if not parts:
        return rf"\A{first}\Z"
    between = "".join(f"(?>.*?{part})" for part in parts[:-1] if part)
    return rf"\A{first}{between}.*{parts[-1]}\Z"


def _column(table: Mapping[str, bytes], name: str) -> array[int]:
    return array("I", table.get(name, b""))


def _name(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else ""
