"""What the definitions of many generations mean, each thing numbered once: what rows can be added up by."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flarego.model.chunk import Chunk
from flarego.model.frame import Frame
from flarego.model.profile import Group, Stacks
from flarego.native import Book, Numbers

_INLINED, _INTERNAL = 1, 2
_GroupKey = tuple[int, int, tuple[tuple[str, str], ...], bool]
_TEXT, _GROUP = 120, 600
"""Bytes that a string (besides its characters) and a group take, about."""


class Dictionary:
    """Strings, frames, stacks and groups of one process. Only grows, and numbers never change their meaning."""

    def __init__(self) -> None:
        self.book = Book()
        self._strings: dict[str, int] = {}
        self._characters = 0
        self._groups: dict[_GroupKey, int] = {}
        self._reading = Reading(BookStacks(), [], [])

    @property
    def size(self) -> int:
        """Bytes, about."""
        return self.book.size + self._characters + _TEXT * len(self._strings) + _GROUP * len(self._groups)

    def define(self, numbers: Numbers, chunk: Chunk) -> None:
        """Add what a chunk defines, to what its generation has defined before.

        Raises ValueError when it refers to what nobody defined, OverflowError when there is too much of it.
        """
        known = len(self._strings)
        strings = array("I", [self._strings.setdefault(text, len(self._strings)) for text in chunk.strings])
        if len(self._strings) > known:
            self._characters += sum(map(len, chunk.strings))
        numbers.define(strings.tobytes(), chunk.frames, chunk.locations, chunk.nodes)
        if chunk.groups:
            numbers.define_groups(array("I", [self._group(numbers, group) for group in chunk.groups]).tobytes())

    def _group(self, numbers: Numbers, group: Mapping[str, Any]) -> int:
        labels = group.get("labels")
        key = (
            _frame(numbers, group.get("created_by")),
            _frame(numbers, group.get("entry")),
            tuple(sorted((str(k), str(v)) for k, v in labels.items())) if isinstance(labels, dict) else (),
            bool(group.get("system")),
        )
        return self._groups.setdefault(key, len(self._groups))

    def translate(self, other: Reading) -> Numbers:
        """Return what the numbers of another dictionary stand for in this one."""
        numbers, stacks = Numbers(self.book), other.stacks
        texts = array("I", [self._strings.setdefault(text, len(self._strings)) for text in stacks.texts])
        locations = {"count": b"\1" * len(stacks.flags), "frame": array("I", range(len(stacks.flags))).tobytes()}
        nodes = {"parent": stacks.parents[1:].tobytes(), "location": stacks.innermost[1:].tobytes()}
        frames = {name: getattr(stacks, name).tobytes() for name in ("functions", "files", "lines")}
        numbers.define(
            texts.tobytes(),
            {"function": frames["functions"], "file": frames["files"], "line": frames["lines"], "flags": stacks.flags},
            locations,
            nodes,
        )
        groups: list[_GroupKey] = [
            (_frame(numbers, created_by), _frame(numbers, entry), labels, system)
            for created_by, entry, labels, system in other.keys
        ]
        numbers.define_groups(array("I", [self._groups.setdefault(g, len(self._groups)) for g in groups]).tobytes())
        return numbers

    def read(self) -> Reading:
        """Return all that is defined now. What is defined later is not in it: it can be read in any thread.

        To be called where definitions are added.
        """
        known = self._reading
        stacks = known.stacks.grown(self.book, [*islice(self._strings, len(known.stacks.texts), None)])
        if stacks is not known.stacks or len(self._groups) > len(known.keys):
            new = [*islice(self._groups, len(known.keys), None)]
            groups = [_group_of(stacks, key) for key in new]
            self._reading = Reading(stacks, [*known.groups, *groups], [*known.keys, *new])
        return self._reading


def _group_of(stacks: BookStacks, key: _GroupKey) -> Group:
    created_by, entry = (stacks.frame(number) if number >= 0 else None for number in key[:2])
    return Group(created_by, entry, dict(key[2]), key[3])


def _frame(numbers: Numbers, number: object) -> int:
    return numbers.frame(number) if isinstance(number, int) and number >= 0 else -1


class BookStacks(Stacks):
    """The stacks of a dictionary, as model/profile.py reads them: a node is one frame. Never changes."""

    def __init__(self) -> None:
        self.texts: Sequence[str] = []
        self.functions, self.files, self.lines = array("I"), array("I"), array("I")
        """Of each frame: number of its function, its file, its line."""
        self.flags = b""
        self.parents, self.innermost = array("I"), array("I")
        """Of each stack: its caller's, and the frame it adds to that; of the empty one 0."""
        self._known: list[Frame | None] = []

    def grown(self, book: Book, new: Sequence[str]) -> BookStacks:
        """Return this with what is new in a book, `new` the strings that are; itself when nothing is."""
        if len(self.flags) == book.n_frames and len(self.parents) == book.n_nodes and not new:
            return self
        frames, nodes, after = book.frames(len(self.flags)), book.nodes(len(self.parents)), BookStacks()
        after.texts = [*self.texts, *new]
        after.functions = self.functions + array("I", frames["function"])
        after.files = self.files + array("I", frames["file"])
        after.lines = self.lines + array("I", frames["line"])
        after.flags = self.flags + frames["flags"]
        after.parents = self.parents + array("I", nodes["parent"])
        after.innermost = self.innermost + array("I", nodes["frame"])
        after._known = self._known + [None] * len(frames["flags"])
        return after

    def __len__(self) -> int:
        return len(self.parents)

    def text(self, number: int) -> str:
        """Return a string by its number."""
        return self.texts[number]

    def frame(self, number: int) -> Frame:
        """Return a frame by its number."""
        known = self._known[number]
        if known is None:
            flags = self.flags[number]
            texts = self.texts[self.functions[number]], self.texts[self.files[number]]
            known = Frame(*texts, self.lines[number], bool(flags & _INLINED), bool(flags & _INTERNAL))
            self._known[number] = known
        return known

    def frames(self, node: int) -> tuple[Frame, ...]:
        parents, numbers, known = self.parents, self.innermost, self._known
        stack = []
        while node:
            number = numbers[node]
            stack.append(known[number] or self.frame(number))
            node = parents[node]
        stack.reverse()
        return tuple(stack)

    def own(self, node: int) -> tuple[Frame, ...]:
        return (self.frame(self.innermost[node]),) if node else ()

    def parent(self, node: int) -> int:
        return self.parents[node]

    def define(self, chunk: Chunk) -> None:
        raise TypeError("a dictionary is defined by its generations")


@dataclass(frozen=True)
class Reading:
    """What a dictionary had defined at one time."""

    stacks: BookStacks
    groups: Sequence[Group]
    keys: Sequence[_GroupKey]
    """Of each group."""
