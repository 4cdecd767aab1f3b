"""What a page would make of chunks: stacks as text, weights by row."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flarego.golang import attach
from flarego.model.chunk import STATES, Chunk
from flarego.samplers.go import GoSampler


@dataclass
class Row:
    stack: tuple[str, ...]
    """Function names, outermost first."""
    group: dict[str, Any]
    state: str
    reason: str
    flags: int
    wall: float
    cpu: float
    count: int
    wait: float


@dataclass
class Reader:
    """Reads one process's chunks in order; a new generation begins afresh, as every subscriber's does."""

    reasons: list[str]
    generation: int = 0
    strings: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    locations: list[list[int]] = field(default_factory=list)
    nodes: list[tuple[int, int]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)

    def rows(self, chunk: Chunk) -> list[Row]:
        if chunk.generation != self.generation:
            self.__init__(self.reasons, chunk.generation)  # type: ignore[misc]
            self.nodes.append((0, 0))
        self._define(chunk)
        r = chunk.rows
        if not r:
            return []
        columns = (
            array("I", r["node"]), array("I", r["group"]), r["state"], r["reason"], r["flags"],
            array("d", r["wall"]), array("d", r["cpu"]), array("I", r["count"]), array("d", r["wait"]),
        )  # fmt: skip
        return [
            Row(self._stack(node), self.groups[group], STATES[state], self.reasons[reason], *rest)
            for node, group, state, reason, *rest in zip(*columns, strict=True)
        ]

    def _define(self, chunk: Chunk) -> None:
        self.strings += chunk.strings
        if chunk.frames:
            self.frames += [self.strings[i] for i in array("I", chunk.frames["function"])]
        if chunk.locations:
            numbers = iter(array("I", chunk.locations["frame"]))
            self.locations += [[next(numbers) for _ in range(n)] for n in chunk.locations["count"]]
        if chunk.nodes:
            self.nodes += zip(array("I", chunk.nodes["parent"]), array("I", chunk.nodes["location"]), strict=True)
        self.groups += chunk.groups

    def _stack(self, node: int) -> tuple[str, ...]:
        names: list[str] = []
        while node:
            node, location = self.nodes[node]
            names = [self.frames[i] for i in self.locations[location]] + names
        return tuple(names)


def watch(pid: int, **options: Any) -> GoSampler:
    return GoSampler(attach(pid), name="target", command="target", started=0.0, **options)


def drains(sampler: GoSampler, seconds: float) -> Iterator[Chunk]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.2)
        yield sampler.drain()
