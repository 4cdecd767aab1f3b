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


class Box:
    """A function below its callers, in one lane; or a lane; or the whole. Callees are looked up when asked for."""

    __slots__ = ("_node", "_tree", "category", "frame", "weight")

    def __init__(self, tree: Lanes, category: str, node: int) -> None:
        self._tree, self.category, self._node = tree, category, node
        self.frame = tree.trie.frames[node] if node else None
        """None: the whole, or a lane."""
        self.weight = tree.totals[category][node] if category else tree.weight

    @property
    def path(self) -> Path:
        frames, parents, node = self._tree.trie.frames, self._tree.trie.parents, self._node
        steps = []
        while node:
            steps.append(frames[node].function)
            node = parents[node]
        return (self.category, *reversed(steps)) if self.category else ()

    @property
    def own(self) -> float:
        """Part of the weight that is not its callees'."""
        return max(self.weight - sum(box.weight for box in self), 0.0)

    @property
    def names(self) -> Sequence[str]:
        if self.frame:
            return forms(self.frame.function)
        return (NAMES[self.category],) if self.category else ("all",)

    def __iter__(self) -> Iterator[Box]:
        """Yield the callees, in an order that stays."""
        tree = self._tree
        if not self.category:
            return (Box(tree, category, 0) for category in sorted(tree.totals, key=ORDER.__getitem__))
        totals, children = tree.totals[self.category], tree.trie.children[self._node]
        return (Box(tree, self.category, child) for _, child in sorted(children.items()) if child in totals)

    def find(self, path: Path) -> Box | None:
        """Return the box at a path from the whole, None when nobody is there."""
        tree, node = self._tree, 0
        if not path:
            return Box(tree, "", 0)
        for step in path[1:]:
            found = tree.trie.children[node].get(step)
            if found is None:
                return None
            node = found
        return Box(tree, path[0], node) if node in tree.totals.get(path[0], ()) else None

    def matched(self, pattern: str) -> float:
        """Return the weight of what is in functions whose names contain the text, in lower case."""
        if self.frame and pattern in self.frame.function.lower():
            return self.weight
        return sum(child.matched(pattern) for child in self)


class Trie:
    """Stacks of functions, whatever generation told of them."""

    def __init__(self) -> None:
        self.parents, self.frames = [0], [Frame("", "", 0)]
        self.children: list[dict[str, int]] = [{}]

    def __len__(self) -> int:
        return len(self.parents)

    def add(self, stack: Sequence[Frame]) -> int:
        node = 0
        for frame in stack:
            if frame.internal:
                continue
            child = self.children[node].get(frame.function)
            if child is None:
                child = self.children[node][frame.function] = len(self.parents)
                self.parents.append(node)
                self.frames.append(frame)
                self.children.append({})
            node = child
        return node


@dataclass(slots=True)
class Lanes:
    """Weights of trie nodes with all below them, by category."""

    trie: Trie
    totals: dict[str, dict[int, float]] = field(default_factory=dict)
    weight: float = 0.0

    def add(self, node: int, category: str, weight: float) -> None:
        parents, totals = self.trie.parents, self.totals.setdefault(category, {0: 0.0})
        self.weight += weight
        totals[0] += weight
        while node:
            totals[node] = totals.get(node, 0.0) + weight
            node = parents[node]


class Tree:
    """The stacks of one moment; what they come to is worked out when it is asked for, once."""

    def __init__(self, trie: Trie, sides: Sequence[Mapping[Leaf, Sequence[float]]]) -> None:
        self._trie, self._sides = trie, sides
        self._known: dict[tuple[bool, bool], Box] = {}

    def root(self, *, cpu: bool = False, idle: bool = False) -> Box:
        """Return the whole, by wall time or CPU time, with or without who is idle. Boxes weigh goroutine-ns or ns."""
        if (cpu, idle) not in self._known:
            lanes = Lanes(self._trie)
            for side in self._sides:
                for (node, category, aside), weights in side.items():
                    if aside != "system" and (idle or aside != "idle") and weights[cpu]:
                        lanes.add(node, category, weights[cpu])
            self._known[cpu, idle] = Box(lanes, "", 0)
        return self._known[cpu, idle]


class Flames:
    """Adds up stacks over this span of seconds and the one before."""

    def __init__(self) -> None:
        self._trie = Trie()
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
                self._trie, self._now, self._before = Trie(), {}, {}
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
