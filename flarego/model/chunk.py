"""What travels: who is watched, what was seen in one span of time, and that it ended. See wire/FORMAT.md.

Columns are little-endian bytes, in the order and width that FORMAT.md names, from the C core to the page: nobody on
the way unpacks them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

STATES = ("running", "runnable", "syscall", "waiting", "preempted", "other")

WIDTHS: Mapping[str, Mapping[str, int]] = {
    "frames": {"function": 4, "file": 4, "line": 4, "flags": 1},
    "nodes": {"parent": 4, "location": 4},
    "rows": {
        "node": 4,
        "group": 4,
        "state": 1,
        "reason": 1,
        "flags": 1,
        "wall": 8,
        "cpu": 8,
        "count": 4,
        "wait": 8,
    },
    "members": {"goid": 8, "node": 4, "group": 4, "state": 1, "reason": 1, "flags": 1, "since": 8, "on": 8},
}
"""Bytes per entry of each column; all columns of a table have the same number of entries."""


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """Who is being watched, and by what means."""

    process: str
    pid: int
    name: str
    command: str
    host: str
    runtime: str
    runtime_version: str
    module: str
    build_id: str
    task: str
    reasons: Sequence[str]
    engine: str
    engine_why: str
    """Why not a better engine; "" when it is the best."""
    epoch: int
    """Unix nanoseconds of time 0."""
    budget: float
    """CPU, as a fraction of one core."""
    states: Sequence[str] = STATES
    labels: Mapping[str, str] = field(default_factory=dict)
    """What whoever runs it said of it, and where it runs: app, pod, container …"""
    namespace: str = ""
    """What it belongs to; stamped by the hub."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One span of time of one process: definitions added, rows, series, events."""

    process: str
    generation: int
    sequence: int
    start: int
    end: int
    strings: Sequence[str] = ()
    frames: Mapping[str, bytes] = field(default_factory=dict)
    locations: Mapping[str, bytes] = field(default_factory=dict)
    nodes: Mapping[str, bytes] = field(default_factory=dict)
    groups: Sequence[Mapping[str, Any]] = ()
    rows: Mapping[str, bytes] = field(default_factory=dict)
    members: Mapping[str, bytes] = field(default_factory=dict)
    """The columns, and `left` (u64 goids), which has a length of its own."""
    series: Mapping[str, float] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()
    waits: Sequence[Mapping[str, Any]] = ()
    processors: Sequence[Mapping[str, Any]] = ()
    sampler: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gone:
    """The target exited, or replaced its program; nothing follows."""

    process: str
    at: int
    why: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Chunks [first, last] that one subscriber was not sent."""

    process: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What a viewer must know of the gateway itself, all of it, now. Nothing that is kept."""

    warnings: Sequence[str]
    process: str = ""
    """Of none."""


Message = ProcessInfo | Chunk | Gone | Gap | Notice
