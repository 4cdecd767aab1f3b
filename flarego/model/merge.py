"""Many chunks into one that explains itself: a generation's summary, a clip's overview, a window to print.

Rows are added up in columns, keyed by what they are rows of; definitions are interned once over all generations.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flarego.model.chunk import Chunk
from flarego.model.members import join_members

MAX_EVENTS = 10_000
_Key = tuple[int, int, int, int, int]
"""(node, group, state, reason, flags)"""


def join_definitions(chunks: Sequence[Chunk]) -> Chunk:
    """Return the last chunk, with the definitions and members that all of them add. They must be of one generation."""
    return replace(
        chunks[-1],
        strings=[text for chunk in chunks for text in chunk.strings],
        frames=_join_columns([chunk.frames for chunk in chunks]),
        locations=_join_columns([chunk.locations for chunk in chunks]),
        nodes=_join_columns([chunk.nodes for chunk in chunks]),
        groups=[group for chunk in chunks for group in chunk.groups],
        members=join_members(chunk.members for chunk in chunks),
    )


def within(chunks: Iterable[Chunk], start: int | None, end: int | None) -> Iterator[Chunk]:
    """Yield the chunks that touch [start, end), each generation's first with the definitions of those left out."""
    before: list[Chunk] = []
    for chunk in chunks:
        if chunk.strings[:1] == [""]:
            before = []
        if end is not None and chunk.start >= end:
            return
        if start is not None and chunk.end <= start:
            before.append(chunk)
            continue
        yield join_definitions([*before, chunk]) if before else chunk
        before = []


def _join_columns(tables: Sequence[Mapping[str, bytes]]) -> Mapping[str, bytes]:
    present = [table for table in tables if table]
    return {name: b"".join(table[name] for table in present) for name in present[0]} if present else {}


class UndefinedReference(ValueError):
    """A chunk refers to what its generation has not defined."""


class _Generation:
    """What the numbers of one generation stand for in the merger's own numbering."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.strings: list[str] = []
        self.frames: list[int] = []
        self.locations: list[int] = []
        self.nodes: list[int] = [0]
        self.groups: list[int] = []
        self.slots: dict[_Key, int] = {}


class Merger:
    """Adds up chunks of one process, in order, of any generations, each after what its generation defines."""

    def __init__(self) -> None:
        self._frames: dict[tuple[str, str, int, int], int] = {}
        self._locations: dict[tuple[int, ...], int] = {}
        self._nodes: dict[tuple[int, int], int] = {(0, 0): 0}
        self._groups: dict[tuple[int, int, tuple[tuple[str, str], ...], bool], int] = {}
        self._slots: dict[_Key, int] = {}
        self._wall, self._cpu, self._wait = array("d"), array("d"), array("d")
        self._count: dict[int, int] = {}
        self._generation = _Generation(-1)
        self._first: Chunk | None = None
        self._last: Chunk | None = None
        self._waits: Sequence[Mapping[str, Any]] = ()
        self._processors: Sequence[Mapping[str, Any]] = ()
        self._events: list[Mapping[str, Any]] = []
        self._sampler: dict[str, Any] = {}
        self.chunks = 0

    def add(self, chunk: Chunk) -> None:
        """Add a chunk. Raises UndefinedReference; the sum is then what it was, but for definitions."""
        if chunk.generation != self._generation.number or chunk.strings[:1] == [""]:
            self._generation = _Generation(chunk.generation)
        try:
            self._define(chunk)
            self._add_rows(chunk.rows)
            nodes = self._generation.nodes
            self._waits = [{**wait, "node": nodes[wait["node"]]} for wait in chunk.waits] or self._waits
        except (IndexError, KeyError, TypeError) as e:
            raise UndefinedReference(f"chunk {chunk.sequence} refers to what is not defined: {e}") from None
        self._processors = chunk.processors or self._processors
        self._events = [*self._events, *chunk.events][-MAX_EVENTS:] if chunk.events else self._events
        self._sampler.update(chunk.sampler)
        self._first = self._first or chunk
        self._last = chunk
        self.chunks += 1

    def _define(self, chunk: Chunk) -> None:
        known = self._generation
        known.strings.extend(chunk.strings)
        known.frames.extend(self._intern_frames(chunk.frames))
        at, numbers = 0, array("I", chunk.locations.get("frame", b""))
        for count in chunk.locations.get("count", b""):
            span = tuple(known.frames[number] for number in numbers[at : at + count])
            known.locations.append(self._locations.setdefault(span, len(self._locations)))
            at += count
        parents, locations = (array("I", chunk.nodes.get(name, b"")) for name in ("parent", "location"))
        for parent, location in zip(parents, locations, strict=True):
            node = known.nodes[parent], known.locations[location] + 1
            known.nodes.append(self._nodes.setdefault(node, len(self._nodes)))
        known.groups.extend(map(self._intern_group, chunk.groups))

    def _intern_frames(self, table: Mapping[str, bytes]) -> Iterable[int]:
        strings, frames = self._generation.strings, self._frames
        names = (array("I", table.get(name, b"")) for name in ("function", "file", "line"))
        for function, file, line, flags in zip(*names, table.get("flags", b""), strict=True):
            yield frames.setdefault((strings[function], strings[file], line, flags), len(frames))

    def _intern_group(self, group: Mapping[str, Any]) -> int:
        frames = self._generation.frames
        created, entry = (frames[n] if (n := group.get(key, -1)) >= 0 else -1 for key in ("created_by", "entry"))
        labels = tuple(sorted((str(k), str(v)) for k, v in group.get("labels", {}).items()))
        key = (created, entry, labels, bool(group.get("system")))
        return self._groups.setdefault(key, len(self._groups))

    def _add_rows(self, rows: Mapping[str, bytes]) -> None:
        self._count = {}
        if not rows:
            return
        slots, new = self._generation.slots, self._slot
        wall, cpu, wait = self._wall, self._cpu, self._wait
        nodes, groups, counts = (array("I", rows[name]) for name in ("node", "group", "count"))
        weights = (array("d", rows[name]) for name in ("wall", "cpu", "wait"))
        keys = zip(nodes, groups, rows["state"], rows["reason"], rows["flags"], strict=True)
        for key, count, add_wall, add_cpu, longest in zip(keys, counts, *weights, strict=True):
            slot = slots.get(key)
            if slot is None:
                slot = slots[key] = new(key)
            wall[slot] += add_wall
            cpu[slot] += add_cpu
            if longest > wait[slot]:
                wait[slot] = longest
            if count:
                self._count[slot] = self._count.get(slot, 0) + count

    def _slot(self, key: _Key) -> int:
        known = self._generation
        slot = self._slots.setdefault((known.nodes[key[0]], known.groups[key[1]], *key[2:]), len(self._slots))
        if slot == len(self._wall):
            for column in (self._wall, self._cpu, self._wait):
                column.append(0.0)
        return slot

    def chunk(self, least: float = 0.0) -> Chunk:
        """Return the sum, as one chunk with definitions of its own; `count` and series are those at its end.

        Rows with less than `least` of the whole wall and CPU time, and nobody in them now, join their caller's stack.
        Raises ValueError when nothing was added.
        """
        if self._first is None or self._last is None:
            raise ValueError("nothing to merge")
        rows = self._pruned(least)
        return _Packing(self._frames, self._locations, self._nodes, self._groups).pack(
            replace(
                self._last,
                start=self._first.start,
                events=self._events,
                waits=self._waits,
                processors=self._processors,
                sampler=self._sampler,
                members={},
            ),
            rows,
        )

    def _pruned(self, least: float) -> dict[_Key, list[float]]:
        """Return [wall, cpu, count, wait] by key."""
        rows = {
            key: [self._wall[slot], self._cpu[slot], self._count.get(slot, 0), self._wait[slot]]
            for key, slot in self._slots.items()
        }
        if not least:
            return rows
        walls, cpus = least * sum(self._wall), least * sum(self._cpu)
        parents = [parent for parent, _ in self._nodes]
        waiting: dict[int, list[_Key]] = {}
        for key in rows:
            waiting.setdefault(key[0], []).append(key)
        for node in range(len(parents) - 1, 0, -1):
            for key in waiting.get(node, ()):
                row = rows[key]
                if row[2] or row[0] >= walls or row[1] > cpus:
                    continue
                del rows[key]
                above = (parents[node], *key[1:])
                into = rows.get(above)
                if into is None:
                    rows[above] = row
                    waiting.setdefault(above[0], []).append(above)
                else:
                    into[:] = [into[0] + row[0], into[1] + row[1], into[2], max(into[3], row[3])]
        return rows


class _Packing:
    """Numbers afresh what a set of rows refers to, and nothing else."""

    def __init__(
        self,
        frames: Mapping[tuple[str, str, int, int], int],
        locations: Mapping[tuple[int, ...], int],
        nodes: Mapping[tuple[int, int], int],
        groups: Mapping[tuple[int, int, tuple[tuple[str, str], ...], bool], int],
    ) -> None:
        self._frames, self._locations = list(frames), list(locations)
        self._nodes, self._groups = list(nodes), list(groups)
        self._strings: dict[str, int] = {"": 0}
        self._frame_numbers: dict[int, int] = {-1: -1}
        self._location_numbers: dict[int, int] = {}
        self._group_numbers: dict[int, int] = {}

    def pack(self, chunk: Chunk, rows: Mapping[_Key, Sequence[float]]) -> Chunk:
        """Return the chunk with those rows, and the definitions that they and its waits need."""
        waits = [dict(wait) for wait in chunk.waits]
        numbers, nodes = self._pack_nodes({key[0] for key in rows} | {wait["node"] for wait in waits})
        for wait in waits:
            wait["node"] = numbers[wait["node"]]
        group_numbers = self._group_numbers
        for key in rows:
            group_numbers.setdefault(key[1], len(group_numbers))
        groups = [self._pack_group(*self._groups[number]) for number in group_numbers]
        return replace(
            chunk,
            nodes=nodes,
            groups=groups,
            rows=_columns([((numbers[key[0]], group_numbers[key[1]], *key[2:]), row) for key, row in rows.items()]),
            locations=self._pack_locations(),
            frames=self._pack_frames(),
            strings=list(self._strings),
            waits=waits,
        )

    def _pack_nodes(self, used: set[int]) -> tuple[dict[int, int], Mapping[str, bytes]]:
        for node in list(used):
            while node and (node := self._nodes[node][0]) not in used:
                used.add(node)
        numbers, parents, locations = {0: 0}, array("I"), array("I")
        for node in sorted(used - {0}):
            parent, location = self._nodes[node]
            parents.append(numbers[parent])
            locations.append(self._location_numbers.setdefault(location - 1, len(self._location_numbers)))
            numbers[node] = len(parents)
        columns = {"parent": parents.tobytes(), "location": locations.tobytes()} if parents else {}
        return numbers, columns

    def _frame(self, number: int) -> int:
        return self._frame_numbers.setdefault(number, len(self._frame_numbers) - 1)

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def _pack_group(
        self, created_by: int, entry: int, labels: tuple[tuple[str, str], ...], system: bool
    ) -> Mapping[str, Any]:
        frame = self._frame
        return {"created_by": frame(created_by), "entry": frame(entry), "labels": dict(labels), "system": system}

    def _pack_locations(self) -> Mapping[str, bytes]:
        spans = [self._locations[number] for number in self._location_numbers]
        frames = array("I", [self._frame(number) for span in spans for number in span])
        return {"count": bytes(map(len, spans)), "frame": frames.tobytes()} if spans else {}

    def _pack_frames(self) -> Mapping[str, bytes]:
        frames = [self._frames[number] for number in self._frame_numbers if number >= 0]
        if not frames:
            return {}
        return {
            "function": array("I", [self._string(frame[0]) for frame in frames]).tobytes(),
            "file": array("I", [self._string(frame[1]) for frame in frames]).tobytes(),
            "line": array("I", [frame[2] for frame in frames]).tobytes(),
            "flags": bytes(frame[3] for frame in frames),
        }


def _columns(rows: Sequence[tuple[_Key, Sequence[float]]]) -> Mapping[str, bytes]:
    if not rows:
        return {}
    return {
        "node": array("I", [key[0] for key, _ in rows]).tobytes(),
        "group": array("I", [key[1] for key, _ in rows]).tobytes(),
        "state": bytes(key[2] for key, _ in rows),
        "reason": bytes(key[3] for key, _ in rows),
        "flags": bytes(key[4] for key, _ in rows),
        "wall": array("d", [row[0] for _, row in rows]).tobytes(),
        "cpu": array("d", [row[1] for _, row in rows]).tobytes(),
        "count": array("I", [min(int(row[2]), 0xFFFFFFFF) for _, row in rows]).tobytes(),
        "wait": array("d", [row[3] for _, row in rows]).tobytes(),
    }
