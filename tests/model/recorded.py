"""Builders of chunks that say what is in them: stacks of function names, states, counts."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wire.streams import INFO

from flarego.model.chunk import STATES, Chunk
from flarego.model.definitions import Definitions
from flarego.model.frame import Frame

SECOND = 1_000_000_000


@dataclass
class Seen:
    """Goroutines that stand in a stack, outermost function first. `wall` defaults to all of the chunk's time."""

    stack: Sequence[str]
    count: int = 1
    state: str = "waiting"
    reason: str = "chan receive"
    created_by: str = "main.main"
    entry: str = ""
    wall: float | None = None
    cpu: float = 0.0
    wait: float = 0.0
    labels: dict[str, str] = field(default_factory=dict)
    system: bool = False
    goids: Sequence[int] = ()


def frame(function: str) -> Frame:
    return Frame(function, f"/src/{function.rpartition('.')[0]}.go", 7, internal=function.startswith("runtime."))


def chunk(
    *seen: Seen,
    number: int = 1,
    seconds: float = 1.0,
    left: Sequence[int] = (),
    **more: Any,
) -> Chunk:
    """A generation of one chunk that explains itself; the number-th of its length."""
    names = Definitions()
    names.string("")
    begin = int(number * seconds * SECOND)
    end = begin + int(seconds * SECOND)
    parents, locations = array("I"), array("I")
    spans: list[list[Frame]] = []
    groups, tops = [], []
    for one in seen:
        node = 0
        for function in one.stack:
            spans.append([frame(function)])
            parents.append(node)
            locations.append(len(spans) - 1)
            node = len(parents)
        tops.append(node)
        groups.append(
            {
                "created_by": names.frame(frame(one.created_by)) if one.created_by else -1,
                "entry": names.frame(frame(one.entry or one.stack[0])),
                "labels": one.labels,
                "system": one.system,
            }
        )
    columns = names.locations(spans)
    frames = names.take_frames()
    rows = {
        "node": array("I", tops).tobytes(),
        "group": array("I", range(len(seen))).tobytes(),
        "state": bytes(STATES.index(one.state) for one in seen),
        "reason": bytes(INFO.reasons.index(one.reason if one.state == "waiting" else "") for one in seen),
        "flags": bytes(len(seen)),
        "wall": array("d", [one.count * (end - begin) if one.wall is None else one.wall for one in seen]).tobytes(),
        "cpu": array("d", [one.cpu for one in seen]).tobytes(),
        "count": array("I", [one.count for one in seen]).tobytes(),
        "wait": array("d", [one.wait for one in seen]).tobytes(),
    }
    members = [(goid, at) for at, one in enumerate(seen) for goid in one.goids]
    return Chunk(
        process=INFO.process,
        generation=number,
        sequence=number,
        start=begin,
        end=end,
        strings=names.take_strings(),
        frames=frames,
        locations=columns,
        nodes={"parent": parents.tobytes(), "location": locations.tobytes()},
        groups=groups,
        rows=rows if seen else {},
        members={
            "goid": array("Q", [goid for goid, _ in members]).tobytes(),
            "node": array("I", [tops[at] for _, at in members]).tobytes(),
            "group": array("I", [at for _, at in members]).tobytes(),
            "state": bytes(len(members)),
            "reason": bytes(len(members)),
            "flags": bytes(len(members)),
            "since": array("d", [0.0] * len(members)).tobytes(),
            "on": array("Q", [0] * len(members)).tobytes(),
            "left": array("Q", left).tobytes(),
        },
        **more,
    )
