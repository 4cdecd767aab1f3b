"""A flame graph in text: the root on top, a lane for each state, boxes as wide as their weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flarego.formats.category import COLOURS as _CATEGORIES
from flarego.formats.category import NAMES, category_of
from flarego.model.frame import Frame
from flarego.model.names import forms
from flarego.model.places import Place
from flarego.model.profile import Profile, Stacks

_MAX_NODES = 200_000
ORDER = {category: at for at, category in enumerate(_CATEGORIES)}
Leaf = tuple[int, str, str]
"""Trie node, category, and why it need not be seen: "", "idle" or "system"."""
Path = tuple[str, ...]
"""Category, then functions."""


@dataclass(slots=True)
class Box:
    """A function below its callers."""

    path: Path
    frame: Frame | None
    """None: the whole, or a lane."""
    weight: float = 0.0
    own: float = 0.0
    """Part of the weight that is not its callees'."""
    children: dict[str, Box] = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str]:
        if self.frame:
            return forms(self.frame.function)
        return (NAMES[self.path[0]],) if self.path else ("all",)

    def __iter__(self) -> Iterator[Box]:
        """Yield the callees, in an order that stays."""
        if not self.path:
            return iter(sorted(self.children.values(), key=lambda lane: ORDER[lane.path[0]]))
        return iter(sorted(self.children.values(), key=lambda box: box.path[-1]))

    def find(self, path: Path) -> Box | None:
        box: Box | None = self
        for step in path[len(self.path) :]:
            box = box.children.get(step) if box else None
        return box


class _Trie:
    """Stacks of functions, whatever generation told of them."""

    def __init__(self) -> None:
        self.parents, self.frames = [0], [Frame("", "", 0)]
        self._children: dict[tuple[int, str], int] = {}

    def __len__(self) -> int:
        return len(self.parents)

    def add(self, stack: Sequence[Frame]) -> int:
        node = 0
        for frame in stack:
            if frame.internal:
                continue
            child = self._children.get((node, frame.function))
            if child is None:
                child = self._children[node, frame.function] = len(self.parents)
                self.parents.append(node)
                self.frames.append(frame)
            node = child
        return node


class Tree:
    """The stacks of one moment; what they come to is worked out when it is asked for."""

    def __init__(self, trie: _Trie, sides: Sequence[Mapping[Leaf, Sequence[float]]]) -> None:
        self._trie, self._sides = trie, sides

    def root(self, *, cpu: bool = False, idle: bool = False) -> Box:
        """Return the whole, by wall time or CPU time, with or without who is idle. Boxes weigh goroutine-ns or ns."""
        whole = Box((), None)
        for side in self._sides:
            for (node, category, aside), weights in side.items():
                if aside == "system" or (aside == "idle" and not idle) or not weights[cpu]:
                    continue
                self._put(whole, node, category, weights[cpu])
        return whole

    def _put(self, whole: Box, node: int, category: str, weight: float) -> None:
        way = []
        while node:
            way.append(node)
            node = self._trie.parents[node]
        box = whole
        box.weight += weight
        for step, frame in [
            (category, None),
            *((self._trie.frames[at].function, self._trie.frames[at]) for at in reversed(way)),
        ]:
            child = box.children.get(step)
            if child is None:
                child = box.children[step] = Box((*box.path, step), frame)
            child.weight += weight
            box = child
        box.own += weight


class Flames:
    """Adds up stacks over this span of seconds and the one before."""

    def __init__(self) -> None:
        self._trie = _Trie()
        self._stacks: Stacks | None = None
        self._nodes: dict[int, int] = {}
        self._now: dict[Leaf, list[float]] = {}
        self._before: dict[Leaf, list[float]] = {}

    def add(self, profile: Profile, places: Sequence[Place], turns: bool) -> None:
        """Add a profile's rows, whose places are known; turns: a new span begins."""
        if turns:
            self._now, self._before = {}, self._now
        if profile.stacks is not self._stacks:
            self._stacks, self._nodes = profile.stacks, {}
            if len(self._trie) > _MAX_NODES:
                self._trie, self._now, self._before = _Trie(), {}, {}
        for row, place in zip(profile.rows, places, strict=True):
            node = self._nodes.get(row.node)
            if node is None:
                node = self._nodes[row.node] = self._trie.add(profile.stack(row.node))
            aside = "system" if place.system else "idle" if place.idle else ""
            leaf = (node, category_of(row.state, row.reason), aside)
            sums = self._now.get(leaf)
            if sums is None:
                sums = self._now[leaf] = [0.0, 0.0]
            sums[0] += row.wall
            sums[1] += row.cpu

    def tree(self) -> Tree:
        """Return the stacks as they are now."""
        return Tree(
            self._trie, [{leaf: tuple(sums) for leaf, sums in side.items()} for side in (self._now, self._before)]
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """A box on the screen: columns [start, end) of a row."""

    box: Box
    row: int
    start: int
    end: int


def lay_out(top: Box, width: int, height: int) -> list[Placed]:
    """Return the boxes below `top`, it included, that are at least a column wide, row by row."""
    placed, row = [Placed(top, 0, 0, width)], [Placed(top, 0, 0, width)]
    for depth in range(1, height):
        row = [child for parent in row for child in _below(parent, depth)]
        if not row:
            break
        placed += row
    return placed


def _below(parent: Placed, depth: int) -> Iterator[Placed]:
    weight, scale = 0.0, (parent.end - parent.start) / parent.box.weight if parent.box.weight else 0.0
    for child in parent.box:
        start = parent.start + round(weight * scale)
        weight += child.weight
        end = parent.start + round(weight * scale)
        if end > start:
            yield Placed(child, depth, start, end)
