"""Goroutines one by one for the synthetic stream: of each kind the oldest leave first."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

Place = tuple[int, int, int, int, int]
"""node, group, state, reason, and the address it waits on."""


@dataclass
class Members:
    """Who is there, and what has been told of whom."""

    living: dict[object, list[tuple[int, float]]] = field(default_factory=dict)
    told: dict[int, Place] = field(default_factory=dict)
    made: int = 0

    def list_of(
        self, kinds: Iterable[tuple[object, int, Place]], now_ns: float, *, all_of_them: bool
    ) -> dict[str, bytes]:
        """Return the columns for (kind, how many there are now, where they stand)."""
        rows, before = [], dict(self.told)
        if all_of_them:
            self.told = {}
        for kind, count, place in kinds:
            here = self.living.setdefault(kind, [])
            del here[: max(0, len(here) - count)]
            while len(here) < count:
                self.made += 1
                here.append((self.made, now_ns))
            for goid, since in here:
                before.pop(goid, None)
                if self.told.get(goid) != place:
                    self.told[goid] = place
                    rows.append((goid, *place[:4], 0, since, place[4]))
        for goid in before:
            self.told.pop(goid, None)
        names = ("goid", "node", "group", "state", "reason", "flags", "since", "on")
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
        packed = {
            name: struct.pack(f"<{len(column)}{code}", *column)
            for name, code, column in zip(names, "QIIBBBdQ", columns, strict=True)
        }
        return packed | {"left": struct.pack(f"<{len(before)}Q", *before)}
