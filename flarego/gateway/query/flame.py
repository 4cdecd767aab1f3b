"""A flame graph, folded here: rows merged by function along their stacks, within bounds, and what is left out said.

Functions are merged by name, as everywhere in FlareGo. Where a bound cuts, the weight below goes to `rest` of the node
it hangs on: a node's total is its own, its children's and its rest, so that nothing is ever missing from the sum.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

from flarego.gateway.query.dictionary import BookStacks
from flarego.gateway.query.fold import Check
from flarego.model.profile import Profile, Row
from flarego.native import Book, Numbers

WEIGHTS = {"wall": "nanoseconds", "cpu": "nanoseconds", "waiting": "nanoseconds", "count": "goroutines"}
MAX_DEPTH = 384
"""Calls: a JSON tree of more is too deep for most that read JSON."""
_LOCATION = 255
"""Frames of one location at most."""


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
    """Nodes as columns: 0 is the root, a parent precedes its children. Some may weigh nothing."""

    def __init__(self, profile: Profile, weight: str, *, invert: bool, depth: int, check: Check) -> None:
        """Fold a profile's rows; inverted: the innermost functions first, and below them who calls them."""
        stacks = profile.stacks
        assert isinstance(stacks, BookStacks)
        self._stacks = stacks
        book, numbers = _inverted(stacks, profile.rows) if invert else _straight(stacks)
        check()
        nodes = book.nodes(0)
        self.parents, self._frames = array("I", nodes["parent"]), array("I", nodes["frame"])
        self._functions = array("I", book.frames(0)["function"])
        self.own = array("d", bytes(8 * len(self.parents)))
        self.rest = array("d", bytes(8 * len(self.parents)))
        weighed, own = weigh(weight), self.own
        for row in profile.rows:
            own[numbers[row.node]] += weighed(row)
        check()
        self.totals = array("d", book.add_up(own.tobytes()))
        self.cut = book.depth > depth and self._cut(depth)
        """Whether stacks were deeper than the bound."""
        self.left_out = 0
        """Nodes that the limit cut off."""

    def function(self, node: int) -> int:
        """Return the number of a node's function."""
        return self._functions[self._frames[node]]

    def text(self, number: int) -> str:
        return self._stacks.text(number)

    def files(self) -> Mapping[int, str]:
        """Return a file of each function, by the function's number."""
        stacks = self._stacks
        return {function: stacks.text(file) for function, file in zip(stacks.functions, stacks.files, strict=True)}

    def _cut(self, most: int) -> bool:
        """Move what is deeper than `most` to the rest of the node it hangs on."""
        depths, own, cut = array("I", [0]), self.own, False
        for node, parent in enumerate(self.parents):
            if node:
                depths.append(depths[parent] + 1)
        for node in range(len(depths) - 1, 0, -1):
            if depths[node] > most and self.totals[node]:
                if depths[node] == most + 1:
                    self.rest[self.parents[node]] += self.totals[node]
                own[node] = self.totals[node] = 0.0
                cut = True
        return cut

    def keep(self, limit: int) -> Sequence[int]:
        """Return the heaviest nodes, as they are numbered; what hangs below them and is left out is in their rest.

        A child is never heavier than its parent and comes after it, so what is kept hangs together.
        """
        totals = self.totals
        weighing = [node for node in range(len(totals)) if totals[node] or not node]
        if len(weighing) <= limit:
            return weighing
        least = sorted((totals[node] for node in weighing), reverse=True)[limit - 1]
        kept = [node for node in weighing if totals[node] > least]
        ties = (node for node in weighing if totals[node] == least)
        kept = sorted([*kept, *islice(ties, limit - len(kept))])
        chosen = frozenset(kept)
        for node in weighing:
            if node not in chosen and self.parents[node] in chosen:
                self.rest[self.parents[node]] += totals[node]
        self.left_out = len(weighing) - limit
        return kept


def _names_only(stacks: BookStacks) -> Mapping[str, bytes]:
    """Return columns of the frames that differ by nothing but their functions."""
    nothing = bytes(4 * len(stacks.functions))
    return {
        "function": stacks.functions.tobytes(),
        "file": nothing,
        "line": nothing,
        "flags": bytes(len(stacks.functions)),
    }


def _strings(stacks: BookStacks) -> bytes:
    """The book of a flame graph knows strings by the numbers that they have already."""
    return array("I", range(len(stacks.texts))).tobytes()


def _straight(stacks: BookStacks) -> tuple[Book, array[int]]:
    """Return a book of the stacks by function, and which of its nodes each stack is."""
    book, count = Book(), len(stacks.functions)
    numbers = Numbers(book)
    locations = {"count": bytes([1]) * count, "frame": array("I", range(count)).tobytes()}
    nodes = {"parent": stacks.parents[1:].tobytes(), "location": stacks.innermost[1:].tobytes()}
    numbers.define(_strings(stacks), _names_only(stacks), locations, nodes)
    return book, array("I", numbers.nodes())


def _inverted(stacks: BookStacks, rows: Sequence[Row]) -> tuple[Book, Mapping[int, int]]:
    """Return a book of the rows' stacks by function, innermost first, and which of its nodes each of them is."""
    book, ends = Book(), dict.fromkeys([0], 0)
    counts, frames, parents = bytearray(), array("I"), array("I")
    above, innermost = stacks.parents, stacks.innermost
    for at in {row.node for row in rows if row.node}:
        node, last = at, 0
        while node:
            before = len(frames)
            while node and len(frames) - before < _LOCATION:
                frames.append(innermost[node])
                node = above[node]
            counts.append(len(frames) - before)
            parents.append(last)
            last = len(parents)
        ends[at] = last
    locations = {"count": bytes(counts), "frame": frames.tobytes()}
    nodes = {"parent": parents.tobytes(), "location": array("I", range(len(parents))).tobytes()}
    numbers = Numbers(book)
    numbers.define(_strings(stacks), _names_only(stacks), locations, nodes)
    found = array("I", numbers.nodes())
    return book, {stack: found[end] for stack, end in ends.items()}


def columns(flame: Flame, kept: Sequence[int]) -> dict[str, Any]:
    """Return the nodes as columns; functions and files are numbers of `strings`."""
    numbers, files = {node: number for number, node in enumerate(kept)}, flame.files()
    strings: dict[str, int] = {"": 0}

    @cache
    def names(function: int) -> tuple[int, int]:
        texts = flame.text(function), files[function]
        return strings.setdefault(texts[0], len(strings)), strings.setdefault(texts[1], len(strings))

    named = [names(flame.function(node)) if node else (0, 0) for node in kept]
    nodes = {
        "parent": [numbers[flame.parents[node]] if node else -1 for node in kept],
        "function": [function for function, _ in named],
        "file": [file for _, file in named],
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
    files = flame.files()

    @cache
    def names(function: int) -> str:
        texts = {"function": flame.text(function), "file": files[function]}
        return json.dumps(texts, ensure_ascii=False, separators=(",", ":"))[:-1]

    def begin(node: int) -> str:
        named = names(flame.function(node)) if node else '{"function":"","file":""'
        weights = f'"total":{flame.totals[node]!r},"self":{flame.own[node]!r},"rest":{flame.rest[node]!r}'
        return f'{named},{weights},"children":['

    waiting: list[Iterator[int]] = [iter(kept[:1])]
    while waiting:
        node = next(waiting[-1], -1)
        if node < 0:
            waiting.pop()
            yield "]}" if waiting else ""
            continue
        if node and node != children[flame.parents[node]][0]:
            yield ","
        yield begin(node)
        waiting.append(iter(children.get(node, ())))
