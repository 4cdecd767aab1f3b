"""What is kept of one process, added up beforehand: a pyramid of blocks.

A *run* is chunks that share definitions: a generation, as a rule. Its rows are added up as they come: in *blocks* of a
few seconds, as a whole when it ends, and with its neighbours in blocks of 2, 4, 8 … runs. A span of time is covered by
the largest blocks that lie in it; what is left at its edges is read from the chunks themselves, so that it is exact.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan

from flarego.gateway.query.dictionary import Dictionary
from flarego.model.chunk import Chunk
from flarego.native import Numbers, RowTable

BLOCK_NS = 7_500_000_000
"""What is read at each edge of a span is at most this: some forty chunks."""
MAX_SERIES = 256
"""Names in one run; there are some thirty."""
_MAX_STACKS_GROWN = 4
_FEW_STACKS = 1 << 16
"""A dictionary is begun anew when it has more stacks than this, and so many times those of its first run."""
_LAST = (1 << 63) - 1
_RUN = 2000
"""Bytes that a run takes besides its columns and tables, about."""


@dataclass(frozen=True, slots=True)
class Block:
    """Packets [first, last) of the log, added up."""

    first: int
    last: int
    table: RowTable
    dictionary: Dictionary


@dataclass(frozen=True, slots=True)
class Edge:
    """Packets [first, last) that no block covers, of one run."""

    first: int
    last: int
    numbers: Numbers
    dictionary: Dictionary
    damaged: frozenset[int]
    """Packets among them that are left out."""


Piece = Block | Edge


class Run:
    """Chunks that share definitions."""

    def __init__(self, generation: int, first: int, dictionary: Dictionary) -> None:
        self.generation = generation
        self.first = first
        self.dictionary = dictionary
        self.numbers = Numbers(dictionary.book)
        self.starts, self.ends = array("q"), array("q")
        self.damaged = array("Q")
        """Packets that refer to what nobody defined: left out."""
        self.events = array("Q")
        """Packets with events."""
        self.series: dict[str, array[float]] = {}
        self.blocks: list[Block] = []
        self.whole: Block | None = None
        self._open = RowTable()
        self._open_first = first
        self._broken = False

    @property
    def last(self) -> int:
        """One past the index of the last packet."""
        return self.first + len(self.ends)

    @property
    def size(self) -> int:
        """Bytes, about; the dictionary is not its own."""
        columns: list[array[int] | array[float]] = [self.starts, self.ends, self.damaged, self.events]
        columns += self.series.values()
        tables = [self._open, *(block.table for block in self.blocks), *([self.whole.table] if self.whole else [])]
        return (
            _RUN
            + sum(column.itemsize * len(column) for column in columns)
            + self.numbers.size
            + sum(table.size for table in tables)
        )

    def add(self, chunk: Chunk) -> bool:
        """Add the next chunk; return whether a block was closed."""
        index = self.last
        if not self._add_up(chunk):
            self.damaged.append(index)
        self.starts.append(min(chunk.start, _LAST))
        self.ends.append(min(chunk.end, _LAST))
        if chunk.events:
            self.events.append(index)
        self._note(chunk.series, index - self.first)
        if chunk.end - self.starts[self._open_first - self.first] < BLOCK_NS:
            return False
        self._close_block()
        return True

    def _add_up(self, chunk: Chunk) -> bool:
        """Add definitions and rows; return False where they contradict themselves, or are too much.

        Where definitions do, nobody can tell what the numbers of later ones stand for: the run is of no use any more.
        """
        if self._broken:
            return False
        try:
            self._broken = True
            self.dictionary.define(self.numbers, chunk)
            self._broken = False
            self._open.add(self.numbers, chunk.rows)
        except (ValueError, KeyError, OverflowError, MemoryError):
            return False
        return True

    def _note(self, series: Mapping[str, float], before: int) -> None:
        for name, value in series.items():
            column = self.series.get(name)
            if column is None:
                if len(self.series) >= MAX_SERIES:
                    continue
                column = self.series[name] = array("d")
            if len(column) < before:
                column.extend([nan] * (before - len(column)))
            column.append(_double(value))

    def _close_block(self) -> None:
        self._open.freeze()
        self.blocks.append(Block(self._open_first, self.last, self._open, self.dictionary))
        self._open, self._open_first = RowTable(), self.last

    def close(self) -> None:
        """Nothing more comes: add up the whole."""
        if self._open_first < self.last:
            self._close_block()
        self.numbers.close()
        if len(self.blocks) == 1:
            self.whole, self.blocks = self.blocks[0], []
        elif self.blocks:
            self.whole = _sum(self.blocks)

    def open_block(self) -> Iterator[Block]:
        """Yield what is not in a block yet, as it is now."""
        if self._open_first < self.last:
            table = RowTable()
            table.merge(self._open)
            yield Block(self._open_first, self.last, table, self.dictionary)

    def cover(self, first: int, last: int) -> Iterator[Piece]:
        """Yield what packets [first, last) of this run are covered by, in order."""
        if self.whole and first == self.first and last == self.last:
            yield self.whole
            return
        at = first
        for block in (*self.blocks, *self.open_block()):
            if at <= block.first and block.last <= last:
                yield from self._edge(at, block.first)
                yield block
                at = block.last
        yield from self._edge(at, last)

    def _edge(self, first: int, last: int) -> Iterator[Edge]:
        if first < last:
            yield Edge(first, last, self.numbers, self.dictionary, frozenset(self.damaged))


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return nan


def _sum(blocks: Sequence[Block]) -> Block:
    table = RowTable()
    for block in blocks:
        table.merge(block.table)
    table.freeze()
    return Block(blocks[0].first, blocks[-1].last, table, blocks[0].dictionary)


class Track:
    """Everything that is known of one process's chunks, but for the chunks themselves."""

    def __init__(self) -> None:
        self.runs: deque[Run] = deque()
        self._begun = 0
        """Runs ever begun: the number of the next one."""
        self._levels: list[dict[int, Block]] = []
        """Blocks of 2, 4, 8 … runs by the number of their first one."""
        self._first_stacks = 0
        self._closed_size = 0
        self.lost = False
        """Given up, because it was too much: spans are folded from the chunks."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        dictionaries = {run.dictionary for run in self.runs}
        return (
            self._closed_size
            + (self.runs[-1].size if self.runs else 0)
            + sum(dictionary.size for dictionary in dictionaries)
            + sum(block.table.size for level in self._levels for block in level.values())
        )

    def add(self, chunk: Chunk, index: int) -> bool:
        """Add the chunk of the packet at index; return whether more than a little room was taken."""
        run = self.runs[-1] if self.runs else None
        if run is None or chunk.generation != run.generation or chunk.strings[:1] == [""]:
            run = self._begin(chunk.generation, index)
        return run.add(chunk)

    def _begin(self, generation: int, index: int) -> Run:
        dictionary = Dictionary()
        if self.runs:
            before = self.runs[-1]
            before.close()
            self._closed_size += before.size
            self._add_up()
            stacks = before.dictionary.book.n_nodes
            self._first_stacks = self._first_stacks or stacks
            if stacks <= max(_FEW_STACKS, _MAX_STACKS_GROWN * self._first_stacks):
                dictionary = before.dictionary
            else:
                self._first_stacks = 0
        run = Run(generation, index, dictionary)
        self.runs.append(run)
        self._begun += 1
        return run

    def _add_up(self) -> None:
        """Add up neighbours, now that the last run is closed; only where it makes less of them."""
        number, width = self._begun - 1, 1
        while (number + 1) % (2 * width) == 0:
            first = number + 1 - 2 * width
            halves = [self._block_of(first, width), self._block_of(first + width, width)]
            whole = [half for half in halves if half is not None]
            if len(whole) < 2 or whole[0].dictionary is not whole[1].dictionary:
                return
            block = _sum(whole)
            if 4 * len(block.table) > 3 * sum(len(half.table) for half in whole):
                return
            level = width.bit_length() - 1
            if level == len(self._levels):
                self._levels.append({})
            self._levels[level][first] = block
            width *= 2

    def _block_of(self, first: int, width: int) -> Block | None:
        """Return the block of `width` runs, None when there is none or the first of them is forgotten."""
        oldest = self._begun - len(self.runs)
        if first < oldest:
            return None
        if width == 1:
            return self.runs[first - oldest].whole
        level = width.bit_length() - 2
        return self._levels[level].get(first) if level < len(self._levels) else None

    def trim(self, begin: int) -> None:
        """Forget the runs that lie before the packet at index begin."""
        while self.runs and self.runs[0].last <= begin:
            run = self.runs.popleft()
            if self.runs:
                self._closed_size -= run.size
        oldest = self._begun - len(self.runs)
        for level in self._levels:
            for first in [first for first in level if first < oldest]:
                del level[first]

    def thin(self) -> bool:
        """Give up the small blocks of the oldest run that has some; return whether there was one."""
        for run in list(self.runs)[:-1]:
            if run.blocks:
                self._closed_size -= run.size
                run.blocks = []
                self._closed_size += run.size
                return True
        return False

    def give_up(self) -> None:
        """Forget everything, for good."""
        self.runs.clear()
        self._levels, self._closed_size, self.lost = [], 0, True

    def find(self, start: int, end: int) -> tuple[int, int]:
        """Return the packets [first, last) of the chunks that touch [start, end)."""
        if not self.runs:
            return 0, 0
        touched = [run for run in self.runs if run.ends[-1] > start and run.starts[0] < end]
        if not touched:
            return 0, 0
        first, last = touched[0], touched[-1]
        return first.first + bisect_right(first.ends, start), last.first + bisect_left(last.starts, end)

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return when the first of packets [first, last) begins and the last ends."""
        runs = [run for run in self.runs if run.last > first and run.first < last]
        return runs[0].starts[first - runs[0].first], runs[-1].ends[last - 1 - runs[-1].first]

    def cover(self, first: int, last: int) -> Iterator[Piece]:
        """Yield what packets [first, last) are covered by, in order."""
        runs, oldest, at = self.runs, self._begun - len(self.runs), 0
        while at < len(runs) and runs[at].first < last:
            run = runs[at]
            if run.last <= first:
                at += 1
                continue
            block = self._largest(oldest + at, last) if first <= run.first else None
            if block is None:
                yield from run.cover(max(first, run.first), min(last, run.last))
                at += 1
                continue
            yield block
            while at < len(runs) and runs[at].first < block.last:
                at += 1

    def _largest(self, number: int, last: int) -> Block | None:
        for level in reversed(self._levels):
            block = level.get(number)
            if block is not None and block.last <= last:
                return block
        return None

    def packets_with_events(self, first: int, last: int) -> Iterable[int]:
        """Return the packets of [first, last) that hold events."""
        for run in self.runs:
            low, high = bisect_left(run.events, first), bisect_left(run.events, last)
            yield from run.events[low:high]

    def damaged(self, first: int, last: int) -> int:
        """Return how many of packets [first, last) are left out because they contradict themselves."""
        return sum(bisect_left(run.damaged, last) - bisect_left(run.damaged, first) for run in self.runs)
