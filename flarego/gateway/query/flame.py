"""A flame graph, folded here: rows merged by function along their stacks, within bounds, and what is left out said.

Functions are merged by name, as everywhere in FlareGo. Where a bound cuts, the weight below goes to `rest` of the node
it hangs on: a node's total is its own, its children's and its rest, so that nothing is ever missing from the sum.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flarego.gateway.query.filters import along_stacks
from flarego.gateway.query.fold import Check
from flarego.model.frame import Frame
from flarego.model.profile import Profile, Row

WEIGHTS = {"wall": "nanoseconds", "cpu": "nanoseconds", "waiting": "nanoseconds", "count": "goroutines"}
MAX_DEPTH = 384
"""Calls: a JSON tree of more is too deep for most that read JSON."""
_OFTEN = 1024


def weigh(weight: str) -> Callable[[Row], float]:
    """Return what a row weighs."""
    match weight:
        case "cpu":
            return lambda row: row.cpu
        case "count":
            return lambda row: row.count
        case "waiting":
            return lambda row: row.wall if row.state == "waiting" else 0.0
        case _:
            return lambda row: row.wall


class Flame:
    """Nodes as columns: 0 is the root, a parent precedes its children."""

    def __init__(self, depth: int) -> None:
        self._most = depth
        self._children: dict[tuple[int, str], int] = {}
        self.parents, self.depths = [-1], [0]
        self.functions, self.files = [""], [""]
        self.own, self.rest, self.totals = [0.0], [0.0], [0.0]
        self.left_out = 0
        """Nodes that the limit cut off."""
        self.cut = False
        """Whether stacks were deeper than the bound."""

    @classmethod
    def grow(cls, profile: Profile, weight: str, *, invert: bool, depth: int, check: Check) -> Flame:
        """Return the flame graph of a profile; inverted: the innermost functions first, callers above."""
        flame, weighed = cls(depth), weigh(weight)
        at = along_stacks(profile, flame._descend, 0)
        for number, row in enumerate(profile.rows):
            if number % _OFTEN == 0:
                check()
            value = weighed(row)
            if not value:
                continue
            node = flame._descend(0, profile.stack(row.node)[::-1]) if invert else at(row.node)
            if node < 0:
                flame.rest[~node] += value
            else:
                flame.own[node] += value
        flame._add_up()
        return flame

    def _descend(self, node: int, frames: Sequence[Frame]) -> int:
        """Return the node that frames lead to; below the bound the complement of the last one above it."""
        if node < 0:
            return node
        children = self._children
        for frame in frames:
            child = children.get((node, frame.function))
            if child is None:
                if self.depths[node] >= self._most:
                    self.cut = True
                    return ~node
                child = self._add(node, frame)
            node = child
        return node

    def _add(self, parent: int, frame: Frame) -> int:
        number = self._children[parent, frame.function] = len(self.parents)
        self.parents.append(parent)
        self.depths.append(self.depths[parent] + 1)
        self.functions.append(frame.function)
        self.files.append(frame.file)
        self.own.append(0.0)
        self.rest.append(0.0)
        return number

    def _add_up(self) -> None:
        self.totals = [own + rest for own, rest in zip(self.own, self.rest, strict=True)]
        for node in range(len(self.parents) - 1, 0, -1):
            self.totals[self.parents[node]] += self.totals[node]

    def keep(self, limit: int) -> Sequence[int]:
        """Return the heaviest nodes, as they are numbered; what hangs below them and is left out is in their rest.

        A child is never heavier than its parent and comes after it, so what is kept hangs together.
        """
        heaviest = sorted(range(len(self.parents)), key=lambda node: (-self.totals[node], node))
        for node in heaviest[limit:]:
            parent = self.parents[node]
            self.rest[parent] += self.totals[node]
        self.left_out = max(len(heaviest) - limit, 0)
        return sorted(heaviest[:limit])


def columns(flame: Flame, kept: Sequence[int]) -> dict[str, Any]:
    """Return the nodes as columns; functions and files are numbers of `strings`."""
    numbers = {node: number for number, node in enumerate(kept)}
    strings: dict[str, int] = {"": 0}

    def of(texts: Sequence[str]) -> list[int]:
        return [strings.setdefault(texts[node], len(strings)) for node in kept]

    nodes = {
        "parent": [numbers.get(flame.parents[node], -1) for node in kept],
        "function": of(flame.functions),
        "file": of(flame.files),
        "self": [flame.own[node] for node in kept],
        "rest": [flame.rest[node] for node in kept],
        "total": [flame.totals[node] for node in kept],
    }
    return {"strings": list(strings), "nodes": nodes}


def tree(flame: Flame, kept: Sequence[int]) -> Iterator[str]:
    """Yield the JSON text of the tree, the heaviest child first."""
    children: dict[int, list[int]] = {}
    for node in kept[1:]:
        children.setdefault(flame.parents[node], []).append(node)
    for below in children.values():
        below.sort(key=lambda node: -flame.totals[node])
    waiting: list[Iterator[int]] = [iter(kept[:1])]
    while waiting:
        node = next(waiting[-1], -1)
        if node < 0:
            waiting.pop()
            yield "]}" if waiting else ""
            continue
        if node and node != children[flame.parents[node]][0]:
            yield ","
        yield _node(flame, node)
        waiting.append(iter(children.get(node, ())))


def _node(flame: Flame, node: int) -> str:
    """Everything of a node but the end of its children."""
    value = {
        "function": flame.functions[node],
        "file": flame.files[node],
        "total": flame.totals[node],
        "self": flame.own[node],
        "rest": flame.rest[node],
    }
    return json.dumps(value, ensure_ascii=False)[:-1] + ', "children": ['
