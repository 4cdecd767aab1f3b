"""The collector's heap goal, computed as the runtime computes it.

Source: runtime/mgcpacer.go, heapGoalInternal and memoryLimitHeapGoal at go1.19 … go1.27.
"""

from __future__ import annotations

import struct

from flarego.golang.layout import Shape

_NAMES = (
    "memoryLimit", "gcPercentHeapGoal", "sweepDistMinTrigger", "triggered", "heapMarked", "heapLive", "heapFree",
    "totalAlloc", "totalFree", "mappedReady",
)  # fmt: skip
_MIN_RUNWAY = 64 << 10
_HEADROOM = 1 << 20
_HEADROOM_PERCENT = 3
_HEADROOM_PERCENT_SINCE = 21
_NEVER = (1 << 64) - 1


class HeapGoal:
    """Decodes gcController and works out what /gc/heap/goal:bytes would say."""

    def __init__(self, shape: Shape, minor: int) -> None:
        self._offsets = [(name, shape.offset(name)) for name in _NAMES]
        self._words = struct.Struct(f"<{shape.size // 8}Q").unpack_from
        self._percent = _HEADROOM_PERCENT if minor >= _HEADROOM_PERCENT_SINCE else 0

    def decode(self, data: bytes) -> dict[str, int]:
        """Return the fields of gcController that matter, by name."""
        words = self._words(data)
        return {name: words[offset // 8] for name, offset in self._offsets}

    def goal(self, c: dict[str, int]) -> int:
        """Return the heap size in bytes that the next cycle aims to end at."""
        limited = self._limit_goal(c)
        if limited < c["gcPercentHeapGoal"]:
            return limited
        goal = max(c["gcPercentHeapGoal"], c["sweepDistMinTrigger"])
        return goal if c["triggered"] == _NEVER else max(goal, c["triggered"] + _MIN_RUNWAY)

    def _limit_goal(self, c: dict[str, int]) -> int:
        """Return the goal that keeps the process below GOMEMLIMIT."""
        other = c["mappedReady"] - c["heapFree"] - (c["totalAlloc"] - c["totalFree"])
        overage = max(c["mappedReady"] - c["memoryLimit"], 0)
        if other + overage >= c["memoryLimit"]:
            return c["heapMarked"]
        goal = c["memoryLimit"] - (other + overage)
        headroom = max(goal // 100 * self._percent, _HEADROOM)
        goal = headroom if goal < 2 * headroom else goal - headroom
        return max(goal, c["heapMarked"])
