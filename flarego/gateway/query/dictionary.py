"""What the definitions of many generations mean, each thing numbered once: what rows can be added up by."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
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
        self.stacks = BookStacks(self)
        self._strings: dict[str, int] = {}
        self._characters = 0
        self._groups: dict[_GroupKey, int] = {}
        self._known_groups: list[Group] = []

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

    def translate(self, other: Dictionary) -> Numbers:
        """Return what the numbers of another dictionary stand for in this one."""
        numbers = Numbers(self.book)
        texts = array("I", [self._strings.setdefault(text, len(self._strings)) for text in other._strings])
        frames, nodes = other.book.frames(0), other.book.nodes(1)
        count = len(frames["flags"])
        locations = {"count": b"\1" * count, "frame": array("I", range(count)).tobytes()}
        columns = {"parent": nodes["parent"], "location": nodes["frame"]}
        numbers.define(texts.tobytes(), frames, locations, columns)
        groups: list[_GroupKey] = [
            (_frame(numbers, created_by), _frame(numbers, entry), labels, system)
            for created_by, entry, labels, system in other._groups
        ]
        numbers.define_groups(array("I", [self._groups.setdefault(g, len(self._groups)) for g in groups]).tobytes())
        return numbers

    def settle(self) -> None:
        """Make all that is defined readable through `stacks` and `groups`. To be called where it is added to."""
        self.stacks.settle([*islice(self._strings, self.stacks.n_strings, None)])
        for key in [*islice(self._groups, len(self._known_groups), None)]:
            created_by, entry = (self.stacks.frame(n) if n >= 0 else None for n in key[:2])
            self._known_groups.append(Group(created_by, entry, dict(key[2]), key[3]))

    @property
    def groups(self) -> list[Group]:
        return self._known_groups


def _frame(numbers: Numbers, number: object) -> int:
    return numbers.frame(number) if isinstance(number, int) and number >= 0 else -1


class BookStacks(Stacks):
    """The stacks of a dictionary, as model/profile.py reads them: a node is one frame."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._book = dictionary.book
        self._texts: list[str] = []
        self._known: list[Frame | None] = []
        self._columns = {name: array("I") for name in ("function", "file", "line")}
        self._flags = bytearray()
        self._node_parents, self._node_frames = array("I"), array("I")

    @property
    def n_strings(self) -> int:
        return len(self._texts)

    def settle(self, new: list[str]) -> None:
        """Read what is new in the book; `new`: the strings that are."""
        self._texts += new
        frames = self._book.frames(len(self._flags))
        for name, column in self._columns.items():
            column.frombytes(frames[name])
        self._flags += frames["flags"]
        self._known += [None] * len(frames["flags"])
        nodes = self._book.nodes(len(self._node_parents))
        self._node_parents.frombytes(nodes["parent"])
        self._node_frames.frombytes(nodes["frame"])

    def __len__(self) -> int:
        return len(self._node_parents)

    @property
    def functions(self) -> array[int]:
        """Of each frame, the number of its function's name."""
        return self._columns["function"]

    @property
    def files(self) -> array[int]:
        """Of each frame, the number of its file's name."""
        return self._columns["file"]

    @property
    def parents(self) -> array[int]:
        """Of each stack, its caller's."""
        return self._node_parents

    @property
    def innermost(self) -> array[int]:
        """Of each stack, the frame it adds to its caller's; of the empty one, 0."""
        return self._node_frames

    def text(self, number: int) -> str:
        """Return a string by its number."""
        return self._texts[number]

    def frame(self, number: int) -> Frame:
        """Return a frame by its number."""
        known = self._known[number]
        if known is None:
            function, file, line = (column[number] for column in self._columns.values())
            flags = self._flags[number]
            texts = self._texts[function], self._texts[file]
            known = self._known[number] = Frame(*texts, line, bool(flags & _INLINED), bool(flags & _INTERNAL))
        return known

    def frames(self, node: int) -> tuple[Frame, ...]:
        parents, numbers, known = self._node_parents, self._node_frames, self._known
        stack = []
        while node:
            number = numbers[node]
            stack.append(known[number] or self.frame(number))
            node = parents[node]
        stack.reverse()
        return tuple(stack)

    def own(self, node: int) -> tuple[Frame, ...]:
        return (self.frame(self._node_frames[node]),) if node else ()

    def parent(self, node: int) -> int:
        return self._node_parents[node]

    def define(self, chunk: Chunk) -> None:
        raise TypeError("a dictionary is defined by its generations")
