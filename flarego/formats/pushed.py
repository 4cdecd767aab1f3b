"""A profile that somebody sent: what it adds up to, of which process and which span of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flarego.formats.assembly import Assembly, Budget, Kind
from flarego.formats.source import Source, from_bytes

MAX_BODY = 16 << 20
"""Bytes of what is sent at once, decompressed."""
MAX_BYTES = 16 << 20
"""Of what a body defines and adds up."""
MAX_FRAMES = 4_000_000
"""Of all its stacks, one after the other: some seconds' work. 16,000 stacks, 64 deep, are a quarter of it."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """One profile of one process."""

    attributes: Mapping[str, str]
    """Who it is of, in the sender's words: labels or resource attributes."""
    assembly: Assembly
    kind: Kind
    start: int
    """Unix ns; 0: not known."""
    end: int
    format: str
    """What it came as: "OTLP profiles"."""
    id: str = ""
    """What tells it from others, when it is sent once more; "" when it has none."""
    series: Mapping[str, float] = field(default_factory=dict)


MAX_WEIGHT = 1e18
"""ns: a thousand tasks for a year; more in a row would be more than sums can hold."""
MAX_ENTRIES = 400_000
"""Of one body: samples, locations, functions, texts; objects and lists of a JSON text."""


def new_budget() -> Budget:
    """Return what all profiles of one body may cost together."""
    return Budget(MAX_BYTES, MAX_FRAMES)


def new_assembly(budget: Budget, reasons: Sequence[str] = ("",)) -> Assembly:
    """Return an assembly for what strangers send; `reasons` keep their numbers."""
    numbers = {reason: number for number, reason in enumerate(reasons)}
    return Assembly(budget, max_weight=MAX_WEIGHT, reasons=numbers)


def source(data: bytes, name: str, *, max_bytes: int = MAX_BODY, **about: Any) -> Source:
    """Return a source of what strangers send, within bounds."""
    return from_bytes(data, name, max_bytes=max_bytes, max_entries=MAX_ENTRIES, **about)
