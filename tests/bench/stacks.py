"""Fold chunks (flarego/wire/FORMAT.md) far enough to count goroutines and CPU by function."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import islice
from typing import Any

_U8, _U32, _F64 = "B", "I", "d"


class Fold:
    """A generation's definitions, and the CPU time of the whole stream by innermost function."""

    def __init__(self) -> None:
        self.cpu: Counter[str] = Counter()
        self._start(-1)

    def _start(self, generation: int) -> None:
        self._generation = generation
        self._strings: list[str] = []
        self._functions: list[str] = []
        self._locations: list[tuple[str, ...]] = []
        self._node: list[tuple[int, int]] = [(0, -1)]

    def add(self, message: dict[str, Any]) -> Counter[str]:
        """Take in a message and return the goroutines at the chunk's end by innermost function."""
        count: Counter[str] = Counter()
        if message.get("type") != "chunk":
            return count
        if message["generation"] != self._generation:
            self._start(message["generation"])
        self._define(message)
        rows = message.get("rows", {})
        node = column(rows, "node", _U32)
        for at, n, cpu in zip(node, column(rows, "count", _U32), column(rows, "cpu", _F64), strict=True):
            for name in set(self._stack(at)):
                count[name] += n
            if cpu:
                self.cpu[self.leaf(at)] += cpu
        return count

    def leaf(self, node: int) -> str:
        """Return the innermost function of a stack; "" of the empty one."""
        return self._locations[self._node[node][1]][-1] if node else ""

    def _stack(self, node: int) -> list[str]:
        names: list[str] = []
        while node:
            node, location = self._node[node]
            names += self._locations[location]
        return names

    def _define(self, chunk: dict[str, Any]) -> None:
        self._strings += chunk.get("strings", [])
        functions = column(chunk.get("frames", {}), "function", _U32)
        self._functions += [self._strings[function] for function in functions]
        locations = chunk.get("locations", {})
        frames = iter(column(locations, "frame", _U32))
        for n in column(locations, "count", _U8):
            self._locations.append(tuple(self._functions[frame] for frame in islice(frames, n)))
        nodes = chunk.get("nodes", {})
        parents, places = column(nodes, "parent", _U32), column(nodes, "location", _U32)
        self._node += list(zip(parents, places, strict=True))


def column(columns: dict[str, bytes], name: str, code: str) -> array[Any]:
    return array(code, columns.get(name, b""))
